"""Resizing and extending pictures in float32: nothing is rounded to 8 bits between the start and the output."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from shared.plan import OctavePlan
from worker.render.recipe import FloatArray, Interrupt

#: Pixels resampled between two calls of `interrupt`: well under a second.
BAND_PIXELS = 2**22


def resize(picture: FloatArray, height: int, width: int, interrupt: Interrupt) -> FloatArray:
    """`picture` (H, W, C) resampled to (height, width, C) with a bicubic filter that is widened when shrinking."""
    return _resample(picture, height, width, Image.Resampling.BICUBIC, interrupt)


def resize_positive(picture: FloatArray, height: int, width: int, interrupt: Interrupt) -> FloatArray:
    """As `resize`, with a filter that never overshoots: what is not negative stays so."""
    return _resample(picture, height, width, Image.Resampling.BILINEAR, interrupt)


def on_canvas(picture: FloatArray, octave: OctavePlan) -> FloatArray:
    """An octave's picture (H, W, C), extended to its canvas, whose sides are multiples of the network's stride."""
    return extend(picture, octave.canvas_height, octave.canvas_width)


def cropped(canvas: FloatArray, octave: OctavePlan) -> FloatArray:
    """An octave's picture without its canvas' margin; a view."""
    return canvas[: octave.height, : octave.width]


def extend(picture: FloatArray, height: int, width: int) -> FloatArray:
    """`picture` (H, W, C) continued by its mirror image at the bottom and on the right, to (height, width, C)."""
    rows, columns = height - picture.shape[0], width - picture.shape[1]
    if rows == 0 and columns == 0:
        return picture
    return np.pad(picture, ((0, rows), (0, columns), (0, 0)), mode="symmetric")


def _resample(
    picture: FloatArray, height: int, width: int, kernel: Image.Resampling, interrupt: Interrupt
) -> FloatArray:
    if picture.shape[:2] == (height, width):
        return picture
    result = np.empty((height, width, picture.shape[2]), np.float32)
    channels = range(picture.shape[2])
    planes = [Image.fromarray(np.ascontiguousarray(picture[:, :, c], np.float32)) for c in channels]
    old_height, old_width = picture.shape[:2]
    rows = max(1, BAND_PIXELS // max(width, old_width * old_height // height))

    def band(channel: int, top: int, bottom: int) -> None:
        # Pillow looks beyond the box where the kernel does, so bands fit together without a seam.
        box = (0, top * old_height / height, old_width, bottom * old_height / height)
        part = planes[channel].resize((width, bottom - top), kernel, box)
        result[top:bottom, :, channel] = np.asarray(part)

    with ThreadPoolExecutor(len(channels)) as pool:
        for top in range(0, height, rows):
            interrupt()
            bottom = min(top + rows, height)
            list(pool.map(lambda channel, a=top, b=bottom: band(channel, a, b), channels))
    return result
