"""Pixels as they were decoded, and what they mean.

One convention everywhere, for colours (H, W, 3) and transparency (H, W) alike: uint8 is 0–255, uint16 is 0–65535 for the
same range, and float32 is 0–255 with fractions. Pictures stay as they were decoded, and become float32 a few rows at a
time: as float32, a large one would take four times the memory.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Pixels = NDArray[np.uint8] | NDArray[np.uint16] | FloatArray

T = TypeVar("T")

#: Longer sides of smaller copies, of frames and uploaded pictures alike: what screens show, and one of many.
SCREEN_EDGE, THUMBNAIL_EDGE = 2048, 320
#: Pixels that are worked on at a time: large enough for vector speed, small beside a picture that memory matters for.
BAND_PIXELS = 2**20
#: Bands are worked on side by side, and each takes memory.
_MOST_THREADS = 4


def floats(pixels: Pixels) -> FloatArray:
    """Values in 0–255. Always a new array. Raises TypeError for other dtypes than uint8, uint16 and float32."""
    if pixels.dtype == np.uint16:
        return np.divide(pixels, np.float32(257), dtype=np.float32)
    if pixels.dtype in (np.uint8, np.float32):
        return pixels.astype(np.float32)
    raise TypeError(f"pixels are uint8, uint16 or float32, not {pixels.dtype}")


def bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture in bands of at most BAND_PIXELS, or of one row, from top to bottom."""
    rows = max(1, BAND_PIXELS // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def mapped_bands(height: int, rows: int, work: Callable[[int, int], T]) -> Generator[T]:
    """What `work(top, bottom)` returns for bands of so many rows, in order; several are worked on, each in a thread.

    Few results wait to be taken. When the iterator is closed, the bands under way are waited for.
    """
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        under_way: deque[Future[T]] = deque()
        try:
            for top in range(0, height, rows):
                under_way.append(pool.submit(work, top, min(top + rows, height)))
                if len(under_way) > threads:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def each_band(height: int, rows: int, work: Callable[[int, int], None], interrupt: Callable[[], None]) -> None:
    """Call `work(top, bottom)` for bands of so many rows, several at a time, each in a thread.

    `interrupt` is called after each band. What it or `work` raises passes through once the bands under way are done.
    """
    with closing(mapped_bands(height, rows, work)) as done:
        for _ in done:
            interrupt()
