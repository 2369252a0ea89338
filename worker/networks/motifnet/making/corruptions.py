"""What can happen to pictures (after Hendrycks and Dietterich 2019).

`UNSEEN` are of kinds that training does not use. `FAMILIAR` are of kinds that its last part does use
(`spoiling.py`), here each at about its strongest.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw

from worker.networks.motifnet.making.spoiling import Pixels, rounded

#: From a picture (H, W, 3) to one of the same size.
Corruption = Callable[[Pixels, np.random.Generator], Pixels]


def gaussian_noise(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Noise of 25 grey levels."""
    return rounded(rgb + rng.normal(0, 25, rgb.shape))


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
    return rounded(rgb.mean() + (rgb - rgb.mean()) / 3)


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


def few_colours(rgb: Pixels, _rng: np.random.Generator) -> Pixels:
    """Eight colours, without dithering."""
    return np.asarray(
        Image.fromarray(rgb).quantize(8, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    )


def haze(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """White clouds of a third of the side over it, half opaque on average."""
    height, width = rgb.shape[:2]
    coarse = Image.fromarray((rng.random((4, 4)) * 255).astype(np.uint8))
    opacity = 0.2 + 0.6 * np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64) / 255
    return rounded(rgb.astype(np.float64) + opacity[..., None] * (235.0 - rgb))


def wavy(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """As seen through moving water: rows and columns shifted by up to 3 pixels along sine waves."""
    rows, columns = (np.arange(side) for side in rgb.shape[:2])
    length, phases = rng.uniform(16, 32), rng.uniform(0, 2 * np.pi, 2)
    across = np.rint(3 * np.sin(2 * np.pi * rows / length + phases[0])).astype(int)
    down = np.rint(3 * np.sin(2 * np.pi * columns / length + phases[1])).astype(int)
    shifted = rgb[rows[:, None], np.clip(columns[None] + across[:, None], 0, len(columns) - 1)]
    return np.asarray(shifted[np.clip(rows[:, None] + down[None], 0, len(rows) - 1), columns[None]])


def scratches(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Twelve thin bright or dark lines across it."""
    image = Image.fromarray(rgb)
    pencil = ImageDraw.Draw(image)
    for _ in range(12):
        ends = rng.uniform(-0.1, 1.1, (2, 2)) * rgb.shape[1::-1]
        pencil.line([tuple(end) for end in ends.tolist()], fill=(int(rng.choice([20, 235])),) * 3)
    return np.asarray(image)


UNSEEN: Mapping[str, Corruption] = {
    function.__name__: function
    for function in (impulse_noise, motion_blur, jpeg, pixelate, few_colours, haze, wavy, scratches)
}
FAMILIAR: Mapping[str, Corruption] = {
    function.__name__: function for function in (gaussian_noise, defocus, low_contrast, grey, occlusion)
}


def _mean_of_shifts(rgb: Pixels, shifts: list[tuple[int, int]]) -> Pixels:
    """The mean of the picture's copies, shifted by (rows, columns) of at most 4; its border is repeated outwards."""
    height, width = rgb.shape[:2]
    padded = np.pad(rgb, ((4, 4), (4, 4), (0, 0)), mode="edge").astype(np.float64)
    return rounded(np.mean([padded[4 + dy : 4 + dy + height, 4 + dx : 4 + dx + width] for dy, dx in shifts], axis=0))
