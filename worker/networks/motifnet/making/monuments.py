"""Monuments, and parts of buildings."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    box,
    joined,
    oval,
    petal,
    polar,
    polygon,
    profile,
    segments,
    smooth,
)
from worker.networks.motifnet.making.pen import Pen


@motif()
def arch(pen: Pen) -> None:
    """An arcade of round arches on columns, with voussoirs in two colours."""
    stone, second = (
        pen.c(pen.u(0.05, 0.12), pen.u(0.2, 0.5), pen.u(0.75, 1.0)),
        pen.c(pen.pick(0.02, 0.04, 0.6), 0.75, 0.75),
    )
    count = pen.n(1, 3)
    width = 2.0 / count
    pen.fill(box(-1.0, -0.9, 1.0, 0.95), stone)
    pen.line(segments((-1, y, 1, y) for y in np.arange(-0.82, 0.9, 0.16)), stone.lit(0.65), 0.014)
    for k in range(count):
        x, radius = -1 + width * (k + 0.5), width * 0.36
        spring = -0.72 + radius * 1.25
        opening = joined([oval(x, spring, radius, radius), box(x - radius, spring, x + radius, 0.95)])
        pen.fill(opening, pen.c(0.62, 0.6, 0.4), pen.c(0.08, 0.5, 0.9))
        if pen.chance(0.5):
            pen.glow(x, spring + 0.3, radius, pen.c(0.12, 0.7, 1.0).faded(0.7))
        pieces = 11
        for j in range(pieces):
            a, b = math.pi * (1 + j / pieces), math.pi * (1 + (j + 0.96) / pieces)
            block = polygon(
                [
                    (x + r * math.cos(t), spring + r * math.sin(t))
                    for r, t in ((radius, a), (radius * 1.28, a), (radius * 1.28, b), (radius, b))
                ]
            )
            pen.fill(block, second if j % 2 else stone.lit(1.2))
        for side in (-1, 1):
            cx = x + side * radius * 1.16
            pen.fill(box(cx - radius * 0.15, spring, cx + radius * 0.15, 0.9), stone.lit(1.2))
            pen.fill(box(cx - radius * 0.24, spring - 0.02, cx + radius * 0.24, spring + 0.1), second)
            pen.fill(box(cx - radius * 0.24, 0.82, cx + radius * 0.24, 0.95), stone.lit(0.7))
    pen.fill(box(-1.06, -1.0, 1.06, -0.86), stone.lit(1.2))


@motif()
def bridge(pen: Pen) -> None:
    """A bridge: stone arches with their reflection, or towers and cables."""
    stone, water = pen.c(pen.u(0.02, 0.12), pen.u(0.2, 0.8), pen.u(0.5, 0.9)), pen.c(pen.u(0.5, 0.62), 0.8, 0.6)
    pen.fill(box(-1.05, 0.5, 1.05, 1.0), water)
    pen.line(
        segments((x, y, x + 0.3, y) for x, y in [(pen.u(-1, 0.7), pen.u(0.56, 0.96)) for _ in range(9)]),
        water.lit(1.6),
        0.025,
    )
    if pen.chance(0.5):
        deck = [(-1.05, -0.02), (-0.5, -0.26), (0, -0.34), (0.5, -0.26), (1.05, -0.02)]
        pen.fill(polygon([*deck, (1.05, 0.66), (-1.05, 0.66)]), stone)
        courses = [(x, y, x + 0.14, y) for y in np.arange(-0.1, 0.6, 0.1) for x in np.arange(-1.0, 1.0, 0.23)]
        pen.line(segments(courses), stone.lit(0.6), 0.018)
        count = pen.n(2, 3)
        for k in range(count):
            x, r = -1.05 + 2.1 * (k + 0.5) / count, 0.86 / count
            opening = polygon(
                [(x + r * math.cos(a), 0.66 + r * 1.15 * math.sin(a)) for a in np.linspace(math.pi, 2 * math.pi, 15)]
            )
            pen.fill(opening, pen.c(0.6, 0.5, 0.9), water)
            for j in range(9):
                a = math.pi * (1 + (j + 0.5) / 9)
                pen.line(
                    segments(
                        [
                            (
                                x + r * math.cos(a),
                                0.66 + r * 1.15 * math.sin(a),
                                x + r * 1.22 * math.cos(a),
                                0.66 + r * 1.35 * math.sin(a),
                            )
                        ]
                    ),
                    stone.lit(1.5 if j % 2 else 0.5),
                    0.07,
                )
        pen.line(deck, stone.lit(1.4), 0.08)
        pen.line(segments((x, y - 0.14, x, y) for x, y in deck), stone.lit(0.7), 0.05)
        return
    pen.fill(box(-1.05, 0.2, 1.05, 0.3), stone.lit(0.8))
    for side in (-1, 1):
        x = side * 0.5
        cable = [(x + dx, -0.72 + 0.9 * (abs(dx) / 0.55) ** 1.6) for dx in np.linspace(-0.55, 0.55, 13)]
        pen.line(cable, stone.lit(0.8), 0.035)
        pen.line(segments((cx, cy, cx, 0.2) for cx, cy in cable), stone.lit(0.6), 0.016)
        for dx in (-0.08, 0.08):
            pen.fill(box(x + dx - 0.035, -0.8, x + dx + 0.035, 0.7), stone)
        for y in (-0.78, -0.45, -0.1):
            pen.fill(box(x - 0.12, y, x + 0.12, y + 0.07), stone)


@motif("any")
def rosewindow(pen: Pen) -> None:
    """A cathedral's rose window: stone tracery around coloured glass."""
    stone, colours = pen.pick(BLACK, pen.c(0.1, 0.2, 0.85)), pen.scheme(3)
    count = pen.pick(8, 10, 12)
    pen.dot(0, 0, 1.0, stone)
    for ring, (inner, outer) in enumerate(((0.64, 0.96), (0.26, 0.62))):
        for k in pen.around(count, ring * 180 / count):
            colour = colours[(k + ring) % 3 if count % 3 == 0 else (k + ring) % 2]
            with pen.at(0, -inner):
                width = 2 * math.pi * outer / count * 0.72
                pane = petal(outer - inner, width, 0.9)
                pen.fill(pane, colour)
                pen.line(pane, stone, 0.025)
                pen.dot(0, -(outer - inner) * 0.66, width * 0.2, colours[(k + 2) % 3].lit(1.5))
    for k in pen.around(count):
        pen.dot(0, -0.88, 0.07, colours[k % 3].lit(1.3))
    pen.rings(0, 0, 0.22, [WHITE, colours[2], colours[0].lit(0.6)])
    for _ in pen.around(6):
        pen.line(petal(0.2, 0.12, 0.6), stone, 0.03)
    pen.line(oval(0, 0, 0.99, 0.99), stone.lit(1.3), 0.04)


