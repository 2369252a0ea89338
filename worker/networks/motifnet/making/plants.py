"""Flowers, leaves, trees, fruit."""

from __future__ import annotations

import math

import numpy as np
import skia

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    Point,
    joined,
    petal,
    polar,
    polygon,
    profile,
    segments,
    smooth,
    spiral,
    taper,
)
from worker.networks.motifnet.making.pen import Pen


@motif("any")
def leaf(pen: Pen) -> None:
    """A leaf with its veins, green or in autumn's colours."""
    colour = pen.c(pen.pick(0.26, 0.32, 0.38, 0.02, 0.07, 0.12), 0.85, pen.u(0.5, 0.9))
    w = pen.u(0.42, 0.68)
    shape = profile([(0, -1.0), (w * 0.45, -0.65), (w, -0.05), (w * 0.75, 0.45), (0, 0.8)])
    pen.line([(0, 0.7), (0.05, 0.9), (pen.u(-0.1, 0.2), 1.08)], colour.lit(0.5), 0.07)
    pen.fill(shape, colour)
    with pen.inside(shape):
        pen.fill(polygon([(0, -1.1), (1, -1.1), (1, 1), (0, 1)]), colour.lit(pen.u(0.7, 0.9)))
        for k in range(7):
            y = 0.62 - 0.22 * k
            for side in (-1, 1):
                pen.line([(0, y), (side * w * 0.5, y - 0.18), (side * w * 1.1, y - 0.45)], colour.lit(1.6), 0.032)
                pen.line(
                    segments(
                        (side * w * t, y - 0.36 * t, side * w * (t + 0.12), y - 0.36 * t + 0.1)
                        for t in (0.25, 0.5, 0.75)
                    ),
                    colour.lit(0.55),
                    0.016,
                )
    pen.line([(0, -0.95), (0, 0), (0, 0.75)], colour.lit(1.7), 0.05)
    pen.line(shape, colour.lit(0.4), 0.03)


@motif("any")
def maple(pen: Pen) -> None:
    """A maple leaf in autumn."""
    colour = pen.c(pen.pick(0.0, 0.02, 0.05, 0.1), 0.95, pen.u(0.7, 1.0))
    lobes = [(0, 1.1), (52, 1.05), (-52, 1.05), (105, 0.8), (-105, 0.8)]
    outline = []
    for angle, length in sorted(lobes):
        a = math.radians(angle - 90)
        outline += [
            polar(0.3, a - 0.42),
            polar(length * 0.62, a - 0.34),
            polar(length * 0.66, a - 0.16),
            polar(length * 0.84, a - 0.16),
            polar(length, a),
            polar(length * 0.84, a + 0.16),
            polar(length * 0.66, a + 0.16),
            polar(length * 0.62, a + 0.34),
            polar(0.3, a + 0.42),
        ]
    pen.line([(0, 0.1), (0.03, 0.6), (pen.u(-0.15, 0.15), 1.0)], colour.lit(0.6), 0.06)
    pen.fill(polygon([(x, y + 0.1) for x, y in outline] + [(0.05, 0.35), (-0.05, 0.35)]), colour)
    for angle, length in lobes:
        x, y = polar(length * 0.9, math.radians(angle - 90))
        pen.line(
            segments(
                [
                    (0, 0.15, x, y + 0.1),
                    (x * 0.55, y * 0.55 + 0.1, x * 0.7 + y * 0.2, y * 0.7 - x * 0.2 + 0.1),
                    (x * 0.55, y * 0.55 + 0.1, x * 0.7 - y * 0.2, y * 0.7 + x * 0.2 + 0.1),
                ]
            ),
            colour.lit(1.6),
            0.028,
        )


@motif("any")
def fern(pen: Pen) -> None:
    """A fern's frond: leaflets along ribs along a stem, its tip still rolled."""
    green = pen.c(pen.u(0.22, 0.38), 0.85, pen.u(0.6, 0.95))
    bend = pen.u(0.15, 0.45) * pen.pick(-1, 1)
    for k in range(10):
        t = k / 10
        x, y = bend * t * t, 0.85 - 1.45 * t
        length = 0.82 * math.sin(math.pi * (0.22 + 0.74 * t)) + 0.05
        for side in (-1, 1):
            with pen.at(x, y, turn=side * (72 - 22 * t) + 18 * bend * t):
                tone = green.lit(1.3 if side > 0 else 0.75)
                rib = [(0.0, 0.0), (0.03 * side, -length * 0.5), (-0.05 * side, -length)]
                for j in range(1, 7):
                    size = 0.1 * (1.15 - j / 8) * (0.5 + length / 1.6)
                    for leaflet in (-1, 1):
                        with pen.at(0.03 * side * math.sin(j / 2), -length * j / 6.4, turn=leaflet * 62):
                            pen.flat(petal(size * 1.5, size * 0.85, 0.4), tone.lit(1.0 - 0.05 * j))
                pen.line(rib, green.lit(0.4), 0.022)
    pen.line([(bend * t * t, 1.05 - 1.65 * t) for t in np.linspace(0, 1, 9)], green.lit(0.45), 0.05)
    with pen.at(bend, -0.72, turn=-90):
        pen.line(spiral(1.7, 0.03, 0.26, 1.0, 30), green, 0.07)


