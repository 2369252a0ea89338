"""Luminance and colour, kept apart for style transfers that leave the content's colours alone.

After Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer", section 3.2.
Pictures are (H, W, 3) as they were decoded (`shared.pixels`) or in float32; besides the result only a few rows of them
are worked on at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shared.pixels import FloatArray, Pixels, bands, each_band, floats
from shared.resampling import Resampled
from worker.render.recipe import never

#: Rec. 601 luma.
WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
#: A style whose luminance spreads less has one brightness; what resampling rounds off must not be made contrast of.
_FLAT = 1e-2


def luminance(picture: Pixels, *, out: FloatArray | None = None) -> FloatArray:
    """`picture` in grey, as three equal channels; `out`, which may be the picture itself, receives it."""
    result = np.empty(picture.shape, np.float32) if out is None else out
    for rows in bands(*picture.shape[:2]):
        result[rows] = _grey(floats(picture[rows]))
    return result


@dataclass(frozen=True)
class Distribution:
    """Mean and standard deviation of a picture's luminance, in 0–255."""

    mean: float
    spread: float

    @classmethod
    def of(cls, picture: Pixels) -> Distribution:
        """That of a picture (H, W, 3)."""
        total = squares = 0.0
        for rows in bands(*picture.shape[:2]):
            grey = _grey(floats(picture[rows])).astype(np.float64)
            total += grey.sum()
            squares += np.square(grey).sum()
        count = picture.shape[0] * picture.shape[1]
        mean = total / count
        return cls(mean, math.sqrt(max(squares / count - mean * mean, 0.0)))


@dataclass(frozen=True)
class Matching:
    """What gives a style in grey the mean and the standard deviation of the content's luminance.

    It is linear, so that it may be done to the style at any size: only what is measured needs to be in grey.
    """

    style: Distribution
    content: Distribution

    def apply(self, picture: FloatArray) -> None:
        """To the style (H, W, 3), in place."""
        flat = self.style.spread < _FLAT
        luminance(picture, out=picture)
        picture -= np.float32(self.style.mean)
        picture *= np.float32(0 if flat else self.content.spread / self.style.spread)
        picture += np.float32(self.content.mean)


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
