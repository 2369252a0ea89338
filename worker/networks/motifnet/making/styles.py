"""Line styles: how the same motif looks as a flat shape, an engraving or a painting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np
import skia
from numpy.typing import NDArray

from worker.networks.motifnet.making.colours import Colour

FloatArray = NDArray[np.float32]

#: Patterns that are laid over a motif.
Pattern = Literal["none", "hatching", "crosshatching", "stipple", "brush", "wash", "canvas"]

_SIDE = 128
_PAPER = Colour(0.98, 0.95, 0.86)


@dataclass(frozen=True)
class LineStyle:
    """One way of drawing. Widths in the motif's units, whose frame is 2 wide."""

    #: Of the dark line around each shape; 0 leaves it out.
    outline: float = 0.0
    #: How strongly light models each shape, from 0 (flat) to 1.
    relief: float = 0.5
    #: How much of the paper shines through the colours, 0–1.
    paper: float = 0.0
    #: How far a line strays from where it should be.
    wobble: float = 0.0
    pattern: Pattern = "none"
    #: Opacity of the pattern.
    strength: float = 0.0

    def on_paper(self, colour: Colour) -> Colour:
        """The colour as this style fills it in."""
        return colour.mixed(_PAPER, self.paper) if self.paper else colour


STYLES: Mapping[str, LineStyle] = {
    "flat": LineStyle(relief=0.0),
    "soft": LineStyle(relief=0.7),
    "rendered": LineStyle(relief=1.0, outline=0.012),
    "outlined": LineStyle(relief=0.2, outline=0.035),
    "comic": LineStyle(relief=0.0, outline=0.06),
    "engraved": LineStyle(relief=0.5, outline=0.028, paper=0.3, pattern="hatching", strength=0.5),
    "etched": LineStyle(relief=0.4, outline=0.022, paper=0.15, wobble=0.01, pattern="crosshatching", strength=0.35),
    "stippled": LineStyle(relief=0.6, paper=0.1, pattern="stipple", strength=0.4),
    "painted": LineStyle(relief=0.6, wobble=0.025, pattern="brush", strength=0.3),
    "gouache": LineStyle(relief=0.2, wobble=0.035, pattern="brush", strength=0.22, outline=0.015),
    "washed": LineStyle(relief=0.3, paper=0.2, wobble=0.02, pattern="wash", strength=0.35),
    "canvas": LineStyle(relief=0.8, pattern="canvas", strength=0.28),
}


@dataclass(frozen=True)
class Mix:
    """How often what is drawn: one world of pictures. The judge's is another than the network's."""

    #: Weights of the line styles by name.
    styles: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(STYLES, 1.0))
    #: Share of pictures with other colours than the motifs' own.
    freedom: float = 0.18
    #: Weights of the backgrounds by name (see `backgrounds.py`).
    backgrounds: Mapping[str, float] = field(
        default_factory=lambda: {"noise": 3.0, "gradient": 2.0, "plain": 1.0, "clutter": 2.0, "texture": 1.5}
    )
    #: How often light falls from a side over the whole motif.
    light: float = 0.6
    #: How often something stands in front.
    occlusion: float = 0.2
    #: Standard deviation of pixel noise is drawn up to this many grey levels.
    noise: float = 9.0
    #: Standard deviation of the blur is drawn up to this many pixels.
    blur: float = 1.0


#: The world that the network learns.
LEARNT = Mix()
#: The judge's world: mostly other styles, freer colours, other light.
JUDGED = Mix(
    styles={"flat": 2.0, "comic": 2.0, "rendered": 1.0, "etched": 2.0, "gouache": 2.0, "canvas": 2.0, "washed": 1.0},
    freedom=0.4,
    backgrounds={"noise": 1.0, "gradient": 1.0, "plain": 3.0, "clutter": 3.0, "texture": 1.0},
    light=0.3,
    occlusion=0.3,
    noise=14.0,
    blur=1.3,
)


@cache
def pattern_paint(style: LineStyle) -> skia.Paint:
    """A paint that lays a style's pattern over what is there and nowhere else; 128 units until it repeats."""
    repeat = skia.TileMode.kRepeat
    sampling = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
    paint = skia.Paint(BlendMode=skia.BlendMode.kSrcATop, Alphaf=style.strength)
    paint.setShader(_tile(style.pattern).makeShader(repeat, repeat, sampling))
    return paint


def _tile(pattern: Pattern) -> skia.Image:
    """A tile of 128×128 pixels that repeats without seams: black and white with opacity, to be laid over colours."""
    rng = np.random.default_rng(sum(map(ord, pattern)))
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32) * (2 * np.pi / _SIDE)
    waver = _waves(rng)
    match pattern:
        case "hatching":
            dark = _lines(y, 14, waver)
        case "crosshatching":
            dark = np.maximum(_lines(x + y, 9, waver), _lines(x - y, 9, _waves(rng)))
        case "stipple":
            dark = (np.roll(rng.random((_SIDE, _SIDE)), 1) < 0.16).astype(np.float32)
            dark = np.maximum(dark, np.roll(dark, 1, 0) * 0.8)
        case "canvas":
            dark = 0.5 + 0.35 * np.sin(24 * x) * np.sign(np.sin(24 * y)) + 0.2 * waver
        case "wash":
            dark = np.clip(0.5 + 0.4 * waver + 0.25 * _waves(rng, 12), 0, 1)
        case _:
            dark = _brush(rng)
    signed = np.clip(dark, 0, 1) if pattern in ("hatching", "crosshatching", "stipple") else np.clip(dark, 0, 1) * 2 - 1
    grey = np.where(signed > 0, 0, 255).astype(np.uint8)
    # Skia's colours are premultiplied with their opacity.
    opacity = np.abs(signed)
    value = (grey * opacity).astype(np.uint8)
    return skia.Image.fromarray(np.dstack([value, value, value, (opacity * 255).astype(np.uint8)]), copy=True)


def _waves(rng: np.random.Generator, finest: int = 6) -> FloatArray:
    """Smooth noise that repeats, of about unit strength."""
    spectrum = np.zeros((_SIDE, _SIDE), complex)
    corner = spectrum[:finest, :finest]
    corner += rng.normal(size=corner.shape) + 1j * rng.normal(size=corner.shape)
    noise = np.fft.ifft2(spectrum).real
    return np.asarray((noise - noise.mean()) / noise.std(), np.float32)


def _lines(phase: FloatArray, count: int, waver: FloatArray) -> FloatArray:
    """Parallel lines that swell and thin."""
    return np.asarray(np.clip((np.sin(count * phase + 0.7 * waver) - 0.15 + 0.45 * waver) * 3, 0, 1), np.float32)


def _brush(rng: np.random.Generator) -> FloatArray:
    """Overlapping strokes along x, each lighter or darker than what lies below."""
    tile = np.full((_SIDE, _SIDE), 0.5, np.float32)
    for _ in range(220):
        length, width = int(rng.integers(18, 50)), int(rng.integers(3, 9))
        bristles = np.clip(rng.uniform(0.1, 0.9) + rng.normal(0, 0.1, (width, 1)), 0, 1)
        rows, columns = (rng.integers(_SIDE) + np.arange(n) for n in (width, length))
        tile[np.ix_(rows % _SIDE, columns % _SIDE)] = bristles
    return tile
