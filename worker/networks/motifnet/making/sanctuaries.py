"""Temples, churches, mosques."""

from __future__ import annotations

import numpy as np

from worker.networks.motifnet.making.colours import BLACK
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    arched,
    box,
    oval,
    petal,
    polygon,
    profile,
    segments,
    smooth,
)
from worker.networks.motifnet.making.pen import Pen


@motif()
def pagoda(pen: Pen) -> None:
    """A pagoda: curved roofs over one another, red posts, a spire."""
    roof, wood, wall = (
        pen.c(pen.pick(0.42, 0.55, 0.03, 0.6), 0.75, pen.u(0.35, 0.7)),
        pen.c(0.01, 0.9, 0.8),
        pen.c(0.1, 0.3, 0.95),
    )
    floors = pen.n(3, 6)
    y, width, height = 1.0, 0.9, 1.62 / floors
    for _ in range(floors):
        pen.fill(box(-width * 0.58, y - height * 0.62, width * 0.58, y), wall)
        for x in np.linspace(-width * 0.54, width * 0.54, 5):
            pen.fill(box(x - 0.03, y - height * 0.62, x + 0.03, y), wood)
        pen.flat(arched(0, y - height * 0.5, y, width * 0.12), BLACK)
        pen.line(segments([(-width * 0.6, y - 0.03, width * 0.6, y - 0.03)]), wood.lit(0.7), 0.035)
        y -= height * 0.5
        eaves = smooth(
            [
                (-width * 1.08, y - 0.1),
                (-width * 0.8, y + 0.06),
                (0, y + 0.1),
                (width * 0.8, y + 0.06),
                (width * 1.08, y - 0.1),
                (width * 0.5, y - height * 0.28),
                (width * 0.36, y - height * 0.46),
                (-width * 0.36, y - height * 0.46),
                (-width * 0.5, y - height * 0.28),
            ]
        )
        pen.fill(eaves, roof)
        with pen.inside(eaves):
            pen.line(
                segments((x * 0.4, y - height * 0.5, x, y + 0.1) for x in np.linspace(-width, width, 15)),
                roof.lit(0.5),
                0.022,
            )
        pen.line(
            [
                (-width * 1.08, y - 0.1),
                (-width * 0.8, y + 0.06),
                (0, y + 0.1),
                (width * 0.8, y + 0.06),
                (width * 1.08, y - 0.1),
            ],
            pen.c(0.12, 0.8, 0.95),
            0.03,
        )
        y -= height * 0.46
        width *= 0.8
    pen.line(segments([(0, y + 0.05, 0, y - 0.22)]), pen.c(0.12, 0.9, 0.95), 0.05)
    pen.dots([(0, y - 0.02, 0.05), (0, y - 0.12, 0.04)], pen.c(0.12, 0.9, 0.95))


@motif()
def mosque(pen: Pen) -> None:
    """A domed mosque between minarets."""
    dome, wall, gold = pen.c(pen.pick(0.52, 0.57, 0.12, 0.42), 0.85, 0.8), pen.c(0.1, 0.2, 1.0), pen.c(0.12, 0.9, 1.0)
    for side in (-1, 1):
        x = side * 0.86
        pen.fill(box(x - 0.075, -0.55, x + 0.075, 1.0), wall.lit(0.85))
        pen.fill(box(x - 0.13, -0.2, x + 0.13, -0.12), dome.lit(0.8))
        pen.fill(polygon([(x - 0.1, -0.55), (x, -0.98), (x + 0.1, -0.55)]), dome)
    pen.fill(box(-0.68, 0.15, 0.68, 1.0), wall)
    for x, r in ((-0.48, 0.22), (0.48, 0.22)):
        with pen.at(x, 0.17, r):
            pen.fill(profile([(0, -1.5), (0.25, -1.1), (0.95, -0.6), (0.9, 0), (0, 0)]), dome.lit(0.85))
    pen.fill(box(-0.4, -0.12, 0.4, 0.2), wall.lit(0.9))
    onion = profile([(0, -0.98), (0.1, -0.8), (0.4, -0.55), (0.5, -0.3), (0.4, -0.1), (0, -0.1)])
    pen.fill(onion, dome)
    with pen.inside(onion):
        pen.line(segments((0, -1, x, -0.1) for x in (-0.4, -0.2, 0, 0.2, 0.4)), dome.lit(1.6), 0.03)
        pen.line([(-0.6, -0.2), (0, -0.14), (0.6, -0.2)], gold, 0.06)
    pen.line(segments([(0, -0.95, 0, -1.08)]), gold, 0.04)
    for x, top, half in ((0, 0.3, 0.2), (-0.45, 0.45, 0.12), (0.45, 0.45, 0.12)):
        pen.fill(arched(x, top, 1.0, half), dome.lit(0.5))
        pen.line(arched(x, top, 1.0, half * 1.2), gold, 0.03)


