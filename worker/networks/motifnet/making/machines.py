"""Machines, vehicles, instruments."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    box,
    oval,
    polar,
    polygon,
    profile,
    segments,
    smooth,
)
from worker.networks.motifnet.making.paths import (
    spiral as spiral_points,
)
from worker.networks.motifnet.making.pen import Pen


@motif("any")
def wheel(pen: Pen) -> None:
    """A spoked wheel with an iron tyre."""
    wood, iron = pen.c(pen.pick(0.02, 0.07, 0.6, 0.33), 0.8, 0.75), BLACK.mixed(pen.c(0.6, 0.2, 0.6), 0.4)
    count = pen.n(6, 14)
    pen.line(oval(0, 0, 0.9, 0.9), iron, 0.16)
    pen.line(oval(0, 0, 0.93, 0.93), iron.lit(1.7), 0.03)
    pen.line(oval(0, 0, 0.76, 0.76), wood.lit(0.45), 0.17)
    pen.line(oval(0, 0, 0.76, 0.76), wood, 0.12)
    for _ in pen.around(count):
        pen.fill(profile([(0.035, -0.72), (0.06, -0.45), (0.035, -0.15), (0, -0.15)]), wood.lit(1.1))
    pen.ball(0, 0, 0.24, wood)
    pen.rings(0, 0, 0.12, [iron.lit(1.8), iron, BLACK])


@motif("any")
def gear(pen: Pen) -> None:
    """A toothed wheel of brass or steel."""
    metal = pen.c(pen.pick(0.11, 0.08, 0.58, 0.02), pen.u(0.2, 0.8), pen.u(0.7, 1.0))
    teeth = pen.n(9, 16)
    points = [
        polar(
            1.0 if k % 4 in (1, 2) else 0.78,
            2 * math.pi * (k + (0.18 if k % 4 == 1 else -0.18 if k % 4 == 2 else 0)) / (4 * teeth),
        )
        for k in range(4 * teeth)
    ]
    pen.fill(polygon(points), metal)
    pen.line(polygon(points), metal.lit(0.3), 0.04)
    pen.line(oval(0, 0, 0.68, 0.68), metal.lit(0.45), 0.04)
    pen.line(oval(0, 0, 0.64, 0.64), metal.lit(1.7), 0.025)
    spokes = pen.n(4, 6)
    for _ in pen.around(spokes):
        hole = smooth([(-0.14, -0.54), (0, -0.57), (0.14, -0.54), (0.08, -0.32), (-0.08, -0.32)])
        pen.flat(hole, metal.lit(0.18))
        pen.line(hole, metal.lit(1.5), 0.02)
    pen.oval(0, 0, 0.26, 0.26, metal.lit(0.8))
    pen.flat(polygon([polar(0.14, math.pi * k / 3) for k in range(6)]), BLACK)


@motif()
def clock(pen: Pen) -> None:
    """A clock's face with strokes for the hours and ornate hands."""
    rim, face = pen.c(pen.pick(0.11, 0.07, 0.58, 0.0), 0.85, 0.75), pen.pick(WHITE, pen.c(0.11, 0.25, 1.0), BLACK)
    ink = WHITE if face is BLACK else BLACK
    pen.oval(0, 0, 1.0, 1.0, rim)
    pen.line(oval(0, 0, 0.93, 0.93), rim.lit(1.7), 0.03)
    pen.oval(0, 0, 0.84, 0.84, face)
    pen.line(oval(0, 0, 0.79, 0.79), ink, 0.018)
    for k in pen.around(12):
        strokes = [(x, -0.76, x * 0.8, -0.56) for x in ((-0.05, 0.0, 0.05) if k % 3 == 0 else (-0.025, 0.025))]
        pen.line(segments(strokes), ink, 0.032)
    for turn, length, width in ((pen.u(0, 360), 0.46, 0.16), (pen.u(0, 360), 0.7, 0.11)):
        with pen.at(0, 0, turn=turn):
            pen.line(segments([(0, 0.12, 0, -length)]), ink, 0.05)
            pen.fill(
                polygon([(0, -length - 0.1), (width, -length + 0.12), (0, -length + 0.2), (-width, -length + 0.12)]),
                ink,
            )
    pen.ball(0, 0, 0.09, rim)