@motif()
def pyramid(pen: Pen) -> None:
    """A stepped pyramid, one side in shade, stairs in its middle."""
    stone = pen.c(pen.u(0.07, 0.13), pen.u(0.5, 0.85), 0.95)
    steps = pen.n(5, 8)
    for k in range(steps):
        half, top = 1.0 - 0.82 * k / steps, 0.92 - 1.55 * (k + 1) / steps
        bottom = 0.92 - 1.55 * k / steps
        pen.fill(
            polygon([(-half, bottom), (half * 0.25, bottom), (half * 0.2, top), (-half * 0.95, top)]), stone.lit(1.15)
        )
        pen.fill(
            polygon([(half * 0.25, bottom), (half, bottom), (half * 0.95, top), (half * 0.2, top)]), stone.lit(0.5)
        )
        pen.line(
            segments((x * half, bottom, x * half * 0.98, top) for x in np.linspace(-0.9, 0.1, 6)),
            stone.lit(0.75),
            0.014,
        )
    pen.fill(polygon([(-0.42, 0.92), (-0.12, 0.92), (-0.06, -0.63), (-0.18, -0.63)]), stone.lit(1.5))
    pen.line(
        segments((-0.42 + 0.15 * (0.92 - y), y, -0.12 + 0.03 * (0.92 - y), y) for y in np.arange(-0.55, 0.92, 0.09)),
        stone.lit(0.55),
        0.025,
    )
    pen.fill(box(-0.3, -0.85, 0.14, -0.62), stone.lit(0.9))
    pen.flat(box(-0.16, -0.8, -0.02, -0.62), BLACK)


