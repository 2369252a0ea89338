"""Fruit, cones and mushrooms."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import WHITE, Colour
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    arc,
    oval,
    petal,
    polygon,
    profile,
    segments,
    smooth,
    spiral,
)
from worker.networks.motifnet.making.pen import Pen


@motif()
def mushroom(pen: Pen) -> None:
    """A toadstool: a spotted cap over gills and a ringed stem."""
    cap = pen.c(pen.pick(0.0, 0.01, 0.03, 0.07, 0.78), 0.95, pen.u(0.75, 0.95))
    pen.fill(profile([(0.16, 0.0), (0.15, 0.5), (0.3, 0.9), (0, 1.0)]), pen.c(0.11, 0.15, 1.0))
    pen.fill(smooth([(-0.9, 0.0), (0, -0.1), (0.9, 0.0), (0.4, 0.22), (-0.4, 0.22)]), pen.c(0.1, 0.3, 0.9))
    pen.line(
        segments((0.1 * x, 0.05, x, 0.02 + 0.17 * (1 - x * x)) for x in np.linspace(-0.85, 0.85, 23)),
        pen.c(0.07, 0.5, 0.5),
        0.018,
    )
    hat = smooth(
        [
            (-0.98, 0.05),
            (-0.8, -0.5),
            (-0.35, -0.88),
            (0.35, -0.88),
            (0.8, -0.5),
            (0.98, 0.05),
            (0.5, -0.03),
            (0, -0.06),
            (-0.5, -0.03),
        ]
    )
    pen.fill(hat, cap)
    with pen.inside(hat):
        pen.glow(-0.3, -0.62, 0.45, WHITE.faded(0.45))
        for x, y in (
            (-0.6, -0.35),
            (-0.15, -0.6),
            (0.3, -0.3),
            (0.65, -0.42),
            (-0.25, -0.22),
            (0.25, -0.75),
            (-0.82, -0.08),
            (0.85, -0.08),
            (0.0, -0.1),
        ):
            r = pen.u(0.07, 0.14)
            pen.fill(oval(x + pen.u(-0.05, 0.05), y, r, r * 0.85), WHITE)
    pen.fill(
        smooth(
            [(-0.2, 0.28), (0, 0.24), (0.2, 0.28), (0.28, 0.45), (0.1, 0.4), (0, 0.46), (-0.12, 0.4), (-0.28, 0.45)]
        ),
        pen.c(0.1, 0.2, 0.95),
    )


@motif()
def grapes(pen: Pen) -> None:
    """A bunch of grapes under a leaf, with a tendril."""
    colour = pen.c(pen.pick(0.76, 0.8, 0.93, 0.24), 0.85, pen.u(0.5, 0.85))
    pen.line([(0, -0.55), (0.02, -0.8), (-0.1, -1.0)], pen.c(0.08, 0.6, 0.4), 0.07)
    pen.line(
        [(0.1, -0.6), *((0.5 + x, -0.62 + y) for x, y in spiral(1.5, 0.22, 0.03, count=20))],
        pen.c(0.28, 0.7, 0.6),
        0.03,
    )
    for row, count in enumerate((5, 6, 5, 4, 3, 2, 1)):
        for k in range(count):
            pen.ball(
                (k - (count - 1) / 2) * 0.26 + pen.u(-0.03, 0.03),
                -0.45 + 0.21 * row,
                0.165,
                colour.lit(pen.u(0.75, 1.15)),
            )
    green = pen.c(0.3, 0.8, 0.6)
    pen.fill(
        smooth(
            [
                (-0.1, -0.62),
                (-0.3, -0.98),
                (-0.52, -0.8),
                (-0.9, -0.85),
                (-0.72, -0.58),
                (-0.85, -0.3),
                (-0.5, -0.4),
                (-0.3, -0.32),
            ]
        ),
        green,
    )
    pen.line(
        segments((-0.12, -0.6, x, y) for x, y in ((-0.5, -0.86), (-0.8, -0.78), (-0.75, -0.38))), green.lit(1.6), 0.03
    )


@motif()
def pineapple(pen: Pen) -> None:
    """A pineapple: a lattice of scales under a crown of leaves."""
    gold, green = pen.c(pen.u(0.09, 0.13), 0.9, 0.95), pen.c(pen.u(0.3, 0.42), 0.75, 0.6)
    for k, turn in enumerate((-65, 65, -42, 42, -22, 22, 0)):
        with pen.at(0, -0.2, turn=turn):
            pen.fill(petal(0.62 + 0.04 * k, 0.19, 0.0), green.lit(0.6 + 0.1 * k))
    body = profile([(0, -0.35), (0.35, -0.25), (0.5, 0.25), (0.4, 0.75), (0, 1.0)])
    pen.fill(body, gold)
    with pen.inside(body):
        lines = [(t, -0.5, t + 1.1, 1.1) for t in np.arange(-1.8, 0.8, 0.2)] + [
            (t + 1.1, -0.5, t, 1.1) for t in np.arange(-1.8, 0.8, 0.2)
        ]
        pen.line(segments(lines), gold.lit(0.35), 0.035)
        for row, y in enumerate(np.arange(-0.42, 1.0, 0.145)):
            for x in np.arange(-0.6, 0.6, 0.2):
                pen.flat(
                    polygon(
                        [
                            (x + 0.1 * (row % 2) - 0.03, y),
                            (x + 0.1 * (row % 2), y - 0.06),
                            (x + 0.1 * (row % 2) + 0.03, y),
                        ]
                    ),
                    pen.c(0.06, 0.9, 0.5),
                )


@motif()
def strawberry(pen: Pen) -> None:
    """A strawberry with seeds in pits and a leafy cap."""
    red, green = pen.c(pen.u(0.96, 1.01), 0.95, 0.9), pen.c(0.31, 0.85, 0.6)
    body = profile([(0, -0.55), (0.5, -0.62), (0.78, -0.2), (0.55, 0.45), (0.2, 0.92), (0, 1.0)])
    pen.fill(body, red)
    with pen.inside(body):
        pen.glow(-0.3, -0.25, 0.5, WHITE.faded(0.35))
        for row, y in enumerate(np.arange(-0.42, 0.95, 0.19)):
            for x in np.arange(-0.8, 0.9, 0.24):
                px = x + 0.12 * (row % 2)
                pen.flat(oval(px, y + 0.015, 0.045, 0.065), red.lit(0.5))
                pen.flat(oval(px, y, 0.026, 0.042), pen.c(0.14, 0.8, 1.0))
    for k in range(7):
        with pen.at(0, -0.55, turn=-105 + 35 * k):
            pen.fill(petal(0.52, 0.24, 0.0), green.lit(pen.u(0.75, 1.1)))
    pen.line([(0, -0.6), (0.04, -0.8), (0.14, -1.0)], green.lit(0.8), 0.08)


@motif("any")
def citrus(pen: Pen) -> None:
    """A slice of an orange, lemon or lime: segments with threads of pulp."""
    rind: Colour = pen.c(pen.pick(0.075, 0.135, 0.23, 0.03), 0.95, 0.98)
    pen.dot(0, 0, 1.0, rind.lit(0.75))
    pen.oval(0, 0, 0.95, 0.95, rind)
    pen.dot(0, 0, 0.84, WHITE.mixed(rind, 0.15))
    count = pen.n(8, 11)
    half = math.pi / count
    for _ in pen.around(count, pen.u(0, 40)):
        wedge = smooth(
            [
                (0, -0.1),
                (0.7 * math.sin(half * 0.8), -0.68),
                (0.5 * math.sin(half), -0.78),
                (0, -0.8),
                (-0.5 * math.sin(half), -0.78),
                (-0.7 * math.sin(half * 0.8), -0.68),
            ]
        )
        pen.fill(wedge, rind)
        pen.line(segments((0, -0.16, x, -0.72) for x in (-0.12, -0.06, 0, 0.06, 0.12)), rind.lit(1.6), 0.022)
        if pen.chance(0.3):
            pen.fill(petal(0.3, 0.09, 0.4), pen.c(0.11, 0.3, 1.0))
    pen.dot(0, 0, 0.07, WHITE)


@motif("any")
def pinecone(pen: Pen) -> None:
    """A cone: woody scales in spirals."""
    brown = pen.c(pen.u(0.04, 0.09), pen.u(0.5, 0.8), pen.u(0.45, 0.75))
    for row in range(10):
        t = row / 9
        y, width = -0.85 + 1.65 * t, 0.68 * math.sin(math.pi * (0.12 + 0.78 * t)) ** 0.8
        count = max(2, int(width * 8))
        for k in range(count):
            x = width * (2 * (k + 0.5 * (row % 2)) / count - 1 + 0.5 / count)
            with pen.at(x, y, turn=180 - 42 * x):
                pen.fill(petal(0.34, 0.34, 0.8), brown.lit(0.6 + 0.5 * t))
                pen.line(arc(0, -0.24, 0.12, 0.1, 190, 160), brown.lit(1.8), 0.04)
                pen.dot(0, -0.24, 0.03, brown.lit(0.3))