@motif()
def sailboat(pen: Pen) -> None:
    """A sailing boat on waves."""
    hull, sails = pen.c(pen.pick(0.0, 0.6, 0.07, 0.3), 0.85, 0.7), pen.pick([WHITE, WHITE], pen.scheme(2))
    sea = pen.c(pen.u(0.5, 0.62), 0.85, 0.75)
    pen.line(segments([(0, 0.4, 0, -1.0)]), pen.c(0.07, 0.6, 0.35), 0.055)
    pen.fill(smooth([(0.05, -0.95), (0.4, -0.4), (0.75, 0.25), (0.4, 0.28), (0.05, 0.28), (0.1, -0.3)]), sails[0])
    pen.fill(
        smooth([(-0.06, -0.85), (-0.3, -0.3), (-0.72, 0.25), (-0.3, 0.22), (-0.06, 0.24), (-0.12, -0.3)]), sails[1]
    )
    pen.line(
        segments((0.07, y, 0.07 + 0.55 * (y + 1) * 0.6, y + 0.05) for y in (-0.6, -0.3, 0.0)), sails[0].lit(0.6), 0.025
    )
    pen.flat(polygon([(0, -1.0), (-0.24, -0.94), (0, -0.86)]), pen.vivid())
    pen.fill(smooth([(-0.9, 0.36), (0, 0.42), (0.95, 0.32), (0.65, 0.75), (-0.6, 0.75)]), hull)
    pen.line([(-0.84, 0.46), (0, 0.52), (0.88, 0.42)], WHITE, 0.05)
    for k in range(3):
        y = 0.72 + 0.11 * k
        pen.line(
            [(x, y + (0.05 if i % 2 else -0.04)) for i, x in enumerate(np.linspace(-1.02, 1.02, 12))],
            sea.lit(1.4 - 0.35 * k),
            0.1,
        )


@motif()
def balloon(pen: Pen) -> None:
    """A hot-air balloon in bright gores over its basket."""
    colours = pen.scheme(3)
    envelope = profile([(0, -1.0), (0.45, -0.88), (0.76, -0.42), (0.6, 0.1), (0.2, 0.5), (0, 0.52)])
    pen.fill(envelope, colours[0])
    with pen.inside(envelope):
        edges = np.sin(np.linspace(-math.pi / 2, math.pi / 2, 9))
        for k in range(8):
            if k % 2:
                x0, x1 = edges[k], edges[k + 1]
                gore = smooth(
                    [
                        (0, -1.02),
                        (x0 * 0.75, -0.42),
                        (x0 * 0.58, 0.1),
                        (x0 * 0.2, 0.55),
                        (x1 * 0.2, 0.55),
                        (x1 * 0.58, 0.1),
                        (x1 * 0.75, -0.42),
                    ]
                )
                pen.fill(gore, colours[1])
        zig = [(x, -0.2 + (0.12 if i % 2 else -0.06)) for i, x in enumerate(np.linspace(-0.8, 0.8, 13))]
        pen.line(polygon(zig, closed=False), colours[2], 0.09)
        pen.glow(-0.3, -0.6, 0.4, WHITE.faded(0.5))
    pen.line(
        segments(
            [(-0.2, 0.5, -0.13, 0.76), (0.2, 0.5, 0.13, 0.76), (0.07, 0.52, 0.05, 0.76), (-0.07, 0.52, -0.05, 0.76)]
        ),
        BLACK,
        0.022,
    )
    basket = pen.c(0.08, 0.7, 0.6)
    pen.fill(polygon([(-0.16, 0.74), (0.16, 0.74), (0.13, 1.0), (-0.13, 1.0)]), basket)
    pen.line(
        segments([(-0.15, y, 0.15, y) for y in (0.8, 0.87, 0.94)] + [(x, 0.74, x, 1.0) for x in (-0.06, 0.06)]),
        basket.lit(0.45),
        0.022,
    )


