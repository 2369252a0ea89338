"""Total variation: how much neighbouring pixels differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def total_variation(picture: FloatArray) -> tuple[float, FloatArray]:
    """The mean over pixels of Σ (a² + b²)^1.25 over the channels, and its gradient, for `picture` (H, W, 3).

    a and b are the differences to the pixel below and to the right (Mahendran and Vedaldi 2015, β = 2.5).
    """
    down, right = picture[1:, :-1] - picture[:-1, :-1], picture[:-1, 1:] - picture[:-1, :-1]
    square = np.square(down) + np.square(right)
    slope = np.float32(2.5) * np.sqrt(np.sqrt(square))
    gradient = np.zeros_like(picture)
    gradient[1:, :-1] += slope * down
    gradient[:-1, 1:] += slope * right
    gradient[:-1, :-1] -= slope * (down + right)
    pixels = picture.shape[0] * picture.shape[1]
    return float((square**1.25).sum(dtype=np.float64) / pixels), gradient / np.float32(pixels)
