"""Textures that creatures wear."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK
from worker.networks.motifnet.making.motif import texture
from worker.networks.motifnet.making.paths import (
    arc,
    petal,
    polar,
    polygon,
    segments,
    smooth,
)
from worker.networks.motifnet.making.pen import REACH, Pen


@texture()
def scales(pen: Pen) -> None:
    """A reptile's or fish's overlapping scales, each with its own shine."""
    colour, second = pen.scheme(2)
    step = pen.u(0.2, 0.36)
    pen.ground(colour.lit(0.3))
    for x, y in reversed(pen.grid(step, rows=step * 0.5)):
        shade = colour.mixed(second, pen.u(0, 0.45))
        pen.rings(x, y, step * 0.56, [shade.lit(1.5), shade, shade.lit(0.3)])
        pen.line(arc(x, y, step * 0.56, step * 0.56, 0, 180), colour.lit(0.2), 0.02)


@texture()
def stripes(pen: Pen) -> None:
    """A zebra's stripes: they swell, waver and fork."""
    pen.ground(pen.c(0.1, 0.1, 1.0))
    step, phase, bend = pen.u(0.2, 0.36), pen.u(0, 6), pen.u(0.08, 0.2)
    xs = np.linspace(-REACH, REACH, 22)
    for k, y in enumerate(np.arange(-REACH - 0.2, REACH + 0.2, step)):
        middle = y + bend * np.sin(2.6 * xs + phase + y) + 0.04 * np.sin(7 * xs + 2 * k)
        half = step * (0.24 + 0.1 * np.sin(3.1 * xs + 1.7 * k))
        edge = [*zip(xs, middle - half, strict=True), *zip(xs[::-1], (middle + half)[::-1], strict=True)]
        pen.flat(smooth(edge), BLACK)


@texture()
def leopard(pen: Pen) -> None:
    """A leopard's rosettes on yellow fur."""
    fur, step = pen.c(pen.u(0.08, 0.12), pen.u(0.65, 0.9), pen.u(0.85, 1.0)), pen.u(0.32, 0.48)
    pen.ground(fur)
    for x, y in pen.grid(step, rows=step * 0.85, jitter=0.14):
        radius, start = step * pen.u(0.26, 0.36), pen.u(0, 360)
        pen.dot(x, y, radius * 0.85, fur.lit(0.55))
        for k in range(pen.n(2, 4)):
            pen.line(arc(x, y, radius, radius * 0.9, start + 105 * k, pen.u(50, 85)), BLACK, radius * 0.55)


@texture()
def fur(pen: Pen) -> None:
    """Hair that lies in waves, in tufts of different brightness."""
    colour = pen.c(pen.u(0.03, 0.12), pen.u(0.3, 0.9), pen.u(0.5, 0.9))
    pen.ground(colour.lit(0.4))
    base, curl = pen.u(0, 2 * math.pi), pen.u(0.5, 1.0)
    for shade in (0.35, 0.6, 0.85, 1.1, 1.4, 1.8):
        hairs = []
        for x, y in pen.scatter(130):
            angle, length = base + curl * math.sin(1.6 * x + 1) + curl * math.cos(1.9 * y), pen.u(0.14, 0.36)
            hairs.append((x, y, x + length * math.cos(angle), y + length * math.sin(angle)))
        pen.line(segments(hairs), colour.lit(shade), 0.024)


@texture()
def giraffe(pen: Pen) -> None:
    """A giraffe's coat: brown islands in a cream net."""
    brown, step = pen.c(0.06, 0.75, pen.u(0.45, 0.7)), pen.u(0.42, 0.62)
    pen.ground(pen.c(0.12, 0.35, 1.0))
    for x, y in pen.grid(step, rows=step * 0.9, jitter=0.1):
        corners = [polar(step * pen.u(0.4, 0.5), 2 * math.pi * k / 6 + pen.u(-0.3, 0.3)) for k in range(6)]
        pen.fill(polygon([(x + dx, y + dy) for dx, dy in corners]), brown.lit(pen.u(0.8, 1.2)))


@texture("upright")
def plumage(pen: Pen) -> None:
    """Overlapping body feathers, each with an eye and a pale rim."""
    base, rim, heart = pen.scheme(3)
    step = pen.u(0.3, 0.5)
    pen.ground(base.lit(0.3))
    for x, y in reversed(pen.grid(step, rows=step * 0.6)):
        with pen.at(x, y, turn=180 + pen.u(-8, 8)):
            pen.flat(petal(step * 1.1, step * 1.25, 0.8), base.lit(0.25))
            pen.flat(petal(step * 1.03, step * 1.15, 0.8), rim.lit(1.2))
            pen.fill(petal(step * 0.92, step * 0.95, 0.8), base)
            pen.flat(petal(step * 0.7, step * 0.5, 0.6), heart)
            pen.line(segments([(0, 0, 0, -step * 0.95)]), base.lit(0.3), 0.02)


@texture()
def suckers(pen: Pen) -> None:
    """Arms with rows of suckers, side by side."""
    skin, step = pen.c(pen.pick(0.0, 0.04, 0.85, 0.93), 0.75, 0.85), pen.u(0.4, 0.6)
    pen.ground(skin.lit(0.3))
    phase = pen.u(0, 6)
    for k, y in enumerate(np.arange(-REACH, REACH + step, step)):
        line = [(x, y + 0.13 * math.sin(2.2 * x + phase + k)) for x in np.linspace(-REACH, REACH, 16)]
        pen.line(line, skin.lit(0.6), step * 0.95)
        pen.line(line, skin, step * 0.75)
        for x in np.arange(-REACH, REACH, 0.24):
            middle = y + 0.13 * math.sin(2.2 * x + phase + k)
            for side in (-1, 1):
                pen.rings(
                    x + 0.06 * side,
                    middle + side * step * 0.17,
                    step * 0.15,
                    [skin.lit(0.4), skin.lit(0.5), skin.lit(1.8), skin.lit(1.4)],
                )
