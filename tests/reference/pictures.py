"""Plain picture arithmetic for the reference recipes: resampling by matrices, canvases, likeness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def drawn(height: int, width: int, seed: int = 0) -> Array:
    """Coloured clouds with a disc and bars in them: smooth parts, edges, and nothing that repeats."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1
    spectrum = (rng.normal(size=(3, height, width)) + 1j * rng.normal(size=(3, height, width))) / frequency**1.5
    clouds = np.fft.ifft2(spectrum).real
    clouds = 128 + 40 * clouds / clouds.std(axis=(1, 2), keepdims=True)
    y, x = np.mgrid[:height, :width]
    clouds[:, np.hypot(y - height / 3, x - width / 2) < min(height, width) / 5] += 60
    clouds[0, :, (x[0] // 11) % 3 == 0] -= 30
    return np.clip(clouds.transpose(1, 2, 0), 0, 255).astype(np.float32)


def resampling(old: int, new: int, kernel: str = "cubic") -> NDArray[np.float64]:
    """The matrix (new, old) that resamples a line: Keys' cubic (a = −1/2) or a tent, widened when shrinking."""
    scale = max(old / new, 1.0)
    centres = (np.arange(new) + 0.5) * old / new
    t = np.abs((np.arange(old) + 0.5)[None] - centres[:, None]) / scale
    if kernel == "tent":
        weights = np.maximum(1 - t, 0)
    else:
        weights = np.where(t < 1, 1.5 * t**3 - 2.5 * t**2 + 1, np.where(t < 2, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2, 0))
    return weights / weights.sum(1, keepdims=True)


def resize(picture: Array, height: int, width: int, kernel: str = "cubic") -> Array:
    rows, columns = resampling(picture.shape[0], height, kernel), resampling(picture.shape[1], width, kernel)
    return np.einsum("yh,hwc,xw->yxc", rows, picture, columns, optimize=True).astype(np.float32)


def sizes(height: int, width: int, count: int, scale: float) -> list[tuple[int, int]]:
    return [(round(height / scale**k), round(width / scale**k)) for k in reversed(range(count))]


def canvas(picture: Array, stride: int) -> Array:
    """Continued by its mirror image to multiples of the stride."""
    bottom, right = -picture.shape[0] % stride, -picture.shape[1] % stride
    return np.pad(picture, ((0, bottom), (0, right), (0, 0)), mode="symmetric")


def psnr(a: Array, b: Array) -> float:
    """Likeness of two pictures in 0–255, in decibels."""
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


def cosine(a: Array, b: Array) -> float:
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
