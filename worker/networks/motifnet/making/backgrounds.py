"""What lies behind the motifs: coloured noise, gradients, plain paper, clutter, textures."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import skia
from numpy.typing import NDArray

from worker.networks.motifnet.making import paths
from worker.networks.motifnet.making.colours import Colour, draw_mood
from worker.networks.motifnet.making.pen import Pen
from worker.networks.motifnet.making.styles import STYLES, Mix
from worker.networks.motifnet.making.world import WORLD


def background(mix: Mix, rng: np.random.Generator, size: int, *, exclude: str) -> tuple[NDArray[np.uint8], str | None]:
    """Opaque pixels (size, size, 4) to draw on, and the name of the texture that can be seen there, if any.

    The motif `exclude` is not used as a texture.
    """
    names = list(mix.backgrounds)
    weights = np.array([mix.backgrounds[name] for name in names])
    kind = names[rng.choice(len(names), p=weights / weights.sum())]
    pixels = np.full((size, size, 4), 255, np.uint8)
    if kind == "noise":
        pixels[..., :3] = _noise(rng, size)
        return pixels, None
    surface = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType)
    canvas = surface.getCanvas()
    canvas.translate(size / 2, size / 2)
    canvas.scale(size / 2, size / 2)
    pen = Pen(canvas, rng, draw_mood(rng, 0.8), STYLES["soft"], rng.uniform(0, 2 * math.pi))
    seen = None
    match kind:
        case "texture":
            seen = _texture(pen, exclude)
        case "clutter":
            _clutter(pen)
        case "gradient":
            _gradient(pen)
        case _:
            pen.ground(_quiet(pen))
    return pixels, seen


def _quiet(pen: Pen) -> Colour:
    return pen.c(pen.rng.random(), pen.u(0.0, 0.9), pen.u(0.1, 1.0))


def _noise(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Coloured noise whose amplitude falls with a power of the frequency, as in photographs (Field 1987)."""
    frequency = _frequencies(size)
    spectrum = rng.standard_normal((3, *frequency.shape, 2), np.float32).view(np.complex64)[..., 0]
    spectrum *= frequency ** np.float32(-rng.uniform(0.6, 1.9))
    spectrum[:, 0, 0] = 0
    noise = np.asarray(np.fft.irfft2(spectrum, s=(size, size)), np.float32).reshape(3, -1).T
    blend = (rng.normal(0, 0.35, (3, 3)) + np.eye(3) * 0.6 + 0.3) * rng.uniform(8, 45) / (noise.std() + 1e-9)
    blended: NDArray[np.float32] = noise @ blend.astype(np.float32) + rng.uniform(30, 220, 3).astype(np.float32)
    np.clip(blended, 0, 255, out=blended)
    return blended.reshape(size, size, 3)


@cache
def _frequencies(size: int) -> NDArray[np.float32]:
    """The frequency, in cycles per pixel, of each number of a real Fourier transform of (size, size)."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    return np.asarray(np.maximum(frequency, 1 / size), np.float32)


def _gradient(pen: Pen) -> None:
    """Two or three colours that melt into each other, like a sky or a wall with a lamp."""
    colours = [_quiet(pen) for _ in range(pen.n(2, 3))]
    pen.ground(colours[-1])
    if pen.chance(0.4):
        pen.rings(pen.u(-1, 1), pen.u(-1, 1), pen.u(1.5, 3.0), colours)
        return
    with pen.at(0, 0, turn=pen.rng.normal(0, 40)):
        pen.fill(paths.box(-2, -1.5, 2, 1.5), colours[0], colours[1])
    if pen.chance(0.4):
        horizon = pen.u(-0.2, 0.8)
        pen.fill(
            paths.smooth([(-2, horizon), (-0.5, horizon + pen.u(-0.2, 0.2)), (2, horizon), (2, 3), (-2, 3)]),
            _quiet(pen),
        )


def _clutter(pen: Pen) -> None:
    """Shapes that mean nothing, so that no motif is known by being the only shape."""
    pen.ground(_quiet(pen))
    for x, y in pen.scatter(pen.n(4, 16), 1.1):
        colour, size = _quiet(pen), pen.u(0.1, 0.6)
        corners = [(x + pen.u(-size, size), y + pen.u(-size, size)) for _ in range(pen.n(3, 6))]
        match pen.n(0, 3):
            case 0:
                pen.flat(paths.polygon(corners), colour)
            case 1:
                pen.fill(paths.smooth(corners), colour)
            case 2:
                pen.line(corners, colour, pen.u(0.02, 0.12))
            case _:
                pen.oval(x, y, size * 0.6, size * pen.u(0.3, 0.7), colour)


def _texture(pen: Pen, exclude: str) -> str | None:
    """A texture motif; its name where it is clear enough to be called seen."""
    textures = [m for m in WORLD.values() if m.texture and m.name != exclude]
    chosen = pen.pick(*textures)
    with pen.at(pen.u(-0.3, 0.3), pen.u(-0.3, 0.3), pen.u(0.7, 1.3), pen.u(0, 360) if chosen.pose == "any" else 0):
        chosen.draw(pen)
    if pen.chance(0.5):
        return chosen.name
    pen.ground(pen.c(pen.rng.random(), pen.u(0, 0.6), pen.u(0.2, 0.9)).faded(0.7))
    return None