@motif()
def torii(pen: Pen) -> None:
    """A red gate of a Japanese shrine."""
    red = pen.c(pen.pick(0.01, 0.02, 0.04), 0.95, 0.9)
    pen.fill(oval(0, 0.98, 0.95, 0.1), pen.c(0.55, 0.7, 0.6))
    for _ in pen.sides():
        pen.fill(polygon([(0.5, -0.6), (0.64, -0.6), (0.7, 0.98), (0.53, 0.98)]), red)
        pen.fill(box(0.5, 0.84, 0.74, 0.98), BLACK)
    pen.fill(box(-0.82, -0.32, 0.82, -0.17), red.lit(0.85))
    pen.fill(box(-0.1, -0.6, 0.1, -0.2), red)
    pen.fill(box(-0.07, -0.5, 0.07, -0.26), pen.c(0.12, 0.9, 0.95))
    pen.fill(
        smooth(
            [
                (-1.0, -0.82),
                (-0.5, -0.7),
                (0, -0.67),
                (0.5, -0.7),
                (1.0, -0.82),
                (0.95, -0.58),
                (0.5, -0.52),
                (0, -0.5),
                (-0.5, -0.52),
                (-0.95, -0.58),
            ]
        ),
        red,
    )
    pen.line([(-1.06, -0.96), (-0.5, -0.8), (0, -0.76), (0.5, -0.8), (1.06, -0.96)], BLACK, 0.13)
    rope = [(-0.5, -0.14), (-0.25, 0.0), (0, 0.05), (0.25, 0.0), (0.5, -0.14)]
    pen.line(rope, pen.c(0.12, 0.5, 0.95), 0.07)
    for x in (-0.3, 0.0, 0.3):
        pen.flat(
            polygon([(x, 0.03), (x + 0.08, 0.1), (x + 0.02, 0.16), (x + 0.1, 0.26), (x - 0.02, 0.18), (x + 0.04, 0.1)]),
            WHITE,
        )


@motif()
def staircase(pen: Pen) -> None:
    """A winding staircase seen from above or below: steps around an eye of light."""
    wood, light = pen.c(pen.u(0.02, 0.12), pen.u(0.3, 0.85), 0.85), pen.c(0.13, 0.4, 1.0)
    count, turns = 44, 1.9
    pen.dot(0, 0, 1.0, wood.lit(0.18))
    for k in range(count):
        t = k / count
        a, b = 2 * math.pi * turns * t, 2 * math.pi * turns * (t + 0.95 / count)
        outer, inner = 1.0 - 0.72 * t, 0.62 - 0.5 * t
        step = polygon([polar(inner, a), polar(outer, a), polar(outer, b), polar(inner, b)])
        pen.fill(step, wood.lit(0.45 + 0.9 * t))
        pen.line(segments([(*polar(inner, b), *polar(outer, b))]), wood.lit(0.25), 0.025)
    pen.line([polar(1.0 - 0.72 * t, 2 * math.pi * turns * t) for t in np.linspace(0, 1, 50)], wood.lit(1.7), 0.045)
    pen.line([polar(0.62 - 0.5 * t, 2 * math.pi * turns * t) for t in np.linspace(0, 1, 50)], wood.lit(1.5), 0.03)
    pen.glow(0, 0, 0.22, light)


@motif()
def fountain(pen: Pen) -> None:
    """A fountain in two bowls with arching water."""
    stone, water = pen.c(pen.u(0.05, 0.65), pen.u(0.1, 0.4), 0.8), pen.c(pen.u(0.5, 0.6), 0.5, 1.0)
    pen.fill(smooth([(-0.95, 0.62), (0.95, 0.62), (0.75, 0.98), (-0.75, 0.98)]), stone)
    pen.fill(oval(0, 0.64, 0.9, 0.12), water.lit(0.75))
    pen.fill(profile([(0.08, -0.4), (0.12, 0.1), (0.08, 0.3), (0.2, 0.66), (0, 0.66)]), stone)
    pen.fill(profile([(0.5, 0.02), (0.35, 0.2), (0.08, 0.26), (0, 0.26)]), stone.lit(1.1))
    pen.fill(oval(0, 0.03, 0.5, 0.07), water.lit(0.75))
    for reach, top in ((0.2, -1.0), (0.42, -0.85), (0.62, -0.6)):
        for side in (-1, 1):
            pen.line(
                [
                    (0, -0.35),
                    (side * reach * 0.4, top * 0.95),
                    (side * reach * 0.85, top * 0.6),
                    (side * reach * 1.15, 0.0 if reach < 0.6 else 0.6),
                ],
                water,
                0.04,
            )
    drops = [(pen.u(-0.75, 0.75), pen.u(-0.9, 0.5), pen.u(0.012, 0.03)) for _ in range(40)]
    pen.dots(drops, WHITE)
    for side in (-1, 1):
        for k in range(3):
            x = side * (0.3 + 0.09 * k)
            pen.line([(x, 0.06), (x * 1.15, 0.25), (x * 1.2, 0.6)], water, 0.028)
