"""Opening picture files within limits, and what they hold, whatever colours they hold it in.

A picture becomes arrays a few rows at a time, so that besides Pillow's copy of it there is one other, and no third.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from shared.grey_profiles import grey_table
from shared.pixels import Pixels, bands, floats

# Pillow's own limit is a warning at 89 megapixels; ours refuses, is a setting, and is checked from the header as well.
Image.MAX_IMAGE_PIXELS = None

#: What is read, by Pillow's names. Of an animation or a multi-page file, the first picture is taken.
FORMATS = {
    "PNG": "png",
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "WEBP": "webp",
    "TIFF": "tiff",
    "GIF": "gif",
    "BMP": "bmp",
    "AVIF": "avif",
}
_READABLE = "png, jpeg, webp, tiff, gif, bmp or avif"
_ORIENTATION = 0x0112
#: What turns a picture upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: TIFF's tag that says what the least value means, and its value for white.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
#: What Pillow calls 16-bit pixels, or channels, without the byte order at the end.
_DEEP = ("RGB;16", "RGBA;16", "R;16", "G;16", "B;16", "A;16")
#: What greys of 2 and 4 bits, by what Pillow calls them, are multiplied by to become those of 8.
_SPREAD = {"L;2": 85, "L;4": 17}
#: TIFF's tags for the bits of each channel and for how channels lie in the file, and the latter's value for planes.
_BITS, _PLANAR, _SEPARATE = 258, 284, 2
#: TIFF's tag for what the channels besides colours are, and its value for opacity that the colours are multiplied by.
_EXTRA, _PREMULTIPLIED = 338, 1


class PictureError(ValueError):
    """The picture cannot be used. The message is for people: what is wrong, with which value, and what to do."""


@dataclass(frozen=True)
class Limits:
    """How large a picture may be. Checked from the file's header, before anything is decoded."""

    #: Of the decoded picture; 200 megapixels are 600 MB as they are decoded, and 2.4 GB as they are rendered.
    max_pixels: int = 200_000_000
    #: Of either side.
    max_side: int = 50_000
    #: Of the file.
    max_bytes: int = 512 * 2**20


#: For files that were looked at before, or of which the header alone is read.
NO_LIMITS = Limits(max_pixels=sys.maxsize, max_side=sys.maxsize, max_bytes=sys.maxsize)


def open_picture(data: bytes, limits: Limits) -> ImageFile.ImageFile:
    """The file's header, read and held against the limits. Raises PictureError."""
    if not data:
        raise PictureError("the file is empty")
    if len(data) > limits.max_bytes:
        raise PictureError(f"the file has {_mb(len(data))}, more than the {_mb(limits.max_bytes)} allowed")
    try:
        image = Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name != "MPO"])
    except UnidentifiedImageError:
        raise PictureError(_what_is(data)) from None
    except MemoryError:
        raise  # the picture is not at fault, and may be read when there is more
    except Exception as error:  # noqa: BLE001 - damaged headers raise nearly anything in Pillow's readers
        raise PictureError(f"the picture is damaged: its header cannot be read ({error})") from None
    width, height = image.size
    if min(width, height) < 1:
        raise PictureError(f"the picture has no pixels: it is {width}×{height}")
    if max(width, height) > limits.max_side:
        raise PictureError(
            f"the picture is {width}×{height}; its sides may have up to {limits.max_side} pixels. Scale it down first"
        )
    if width * height > limits.max_pixels:
        raise PictureError(
            f"the picture has {width}×{height} = {width * height / 1e6:.1f} megapixels, more than the "
            f"{limits.max_pixels / 1e6:.1f} allowed. Scale it down first"
        )
    _mend_planes(image)
    _mend_transparency(image)
    return image


def load(image: ImageFile.ImageFile) -> None:
    """Decode the pixels. Raises PictureError; MemoryError is no fault of the picture, and passes through."""
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - as in open_picture
        reason = str(error).removeprefix("image file is ")
        raise PictureError(
            f"the picture is damaged or cut short ({reason}); upload it again, or open it and save it anew"
        ) from None


