"""Pictures and canvases at the octaves' sizes: nothing is rounded to 8 bits between the start and the output.

Pictures come as they were decoded (`shared.pixels`): (H, W, 3) of uint8 in 0–255, uint16 in 0–65535 for the same range,
or float32 in 0–255. All that is returned here is a new float32 array in 0–255, and no other array of a picture's size is
made on the way. The bits do not depend on how the work is cut into bands.
"""

from __future__ import annotations

import numpy as np

from shared.pixels import Pixels, each_band
from shared.plan import OctavePlan
from shared.resampling import BILINEAR, Resampled
from shared.resampling import resize as _resize
from worker.render.recipe import FloatArray, Interrupt


def resize(
    picture: Pixels | Resampled, height: int, width: int, interrupt: Interrupt, *, out: FloatArray | None = None
) -> FloatArray:
    """`picture` (H, W, C) resampled to (height, width, C) with a bicubic filter that is widened when shrinking.

    `out` may be given to receive it: an octave's part of a canvas, say. A copy where the size is the same.
    """
    return _resize(picture, height, width, interrupt=interrupt, out=out)


def resize_positive(
    picture: Pixels, height: int, width: int, interrupt: Interrupt, *, out: FloatArray | None = None
) -> FloatArray:
    """As `resize`, with a filter that never overshoots: what is not negative stays so."""
    return _resize(picture, height, width, BILINEAR, interrupt=interrupt, out=out)


def add_detail(picture: FloatArray, original: Pixels | Resampled, shrunk: FloatArray, interrupt: Interrupt) -> None:
    """Add to `picture` (H, W, C), in place, the detail of `original` that is lost in `shrunk`, a smaller version of it.

    That is the original at the picture's size (it may come at any other, and is resampled on the way) less the smaller
    one, enlarged. Besides, a few rows are made at a time.
    """
    base, enlarged = (Resampled(source, *picture.shape[:2]) for source in (original, shrunk))

    def band(top: int, bottom: int) -> None:
        picture[top:bottom] += base.rows(top, bottom) - enlarged.rows(top, bottom)

    each_band(picture.shape[0], min(base.band, enlarged.band), band, interrupt)


def empty_canvas(octave: OctavePlan, channels: int = 3) -> FloatArray:
    """A canvas for an octave, of any values: fill `cropped(canvas, octave)`, then its margin with `fill_margin`."""
    return np.empty((octave.canvas_height, octave.canvas_width, channels), np.float32)


def cropped(canvas: FloatArray, octave: OctavePlan) -> FloatArray:
    """An octave's picture without its canvas' margin; a view."""
    return canvas[: octave.height, : octave.width]


def fill_margin(canvas: FloatArray, octave: OctavePlan) -> None:
    """Continue the octave's picture on the canvas (H, W, C) by its mirror image, in place."""
    _mirror(canvas, octave.height, octave.width)


def extend(picture: FloatArray, height: int, width: int) -> FloatArray:
    """`picture` (H, W, C) continued by its mirror image at the bottom and on the right, to (height, width, C)."""
    if picture.shape[:2] == (height, width):
        return picture
    canvas = np.empty((height, width, picture.shape[2]), np.float32)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    _mirror(canvas, *picture.shape[:2])
    return canvas


def _mirror(canvas: FloatArray, height: int, width: int) -> None:
    """Fill what is below and to the right of the first `height` × `width` pixels."""
    rows, columns = (
        np.pad(np.arange(inside), (0, whole - inside), mode="symmetric")[inside:]
        for inside, whole in ((height, canvas.shape[0]), (width, canvas.shape[1]))
    )
    canvas[height:, :width] = canvas[rows, :width]
    canvas[:, width:] = canvas[:, columns]
