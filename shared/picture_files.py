"""Writers of the output files, and where each of them carries the manifest.

Pillow writes RGB with 8 bits only, so 16-bit PNG and TIFF are written here. Pictures are asked for their rows, and files
are written from start to end, so that neither is in memory as a whole.
Sources: W3C PNG (Third Edition), chapters 5, 9 and 11; RFC 1950 (zlib); TIFF 6.0 (Adobe, 1992), parts 1 and 2, section 14
(predictor), TIFF Technical Note 2 and Adobe Photoshop TIFF Technical Notes (compression 8, Deflate); BigTIFF (Aware
Systems, 2007).
"""

from __future__ import annotations

import html
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from shared.pixels import mapped_bands
from shared.specs import Output

#: Keyword of the PNG text chunk that carries the manifest.
PNG_KEYWORD = b"dreamfarm"
#: Filtered and compressed at a time: large enough for vector speed. Filtering takes some twenty times as much.
_BAND_BYTES = 2**19
#: zlib's own default: level 9 takes three times as long for about 1 % less on pictures.
_LEVEL = 6
#: A TIFF's offsets end at 4 GiB; pictures of more bytes, which compression may not help, become BigTIFFs. What the
#: manifest and the profile take is allowed for.
_TIFF_BYTES = 2**32 - 2**24

Interrupt = Callable[[], None]