@motif()
def car(pen: Pen) -> None:
    """A round old car from the side."""
    paint, chrome = pen.vivid(0.85), pen.c(0.58, 0.08, 0.95)
    pen.fill(
        smooth(
            [
                (-1.0, 0.45),
                (-0.95, 0.1),
                (-0.62, 0.0),
                (-0.4, -0.42),
                (0.1, -0.52),
                (0.45, -0.32),
                (0.62, 0.02),
                (0.95, 0.12),
                (1.0, 0.45),
                (0.5, 0.52),
                (-0.5, 0.52),
            ]
        ),
        paint,
    )
    for points in (
        [(-0.5, -0.03), (-0.34, -0.34), (-0.05, -0.4), (-0.05, -0.03)],
        [(0.03, -0.03), (0.03, -0.41), (0.3, -0.32), (0.48, -0.03)],
    ):
        pen.fill(polygon(points), pen.c(0.55, 0.5, 0.95))
        pen.line(polygon(points), chrome, 0.03)
    pen.line([(-0.95, 0.18), (0, 0.12), (0.96, 0.2)], chrome, 0.035)
    pen.line(segments([(0, -0.02, 0.0, 0.45), (0.1, 0.1, 0.22, 0.1)]), paint.lit(0.4), 0.025)
    for x in (-0.55, 0.56):
        pen.fill(oval(x, 0.42, 0.31, 0.28), paint.lit(0.35))
        pen.dot(x, 0.5, 0.25, BLACK)
        pen.rings(x, 0.5, 0.15, [WHITE, chrome, chrome.lit(0.4)])
        with pen.at(x, 0.5):
            pen.line(segments((0, 0, *polar(0.14, k * math.pi / 3)) for k in range(6)), BLACK, 0.02)
    pen.rings(-0.92, 0.22, 0.1, [WHITE, pen.c(0.14, 0.6, 1.0), chrome.lit(0.6)])
    pen.fill(box(-1.05, 0.42, -0.86, 0.5), chrome)
    pen.fill(box(0.86, 0.42, 1.05, 0.5), chrome)


@motif("any")
def violin(pen: Pen) -> None:
    """A violin with its strings, f-holes and scroll."""
    wood = pen.c(pen.u(0.03, 0.075), 0.9, pen.u(0.55, 0.9))
    body = profile(
        [(0, -0.25), (0.28, -0.22), (0.36, 0.0), (0.22, 0.22), (0.24, 0.38), (0.46, 0.55), (0.42, 0.9), (0, 1.0)]
    )
    pen.fill(body, wood)
    pen.line(body, wood.lit(0.3), 0.045)
    pen.glow(-0.15, 0.65, 0.3, wood.lit(1.8).faded(0.6))
    pen.fill(polygon([(-0.05, -0.75), (0.05, -0.75), (0.075, 0.25), (-0.075, 0.25)]), BLACK)
    for _ in pen.sides():
        pen.line([(0.15, 0.2), (0.2, 0.25), (0.17, 0.4), (0.22, 0.55), (0.18, 0.58)], BLACK, 0.028)
        pen.line(segments((0.03, -0.82 + 0.08 * k, 0.15, -0.84 + 0.08 * k) for k in range(2)), BLACK, 0.045)
    pen.fill(box(-0.12, 0.42, 0.12, 0.47), pen.c(0.1, 0.5, 0.95))
    pen.fill(profile([(0.06, 0.62), (0.1, 0.66), (0.06, 0.9), (0, 0.92), (0, 0.6)]), BLACK)
    pen.line(segments((x * 0.7, -0.8, x, 0.65) for x in (-0.05, -0.017, 0.017, 0.05)), WHITE, 0.012)
    pen.fill(box(-0.05, -0.92, 0.05, -0.72), wood)
    pen.line([(x, y - 0.94) for x, y in spiral_points(1.4, 0.02, 0.09, count=16)], wood.lit(1.3), 0.05)


@motif()
def anchor(pen: Pen) -> None:
    """An anchor with a rope around it."""
    iron, rope = pen.c(pen.pick(0.6, 0.03, 0.1), pen.u(0.3, 0.9), pen.u(0.35, 0.8)), pen.c(0.1, 0.5, 0.95)
    pen.line(oval(0, -0.82, 0.16, 0.16), iron, 0.085)
    pen.fill(profile([(0.07, -0.66), (0.1, 0.8), (0, 0.85), (0, -0.66)]), iron)
    pen.fill(box(-0.48, -0.5, 0.48, -0.38), iron)
    pen.line([(-0.75, 0.2), (-0.6, 0.62), (0, 0.92), (0.6, 0.62), (0.75, 0.2)], iron.lit(0.5), 0.2)
    pen.line([(-0.75, 0.2), (-0.6, 0.62), (0, 0.92), (0.6, 0.62), (0.75, 0.2)], iron, 0.15)
    for _ in pen.sides():
        pen.fill(polygon([(0.8, -0.12), (0.98, 0.36), (0.54, 0.3)]), iron)
        pen.ball(0.5, -0.44, 0.09, iron)
    winding = [(0.02, -0.8), (0.4, -0.65), (-0.3, -0.15), (0.28, 0.15), (-0.28, 0.4), (0.35, 0.7), (0.8, 0.95)]
    pen.line(winding, rope.lit(0.4), 0.1)
    pen.line(winding, rope, 0.065)


