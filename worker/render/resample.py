"""Resizing and extending pictures in float32: nothing is rounded to 8 bits between the start and the output."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]


def resize(picture: FloatArray, height: int, width: int) -> FloatArray:
    """`picture` (H, W, C) resampled to (height, width, C) with a bicubic filter that is widened when shrinking."""
    return _resample(picture, height, width, Image.Resampling.BICUBIC)


def resize_positive(picture: FloatArray, height: int, width: int) -> FloatArray:
    """As `resize`, with a filter that never overshoots: what is not negative stays so."""
    return _resample(picture, height, width, Image.Resampling.BILINEAR)


def extend(picture: FloatArray, height: int, width: int) -> FloatArray:
    """`picture` (H, W, C) continued by its mirror image at the bottom and on the right, to (height, width, C)."""
    rows, columns = height - picture.shape[0], width - picture.shape[1]
    if rows == 0 and columns == 0:
        return picture
    return np.pad(picture, ((0, rows), (0, columns), (0, 0)), mode="symmetric")


def _resample(picture: FloatArray, height: int, width: int, filter_: Image.Resampling) -> FloatArray:
    if picture.shape[:2] == (height, width):
        return picture
    result = np.empty((height, width, picture.shape[2]), np.float32)
    for channel in range(picture.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(picture[:, :, channel], np.float32))
        result[:, :, channel] = np.asarray(plane.resize((width, height), filter_))
    return result
