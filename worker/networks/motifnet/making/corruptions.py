"""What can happen to pictures, and did not in training (after Hendrycks and Dietterich 2019).

Training has seen, all mild: Gaussian blur up to 1 pixel, Gaussian noise up to 9 grey levels, contrast from 0.75 to 1.2,
uneven light, other white balance, bars and blobs in front, and attacks within an L2 ball. Nothing here is a stronger
dose of the attacks; noise, blur, contrast and occlusion are of another kind or several times as strong.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
#: From a picture (H, W, 3) to one of the same size.
Corruption = Callable[[Pixels, np.random.Generator], Pixels]


def gaussian_noise(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Noise of 25 grey levels."""
    return _rounded(rgb + rng.normal(0, 25, rgb.shape))


def impulse_noise(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """One pixel in twelve black or white."""
    kind = rng.random(rgb.shape[:2])
    noisy = rgb.copy()
    noisy[kind < 1 / 24], noisy[kind > 23 / 24] = 0, 255
    return noisy


def defocus(rgb: Pixels, _rng: np.random.Generator) -> Pixels:
    """The mean over a disc of radius 2.5 pixels."""
    reach = range(-2, 3)
    return _mean_of_shifts(rgb, [(dy, dx) for dy in reach for dx in reach if dy * dy + dx * dx <= 6.25])


def motion_blur(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """The mean over a line of 9 pixels in any direction."""
    angle = rng.uniform(0, np.pi)
    return _mean_of_shifts(rgb, [(round(k * np.sin(angle)), round(k * np.cos(angle))) for k in range(-4, 5)])


def low_contrast(rgb: Pixels, _rng: np.random.Generator) -> Pixels:
    """A third of the contrast."""
    return _rounded(rgb.mean() + (rgb - rgb.mean()) / 3)


def grey(rgb: Pixels, _rng: np.random.Generator) -> Pixels:
    """Without colour."""
    return np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))


def jpeg(rgb: Pixels, _rng: np.random.Generator) -> Pixels:
    """JPEG of quality 10."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=10)
    return np.asarray(Image.open(file))


def pixelate(rgb: Pixels, _rng: np.random.Generator) -> Pixels:
    """Squares of 4 pixels."""
    height, width = rgb.shape[:2]
    small = Image.fromarray(rgb).resize((width // 4, height // 4), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST))


def occlusion(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """A grey square over a fifth of the picture, anywhere."""
    side = round(0.45 * min(rgb.shape[:2]))
    top, left = (rng.integers(0, length - side + 1) for length in rgb.shape[:2])
    hidden = rgb.copy()
    hidden[top : top + side, left : left + side] = 128
    return hidden


CORRUPTIONS: Mapping[str, Corruption] = {
    function.__name__: function
    for function in (
        *(gaussian_noise, impulse_noise, defocus, motion_blur, low_contrast, grey, jpeg, pixelate, occlusion),
    )
}


def _rounded(values: NDArray[np.float64]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _mean_of_shifts(rgb: Pixels, shifts: list[tuple[int, int]]) -> Pixels:
    """The mean of the picture's copies, shifted by (rows, columns) of at most 4; its border is repeated outwards."""
    height, width = rgb.shape[:2]
    padded = np.pad(rgb, ((4, 4), (4, 4), (0, 0)), mode="edge").astype(np.float64)
    return _rounded(np.mean([padded[4 + dy : 4 + dy + height, 4 + dx : 4 + dx + width] for dy, dx in shifts], axis=0))
