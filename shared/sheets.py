"""Contact sheets: many pictures with their captions on one page."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFont

from shared.pictures import PictureError, probe

#: More than this on one page is no overview any more, and the page's file would grow without bound.
MAX_PICTURES = 400

_Colour = tuple[int, int, int]
_BACKGROUND = (16, 16, 22)
_TEXT = (222, 220, 230)
_FAINT = (140, 138, 152)
_WIDTH = 1920
_MARGIN = 48
_GAP = 20
_ROW = 280
_CAPTION = 34
_TITLE = 64
_RADIUS = 8


@dataclass(frozen=True)
class _Cell:
    """A picture's place: left, top, width and height on the page."""

    caption: str
    data: bytes
    box: tuple[int, int, int, int]


def contact_sheet(pictures: Sequence[tuple[str, bytes]], *, title: str = "", row: int = _ROW) -> bytes:
    """A JPEG page of `pictures` (caption, picture file) in justified rows about `row` pixels high, in the given order.

    Pictures keep their proportions; captions too long for their picture are shortened. After MAX_PICTURES a line says
    how many more there are. Raises PictureError when there is none, or one cannot be read.
    """
    if not pictures:
        raise PictureError("there are no pictures to put on a contact sheet yet")
    left_over = len(pictures) - MAX_PICTURES
    top = _MARGIN + (_TITLE if title else 0)
    cells = list(_layout(pictures[:MAX_PICTURES], top, row))
    bottom = max(top + height for _, top, _, height in (cell.box for cell in cells)) + _CAPTION
    page = Image.new("RGB", (_WIDTH, bottom + _MARGIN + (_CAPTION if left_over > 0 else 0)), _BACKGROUND)
    draw = ImageDraw.Draw(page)
    if title:
        _write(draw, (_MARGIN, _MARGIN - 8), title, 34, _TEXT, _WIDTH - 2 * _MARGIN)
    for cell in cells:
        _place(page, cell)
        left, top, width, height = cell.box
        _write(draw, (left + 1, top + height + 8), cell.caption, 17, _FAINT, width - 2)
    if left_over > 0:
        text = f"and {left_over:,} more"
        _write(draw, (_MARGIN, bottom + 12), text, 20, _TEXT, _WIDTH - 2 * _MARGIN)
    file = io.BytesIO()
    page.save(file, "JPEG", quality=90, subsampling=0)
    return file.getvalue()


def _layout(pictures: Sequence[tuple[str, bytes]], top: int, height: int) -> Iterator[_Cell]:
    """Rows of equal height whose pictures fill the width, as printers justify lines; the last row stays ragged."""
    inner = _WIDTH - 2 * _MARGIN
    tallest = height * 1.5 if len(pictures) < 3 else float(height)
    row: list[tuple[str, bytes, float]] = []
    for index, (caption, data) in enumerate(pictures):
        info = probe(data)
        # Very long strips would leave no room for anything else.
        row.append((caption, data, min(max(info.width / info.height, 0.4), 4.0)))
        free = inner - _GAP * (len(row) - 1)
        aspects = sum(aspect for *_, aspect in row)
        is_last = index == len(pictures) - 1
        if aspects * height < free and not is_last:
            continue
        # A last row that does not fill the width is as tall as the one above it.
        tallest = min(free / aspects, tallest) if is_last else free / aspects
        tall = round(tallest)
        left = float(_MARGIN)
        for text, content, aspect in row:
            yield _Cell(text, content, (round(left), top, round(aspect * tall), tall))
            left += aspect * tall + _GAP
        top += tall + _CAPTION + _GAP
        row = []


def _place(page: Image.Image, cell: _Cell) -> None:
    left, top, width, height = cell.box
    with Image.open(io.BytesIO(cell.data)) as image:
        # Decodes large JPEGs at a fraction of their size.
        image.draft("RGB", (width * 2, height * 2))
        scale = min(width / image.width, height / image.height)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        picture = image.convert("RGBA").resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    corner = Image.new("L", (picture.width * 4, picture.height * 4), 0)
    ImageDraw.Draw(corner).rounded_rectangle((0, 0, corner.width - 1, corner.height - 1), _RADIUS * 4, fill=255)
    mask = ImageChops.multiply(corner.resize(picture.size, Image.Resampling.BOX), picture.getchannel("A"))
    page.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2), mask)


#: What the font inside Pillow can write besides ASCII.
_BESIDES_ASCII = str.maketrans("", "", "“”·")
#: For all else: common fonts, by the names systems give them.
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial Unicode.ttf", "Arial.ttf")


@cache
def _font(size: int, *, built_in: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont | None:
    """The font to write with; None when it is not `built_in` and this machine has none."""
    if built_in:
        return ImageFont.load_default(size)
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, fill: _Colour, width: int) -> None:
    """`text` on one line, shortened in its middle until it fits `width` pixels: names differ at their ends."""
    text = " ".join(text.split())
    font = _font(size, built_in=text.translate(_BESIDES_ASCII).isascii())
    if font is None:
        # Letters without their accents are better than boxes.
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
        font = _font(size, built_in=True)
    shown, keep = text, len(text)
    while draw.textlength(shown, font) > width and keep > 2:
        keep -= 1
        shown = f"{text[: (keep + 1) // 2].rstrip()}...{text[len(text) - keep // 2 :].lstrip()}"
    draw.text(at, shown, fill, font)
