"""What a camera adds: white balance, contrast, uneven light, blur, noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from worker.networks.motifnet.making.styles import Mix

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def photographed(mix: Mix, rng: np.random.Generator, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`rgb` (H, W, 3) as a photograph of it: the same size, uint8."""
    if mix.blur and rng.random() < 0.35:
        image = Image.fromarray(np.ascontiguousarray(rgb))
        rgb = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, mix.blur))))
    saturation, contrast, brightness = rng.uniform(0.85, 1.35), rng.uniform(0.75, 1.2), rng.normal(0, 12)
    balance = contrast * rng.normal(1, 0.04, 3)
    # All of colour in one matrix: away from or towards grey, then contrast around the middle for each channel.
    colour = (saturation * np.eye(3) + (1 - saturation) * _LUMA[:, None]) * balance
    offset = 128 * (1 - colour.sum(axis=0)) + brightness
    values = rgb.reshape(-1, 3).astype(np.float32) @ colour.astype(np.float32) + offset.astype(np.float32)
    values = values.reshape(rgb.shape)
    height, width = rgb.shape[:2]
    fall = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(rng.normal(0, 0.12))
    fall = fall + np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(rng.normal(0, 0.12))
    values *= 1 + fall[..., None]
    if mix.noise:
        values += rng.standard_normal(values.shape, np.float32) * np.float32(rng.uniform(0, mix.noise))
    return np.asarray(np.clip(values, 0, 255, out=values), np.uint8)
