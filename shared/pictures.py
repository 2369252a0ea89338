"""Pictures as files: look at, decode and encode them, within limits.

A decoded picture keeps its 8 or 16 bits (`shared.pixels`); rendered ones are float32 in 0–255, and are rounded once, at the
output. Colour profiles are kept, not applied: dreams and styles work on the values as stored, and the output carries the
input's profile. Only what has no RGB profile of its own (CMYK, grey with a profile) is converted, to sRGB; and so are
frames and smaller copies, which are for looking at.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from shared.picture_files import PNG_KEYWORD, common_file, manifest_in_xmp, png16, tiff
from shared.picture_reading import FORMATS, NO_LIMITS, Limits, PictureError, load, open_picture, read, upright_size
from shared.pixels import FloatArray, Pixels, bands, floats
from shared.resampling import Resampled
from shared.specs import Output

__all__ = [
    "DEFAULT_LIMITS",
    "Limits",
    "Picture",
    "PictureError",
    "PictureInfo",
    "decode",
    "encode",
    "misfit",
    "probe",
    "read_manifest",
    "rendered_from",
    "size_of",
    "write",
]

#: Longest side in pixels that an output format can hold (libwebp's and libjpeg's own limits).
_LONGEST_SIDE = {"webp": 16_383, "jpeg": 65_500}
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class PictureInfo:
    """What a picture file holds, after turning it the way its EXIF orientation asks for."""

    width: int
    height: int
    #: png, jpeg, webp, tiff, gif, bmp or avif.
    format: str


@dataclass(frozen=True)
class Picture:
    """A decoded picture: `rgb` (H, W, 3) and `alpha` (H, W; at the top of its range where nothing shows through), each
    uint8 or uint16, and `icc`, its RGB profile. The arrays may be views, of which only rows should be copied."""

    rgb: Pixels
    alpha: Pixels | None = None
    icc: bytes | None = None

    @property
    def over_black(self) -> Pixels:
        """The colours (H, W, 3) laid over black; `rgb` itself where nothing shows through."""
        return self.rgb if self.alpha is None else _laid(self.rgb, self.alpha, np.zeros(3, np.float32))

    @property
    def over_mean(self) -> Pixels:
        """The colours (H, W, 3) laid over the mean of those that are seen, which each counts for as far as it is opaque;
        `rgb` itself where nothing shows through. Raises PictureError where everything does."""
        if self.alpha is None:
            return self.rgb
        total, seen = np.zeros(3), 0.0
        for rows in bands(*self.rgb.shape[:2]):
            opacity = floats(self.alpha[rows])
            total += np.einsum("hw,hwc->c", opacity, floats(self.rgb[rows]), dtype=np.float64)
            seen += float(opacity.sum(dtype=np.float64))
        if seen == 0:
            raise PictureError(
                "a style or a guide that is transparent everywhere shows nothing; choose another picture"
            )
        return _laid(self.rgb, self.alpha, (total / seen).astype(np.float32))


def _laid(rgb: Pixels, alpha: Pixels, colour: FloatArray) -> Pixels:
    """Colours (H, W, 3) over one colour (3) in 0–255."""
    laid = np.empty_like(rgb)
    under = colour * np.float32(257 if rgb.dtype == np.uint16 else 1)
    for rows in bands(*laid.shape[:2]):
        opacity = floats(alpha[rows])[..., None] / np.float32(255)
        laid[rows] = np.rint(rgb[rows] * opacity + under * (1 - opacity))
    return laid


def rendered_from(pictures: Mapping[str, Picture]) -> dict[str, Pixels]:
    """What a job is rendered from, by its pictures' fields (`shared.specs.assets_of`).

    Masks are not laid where they are transparent. Of styles and guides counts what is seen: what is hidden under their
    transparency, often an editor's leftovers, becomes the mean of that. Of the input or the content all is rendered,
    because outputs keep its transparency. Raises PictureError for styles and guides that are transparent everywhere.
    """
    return {field: _rendered(field, picture) for field, picture in pictures.items()}


def _rendered(field: str, picture: Picture) -> Pixels:
    if field.endswith(".mask"):
        return picture.over_black
    return picture.over_mean if field == "guide" or field.startswith("styles.") else picture.rgb


def probe(data: bytes, limits: Limits = DEFAULT_LIMITS) -> PictureInfo:
    """Size and format of a picture file, after decoding it to the end. Raises PictureError."""
    image = open_picture(data, limits)
    load(image)
    width, height = upright_size(image)
    return PictureInfo(width, height, FORMATS[str(image.format)])


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """The picture in a file, turned upright, as RGB of 8 or 16 bits. Raises PictureError."""
    rgb, alpha, icc = read(data, limits)
    return Picture(rgb, alpha, icc)


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height that the header of a picture file of any size tells, not turned. Raises PictureError."""
    return open_picture(data, NO_LIMITS).size


