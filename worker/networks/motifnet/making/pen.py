"""The pen: what motifs are drawn with. It knows the picture's colours, light and line style, so that motifs need not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar

import numpy as np
import skia
from numpy.typing import NDArray

from worker.networks.motifnet.making import paths
from worker.networks.motifnet.making.colours import BLACK, WHITE, Colour, Mood
from worker.networks.motifnet.making.paths import Point, Points
from worker.networks.motifnet.making.styles import LineStyle

T = TypeVar("T")

#: How far up a whole picture of a texture reaches in the motif's units: turned and shifted it still fills the frame.
REACH = 1.75


class Pen:
    """Draws in a box [−1, 1]² on a canvas, with y downwards. All chance comes from one generator."""

    def __init__(
        self, canvas: skia.Canvas, rng: np.random.Generator, mood: Mood, style: LineStyle, light: float
    ) -> None:
        """`light` is the angle, in radians clockwise from the right, that light comes from."""
        self.canvas, self.rng = canvas, rng
        self._mood, self._style = mood, style
        self._light = (math.cos(light), math.sin(light))
        self._wobble = int(rng.integers(1 << 30))

    # Chance

    def u(self, low: float, high: float) -> float:
        """A number between two."""
        return low + (high - low) * self.rng.random()

    def n(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.rng.random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """True in that share of all cases."""
        return bool(self.rng.random() < share)

    def pick(self, *options: T) -> T:
        """One of them."""
        return options[int(self.rng.random() * len(options))]

    # Colours

    def c(self, hue: float, saturation: float, value: float) -> Colour:
        """The colour that a motif asks for, bent by the picture's mood."""
        return self._mood.colour(self.rng, hue, saturation, value)

    def vivid(self, value: float = 0.9) -> Colour:
        """Any strong colour."""
        return self.c(self.rng.random(), self.u(0.7, 1.0), value)

    def scheme(self, count: int) -> list[Colour]:
        """Strong colours that go together: neighbours, opposites or thirds on the colour wheel."""
        first = self.rng.random()
        step = self.pick(0.07, 0.11, 0.5, 1 / 3, 0.38)
        return [self.c(first + step * k, self.u(0.65, 1.0), self.u(0.6, 1.0)) for k in range(count)]

    # Shapes

    def fill(self, path: skia.Path, colour: Colour, to: Colour | None = None) -> None:
        """A shape with the style's modelling and outline; with `to`, its colour changes from top to bottom."""
        self.canvas.drawPath(path, self._filling(path, colour, to))
        if self._style.outline:
            self.line(path, colour.lit(0.25), self._style.outline)

    def flat(self, path: skia.Path, colour: Colour) -> None:
        """A shape without modelling or outline: for small parts and where there are many."""
        self.canvas.drawPath(path, skia.Paint(AntiAlias=True, Color4f=_skia(self._style.on_paper(colour))))

    def line(self, path: skia.Path | Points, colour: Colour, width: float) -> None:
        """A line along a path, or a curve through points."""
        if not isinstance(path, skia.Path):
            path = paths.smooth(path, closed=False)
        paint = skia.Paint(
            AntiAlias=True,
            Color4f=_skia(colour),
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap,
            StrokeJoin=skia.Paint.kRound_Join,
        )
        if self._style.wobble:
            paint.setPathEffect(skia.DiscretePathEffect.Make(0.2, self._style.wobble, self._wobble))
        self.canvas.drawPath(path, paint)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, to: Colour | None = None) -> None:
        """An ellipse, like `fill`."""
        self.fill(paths.oval(x, y, rx, ry), colour, to)

    def dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A flat disc."""
        self.flat(paths.oval(x, y, radius, radius), colour)

    def dots(self, centres: Sequence[tuple[float, float, float]], colour: Colour) -> None:
        """Flat discs (x, y, radius)."""
        self.flat(paths.circles(centres), colour)

    def ground(self, colour: Colour) -> None:
        """Fills all there is, as textures do first."""
        self.canvas.drawPaint(skia.Paint(Color4f=_skia(self._style.on_paper(colour))))

    def ball(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A disc lit like a ball whatever the style."""
        centre = (x + self._light[0] * radius * 0.45, y + self._light[1] * radius * 0.45)
        stops = [colour.lit(1.7), colour, colour.lit(0.35)]
        self._shaded(paths.oval(x, y, radius, radius), _radial(centre, radius * 1.45, stops))

    def glow(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Light that fades out."""
        self._shaded(paths.oval(x, y, radius, radius), _radial((x, y), radius, [colour, colour.faded(0.0)]))

    def rings(self, x: float, y: float, radius: float, colours: Sequence[Colour]) -> None:
        """A disc whose colours change from its centre outwards without steps."""
        self._shaded(paths.oval(x, y, radius, radius), _radial((x, y), radius, colours))

    def eyeball(
        self, x: float, y: float, radius: float, iris: Colour, pupil: Literal["round", "slit", "bead"] = "round"
    ) -> None:
        """An eye as creatures have it; a bead is all pupil."""
        if pupil == "bead":
            self.ball(x, y, radius, BLACK.mixed(iris, 0.25))
        else:
            self.dot(x, y, radius * 1.1, BLACK)
            self.rings(x, y, radius, [iris.lit(1.5), iris, iris.lit(0.4)])
            narrow = 0.22 if pupil == "slit" else 0.52
            self.flat(paths.oval(x, y, radius * narrow, radius * (0.85 if pupil == "slit" else narrow)), BLACK)
        self.dot(x - radius * 0.3, y - radius * 0.35, radius * 0.24, WHITE)

    # Places

    @contextmanager
    def at(self, x: float, y: float, scale: float = 1.0, turn: float = 0.0, stretch: float = 1.0) -> Iterator[None]:
        """Draws around another origin, scaled and turned by degrees; `stretch` widens."""
        with restored(self.canvas):
            self.canvas.translate(x, y)
            if turn:
                self.canvas.rotate(turn)
            self.canvas.scale(scale * stretch, scale)
            yield

    @contextmanager
    def inside(self, path: skia.Path) -> Iterator[None]:
        """Keeps what is drawn within a shape."""
        with restored(self.canvas):
            self.canvas.clipPath(path, True)
            yield

    def sides(self) -> Iterator[int]:
        """Once as it is and once mirrored: −1 (left), then 1 (right). Draw the right side, x > 0, in both turns."""
        for side in (-1, 1):
            with restored(self.canvas):
                self.canvas.scale(side, 1)
                yield side

    def around(self, count: int, start: float = 0.0) -> Iterator[int]:
        """Turns the canvas to `count` equal angles, from `start` degrees on. Upwards is outwards."""
        for k in range(count):
            with restored(self.canvas):
                self.canvas.rotate(start + 360 * k / count)
                yield k

    def grid(self, step: float, *, rows: float | None = None, jitter: float = 0.0) -> list[Point]:
        """Points of a staggered grid over the reach of a texture, row by row from the top, as far as they can be seen."""
        rows = rows or step
        ys, xs = np.arange(-REACH, REACH + rows, rows), np.arange(-REACH, REACH + step, step)
        centres = np.stack(np.meshgrid(xs, ys), axis=-1)
        centres[1::2, :, 0] += step / 2
        if jitter:
            centres += self.rng.uniform(-jitter, jitter, centres.shape) * step
        return self._visible(centres.reshape(-1, 2), step)

    def scatter(self, count: int, reach: float = REACH) -> list[Point]:
        """`count` points anywhere within a square; those that are far out of sight are left out."""
        return self._visible(self.rng.uniform(-reach, reach, (count, 2)), 0.6)

    # Inside

    def _visible(self, points: NDArray[np.float64], margin: float) -> list[Point]:
        seen = self.canvas.getLocalClipBounds().makeOutset(margin, margin)
        x, y = points.T
        inside = (x >= seen.left()) & (x <= seen.right()) & (y >= seen.top()) & (y <= seen.bottom())
        return [(x, y) for x, y in points[inside].tolist()]

    def _shaded(self, path: skia.Path, shader: skia.Shader) -> None:
        paint = skia.Paint(AntiAlias=True)
        paint.setShader(shader)
        self.canvas.drawPath(path, paint)

    def _filling(self, path: skia.Path, colour: Colour, to: Colour | None) -> skia.Paint:
        style = self._style
        paint = skia.Paint(AntiAlias=True, Color4f=_skia(style.on_paper(colour)))
        if style.wobble:
            paint.setPathEffect(skia.DiscretePathEffect.Make(0.2, style.wobble, self._wobble))
        bounds = path.getBounds()
        if to is not None:
            ends = [(0.0, bounds.top()), (0.0, bounds.bottom())]
            paint.setShader(_linear(ends, [style.on_paper(colour), style.on_paper(to)]))
        elif style.relief:
            x, y = bounds.centerX(), bounds.centerY()
            dx, dy = self._light[0] * bounds.width() * 0.5, self._light[1] * bounds.height() * 0.5
            stops = [colour.lit(1 + 0.55 * style.relief), colour, colour.lit(1 - 0.6 * style.relief)]
            paint.setShader(_linear([(x + dx, y + dy), (x - dx, y - dy)], [style.on_paper(stop) for stop in stops]))
        return paint


@contextmanager
def restored(canvas: skia.Canvas) -> Iterator[None]:
    """Leaves the canvas' place and clip as they were."""
    canvas.save()
    try:
        yield
    finally:
        canvas.restore()


@contextmanager
def layer(canvas: skia.Canvas) -> Iterator[None]:
    """Draws on a transparent layer, which is then laid over what is there."""
    canvas.saveLayer()
    try:
        yield
    finally:
        canvas.restore()


def _skia(colour: Colour) -> skia.Color4f:
    return skia.Color4f(*colour)


def _packed(colours: Sequence[Colour]) -> list[int]:
    """Colours as skia's gradients want them: ARGB, eight bits each."""
    return [
        int(a * 255 + 0.5) << 24 | int(r * 255 + 0.5) << 16 | int(g * 255 + 0.5) << 8 | int(b * 255 + 0.5)
        for r, g, b, a in colours
    ]


def _linear(ends: Sequence[tuple[float, float]], colours: Sequence[Colour]) -> skia.Shader:
    return skia.GradientShader.MakeLinear(list(ends), _packed(colours))


def _radial(centre: tuple[float, float], radius: float, colours: Sequence[Colour]) -> skia.Shader:
    return skia.GradientShader.MakeRadial(centre, radius, _packed(colours))
