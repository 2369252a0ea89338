"""How the last part of a training spoils pictures, so that the network holds on to shapes: cheap, and of five kinds.

`corruptions.py`, which networks are examined with, keeps what is of these kinds apart from what is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def spoilt(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """A picture (H, W, 3) in two of five ways at most: pale, without colour, noisy, blurred, partly hidden."""
    kinds = (pale, drained, noisy, blurred, hidden)
    for i in rng.permutation(len(kinds))[: rng.integers(0, 3)]:
        rgb = kinds[i](rgb, rng)
    return rgb


def pale(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """A quarter to all of the contrast, around a level between its mean and the middle."""
    share = float(rng.uniform(0.25, 1.0))
    level = rgb.mean() + float(rng.uniform(0, 1)) * (128 - rgb.mean())
    return rounded(level + (rgb - np.float32(level)) * np.float32(share))


def drained(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Half of the colour to none of it."""
    grey = (rgb.astype(np.float32) @ _LUMA)[..., None]
    return rounded(grey + (rgb - grey) * np.float32(max(rng.uniform(-0.5, 0.5), 0.0)))


def noisy(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Gaussian noise of up to 30 grey levels."""
    return rounded(rgb + rng.standard_normal(rgb.shape, np.float32) * np.float32(rng.uniform(0, 30)))


def blurred(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Gaussian blur of up to a fiftieth of the longer side."""
    radius = rng.uniform(0.3, 1) * max(rgb.shape) / 50
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).filter(ImageFilter.GaussianBlur(radius)))


def hidden(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """A rectangle of one colour in front, over a fifth of the picture at most."""
    height, width = rgb.shape[:2]
    tall, wide = (round(float(rng.uniform(0.15, 0.45)) * side) for side in (height, width))
    top, left = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
    covered = rgb.copy()
    covered[top : top + tall, left : left + wide] = rng.integers(0, 256, 3)
    return covered


def rounded(values: NDArray[np.floating]) -> Pixels:
    """The nearest of 0–255 to each value."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
