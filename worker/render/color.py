"""Luminance and colour, kept apart for style transfers that leave the content's colours alone.

After Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer", section 3.2.
Pictures are (H, W, 3) as they were decoded (`shared.pixels`) or in float32; besides the result only a few rows of them
are worked on at a time.
"""

from __future__ import annotations

import math

import numpy as np

from shared.pixels import FloatArray, Pixels, bands, each_band, floats
from shared.resampling import Resampled
from worker.render.recipe import never

#: Rec. 601 luma.
WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(picture: Pixels, *, out: FloatArray | None = None) -> FloatArray:
    """`picture` in grey, as three equal channels; `out`, which may be the picture itself, receives it."""
    result = np.empty(picture.shape, np.float32) if out is None else out
    for rows in bands(*picture.shape[:2]):
        result[rows] = _grey(floats(picture[rows]))
    return result


def matched(style: Pixels, content: Pixels) -> FloatArray:
    """`style` in grey, with the mean and the standard deviation of the content's luminance."""
    (style_mean, style_spread), (mean, spread) = _distribution(style), _distribution(content)
    contrast = np.float32(spread / max(style_spread, 1e-6))
    result = luminance(style)
    result -= np.float32(style_mean)
    result *= contrast
    result += np.float32(mean)
    return result


def recoloured(picture: FloatArray, content: Pixels) -> FloatArray:
    """The luminance of `picture` with the colours of `content`, which may have another size."""
    result = np.empty_like(picture)
    resampled = Resampled(content, *picture.shape[:2])

    def band(top: int, bottom: int) -> None:
        colours = resampled.rows(top, bottom)
        result[top:bottom] = colours + _grey(picture[top:bottom]) - _grey(colours)

    each_band(picture.shape[0], resampled.band, band, never)
    return result


def _grey(picture: FloatArray) -> FloatArray:
    """Luminance (H, W, 1)."""
    grey: FloatArray = (picture @ WEIGHTS)[..., None]
    return grey


def _distribution(picture: Pixels) -> tuple[float, float]:
    """Mean and standard deviation of a picture's luminance."""
    total = squares = 0.0
    for rows in bands(*picture.shape[:2]):
        grey = _grey(floats(picture[rows])).astype(np.float64)
        total += grey.sum()
        squares += np.square(grey).sum()
    count = picture.shape[0] * picture.shape[1]
    mean = total / count
    return mean, math.sqrt(max(squares / count - mean * mean, 0.0))
