"""Pictures as files: look at, decode and encode them, within limits.

Everything between decoding and encoding is float32 in 0–255, so that a picture is rounded once, at the output.
Colour profiles are kept, not applied: dreams and styles work on the values as stored, and the output carries the
input's profile. Only what has no RGB profile of its own (CMYK, grey with a profile) is converted, to sRGB.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from shared.picture_files import PNG_KEYWORD, common_file, manifest_in_xmp, png16, tiff
from shared.specs import Output

# Pillow's own limit is a warning at 89 megapixels; ours refuses, is a setting, and is checked from the header as well.
Image.MAX_IMAGE_PIXELS = None

#: What is read, by Pillow's names. Of an animation or a multi-page file, the first picture is taken.
_FORMATS = {
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
#: Longest side in pixels that an output format can hold (libwebp's and libjpeg's own limits).
_LONGEST_SIDE = {"webp": 16_383, "jpeg": 65_500}
#: A TIFF's offsets end at 4 GiB; what it holds is counted before compression, which may not help.
_TIFF_BYTES = 2**32 - 2**20
_ROWS = 256


class PictureError(ValueError):
    """The picture cannot be used. The message is for people: what is wrong, with which value, and what to do."""


@dataclass(frozen=True)
class Limits:
    """How large a picture may be. Checked from the file's header, before anything is decoded."""

    #: Of the decoded picture; 200 megapixels are 2.4 GB as float32.
    max_pixels: int = 200_000_000
    #: Of either side.
    max_side: int = 50_000
    #: Of the file.
    max_bytes: int = 512 * 2**20


@dataclass(frozen=True)
class PictureInfo:
    """What a picture file holds, after turning it the way its EXIF orientation asks for."""

    width: int
    height: int
    #: png, jpeg, webp, tiff, gif, bmp or avif.
    format: str


@dataclass(frozen=True)
class Picture:
    """A decoded picture: `rgb` (H, W, 3) float32 in 0–255, `alpha` (H, W) float32 in 0–1, `icc` its RGB profile."""

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None = None
    icc: bytes | None = None


DEFAULT_LIMITS = Limits()


def probe(data: bytes, limits: Limits = DEFAULT_LIMITS) -> PictureInfo:
    """Size and format of a picture file, after decoding it to the end. Raises PictureError."""
    image = _open(data, limits)
    _load(image)
    width, height = image.size
    if image.getexif().get(_ORIENTATION) in (5, 6, 7, 8):
        width, height = height, width
    return PictureInfo(width, height, _FORMATS[str(image.format)])


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """The picture in a file, turned upright, as float32 RGB; 16 bits are kept. Raises PictureError."""
    image = _open(data, limits)
    fine = _low_bytes(data, image, limits)
    _load(image)
    icc = image.info.get("icc_profile")
    transparent = image.info.get("transparency")
    upright = _upright(image)
    if upright.mode.startswith("I;16"):
        deep = np.repeat(np.asarray(upright).astype(np.float32)[..., None], 3, axis=2)
        return _deep(deep, transparent, None)
    if fine is not None:
        return _deep(np.asarray(upright, np.float32) * 256 + fine, transparent, _rgb_profile(icc))
    if upright.mode not in ("RGB", "RGBA"):
        upright, icc = _to_rgb(upright, icc)
    elif transparent is not None:
        upright = upright.convert("RGBA")
    values = np.asarray(upright)
    alpha = np.asarray(values[..., 3] / 255, np.float32) if values.shape[2] == 4 else None
    return Picture(values[..., :3].astype(np.float32), alpha, _rgb_profile(icc))


def encode(
    rgb: NDArray[np.float32],
    output: Output,
    *,
    alpha: NDArray[np.float32] | None = None,
    icc: bytes | None = None,
    manifest: str | None = None,
) -> bytes:
    """A picture file. `rgb`: (H, W, 3) in 0–255, clipped and rounded once; `alpha`: (H, W) in 0–1.

    JPEG has no transparency: there the picture is laid over white. The manifest is embedded (PNG: iTXt chunk,
    TIFF: ImageDescription, WebP and JPEG: XMP) and `read_manifest` finds it; a JPEG holds up to 64 KB of it and goes
    without a longer one. Raises PictureError for values that are not finite and sizes the format cannot hold.
    """
    height, width = rgb.shape[:2]
    reason = misfit(output, width, height)
    if reason is not None:
        raise PictureError(reason)
    if alpha is not None and alpha.shape != rgb.shape[:2]:
        raise ValueError(f"the alpha channel is {alpha.shape}, the picture {rgb.shape[:2]}")
    if alpha is not None and output.format == "jpeg":
        rgb, alpha = rgb * alpha[..., None] + 255 * (1 - alpha[..., None]), None
    pixels = _quantise(rgb, alpha, 65_535 if output.bits == 16 else 255)
    if output.format == "tiff":
        return tiff(pixels, icc, manifest)
    if output.bits == 16:
        return png16(pixels, icc, manifest)
    return common_file(Image.fromarray(pixels), output, icc, manifest)


def misfit(output: Output, width: int, height: int) -> str | None:
    """Why a picture of that size does not fit the output's format, for people; None when it does."""
    longest = _LONGEST_SIDE.get(output.format)
    if longest is not None and max(width, height) > longest:
        return f"{width}×{height} pixels do not fit a {output.format}, whose sides end at {longest}; choose png"
    # Red, green, blue and alpha.
    if output.format == "tiff" and width * height * 4 * output.bits // 8 > _TIFF_BYTES:
        return f"{width}×{height} pixels of {output.bits} bits do not fit a tiff, which ends at 4 GiB; choose png"
    return None


