"""Resampling without copies: pictures at other sizes, computed row by row when they are asked for.

The values are those of Pillow's resampling of float pictures (two passes, horizontal first, sums in float64), to the bit
and whichever rows are asked for together. Pillow itself could not do that: it rounds the edges of a band to float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.pixels import BAND_PIXELS, FloatArray, Pixels, each_band, floats


@dataclass(frozen=True)
class Kernel:
    """A filter of resampling, widened when shrinking."""

    pillow: Image.Resampling
    #: The filter is zero beyond so many pixels.
    support: float
    #: Its value at distances ≥ 0.
    weight: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _cubic(t: NDArray[np.float64]) -> NDArray[np.float64]:
    # Written as in Pillow, whose roundings these are.
    near = ((-0.5 + 2.0) * t - (-0.5 + 3.0)) * t * t + 1
    far = (((t - 5) * t + 8) * t - 4) * -0.5
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def _tent(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(t < 1, 1 - t, 0.0)


#: Keys' cubic convolution with a = −1/2 (1981).
BICUBIC = Kernel(Image.Resampling.BICUBIC, 2.0, _cubic)
#: Never overshoots: what is not negative stays so.
BILINEAR = Kernel(Image.Resampling.BILINEAR, 1.0, _tent)


class Resampled:
    """`source` (H, W, C), pixels or itself resampled, at another size. Its values are float32 in 0–255."""

    def __init__(self, source: Pixels | Resampled, height: int, width: int, kernel: Kernel = BICUBIC) -> None:
        self._source, self._kernel = source, kernel
        self.shape: tuple[int, int, int] = (height, width, source.shape[2])

    def rows(self, top: int, bottom: int) -> FloatArray:
        """Rows `top` to `bottom` (exclusive): a new array (bottom − top, W, C)."""
        if self.shape[0] == self._source.shape[0]:
            return self._narrowed(top, bottom)
        rows = np.empty((bottom - top, *self.shape[1:]), np.float32)
        # Whoever resamples this again may need many rows at once.
        for first in range(top, bottom, self.band):
            last = min(first + self.band, bottom)
            self._sum(first, last, rows[first - top : last - top])
        return rows

    def _sum(self, top: int, bottom: int, rows: FloatArray) -> None:
        """Writes rows `top` to `bottom` (exclusive)."""
        starts, stops, weights = self._taps
        first, last = int(starts[top]), int(stops[bottom - 1])
        # Each line is needed for several rows: converting them at once is faster.
        lines = self._narrowed(first, last).astype(np.float64)
        total, term = np.empty_like(lines[0]), np.empty_like(lines[0])
        for y in range(top, bottom):
            total.fill(0)
            for line, weight in zip(lines[starts[y] - first : stops[y] - first], weights[y], strict=False):
                np.multiply(line, weight, out=term)
                total += term
            rows[y - top] = total

    @property
    def band(self) -> int:
        """How many rows to ask for at a time: many enough to be quick, few enough for the memory they take."""
        height, width = self._source.shape[:2]
        # In lines of the source, as they are once they have the new width, and as they are read.
        lines: int = min(BAND_PIXELS // self.shape[1], 4 * BAND_PIXELS // width)
        return int(max(1, lines * self.shape[0] // max(height, self.shape[0])))

    @cached_property
    def _taps(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """For each row, the lines of the source that it is a sum of (first and one after the last), and their weights."""
        old, new = self._source.shape[0], self.shape[0]
        scale = old / new
        widened = max(scale, 1.0)
        support = self._kernel.support * widened
        centres = (np.arange(new) + 0.5) * scale
        starts = np.maximum((centres - support + 0.5).astype(np.int64), 0)
        stops = np.minimum((centres + support + 0.5).astype(np.int64), old)
        lines = starts[:, None] + np.arange((stops - starts).max())
        weights = self._kernel.weight(np.abs((lines - centres[:, None] + 0.5) * (1.0 / widened)))
        weights[lines >= stops[:, None]] = 0
        # One after the other, as Pillow adds them up.
        weights /= np.cumsum(weights, axis=1)[:, -1:]
        return starts, stops, weights

    def _narrowed(self, top: int, bottom: int) -> FloatArray:
        """Rows of the source at the new width."""
        width = self.shape[1]
        if width == self._source.shape[1]:
            return _rows(self._source, top, bottom)
        narrowed = np.empty((bottom - top, width, self.shape[2]), np.float32)
        step = max(1, BAND_PIXELS // self._source.shape[1])
        for first in range(top, bottom, step):
            last = min(first + step, bottom)
            part = _rows(self._source, first, last)
            for channel in range(self.shape[2]):
                plane = Image.fromarray(np.ascontiguousarray(part[:, :, channel]))
                resized = plane.resize((width, last - first), self._kernel.pillow)
                narrowed[first - top : last - top, :, channel] = np.asarray(resized)
        return narrowed


def _rows(source: Pixels | Resampled, top: int, bottom: int) -> FloatArray:
    return source.rows(top, bottom) if isinstance(source, Resampled) else floats(source[top:bottom])


def resize(
    source: Pixels | Resampled,
    height: int,
    width: int,
    kernel: Kernel = BICUBIC,
    *,
    interrupt: Callable[[], None] = lambda: None,
    out: FloatArray | None = None,
) -> FloatArray:
    """`source` (H, W, C) resampled to (height, width, C) in float32, into `out` where that is given, else a new array.

    What it needs besides is bounded, whatever the sizes. `interrupt` is called every now and then; what it raises
    passes through.
    """
    resampled = Resampled(source, height, width, kernel)
    result = np.empty(resampled.shape, np.float32) if out is None else out

    def band(top: int, bottom: int) -> None:
        result[top:bottom] = resampled.rows(top, bottom)

    each_band(height, resampled.band, band, interrupt)
    return result
