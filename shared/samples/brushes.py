"""What the bundled pictures are drawn with: noise, colour ramps, sampling, coordinates.

Pictures are float64 arrays (H, W, 3) in 0–1. Coordinates run from 0 at the top to 1 at the bottom, and from 0 at the
left to the picture's aspect ratio, so that a picture looks the same at every size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]
Colour = tuple[float, float, float]

#: Side of the noise textures that are sampled: finer than any picture drawn from them needs.
_TEXTURE = 1024


def coordinates(width: int, height: int) -> tuple[Array, Array]:
    """x and y (H, W) of the pixel centres."""
    y, x = np.mgrid[0:height, 0:width]
    return (x + 0.5) / height, (y + 0.5) / height


def rgb(code: str) -> Colour:
    """`'ff8800'` as numbers in 0–1."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def smooth(low: float, high: float, x: Array) -> Array:
    """0 below `low`, 1 above `high`, with a smooth step between; `low` may be the greater."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def mix(a: Array | Colour, b: Array | Colour, share: Array | float) -> Array:
    """Colours from `a` (share 0) to `b` (share 1); `share` (H, W)."""
    weight = np.asarray(share)[..., None]
    return np.asarray(np.asarray(a) * (1 - weight) + np.asarray(b) * weight)


def ramp(stops: Sequence[tuple[float, str]], t: Array) -> Array:
    """The colour at `t` of a ramp of (position, colour code)."""
    positions = [position for position, _ in stops]
    colours = np.array([rgb(code) for _, code in stops])
    return np.stack([np.interp(t, positions, colours[:, channel]) for channel in range(3)], axis=-1)


def cloud_texture(rng: np.random.Generator, slope: float = 1.9) -> Array:
    """A periodic texture of noise with spectrum 1/f^slope, mean 0 and deviation 1."""
    fy, fx = np.fft.fftfreq(_TEXTURE)[:, None], np.fft.rfftfreq(_TEXTURE)[None, :]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((_TEXTURE, _TEXTURE))) / frequency**slope
    spectrum[0, 0] = 0
    texture = np.fft.irfft2(spectrum, (_TEXTURE, _TEXTURE))
    return np.asarray(texture / texture.std())


def sample(texture: Array, u: Array, v: Array) -> Array:
    """The periodic `texture` at (u, v), in turns of its side, interpolated."""
    height, width = texture.shape
    x, y = u * width, v * height
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = x - column, y - row
    left, right, above, below = column % width, (column + 1) % width, row % height, (row + 1) % height
    upper = texture[above, left] * (1 - fx) + texture[above, right] * fx
    lower = texture[below, left] * (1 - fx) + texture[below, right] * fx
    return np.asarray(upper * (1 - fy) + lower * fy)


def to_image(picture: Array) -> Image.Image:
    return Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))


def to_array(image: Image.Image) -> Array:
    return np.asarray(image.convert("RGB"), np.float64) / 255
