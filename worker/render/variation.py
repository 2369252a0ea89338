"""Total variation: how much neighbouring pixels differ."""

from __future__ import annotations

import numpy as np

from worker.render.banded import each_rows, row_sums
from worker.render.recipe import FloatArray


def add_variation(picture: FloatArray, weight: float, gradient: FloatArray) -> float:
    """`weight` times the total variation of `picture` (H, W, 3); its gradient is added to `gradient`, in place.

    The total variation is the mean over pixels of Σ (a² + b²)^1.25 over the channels, a and b being the differences to
    the pixel below and to the right (Mahendran and Vedaldi 2015, β = 2.5).
    """
    height, width = picture.shape[:2]
    scale = weight / (height * width)
    totals = np.zeros(height)

    def band(rows: slice) -> None:
        top, bottom = rows.start, rows.stop
        # A row's gradient depends on the differences that start in the row above, too.
        first, last = max(top - 1, 0), min(bottom, height - 1)
        if first == last:
            return
        here = picture[first:last, :-1]
        down, right = picture[first + 1 : last + 1, :-1] - here, picture[first:last, 1:] - here
        square = np.square(down) + np.square(right)
        slope = np.sqrt(np.sqrt(square))
        own = slice(top - first, last - first)
        square *= slope
        totals[top:last] = row_sums(square[own].astype(np.float64))
        slope *= np.float32(2.5 * scale)
        down *= slope
        right *= slope
        gradient[top:last, 1:] += right[own]
        gradient[top:last, :-1] -= down[own] + right[own]
        gradient[first + 1 : bottom, :-1] += down[: bottom - 1 - first]

    each_rows(picture, band)
    return float(scale * totals.sum())
