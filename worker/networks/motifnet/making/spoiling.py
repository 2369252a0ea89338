"""How a training's last part spoils pictures, so that the network holds on to shapes: cheap, and of seven kinds.

`corruptions.py`, which networks are examined with, keeps what is of these kinds apart from what is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def spoilt(rgb: Pixels, rng: np.random.Generator, *, strongly: bool = False) -> Pixels:
    """A picture (H, W, 3) in two ways at most: pale, without colour, noisy, blurred, partly hidden.

    Strongly: in three ways at most, of which two more are an uneven light and a random filter.
    """
    kinds = (pale, drained, noisy, blurred, hidden, *((lit, filtered) if strongly else ()))
    for i in rng.permutation(len(kinds))[: rng.integers(0, 4 if strongly else 3)]:
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


def lit(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Light that falls off to one side, to a fifth at the darkest, and has a colour."""
    y, x = np.mgrid[-1 : 1 : rgb.shape[0] * 1j, -1 : 1 : rgb.shape[1] * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    strength = 1 + np.float32(rng.uniform(0, 0.55)) * along[..., None]
    return rounded(rgb * strength * rng.uniform(0.7, 1.2, 3).astype(np.float32))


def filtered(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """A convolution with random numbers, 3×3, mixed with the picture (Xu et al. 2021)."""
    kernel = rng.standard_normal(9)
    kernel *= (1 if kernel.sum() > 0 else -1) / max(abs(float(kernel.sum())), 1.0)
    image = Image.fromarray(np.ascontiguousarray(rgb))
    changed = image.filter(ImageFilter.Kernel((3, 3), kernel.tolist(), scale=1))
    return np.asarray(Image.blend(image, changed, float(rng.uniform(0.3, 1))))


def rounded(values: NDArray[np.floating]) -> Pixels:
    """The nearest of 0–255 to each value."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
