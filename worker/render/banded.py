"""Arithmetic on arrays of a picture's size, a few rows at a time, so that nothing else of that size is made.

The bits do not depend on how the rows are cut into bands: sums are made row by row, in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.pixels import each_band
from worker.render.recipe import FloatArray, never

#: Pixels that are worked on at a time: few enough for a processor's cache.
_BAND = 2**16


def lines(width: int) -> int:
    """How many rows of that width are worked on at a time."""
    return max(1, _BAND // width)


def each_rows(array: FloatArray, work: Callable[[slice], None]) -> None:
    """Call `work` for the rows of all bands of `array` (H, W, …), several at a time, each in a thread."""
    height, rows = array.shape[0], lines(array.shape[1])
    if height <= rows:
        work(slice(0, height))
    else:
        each_band(height, rows, lambda top, bottom: work(slice(top, bottom)), never)


def dot(a: FloatArray, b: FloatArray) -> float:
    """The sum of a · b over all elements of two arrays (H, W, C)."""
    totals = np.empty(a.shape[0])

    def band(rows: slice) -> None:
        totals[rows] = row_sums(np.multiply(a[rows], b[rows], dtype=np.float64))

    each_rows(a, band)
    return float(totals.sum())


def row_sums(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of each row of `array` (H, W, C): (H,)."""
    height, width, channels = array.shape
    sums: NDArray[np.float64] = array.reshape(height, width * channels).sum(axis=1)
    return sums


def add(array: FloatArray, factor: float, other: FloatArray) -> None:
    """Add factor · `other` to `array` (H, W, C), in place."""

    def band(rows: slice) -> None:
        array[rows] += np.float32(factor) * other[rows]

    each_rows(array, band)


def scale(array: FloatArray, factor: float) -> None:
    """Multiply `array` (H, W, C), in place."""

    def band(rows: slice) -> None:
        array[rows] *= np.float32(factor)

    each_rows(array, band)
