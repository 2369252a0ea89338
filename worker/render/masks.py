"""Where styles are laid: masks at the size of an octave and of its layers, and what they leave uncovered."""

from __future__ import annotations

import numpy as np

from shared.pixels import Pixels, each_band
from shared.plan import OctavePlan
from shared.resampling import BILINEAR, Resampled
from worker.render.color import WEIGHTS
from worker.render.recipe import FloatArray, Interrupt
from worker.render.resample import cropped, empty_canvas, fill_margin


def on_octave(mask: Pixels, octave: OctavePlan, interrupt: Interrupt) -> FloatArray:
    """The luminance of `mask` (H, W, 3) on an octave's canvas: (canvas height, canvas width, 1) in 0–1."""
    canvas = empty_canvas(octave, channels=1)
    inside = cropped(canvas, octave)
    resampled = Resampled(mask, octave.height, octave.width, BILINEAR)

    def band(top: int, bottom: int) -> None:
        grey = (resampled.rows(top, bottom) @ WEIGHTS)[..., None]
        inside[top:bottom] = np.minimum(grey / np.float32(255), 1)

    each_band(octave.height, resampled.band, band, interrupt)
    fill_margin(canvas, octave)
    return canvas


def on_cells(mask: FloatArray, stride: int, height: int, width: int) -> FloatArray:
    """The mean of `mask` (H, W, 1) over each of a layer's `height` × `width` cells, in units of the mean of all cells.

    (1, height, width, 1). A cell's own pixels are the square of a stride's side that it stands for; cells beyond the
    picture, which networks have that pad by much, stand for its last ones. 0 everywhere for a mask that is nearly black.
    """
    inside = mask[: height * stride, : width * stride]
    missing = [(0, side * stride - have) for side, have in zip((height, width), inside.shape[:2], strict=True)]
    if missing != [(0, 0), (0, 0)]:
        inside = np.pad(inside, (*missing, (0, 0)), mode="edge")
    blocks = inside.reshape(height, stride, width, stride)
    cells = blocks.mean(axis=(1, 3), dtype=np.float64)
    mean = cells.mean()
    if mean >= 1e-6:
        cells /= mean
    else:
        cells[:] = 0
    found: FloatArray = cells.astype(np.float32)[None, :, :, None]
    return found