@motif("any")
def guitar(pen: Pen) -> None:
    """A guitar with a rosette and frets."""
    wood, neck = pen.c(pen.pick(0.07, 0.09, 0.0, 0.58), 0.85, 0.9), pen.c(0.05, 0.7, 0.3)
    pen.fill(polygon([(-0.075, -0.85), (0.075, -0.85), (0.085, 0.2), (-0.085, 0.2)]), neck)
    pen.fill(polygon([(-0.13, -1.05), (0.13, -1.05), (0.09, -0.8), (-0.09, -0.8)]), wood.lit(0.5))
    body = profile([(0, -0.1), (0.3, -0.06), (0.36, 0.16), (0.27, 0.33), (0.5, 0.62), (0.4, 0.95), (0, 1.02)])
    pen.fill(body, wood)
    pen.line(body, wood.lit(0.3), 0.05)
    pen.rings(0, 0.3, 0.2, [BLACK, BLACK, pen.c(0.12, 0.8, 0.9), BLACK])
    pen.fill(box(-0.24, 0.7, 0.24, 0.77), neck)
    pen.line(segments((-0.08, -0.75 + 0.1 * k, 0.08, -0.75 + 0.1 * k) for k in range(8)), pen.c(0.12, 0.3, 1.0), 0.02)
    pen.line(segments((x, -0.9, x, 0.72) for x in (-0.05, -0.025, 0.0, 0.025, 0.05)), WHITE, 0.01)
    pen.dots([(s * 0.17, -1.0 + 0.08 * k, 0.035) for s in (-1, 1) for k in range(3)], WHITE)


@motif()
def train(pen: Pen) -> None:
    """A steam engine with smoke."""
    paint, trim = pen.c(pen.pick(0.0, 0.36, 0.6, 0.08), 0.85, 0.65), pen.c(0.12, 0.9, 1.0)
    for k in range(6):
        pen.ball(-0.5 + 0.26 * k, -0.72 - 0.05 * k + pen.u(-0.06, 0.06), 0.13 + 0.025 * k, WHITE.lit(0.85))
    pen.fill(polygon([(-0.6, -0.2), (-0.42, -0.2), (-0.36, -0.6), (-0.66, -0.6)]), BLACK.mixed(paint, 0.3))
    pen.fill(box(-0.82, -0.22, 0.35, 0.35), paint)
    pen.line(segments((x, -0.22, x, 0.35) for x in (-0.6, -0.3, 0.0)), trim, 0.04)
    pen.fill(smooth([(-0.2, -0.2), (-0.15, -0.38), (0.05, -0.38), (0.1, -0.2)]), trim)
    pen.fill(box(0.32, -0.55, 0.92, 0.45), paint.lit(0.85))
    pen.fill(box(0.24, -0.66, 1.0, -0.54), BLACK.mixed(paint, 0.4))
    pen.fill(box(0.44, -0.42, 0.8, -0.08), pen.c(0.13, 0.7, 1.0))
    pen.ball(-0.84, 0.05, 0.2, BLACK.mixed(paint, 0.4))
    pen.fill(polygon([(-0.85, 0.35), (-0.85, 0.62), (-1.05, 0.85), (-0.7, 0.85), (-0.6, 0.35)]), pen.c(0.0, 0.9, 0.8))
    for x, r in ((-0.45, 0.24), (0.05, 0.24), (0.62, 0.3)):
        pen.dot(x, 0.85 - r, r, BLACK)
        with pen.at(x, 0.85 - r, r):
            pen.line(segments((0, 0, *polar(0.8, k * math.pi / 4)) for k in range(8)), trim, 0.12)
            pen.line(oval(0, 0, 0.82, 0.82), pen.c(0.0, 0.9, 0.85), 0.16)
    pen.line(segments([(-0.45, 0.66, 0.62, 0.66)]), WHITE.lit(0.8), 0.06)
    pen.line(segments([(-1.05, 0.92, 1.05, 0.92)]), BLACK, 0.06)