def _mend_planes(image: ImageFile.ImageFile) -> None:
    """Have a TIFF's channels read as they are where each is a plane by itself. Raises PictureError where none can be.

    Pillow takes uncompressed planes of 16 bits for planes of 8, mixes up grey with its transparency, and takes colours
    that were multiplied by their opacity for others.
    """
    if not _in_planes(image):
        return
    tags: Any = getattr(image, "tag_v2", {})
    # Damaged files have anything there.
    bits, extra = (found if isinstance(found, tuple) else () for found in (tags.get(_BITS), tags.get(_EXTRA)))
    deep = 16 in bits and all(tile.codec_name == "raw" for tile in image.tile)
    if image.mode == "LA" or (deep and image.mode == "CMYK") or _PREMULTIPLIED in extra:
        raise PictureError(
            f"{'grey' if image.mode == 'LA' else image.mode} TIFF files whose channels are separate "
            "planes cannot be read; save it with interleaved channels"
        )
    if deep:
        raw = ";16L" if tags.prefix == b"II" else ";16B"
        image.tile = [
            tile._replace(args=(tile.args[0] + raw, *tile.args[1:]))
            for tile in image.tile
            # What is neither a colour nor transparency is left out.
            if isinstance(tile.args, tuple) and tile.args[0] in image.getbands()
        ]


def _mend_transparency(image: ImageFile.ImageFile) -> None:
    """Have the grey of a PNG that is transparent told as its pixels will be: Pillow spreads 2 and 4 bits over 8."""
    factor = next((_SPREAD[tile.args] for tile in image.tile if image.format == "PNG" and tile.args in _SPREAD), 1)
    if factor > 1 and isinstance(image.info.get("transparency"), int):
        image.info["transparency"] *= factor


def _in_planes(image: ImageFile.ImageFile) -> bool:
    return getattr(image, "tag_v2", {}).get(_PLANAR) == _SEPARATE and len(image.getbands()) > 1


def upright_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Width and height of a loaded image, turned as its EXIF orientation asks."""
    width, height = image.size
    return (height, width) if _orientation(image) in (5, 6, 7, 8) else (width, height)


def read(data: bytes, limits: Limits) -> tuple[Pixels, Pixels | None, bytes | None]:
    """Colours (H, W, 3), transparency (H, W) or None, and the colours' profile, of an upright picture.

    uint8, or uint16 where the file has 16 bits per channel, unless those are compressed planes. Raises PictureError.
    """
    image = open_picture(data, limits)
    is_deep_pair = _unpack_bytes(image)
    low = _low_bytes(data, image, limits)
    load(image)
    icc, transparent = image.info.get("icc_profile"), image.info.get("transparency")
    turned = upright(image)
    if is_deep_pair:
        return _from_grey(_deep_pairs(turned), None, icc)
    if turned.mode.startswith("I;16"):
        return _from_grey(_grey(image, turned), transparent, icc)
    if turned.mode in ("1", "L", "LA"):
        shallow = _array(turned.convert("L") if turned.mode == "1" else turned, np.uint8)
        return _from_grey(np.atleast_3d(shallow), transparent, icc)
    if low is not None:
        values = _joined(turned, low)
        alpha = values[..., 3] if values.shape[2] == 4 else _without_colour(values, transparent)
        return values[..., :3], alpha, _rgb_profile(icc)
    if turned.mode not in ("RGB", "RGBA"):
        turned, icc = _to_rgb(turned, icc)
    elif transparent is not None:
        turned = turned.convert("RGBA")
    shallow = _array(turned, np.uint8)
    return shallow[..., :3], shallow[..., 3] if shallow.shape[2] == 4 else None, _rgb_profile(icc)


def upright(image: Image.Image) -> Image.Image:
    """The loaded image turned as its EXIF orientation asks; itself when it stands upright."""
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def viewable(image: ImageFile.ImageFile) -> tuple[Image.Image, bytes | None]:
    """The loaded image upright, in RGB of 8 bits, or RGBA where something may show through, and its colours' profile.

    `in_srgb` makes of the two what is looked at: of a small copy, that is quick.
    """
    turned, transparent, icc = upright(image), image.info.get("transparency"), image.info.get("icc_profile")
    table = None if icc is None else grey_table(icc)
    if turned.mode.startswith("I;16"):
        # Pillow's own conversion takes 255 for white.
        grey = _grey(image, turned)
        alpha = _without_colour(grey, transparent)
        if table is not None:
            grey = table[grey]
        picture = Image.fromarray(_eight_bits(grey[..., 0])).convert("RGB")
        if alpha is not None:
            picture.putalpha(Image.fromarray(alpha))
        return picture, None
    if turned.mode == "CMYK":
        turned, icc = _to_rgb(turned, icc)
    has_alpha = turned.mode in ("RGBA", "LA", "PA") or transparent is not None
    is_grey = turned.mode in ("1", "L", "LA")
    picture = turned.convert("RGBA" if has_alpha else "RGB")
    if table is not None and is_grey:
        curve = _eight_bits(table[None, ::257])[0].tolist()
        picture = picture.point(curve * 3 + list(range(256)) * has_alpha)
    return picture, None if is_grey else _rgb_profile(icc)


def in_srgb(picture: Image.Image, icc: bytes | None) -> Image.Image:
    """The colours of a picture (RGB or RGBA) with an RGB profile as all screens show them; without one they are so."""
    return picture if icc is None else _converted(picture, icc, picture.mode) or picture


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, where there is none, or none that can be read."""
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - cameras and editors write anything there, and Pillow raises nearly anything
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1