@motif()
def branch(pen: Pen) -> None:
    """A bare tree: a trunk that forks again and again."""
    colour = pen.pick(pen.c(0.07, 0.5, 0.3), BLACK, pen.c(0.6, 0.1, 0.95), pen.c(0.0, 0.8, 0.5))

    def grow(x: float, y: float, angle: float, length: float, width: float, depth: int) -> None:
        bend = angle + pen.u(-0.2, 0.2)
        mx, my = x + length * 0.5 * math.cos(bend), y + length * 0.5 * math.sin(bend)
        ex, ey = mx + length * 0.5 * math.cos(angle), my + length * 0.5 * math.sin(angle)
        limbs.append(taper([(x, y), (mx, my), (ex, ey)], [width, width * 0.85, width * 0.7]))
        if depth:
            for side in (-1, 1) if depth < 5 or pen.chance(0.5) else (-1, 0, 1):
                grow(ex, ey, angle + side * pen.u(0.25, 0.65), length * pen.u(0.66, 0.82), width * 0.68, depth - 1)

    limbs: list[skia.Path] = []
    grow(0, 1.0, -math.pi / 2, 0.5, 0.2, 5)
    pen.flat(joined(limbs), colour)
    with pen.at(-0.012, -0.008):
        pen.flat(joined(limbs[:20]), colour.lit(1.8).faded(0.4))
    for _ in pen.sides():
        pen.fill(smooth([(0, 0.85), (0.1, 0.9), (0.35, 1.02), (0, 1.0)]), colour)


@motif()
def tree(pen: Pen) -> None:
    """A broad tree: a trunk under clumps of leaves, sometimes with fruit."""
    crown, bark = pen.c(pen.pick(0.25, 0.3, 0.36, 0.06, 0.95), 0.85, pen.u(0.5, 0.85)), pen.c(0.07, 0.6, 0.4)
    pen.fill(profile([(0.1, -0.1), (0.09, 0.4), (0.14, 0.8), (0.34, 1.0), (0, 0.95)]), bark)
    pen.line(segments([(-0.04, 0.2, -0.06, 0.85), (0.04, 0.15, 0.05, 0.8)]), bark.lit(0.5), 0.03)
    pen.line([(0.0, 0.3), (0.3, 0.05), (0.4, -0.1)], bark, 0.09)
    pen.line([(0.0, 0.4), (-0.3, 0.1), (-0.45, -0.1)], bark, 0.09)
    clumps = [(pen.u(-0.65, 0.65), pen.u(-0.75, 0.1)) for _ in range(13)]
    for tone, lift in ((0.5, 0.06), (0.85, 0.0), (1.2, -0.07)):
        for x, y in sorted(clumps, key=lambda c: c[1]):
            radius = 0.3 if tone < 1 else 0.21
            bumps = [radius * (1.04 if j % 2 else 0.84) for j in range(18)]
            scallop = [polar(bump, j * math.pi / 9) for j, bump in enumerate(bumps)]
            scallop = [(x + dx, y + lift + dy) for dx, dy in scallop]
            pen.flat(smooth(scallop), crown.lit(tone))
        if tone > 0.5:
            pen.line(
                segments(
                    (x + dx, y + lift, x + dx + 0.05, y + lift + 0.05) for x, y in clumps for dx in (-0.1, 0.0, 0.1)
                ),
                crown.lit(tone * 0.6),
                0.02,
            )
    if pen.chance(0.5):
        pen.dots([(x + 0.05, y + 0.08, 0.05) for x, y in clumps], pen.c(pen.pick(0.0, 0.08, 0.14), 0.95, 0.95))


