"""Pictures of motifs: background, composition, light and camera. A picture is a function of (world, seed, index, motif).

The frame is a square of 2 units; motifs stand in it at 20 % to 150 % of its side, once or several times, alone or
with others, and the labels say what is there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import skia
from numpy.typing import NDArray

from worker.networks.motifnet.making.backgrounds import background
from worker.networks.motifnet.making.camera import photographed
from worker.networks.motifnet.making.colours import BLACK, WHITE, Mood, draw_mood
from worker.networks.motifnet.making.motif import Motif
from worker.networks.motifnet.making.pen import Pen, layer, restored
from worker.networks.motifnet.making.styles import STYLES, LineStyle, Mix, pattern_paint
from worker.networks.motifnet.making.world import WORLD

#: How far a motif of half side 1 reaches from its centre, turned and skewed, at most; what is beyond is cut off.
_OVERHANG = 1.6
#: More of the same motif in one picture are one drawing, repeated: a wallpaper would take as long as all others.
_DRAWN_SINGLY = 4


@dataclass(frozen=True)
class Picture:
    """A drawn picture and what can be seen in it."""

    #: (size, size, 3) uint8.
    rgb: NDArray[np.uint8]
    #: Share of the attention that each motif in it deserves; they add up to 1, and the first is the one asked for.
    labels: Mapping[str, float]


@dataclass(frozen=True)
class Placed:
    """One motif's place: centre and half side in the frame's units [−1, 1]²."""

    motif: Motif
    x: float
    y: float
    scale: float


def picture(mix: Mix, seed: int, index: int, name: str, size: int = 128) -> Picture:
    """The picture number `index` of the motif `name`. The same arguments give the same bytes. KeyError: no such motif."""
    motif = WORLD[name]
    rng = np.random.default_rng((seed, index, _key(name)))
    mood = draw_mood(rng, mix.freedom)
    placed = _composition(motif, rng)
    pixels, backdrop = background(mix, rng, size, exclude=name)
    surface = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType)
    canvas = surface.getCanvas()
    canvas.translate(size / 2, size / 2)
    canvas.scale(size / 2, size / 2)
    artist = _Artist(mix, rng, canvas, mood)
    artist.place(placed)
    artist.light_from_a_side()
    if rng.random() < mix.occlusion and not motif.texture:
        artist.hide_a_part()
    del surface
    labels = _labels(placed)
    if backdrop is not None and not motif.texture:
        labels = {name: share * 0.85 for name, share in labels.items()} | {backdrop: 0.15}
    return Picture(photographed(mix, rng, pixels[..., :3]), labels)


def _key(name: str) -> int:
    """A number for a motif that stays when others are added."""
    return int.from_bytes(name.encode(), "little") % (1 << 61)


def _composition(motif: Motif, rng: np.random.Generator) -> list[Placed]:
    """What stands where; what is drawn last, and so in front, is of the motif asked for."""
    kind = rng.random()
    if motif.texture:
        return [_near(motif, rng, 0.15, float(np.exp(rng.uniform(-0.1, 0.55))))]
    if kind < 0.55:
        scale = float(np.exp(rng.uniform(math.log(0.45), math.log(1.5))))
        return [_near(motif, rng, 0.12 + 0.35 * abs(1 - scale), scale)]
    if kind < 0.74:
        return [_near(motif, rng, 0.75, float(rng.uniform(0.2, 0.5))) for _ in range(rng.integers(2, 5))]
    if kind < 0.82:
        return _rows(motif, rng)
    return _company(motif, rng)


def _near(motif: Motif, rng: np.random.Generator, stray: float, scale: float) -> Placed:
    """The motif around the middle, at most `stray` from it along each side."""
    x, y = rng.uniform(-stray, stray, 2)
    return Placed(motif, float(x), float(y), scale)


def _company(motif: Motif, rng: np.random.Generator) -> list[Placed]:
    """The motif large, one or two others small."""
    others = [m for m in WORLD.values() if not m.texture and m is not motif]
    corners = [(-0.5, -0.45), (0.5, -0.45), (-0.5, 0.5), (0.5, 0.5)]
    spots = rng.permutation(np.array(corners)) + rng.uniform(-0.15, 0.15, (4, 2))
    placed = [
        Placed(others[rng.integers(len(others))], float(x), float(y), float(rng.uniform(0.3, 0.5)))
        for x, y in spots[: rng.integers(1, 3)]
    ]
    x, y = spots[3] * 0.7
    return [*placed, Placed(motif, float(x), float(y), float(rng.uniform(0.5, 0.8)))]


def _rows(motif: Motif, rng: np.random.Generator) -> list[Placed]:
    """The motif repeated as in a wallpaper."""
    step = rng.uniform(0.55, 0.95)
    reach = np.arange(-1, 1.01, step)
    stagger = rng.choice([0, 0.5]) * step
    return [
        Placed(motif, float(x + stagger * (i % 2)), float(y), step * 0.5) for i, y in enumerate(reach) for x in reach
    ]


def _labels(placed: list[Placed]) -> dict[str, float]:
    """Shares by area; the motif asked for, which is placed last, gets 0.6 at least."""
    areas: dict[str, float] = {}
    for each in reversed(placed):
        areas[each.motif.name] = areas.get(each.motif.name, 0) + each.scale**2
    first = next(iter(areas))
    rest = sum(areas.values()) - areas[first]
    if not rest:
        return {first: 1.0}
    share = max(areas[first] / (areas[first] + rest), 0.6)
    return {name: share if name == first else (1 - share) * area / rest for name, area in areas.items()}


class _Artist:
    """Draws placed motifs on one canvas: all in the same style and light, each in its own pose."""

    def __init__(self, mix: Mix, rng: np.random.Generator, canvas: skia.Canvas, mood: Mood) -> None:
        self._mix, self._rng, self._canvas, self._mood = mix, rng, canvas, mood
        names = list(mix.styles)
        weights = np.array([mix.styles[name] for name in names])
        self._style: LineStyle = STYLES[names[rng.choice(len(names), p=weights / weights.sum())]]
        #: Mostly from above.
        self._light = float(rng.normal(-math.pi / 2, 0.9))
        self._shadow = float(rng.random()) * 0.6 if rng.random() < 0.35 else 0.0

    def place(self, placed: Sequence[Placed]) -> None:
        """Draws each motif as a layer of its own, with the style's pattern over all of it, and its shadow below."""
        canvas = self._canvas
        many = len(placed) > _DRAWN_SINGLY
        repeated = self._recorded(placed[0].motif) if many else None
        for each in placed:
            with restored(canvas):
                canvas.translate(each.x, each.y)
                if not each.motif.texture:
                    reach = _OVERHANG * each.scale
                    canvas.clipRect(skia.Rect.MakeLTRB(-reach, -reach, reach, reach))
                    if self._shadow:
                        self._cast_shadow(each.scale)
                with layer(canvas):
                    self._pose(each)
                    if repeated is None:
                        each.motif.draw(self._pen(canvas))
                    else:
                        canvas.drawPicture(repeated)
                    self._lay_pattern()

    def _recorded(self, motif: Motif) -> skia.Picture:
        """One drawing of a motif, to be laid out many times."""
        recorder = skia.PictureRecorder()
        motif.draw(self._pen(recorder.beginRecording(skia.Rect.MakeLTRB(-2, -2, 2, 2))))
        return recorder.finishRecordingAsPicture()

    def light_from_a_side(self) -> None:
        """Brighter where light comes from, darker behind."""
        if self._rng.random() > self._mix.light:
            return
        strength = float(self._rng.uniform(0.2, 0.7))
        dx, dy = 1.2 * math.cos(self._light), 1.2 * math.sin(self._light)
        colours = [skia.Color4f(*colour.faded(strength)).toColor() for colour in (WHITE, BLACK)]
        paint = skia.Paint(BlendMode=skia.BlendMode.kSoftLight)
        paint.setShader(skia.GradientShader.MakeLinear([(dx, dy), (-dx, -dy)], colours))
        self._canvas.drawPaint(paint)

    def hide_a_part(self) -> None:
        """Something dark or bright in front: bars, or a leaf-like blob near the border."""
        pen = self._pen(self._canvas)
        colour = pen.vivid(pen.u(0.15, 0.9))
        if pen.chance(0.5):
            with pen.at(pen.u(-0.9, 0.9), pen.u(-0.9, 0.9), turn=pen.u(0, 180)):
                for k in range(pen.n(1, 3)):
                    pen.line([(-3, k * 0.5), (0, k * 0.5 + pen.u(-0.1, 0.1)), (3, k * 0.5)], colour, pen.u(0.04, 0.14))
        else:
            angle = pen.u(0, 2 * math.pi)
            pen.oval(1.1 * math.cos(angle), 1.1 * math.sin(angle), pen.u(0.3, 0.7), pen.u(0.3, 0.7), colour)

    def _pen(self, canvas: skia.Canvas) -> Pen:
        return Pen(canvas, self._rng, self._mood, self._style, self._light)

    def _pose(self, placed: Placed) -> None:
        rng, canvas = self._rng, self._canvas
        canvas.rotate(rng.uniform(0, 360) if placed.motif.pose == "any" else rng.normal(0, 9))
        canvas.skew(rng.normal(0, 0.07), rng.normal(0, 0.04))
        flip = 1 if rng.random() < 0.5 else -1
        stretch = float(np.exp(rng.normal(0, 0.1)))
        canvas.scale(placed.scale * stretch * flip, placed.scale / stretch)

    def _cast_shadow(self, scale: float) -> None:
        x, y = -0.15 * scale * math.cos(self._light), -0.15 * scale * math.sin(self._light)
        self._pen(self._canvas).glow(x, y, scale * 1.15, BLACK.faded(self._shadow))

    def _lay_pattern(self) -> None:
        """The style's pattern over what the layer holds."""
        if self._style.pattern == "none":
            return
        # The canvas is turned, not the pattern: to give a paint a picture takes two milliseconds.
        with restored(self._canvas):
            self._canvas.rotate(float(self._rng.uniform(-60, 60)))
            self._canvas.scale(*[float(self._rng.uniform(0.9, 1.6)) / 128] * 2)
            self._canvas.drawPaint(pattern_paint(self._style))