def _array(image: Image.Image, dtype: type[np.uint8 | np.uint16]) -> NDArray[Any]:
    """The image's values, (H, W) or (H, W, C). Pillow's own conversion makes two copies on the way."""
    channels = len(image.getbands())
    values = np.empty((image.height, image.width, channels) if channels > 1 else (image.height, image.width), dtype)
    for rows in bands(image.height, image.width):
        values[rows] = np.asarray(image.crop((0, rows.start, image.width, rows.stop)))
    return values


def _grey(image: ImageFile.ImageFile, turned: Image.Image) -> NDArray[np.uint16]:
    """Values (H, W, 1), from black to white, of a picture of 16-bit greys, that was turned upright."""
    grey = _array(turned, np.uint16)[..., None]
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        # Pillow turns 8 bits right, and leaves 16 as they are.
        np.subtract(65535, grey, out=grey)
    return grey


def _unpack_bytes(image: ImageFile.ImageFile) -> bool:
    """Have a PNG of 16-bit greys with transparency give its bytes as they are: Pillow keeps every other one only.

    Whether it is one. `image` must not be loaded yet.
    """
    if [tile.args for tile in image.tile] != ["LA;16B"]:
        return False
    image.tile = [tile._replace(args="RGBA") for tile in image.tile]
    return True


def _deep_pairs(image: Image.Image) -> NDArray[np.uint16]:
    """Grey and transparency (H, W, 2) of an upright image of their bytes."""
    values: NDArray[np.uint16] = _array(image, np.uint8).view(np.uint16)
    return values.byteswap(inplace=True) if sys.byteorder == "little" else values


def _from_grey(values: NDArray[Any], transparent: Any, icc: bytes | None) -> tuple[Pixels, Pixels | None, bytes | None]:
    """What `read` returns for grey (H, W, 1), or grey and transparency (H, W, 2), which may be written to."""
    alpha = values[..., 1] if values.shape[2] == 2 else _without_colour(values, transparent)
    table = None if icc is None else grey_table(icc)
    if table is not None:
        if values.dtype == np.uint8:
            table = _eight_bits(table[None, ::257])[0]
        for rows in bands(*values.shape[:2]):
            values[rows, :, 0] = table[values[rows, :, 0]]
    return np.broadcast_to(values[..., :1], (*values.shape[:2], 3)), alpha, _rgb_profile(icc)