def encode(
    rgb: Pixels,
    output: Output,
    *,
    alpha: Pixels | None = None,
    icc: bytes | None = None,
    manifest: str | None = None,
) -> bytes:
    """What `write` writes, as bytes."""
    file = io.BytesIO()
    write(file, rgb, output, alpha=alpha, icc=icc, manifest=manifest)
    return file.getvalue()


def write(
    file: BinaryIO,
    rgb: Pixels,
    output: Output,
    *,
    alpha: Pixels | None = None,
    icc: bytes | None = None,
    manifest: str | None = None,
    interrupt: Callable[[], None] = lambda: None,
) -> None:
    """Write a picture to an empty file that can seek, a few rows at a time.

    `rgb` (H, W, 3) is clipped and rounded once; `alpha` (H', W') is scaled to its size. JPEG has no transparency: there
    the picture is laid over white. The manifest is embedded (PNG: iTXt chunk, TIFF: ImageDescription, WebP and JPEG:
    XMP) and `read_manifest` finds it; a JPEG holds up to 64 KB of it and goes without a longer one. `interrupt` is
    called every now and then; what it raises passes through, and leaves the file unfinished.
    Raises PictureError for values that are not finite and sizes the format cannot hold.
    """
    height, width = rgb.shape[:2]
    reason = misfit(output, width, height)
    if reason is not None:
        raise PictureError(reason)
    rounded = _Rounded(rgb, alpha, bits=output.bits, over_white=output.format == "jpeg")
    if output.format == "tiff":
        tiff(file, rounded, icc, manifest, interrupt)
    elif output.bits == 16:
        png16(file, rounded, icc, manifest, interrupt)
    else:
        common_file(file, rounded, output, icc, manifest, interrupt)


def misfit(output: Output, width: int, height: int) -> str | None:
    """Why a picture of that size does not fit the output's format, for people; None when it does."""
    longest = _LONGEST_SIDE.get(output.format)
    if longest is not None and max(width, height) > longest:
        return f"{width}×{height} pixels do not fit a {output.format}, whose sides end at {longest}; choose png"
    return None


def read_manifest(data: bytes) -> str | None:
    """The manifest that `encode` embedded, or None when there is none. Raises PictureError for what is no picture.

    Pictures may have any size: only their header is read.
    """
    image = open_picture(data, NO_LIMITS)
    if image.format == "PNG":
        return image.info.get(PNG_KEYWORD.decode())
    if image.format == "TIFF":
        # Pillow reads text as Latin-1, whose 256 characters are the bytes themselves.
        text = image.tag_v2.get(270) if hasattr(image, "tag_v2") else None
        return None if text is None else str(text).encode("latin-1").decode("utf-8", "replace")
    xmp = image.info.get("xmp") or b""
    return manifest_in_xmp(xmp.decode("utf-8", "replace"))


class _Rounded:
    """A picture in whole numbers, made a few rows at a time, so that no second picture is. See `write`."""

    def __init__(self, rgb: Pixels, alpha: Pixels | None, *, bits: int, over_white: bool) -> None:
        self._rgb = rgb
        self._alpha = None if alpha is None else Resampled(alpha[..., None], *rgb.shape[:2])
        self._over_white = over_white
        self._dtype = np.uint16 if bits == 16 else np.uint8
        self.bits = bits
        self.shape = (*rgb.shape[:2], 3 if alpha is None or over_white else 4)

    def rows(self, top: int, bottom: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Rows `top` to `bottom` (exclusive), (rows, W, 3 or 4). Raises PictureError for values that are not finite."""
        rgb = floats(self._rgb[top:bottom])
        if not np.isfinite(rgb).all():
            raise PictureError("the picture has values that are not finite numbers, so it cannot be saved")
        values = np.empty((bottom - top, *self.shape[1:]), self._dtype)
        if self._alpha is not None:
            alpha = np.clip(self._alpha.rows(top, bottom), 0, 255)
            if self._over_white:
                alpha /= 255
                rgb = rgb * alpha + 255 * (1 - alpha)
            else:
                values[..., 3:] = self._whole(alpha)
        values[..., :3] = self._whole(rgb)
        return values

    def _whole(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        np.clip(values, 0, 255, out=values)
        values *= np.float32((2**self.bits - 1) / 255)
        return np.rint(values, out=values)