def read_manifest(data: bytes) -> str | None:
    """The manifest that `encode` embedded, or None when there is none. Raises PictureError for what is no picture."""
    image = _open(data, DEFAULT_LIMITS)
    if image.format == "PNG":
        return image.info.get(PNG_KEYWORD.decode())
    if image.format == "TIFF":
        # Pillow reads text as Latin-1, whose 256 characters are the bytes themselves.
        text = image.tag_v2.get(270) if hasattr(image, "tag_v2") else None
        return None if text is None else str(text).encode("latin-1").decode("utf-8", "replace")
    xmp = image.info.get("xmp") or b""
    return manifest_in_xmp(xmp.decode("utf-8", "replace"))


_ORIENTATION = 0x0112


def _open(data: bytes, limits: Limits) -> ImageFile.ImageFile:
    """The file's header, read and held against the limits."""
    if not data:
        raise PictureError("the file is empty")
    if len(data) > limits.max_bytes:
        raise PictureError(f"the file has {_mb(len(data))}, more than the {_mb(limits.max_bytes)} allowed")
    try:
        image = Image.open(io.BytesIO(data), formats=[name for name in _FORMATS if name != "MPO"])
    except UnidentifiedImageError:
        raise PictureError(_what_is(data)) from None
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
    return image


def _load(image: ImageFile.ImageFile) -> None:
    """Decode the pixels."""
    try:
        image.load()
    except Exception as error:  # noqa: BLE001 - as in _open
        reason = str(error).removeprefix("image file is ")
        raise PictureError(
            f"the picture is damaged or cut short ({reason}); upload it again, or open it and save it anew"
        ) from None


def _upright(image: Image.Image) -> Image.Image:
    """The loaded image turned as its EXIF orientation asks; itself when it stands upright."""
    return image if image.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)


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


def _low_bytes(data: bytes, image: ImageFile.ImageFile, limits: Limits) -> NDArray[np.float32] | None:
    """The low bytes (H, W, C) of a 16-bit RGB(A) picture; None for all others. `image` must not be loaded yet.

    Pillow keeps the high byte of each 16-bit value only. Told that the file's byte order is the other one, it keeps
    the other byte: a second decoding gives the rest of the precision, with Pillow's own decoders.
    """
    other = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
    rawmodes = [tile.args[0] if isinstance(tile.args, tuple) else tile.args for tile in image.tile]
    if not rawmodes or any(str(raw)[:-1] not in ("RGB;16", "RGBA;16") for raw in rawmodes):
        return None
    second = _open(data, limits)
    second.tile = [
        tile._replace(args=swapped if isinstance(tile.args, str) else (swapped, *(tile.args or ())[1:]))
        for tile, raw in zip(second.tile, rawmodes, strict=True)
        for swapped in [f"{str(raw)[:-1]}{other[str(raw)[-1]]}"]
    ]
    _load(second)
    return np.asarray(_upright(second), np.float32)


def _deep(values: NDArray[np.float32], transparent: Any, icc: bytes | None) -> Picture:
    """A picture from values (H, W, 3 or 4) in 0–65535. `transparent`: the one colour (or grey) that is not there."""
    alpha = None
    if values.shape[2] == 4:
        alpha = values[..., 3] / np.float32(65_535)
    elif transparent is not None:
        alpha = np.any(values != np.asarray(transparent, np.float32), axis=2).astype(np.float32)
    return Picture(values[..., :3] / np.float32(257), alpha, icc)


def _to_rgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None]:
    """RGB or RGBA of a picture in another mode, and the profile that is right for it."""
    if image.mode in ("F", "I", "LAB", "HSV"):
        raise PictureError(
            f"pictures with {'32 bits per channel' if image.mode in 'FI' else image.mode + ' colours'} cannot be read; "
            "save it as RGB with 8 or 16 bits"
        )
    if image.mode in ("P", "PA"):
        has_alpha = image.mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if has_alpha else "RGB"), icc
    if image.mode == "1":
        image = image.convert("L")
    if icc and image.mode in ("L", "CMYK") and "transparency" not in image.info:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a profile for other colours than the picture's: go on as if there were none
        if converted is not None:
            return converted, None
    has_alpha = image.mode in ("LA", "La", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB"), icc


def _rgb_profile(icc: bytes | None) -> bytes | None:
    """The profile when it is one for RGB (bytes 16–19 of its header name the colour space), else None."""
    return icc if icc and icc[16:20] == b"RGB " else None


def _quantise(rgb: NDArray[np.float32], alpha: NDArray[np.float32] | None, top: int) -> NDArray[Any]:
    """Whole numbers in 0…`top`, (H, W, 3 or 4), a few rows at a time so that no second float picture is made."""
    dtype = np.uint16 if top > 255 else np.uint8
    pixels = np.empty((*rgb.shape[:2], 3 if alpha is None else 4), dtype)
    for first in range(0, rgb.shape[0], _ROWS):
        rows = slice(first, first + _ROWS)
        if not np.isfinite(rgb[rows]).all():
            raise PictureError("the picture has values that are not finite numbers, so it cannot be saved")
        pixels[rows, :, :3] = np.rint(np.clip(rgb[rows], 0, 255) * np.float32(top / 255))
        if alpha is not None:
            pixels[rows, :, 3] = np.rint(np.clip(alpha[rows], 0, 1) * np.float32(top))
    return pixels