def _eight_bits(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The nearest of 0–255 to each value (H, W) of 0–65535."""
    shallow = np.empty(values.shape, np.uint8)
    for rows in bands(*values.shape):
        shallow[rows] = np.rint(floats(values[rows]))
    return shallow


def _low_bytes(data: bytes, image: ImageFile.ImageFile, limits: Limits) -> Image.Image | None:
    """The low bytes of an upright 16-bit RGB(A) picture, as an image; None for others. `image` must not be loaded yet.

    Pillow keeps the high byte of each 16-bit value only. Told that the file's byte order is the other one, it keeps
    the other byte: a second decoding gives the rest of the precision, with Pillow's own decoders.
    """
    other = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
    rawmodes = [tile.args[0] if isinstance(tile.args, tuple) else tile.args for tile in image.tile]
    if not rawmodes or any(str(raw)[:-1] not in _DEEP for raw in rawmodes):
        return None
    if _in_planes(image) and image.tile[0].codec_name == "libtiff":
        return None  # it unpacks planes by itself, in one way
    second = open_picture(data, limits)
    second.tile = [
        tile._replace(args=swapped if isinstance(tile.args, str) else (swapped, *(tile.args or ())[1:]))
        for tile, raw in zip(second.tile, rawmodes, strict=True)
        for swapped in [f"{str(raw)[:-1]}{other[str(raw)[-1]]}"]
    ]
    load(second)
    return upright(second)


def _joined(high: Image.Image, low: Image.Image) -> NDArray[np.uint16]:
    """Values (H, W, C) from the images of their high and their low bytes."""
    values = _array(high, np.uint16)
    values <<= 8
    for rows in bands(low.height, low.width):
        values[rows] |= np.asarray(low.crop((0, rows.start, low.width, rows.stop)))
    return values


def _without_colour(values: NDArray[Any], transparent: Any) -> NDArray[np.uint8] | None:
    """Transparency (H, W) of a picture (H, W, C) whose pixels of one colour (or grey) are not there; None: all are."""
    if transparent is None:
        return None
    height, width = values.shape[:2]
    alpha = np.empty((height, width), np.uint8)
    for rows in bands(height, width):
        alpha[rows] = np.any(values[rows] != np.asarray(transparent, np.uint16), axis=2) * np.uint8(255)
    return alpha


def _to_rgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None]:
    """RGB or RGBA of a picture in colours of another mode, and the profile that is right for it."""
    if image.mode in ("F", "I", "LAB", "HSV"):
        raise PictureError(
            f"pictures with {'32 bits per channel' if image.mode in 'FI' else image.mode + ' colours'} cannot be read; "
            "save it as RGB with 8 or 16 bits"
        )
    if image.mode in ("P", "PA"):
        has_alpha = image.mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if has_alpha else "RGB"), icc
    if icc and image.mode == "CMYK":
        converted = _converted(image, icc, "RGB")
        if converted is not None:
            return converted, None
    return image.convert("RGBA" if image.mode in ("La", "RGBa") else "RGB"), icc


def _converted(image: Image.Image, icc: bytes, mode: str) -> Image.Image | None:
    """The image in sRGB, in another mode; None where the profile is for other colours than the picture's, or damaged."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return None


def _rgb_profile(icc: bytes | None) -> bytes | None:
    """The profile when it is one for RGB (bytes 16–19 of its header name the colour space), else None."""
    return icc if icc and icc[16:20] == b"RGB " else None


def _mb(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"


def _what_is(data: bytes) -> str:
    """What a file that is no readable picture seems to be, for people."""
    head = data[:4096]
    hint = f"; use {_READABLE}"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return f"HEIC pictures cannot be read{hint}"
    if head.startswith(b"%PDF"):
        return f"this is a PDF document, not a picture{hint}"
    if b"<svg" in head:
        return f"SVG drawings cannot be read{hint}"
    try:
        # A character may be cut at the end of the piece.
        text = head.decode("utf-8") if len(data) <= len(head) else head[:-4].decode("utf-8", "ignore")
    except UnicodeDecodeError:
        text = "\0"
    if all(c.isprintable() or c.isspace() for c in text):
        return f"this is a text file, not a picture (it begins {' '.join(text.split())[:30]!r}){hint}"
    return f"this is not a picture that can be read{hint}"