@motif()
def temple(pen: Pen) -> None:
    """A Greek temple: gable, fluted columns, steps."""
    stone = pen.c(pen.u(0.06, 0.14), pen.u(0.1, 0.45), pen.u(0.8, 1.0))
    inner = pen.pick(BLACK, pen.c(0.6, 0.8, 0.4), pen.c(0.02, 0.8, 0.5))
    pen.fill(box(-0.85, -0.35, 0.85, 0.75), inner)
    for k in range(3):
        pen.fill(box(-0.9 - 0.06 * k, 0.72 + 0.09 * k, 0.9 + 0.06 * k, 0.82 + 0.09 * k), stone.lit(1.0 - 0.12 * k))
    count = pen.n(4, 6)
    for x in np.linspace(-0.76, 0.76, count):
        half = 0.36 / count
        pen.fill(polygon([(x - half * 0.85, -0.3), (x + half * 0.85, -0.3), (x + half, 0.7), (x - half, 0.7)]), stone)
        pen.line(
            segments((x + t * half, -0.26, x + t * half * 1.15, 0.68) for t in (-0.5, 0.0, 0.5)), stone.lit(0.5), 0.022
        )
        pen.fill(box(x - half * 1.4, -0.38, x + half * 1.4, -0.28), stone.lit(1.2))
        pen.fill(box(x - half * 1.4, 0.64, x + half * 1.4, 0.73), stone.lit(0.85))
    pen.fill(box(-0.92, -0.52, 0.92, -0.36), stone)
    pen.line(segments((x, -0.5, x, -0.38) for x in np.arange(-0.85, 0.9, 0.1)), stone.lit(0.5), 0.035)
    pen.fill(polygon([(-1.0, -0.52), (0, -1.0), (1.0, -0.52)]), stone.lit(1.1))
    pen.fill(polygon([(-0.75, -0.57), (0, -0.9), (0.75, -0.57)]), inner.mixed(stone, 0.35))
    pen.rings(0, -0.68, 0.13, [stone.lit(1.6), stone, stone.lit(0.5)])


@motif()
def cathedral(pen: Pen) -> None:
    """A Gothic front: two spired towers, a rose window, pointed doors."""
    stone, glass = pen.c(pen.u(0.06, 0.7), pen.u(0.05, 0.35), pen.u(0.5, 0.9)), pen.vivid()
    for side in (-1, 1):
        x = side * 0.58
        pen.fill(polygon([(x - 0.24, -0.45), (x, -1.05), (x + 0.24, -0.45)]), stone.lit(0.7))
        pen.fill(box(x - 0.24, -0.45, x + 0.24, 1.0), stone)
        for y in (-0.32, 0.1):
            for dx in (-0.1, 0.1):
                pen.flat(
                    polygon(
                        [
                            (x + dx - 0.06, y + 0.3),
                            (x + dx - 0.06, y + 0.1),
                            (x + dx, y),
                            (x + dx + 0.06, y + 0.1),
                            (x + dx + 0.06, y + 0.3),
                        ]
                    ),
                    glass.lit(0.5),
                )
        for dx in (-0.24, 0.24):
            pen.fill(polygon([(x + dx - 0.05, -0.45), (x + dx, -0.7), (x + dx + 0.05, -0.45)]), stone)
    pen.fill(polygon([(-0.34, -0.1), (0, -0.55), (0.34, -0.1), (0.34, 1.0), (-0.34, 1.0)]), stone.lit(1.1))
    pen.rings(0, 0.08, 0.27, [glass.lit(1.7), glass, pen.vivid(0.6)])
    with pen.at(0, 0.08):
        for _ in pen.around(10):
            pen.line(petal(0.26, 0.15, 0.6), stone.lit(0.3), 0.025)
    pen.line(oval(0, 0.08, 0.28, 0.28), stone.lit(0.4), 0.045)
    for x, half, top in ((0, 0.2, 0.45), (-0.58, 0.14, 0.58), (0.58, 0.14, 0.58)):
        for factor, colour in ((1.0, stone.lit(0.5)), (0.75, stone.lit(1.2)), (0.5, BLACK)):
            h = half * factor
            pen.fill(
                smooth(
                    [
                        (x - h, 1.0),
                        (x - h, top + 0.28),
                        (x - h * 0.6, top + 0.3 - factor * 0.14),
                        (x, top + 0.2 - factor * 0.2),
                        (x + h * 0.6, top + 0.3 - factor * 0.14),
                        (x + h, top + 0.28),
                        (x + h, 1.0),
                    ]
                ),
                colour,
            )
    pen.line(
        segments([(-0.82, 0.44, 0.82, 0.44), (-0.82, -0.16, -0.34, -0.16), (0.34, -0.16, 0.82, -0.16)]),
        stone.lit(0.5),
        0.035,
    )


@motif()
def onion(pen: Pen) -> None:
    """Onion domes of a Russian church, twisted and coloured."""
    wall = pen.c(pen.pick(0.02, 0.1, 0.6), pen.u(0.2, 0.8), 0.85)
    for x, base, size in (
        (-0.62, 0.2, 0.3),
        (0.62, 0.2, 0.3),
        (-0.32, 0.5, 0.26),
        (0.34, 0.5, 0.26),
        (0.0, -0.1, 0.42),
    ):
        first, second = pen.scheme(2)
        pen.fill(box(x - size * 0.6, base, x + size * 0.6, 1.0), wall.lit(pen.u(0.8, 1.2)))
        pen.flat(arched(x, base + 0.12, base + 0.4, size * 0.2), BLACK)
        pen.line(segments([(x - size * 0.62, base + 0.06, x + size * 0.62, base + 0.06)]), second, 0.05)
        with pen.at(x, base, size):
            dome = profile([(0, -1.75), (0.12, -1.4), (0.6, -1.0), (0.95, -0.55), (0.75, -0.1), (0.5, 0.02), (0, 0.05)])
            pen.fill(dome, first)
            with pen.inside(dome):
                for k in range(-5, 6):
                    pen.line([(0, -1.75), (0.3 * k - 0.2, -0.8), (0.3 * k + 0.35, 0.1)], second, 0.14)
            pen.line(dome, first.lit(0.3), 0.05)
            pen.line(segments([(0, -1.7, 0, -2.2), (-0.15, -2.0, 0.15, -2.0)]), pen.c(0.12, 0.9, 1.0), 0.07)