class Rows(Protocol):
    """A picture of RGB or RGBA in 8 or 16 `bits`."""

    #: Height, width, channels.
    shape: tuple[int, int, int]
    bits: int

    def rows(self, top: int, bottom: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Some rows, (bottom − top, W, C). May be asked from several threads."""


def _rows_at_a_time(picture: Rows) -> int:
    height, width, channels = picture.shape
    return min(max(1, _BAND_BYTES // (width * channels * picture.bits // 8)), height)


def png16(file: BinaryIO, picture: Rows, icc: bytes | None, manifest: str | None, interrupt: Interrupt) -> None:
    """Write a PNG of 16 bits per channel. `interrupt` is called between pieces; so it is in the others here."""
    height, width, channels = picture.shape
    file.write(b"\x89PNG\r\n\x1a\n")
    file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0)))
    if icc is not None:
        file.write(_chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc)))
    if manifest is not None:
        # Keyword, compressed, method, no language, no translated keyword, text.
        file.write(_chunk(b"iTXt", PNG_KEYWORD + b"\0\1\0\0\0" + zlib.compress(manifest.encode())))
    for data in _png_data(picture, interrupt):
        file.write(_chunk(b"IDAT", data))
    file.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_data(picture: Rows, interrupt: Interrupt) -> Iterator[bytes]:
    """The filtered, compressed rows, in pieces of about a mebibyte.

    Bands are compressed side by side: each ends on a whole byte, so that together they are one stream (as in pigz).
    """
    height, width, channels = picture.shape

    def compressed(top: int, bottom: int) -> tuple[bytes, bytes]:
        above = max(top - 1, 0)
        rows = picture.rows(above, bottom).astype(">u2").reshape(-1, width * channels).view(np.uint8)
        first = rows[0] if top else np.zeros_like(rows[0])
        filtered = _png_filter(rows[top - above :], first, channels * 2)
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_FILTERED)
        return filtered, compressor.compress(filtered) + compressor.flush(zlib.Z_SYNC_FLUSH)

    # RFC 1950: the stream's header (deflate, window of 32 KiB), its last block, empty, and its check value.
    piece, check = b"\x78\x9c", 1
    with closing(mapped_bands(height, _rows_at_a_time(picture), compressed)) as bands:
        for filtered, data in bands:
            interrupt()
            check = zlib.adler32(filtered, check)
            piece += data
            if len(piece) >= 2**20:
                yield piece
                piece = b""
    yield piece + b"\x03\0" + struct.pack(">I", check)


def _png_filter(rows: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> bytes:
    """`rows` (N, bytes) filtered as Sub, Up or Paeth, whichever leaves the smallest sum of absolute differences in a
    row (the standard's own heuristic, section 12.7). `above` is the row before the first; `step` bytes are a pixel."""
    up = np.concatenate([above[None], rows[:-1]]).astype(np.int16)
    left = np.pad(rows, ((0, 0), (step, 0)))[:, :-step].astype(np.int16)
    corner = np.pad(up, ((0, 0), (step, 0)))[:, :-step]
    guess = left + up - corner
    to_left, to_up, to_corner = (np.abs(guess - other) for other in (left, up, corner))
    paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
    filtered = np.stack([(rows - other).astype(np.uint8) for other in (left, up, paeth)])
    best = np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64).argmin(axis=0)
    kinds = np.array([1, 2, 4], np.uint8)[best]
    chosen = np.take_along_axis(filtered, best[None, :, None], axis=0)[0]
    return np.concatenate([kinds[:, None], chosen], axis=1).tobytes()


def tiff(file: BinaryIO, picture: Rows, icc: bytes | None, manifest: str | None, interrupt: Interrupt) -> None:
    """Write a baseline TIFF of 8 or 16 bits per channel, deflated, with horizontal prediction; alpha is unassociated.

    One of 4 GiB or more becomes a BigTIFF. The manifest becomes the ImageDescription, in UTF-8.
    """
    height, width, channels = picture.shape
    layout = _BIG if height * width * channels * picture.bits // 8 > _TIFF_BYTES else _CLASSIC
    file.write(layout.header(0))
    starts, lengths = _tiff_strips(file, picture, interrupt)
    entries: list[tuple[int, int, Sequence[int] | bytes]] = [
        (256, _LONG, [width]),
        (257, _LONG, [height]),
        (258, _SHORT, [picture.bits] * channels),
        (259, _SHORT, [8]),  # compression: Deflate
        (262, _SHORT, [2]),  # photometric interpretation: RGB
        (273, layout.offset_kind, starts),  # strip offsets
        (277, _SHORT, [channels]),
        (278, _LONG, [_rows_at_a_time(picture)]),  # rows per strip
        (279, _LONG, lengths),
        (284, _SHORT, [1]),  # channels interleaved
        (317, _SHORT, [2]),  # horizontal predictor
        (339, _SHORT, [1] * channels),  # unsigned integers
    ]
    if manifest is not None:
        entries.append((270, _ASCII, manifest.encode() + b"\0"))
    if channels == 4:
        entries.append((338, _SHORT, [2]))  # the extra channel is unassociated alpha
    if icc is not None:
        entries.append((34675, _UNDEFINED, icc))
    # The directory must start at an even offset.
    file.write(b"\0" * (file.tell() % 2))
    start = file.tell()
    file.write(layout.directory(entries, start))
    file.seek(0)
    file.write(layout.header(start))
    file.seek(0, io.SEEK_END)


_ASCII, _SHORT, _LONG, _UNDEFINED, _LONG8 = 2, 3, 4, 7, 16
_NUMBERS = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}


def _tiff_strips(file: BinaryIO, picture: Rows, interrupt: Interrupt) -> tuple[list[int], list[int]]:
    """Write the compressed strips; where each starts, and how long it is."""

    def strip(top: int, bottom: int) -> bytes:
        rows = picture.rows(top, bottom)
        differences: NDArray[Any] = rows.astype(rows.dtype.newbyteorder("<"))
        differences[:, 1:] -= rows[:, :-1]
        return zlib.compress(differences.tobytes(), _LEVEL)

    starts, lengths = [], []
    with closing(mapped_bands(picture.shape[0], _rows_at_a_time(picture), strip)) as strips:
        for data in strips:
            interrupt()
            starts.append(file.tell())
            lengths.append(file.write(data))
    return starts, lengths