@motif()
def palm(pen: Pen) -> None:
    """A palm: a ringed leaning trunk, arching fronds, coconuts."""
    green, bark, lean = pen.c(pen.u(0.26, 0.4), 0.85, 0.7), pen.c(0.08, 0.55, 0.6), pen.u(-0.35, 0.35)
    trunk = [(-lean * (1 - t) ** 2, -0.3 + 1.32 * (1 - t)) for t in np.linspace(0, 1, 12)]
    pen.fill(taper(trunk, np.linspace(0.2, 0.11, 12).tolist()), bark)
    pen.line(segments((x - 0.08, y - 0.02, x + 0.08, y) for x, y in trunk[1:]), bark.lit(0.5), 0.03)
    for k in range(9):
        a = math.radians(-205 + 230 * k / 8 + pen.u(-6, 6))
        points = [polar(0.95 * t, a) for t in np.linspace(0, 1, 8)]
        spine = [(x, -0.32 + y * 0.8 + 0.5 * (i / 7) ** 2) for i, (x, y) in enumerate(points)]
        fronds = [
            (x, y, x + d * 0.12 + 0.06 * math.cos(a), y + 0.2 - 0.05 * abs(d))
            for x, y in spine[1:]
            for d in (-1, -0.3, 0.3, 1)
        ]
        pen.line(segments(fronds), green.lit(0.6 + 0.07 * k), 0.035)
        pen.line(spine, green.lit(1.4), 0.04)
    for x, y in ((-0.1, -0.22), (0.08, -0.2), (0.0, -0.12)):
        pen.ball(x, y, 0.09, pen.c(0.07, 0.7, 0.45))


@motif()
def pine(pen: Pen) -> None:
    """A fir: tiers of drooping boughs, perhaps with snow."""
    green = pen.c(pen.u(0.33, 0.45), 0.8, pen.u(0.3, 0.6))
    snow = pen.chance(0.5)
    pen.fill(polygon([(-0.09, 0.7), (0.09, 0.7), (0.12, 1.05), (-0.12, 1.05)]), pen.c(0.06, 0.6, 0.4))
    tiers = pen.n(4, 6)
    for k in range(tiers):
        t = k / (tiers - 1)
        y, width = 0.82 - 1.25 * t, 0.8 - 0.52 * t
        height = 0.62 - 0.1 * t
        fringe = [
            (width * x, y + (0.07 if i % 2 else -0.05) - 0.12 * (1 - abs(x)))
            for i, x in enumerate(np.linspace(1, -1, 13))
        ]
        pen.fill(polygon([(0, y - height), *fringe]), green.lit(0.75 + 0.4 * t))
        pen.line(
            segments((x * 0.3, y - height * 0.6, x * 0.85, yy - 0.06) for x, yy in fringe[1::2]), green.lit(0.5), 0.025
        )
        if snow:
            pen.line(polygon([(x, yy - 0.06) for x, yy in fringe], closed=False), WHITE, 0.04)
    if pen.chance(0.3):
        pen.dots([(pen.u(-0.4, 0.4), pen.u(0.0, 0.7), 0.06) for _ in range(7)], pen.vivid())


@motif()
def cactus(pen: Pen) -> None:
    """A cactus with ribs, spines and a flower."""
    green = pen.c(pen.u(0.28, 0.42), 0.75, pen.u(0.45, 0.75))
    arms: list[tuple[list[Point], float]] = [
        ([(0, 1.02), (0, 0.2), (0, -0.75)], 0.42),
        ([(0.1, 0.4), (0.55, 0.38), (0.62, 0.1), (0.62, pen.u(-0.45, -0.1))], 0.26),
        ([(-0.1, 0.15), (-0.52, 0.12), (-0.6, -0.1), (-0.6, pen.u(-0.65, -0.2))], 0.26),
    ]
    for points, width in arms[::-1]:
        pen.line(points, green.lit(0.45), width + 0.05)
        pen.line(points, green, width)
        for offset, tone in ((-0.3, 0.65), (0.0, 1.3), (0.3, 0.65)):
            pen.line([(x + offset * width, y) for x, y in points], green.lit(tone), 0.035)
    spines = []
    for points, width in arms:
        (x, y0), (_, y1) = points[-1], points[-2]
        for y in np.arange(y0, max(y1, y0 + 0.2), 0.13):
            for dx in (-0.5, 0.0, 0.5):
                spines += [(x + dx * width, y, x + dx * width + s * 0.07, y - 0.06) for s in (-1, 1)]
    pen.line(segments(spines), WHITE, 0.018)
    for points, _ in arms[: pen.n(1, 3)]:
        with pen.at(points[-1][0], points[-1][1] - 0.1):
            for _ in pen.around(7):
                pen.fill(petal(0.22, 0.12, 0.2), pen.c(pen.pick(0.93, 0.0, 0.12), 0.9, 1.0))
            pen.dot(0, 0, 0.07, pen.c(0.14, 0.9, 1.0))
