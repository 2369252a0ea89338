"""What can happen to pictures, in five severities each (after Hendrycks and Dietterich 2019).

`UNSEEN` are of kinds that training does not use. `FAMILIAR` are of kinds that its last part does use (`spoiling.py`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw

from worker.networks.motifnet.making.spoiling import Pixels, rounded

#: From a picture (H, W, 3) and a severity, 1 to 5, to a picture of the same size. Lengths are for sides of about 100.
Corruption = Callable[[Pixels, int, np.random.Generator], Pixels]

SEVERITIES = range(1, 6)


def gaussian_noise(rgb: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """Noise of 5 to 25 grey levels."""
    return rounded(rgb + rng.normal(0, 5 * severity, rgb.shape))


def impulse_noise(rgb: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """One pixel in sixty to one in twelve black or white."""
    kind, share = rng.random(rgb.shape[:2]), severity / 60
    noisy = rgb.copy()
    noisy[kind < share / 2], noisy[kind > 1 - share / 2] = 0, 255
    return noisy


def defocus(rgb: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """The mean over a disc of radius 0.7 to 2.7 pixels: its edge, half a pixel wide, counts in part."""
    offsets = [(dy, dx) for dy in range(-3, 4) for dx in range(-3, 4)]
    return _mean_of_shifts(rgb, offsets, [min(max(0.5 * severity + 0.7 - np.hypot(*o), 0), 1) for o in offsets])


def motion_blur(rgb: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """The mean over a line of 2.6 to 9 pixels in any direction."""
    angle, places = rng.uniform(0, np.pi), np.linspace(-0.8 * severity, 0.8 * severity, 17)
    return _mean_of_shifts(rgb, [(round(k * np.sin(angle)), round(k * np.cos(angle))) for k in places])


def low_contrast(rgb: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """Seven eighths of the contrast to a third of it."""
    return rounded(rgb.mean() + (rgb - rgb.mean()) * (1 - severity * 2 / 15))


def grey(rgb: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """Four fifths of the colour to none."""
    drained = Image.fromarray(rgb).convert("L").convert("RGB")
    return np.asarray(Image.blend(Image.fromarray(rgb), drained, severity / 5))


def jpeg(rgb: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """JPEG of quality 50, 25, 17, 12 or 10."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=50 // severity)
    return np.asarray(Image.open(file))


def pixelate(rgb: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """Squares of 1.6 to 4 pixels."""
    height, width = rgb.shape[:2]
    small = [round(side / (1 + 0.6 * severity)) for side in (width, height)]
    squares = Image.fromarray(rgb).resize((small[0], small[1]), Image.Resampling.BOX)
    return np.asarray(squares.resize((width, height), Image.Resampling.NEAREST))


def occlusion(rgb: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """A grey square over a twenty-fifth to a fifth of the picture, anywhere."""
    side = round(0.2 * np.sqrt(severity) * min(rgb.shape[:2]))
    top, left = (rng.integers(0, length - side + 1) for length in rgb.shape[:2])
    hidden = rgb.copy()
    hidden[top : top + side, left : left + side] = 128
    return hidden


def few_colours(rgb: Pixels, severity: int, _rng: np.random.Generator) -> Pixels:
    """40, 20, 13, 10 or eight colours, without dithering."""
    few = Image.fromarray(rgb).quantize(40 // severity, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.asarray(few.convert("RGB"))


def haze(rgb: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """White clouds of a third of the side over it, a tenth to a half opaque on average."""
    height, width = rgb.shape[:2]
    coarse = Image.fromarray((rng.random((4, 4)) * 255).astype(np.uint8))
    cloud = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64) / 255
    opacity = (0.2 + 0.6 * cloud) * severity / 5
    return rounded(rgb.astype(np.float64) + opacity[..., None] * (235.0 - rgb))


def wavy(rgb: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """As seen through moving water: rows and columns shifted by up to 0.6 to 3 pixels along sine waves."""
    rows, columns = (np.arange(side) for side in rgb.shape[:2])
    far, length, phases = 0.6 * severity, rng.uniform(16, 32), rng.uniform(0, 2 * np.pi, 2)
    across = np.rint(far * np.sin(2 * np.pi * rows / length + phases[0])).astype(int)
    down = np.rint(far * np.sin(2 * np.pi * columns / length + phases[1])).astype(int)
    shifted = rgb[rows[:, None], np.clip(columns[None] + across[:, None], 0, len(columns) - 1)]
    return np.asarray(shifted[np.clip(rows[:, None] + down[None], 0, len(rows) - 1), columns[None]])


def scratches(rgb: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
    """Two to twelve thin bright or dark lines across it."""
    image = Image.fromarray(rgb)
    pencil = ImageDraw.Draw(image)
    for _ in range(severity * 12 // 5):
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


def _mean_of_shifts(rgb: Pixels, shifts: list[tuple[int, int]], weights: list[float] | None = None) -> Pixels:
    """The mean of the picture's copies, shifted by (rows, columns) of at most 4; its border is repeated outwards."""
    height, width = rgb.shape[:2]
    padded = np.pad(rgb, ((4, 4), (4, 4), (0, 0)), mode="edge").astype(np.float64)
    copies = [padded[4 + dy : 4 + dy + height, 4 + dx : 4 + dx + width] for dy, dx in shifts]
    return rounded(np.average(copies, axis=0, weights=weights))