@dataclass(frozen=True)
class _TiffLayout:
    """How a TIFF's header and directory are laid out. `offset`, `count`: the formats of an offset and of the number of
    entries, for struct."""

    version: bytes
    offset: str
    count: str
    offset_kind: int

    def header(self, directory: int) -> bytes:
        """The file's first bytes; its directory starts at offset `directory`."""
        return b"II" + self.version + struct.pack(f"<{self.offset}", directory)

    def directory(self, entries: Sequence[tuple[int, int, Sequence[int] | bytes]], start: int) -> bytes:
        """The image file directory of (tag, type, values) at offset `start`, and the values too long for an entry."""
        room = struct.calcsize(self.offset)
        after = start + struct.calcsize(f"<{self.count}") + (4 + 2 * room) * len(entries) + room
        directory, values = struct.pack(f"<{self.count}", len(entries)), b""
        for tag, kind, value in sorted(entries, key=lambda entry: entry[0]):
            count = len(value)
            data = value if isinstance(value, bytes) else struct.pack(f"<{count}{_NUMBERS[kind]}", *value)
            if len(data) <= room:
                inline = data.ljust(room, b"\0")
            else:
                inline = struct.pack(f"<{self.offset}", after + len(values))
                values += data + b"\0" * (len(data) % 2)
            directory += struct.pack(f"<HH{self.offset}", tag, kind, count) + inline
        return directory + struct.pack(f"<{self.offset}", 0) + values


_CLASSIC = _TiffLayout(struct.pack("<H", 42), offset="I", count="H", offset_kind=_LONG)
#: 43, and offsets of 8 bytes.
_BIG = _TiffLayout(struct.pack("<HHH", 43, 8, 0), offset="Q", count="Q", offset_kind=_LONG8)


def manifest_in_xmp(xmp: str) -> str | None:
    """The manifest inside the XMP packet of a JPEG or WebP."""
    found = _XMP_MANIFEST.search(xmp)
    return None if found is None else html.unescape(found[1])


_XMP_MANIFEST = re.compile(r"<dreamfarm:manifest>(.*?)</dreamfarm:manifest>", re.DOTALL)
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:dreamfarm="urn:dreamfarm:1"><dreamfarm:manifest>{}</dreamfarm:manifest></rdf:Description></rdf:RDF>'
    '</x:xmpmeta><?xpacket end="r"?>'
)
#: What an XMP segment of a JPEG may hold: 64 KiB less the segment's own length and name.
_JPEG_XMP_BYTES = 65_504


def common_file(
    file: BinaryIO, picture: Rows, output: Output, icc: bytes | None, manifest: str | None, interrupt: Interrupt
) -> None:
    """Write an 8-bit PNG, JPEG or WebP."""
    image = _image(picture, interrupt)
    heard: Any = _Heard(file, interrupt)
    if output.format == "png":
        text = PngImagePlugin.PngInfo()
        if manifest is not None:
            text.add_itxt(PNG_KEYWORD.decode(), manifest, zip=True)
        image.save(heard, "PNG", pnginfo=text, icc_profile=icc)
        return
    xmp = b"" if manifest is None else _XMP.format(html.escape(manifest, quote=False)).encode()
    if output.format == "jpeg":
        # Full colour resolution: dreams are made of small saturated detail.
        xmp = xmp if len(xmp) <= _JPEG_XMP_BYTES else b""
        image.save(heard, "JPEG", quality=output.quality, subsampling=0, optimize=False, icc_profile=icc, xmp=xmp)
    else:
        image.save(heard, "WEBP", quality=output.quality, method=4, icc_profile=icc, xmp=xmp)


def _image(picture: Rows, interrupt: Interrupt) -> Image.Image:
    """The picture as an image of Pillow's."""
    height, width, channels = picture.shape
    image = Image.new("RGB" if channels == 3 else "RGBA", (width, height))

    def band(top: int, bottom: int) -> tuple[int, Image.Image]:
        return top, Image.fromarray(picture.rows(top, bottom))

    with closing(mapped_bands(height, _rows_at_a_time(picture), band)) as bands:
        for top, part in bands:
            interrupt()
            image.paste(part, (0, top))
    return image


class _Heard:
    """A file for Pillow to write to, which hears of interrupts on the way."""

    def __init__(self, file: BinaryIO, interrupt: Interrupt) -> None:
        self._file, self._interrupt = file, interrupt

    def write(self, data: bytes) -> int:
        self._interrupt()
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
