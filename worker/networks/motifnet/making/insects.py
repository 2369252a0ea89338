"""Insects."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE, Colour
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import arc, oval, petal, polar, polygon, profile, segments, smooth
from worker.networks.motifnet.making.pen import Pen


def _legs(pen: Pen, y: float, colour: Colour) -> None:
    """Six bent legs around the height `y`."""
    for _ in pen.sides():
        for k, (knee, foot) in enumerate(((-0.3, -0.55), (-0.02, 0.1), (0.3, 0.6))):
            pen.line(
                polygon([(0.1, y + 0.12 * (k - 1)), (0.5, y + knee), (0.72, y + foot)], closed=False), colour, 0.05
            )


@motif("any")
def butterfly(pen: Pen) -> None:
    """A butterfly with eye spots, veins and dark borders."""
    upper, lower, spot = pen.scheme(3)
    tip = pen.u(-0.98, -0.75)
    for _ in pen.sides():
        wings = (
            (
                [(0.05, 0.02), (0.3, -0.6), (0.7, tip), (1.02, tip + 0.08), (0.98, -0.4), (0.7, 0.0)],
                upper,
                (0.72, -0.55),
            ),
            ([(0.05, 0.0), (0.6, 0.05), (0.82, 0.32), (0.68, 0.75), (0.42, 0.88), (0.2, 0.6)], lower, (0.5, 0.48)),
        )
        for points, colour, (x, y) in wings:
            wing = smooth(points)
            pen.fill(wing, colour)
            with pen.inside(wing):
                pen.line(segments((0.05, 0, px * 1.1, py * 1.1) for px, py in points[1:]), BLACK, 0.03)
                pen.line(wing, BLACK, 0.2)
                pen.dots([(px * 0.96, py * 0.96, 0.032) for px, py in points[1:]], WHITE)
            pen.dot(x, y, 0.16, BLACK)
            pen.rings(x, y, 0.13, [WHITE, spot, spot.lit(0.6)])
            pen.dot(x, y, 0.05, BLACK)
        pen.line([(0.0, -0.4), (0.12, -0.75), (0.3, -0.95)], BLACK, 0.028)
        pen.dot(0.3, -0.95, 0.04, BLACK)
    pen.fill(profile([(0, -0.45), (0.07, -0.3), (0.06, 0.3), (0, 0.6)]), BLACK.mixed(upper, 0.2))


@motif("any")
def moth(pen: Pen) -> None:
    """A furry moth with feathered feelers and wavy bands."""
    base, band = (
        pen.c(pen.pick(0.06, 0.09, 0.13, 0.3), pen.u(0.6, 0.9), pen.u(0.7, 1.0)),
        pen.c(pen.pick(0.95, 0.03, 0.55, 0.3), 0.7, 0.8),
    )
    for _ in pen.sides():
        lower = smooth([(0.05, 0.1), (0.6, 0.1), (0.72, 0.5), (0.4, 0.75), (0.12, 0.6)])
        pen.fill(lower, band)
        wing = smooth([(0.05, -0.3), (0.5, -0.45), (1.08, -0.62), (0.98, 0.05), (0.6, 0.3), (0.1, 0.25)])
        pen.fill(wing, base)
        with pen.inside(wing):
            for k, colour in enumerate((base.lit(0.4), band, base.lit(1.6), base.lit(0.5))):
                x = 0.28 + 0.18 * k
                pen.line([(x, -0.7), (x + 0.07, -0.3), (x - 0.02, -0.05), (x + 0.08, 0.2), (x, 0.5)], colour, 0.06)
        pen.rings(0.55, -0.12, 0.12, [BLACK, band.lit(1.5), base.lit(0.3)])
        pen.rings(0.4, 0.45, 0.09, [BLACK, base.lit(1.6), base.lit(0.3)])
        pen.line([(0.04, -0.5), (0.2, -0.75), (0.42, -0.85)], base.lit(0.4), 0.03)
        pen.line(
            segments((0.06 + 0.09 * k, -0.55 - 0.07 * k, 0.18 + 0.09 * k, -0.5 - 0.07 * k) for k in range(5)),
            base.lit(0.4),
            0.03,
        )
    body = profile([(0, -0.55), (0.15, -0.4), (0.17, 0.0), (0.12, 0.5), (0, 0.75)])
    pen.fill(body, base.lit(1.2))
    pen.line(segments((-0.14, y, 0.14, y + 0.02) for y in np.arange(0.05, 0.65, 0.12)), base.lit(0.4), 0.04)
    for side in (-1, 1):
        pen.dot(side * 0.09, -0.46, 0.05, BLACK)


@motif("any")
def dragonfly(pen: Pen) -> None:
    """A dragonfly: four netted wings, a long jointed body, great eyes."""
    body, sheen = pen.scheme(2)
    for _ in pen.sides():
        for y, turn in ((-0.38, 78), (-0.25, 108)):
            with pen.at(0.04, y, turn=turn + pen.u(-5, 5)):
                wing = petal(0.98, 0.34, 0.75)
                pen.fill(wing, WHITE.mixed(sheen, 0.35).faded(0.75))
                with pen.inside(wing):
                    net = [(x, 0.0, x * 1.6, -1.0) for x in (-0.09, -0.03, 0.03, 0.09)] + [
                        (-0.2, -t, 0.2, -t - 0.05) for t in np.arange(0.1, 1.0, 0.1)
                    ]
                    pen.line(segments(net), sheen.lit(0.4), 0.014)
                pen.line(wing, sheen.lit(0.4), 0.02)
                pen.flat(oval(0.1, -0.85, 0.03, 0.06), body.lit(0.5))
    for k in range(9):
        pen.fill(oval(0, -0.1 + 0.125 * k, 0.065, 0.075), body.lit(1.2 if k % 2 else 0.7))
    pen.fill(oval(0, -0.34, 0.14, 0.22), body)
    for side in (-1, 1):
        pen.ball(side * 0.1, -0.62, 0.13, sheen)


@motif("any")
def beetle(pen: Pen) -> None:
    """A jewelled beetle with grooved wing covers and horns."""
    metal, under = pen.scheme(2)
    _legs(pen, 0.05, metal.lit(0.3))
    if pen.chance(0.5):
        for _ in pen.sides():
            pen.line([(0.08, -0.68), (0.3, -0.82), (0.24, -1.02), (0.1, -1.0)], metal.lit(0.3), 0.075)
    else:
        pen.fill(profile([(0, -1.05), (0.07, -0.9), (0.09, -0.6), (0, -0.5)]), metal.lit(0.3))
    pen.oval(0, -0.62, 0.2, 0.16, metal.lit(0.5))
    pen.fill(profile([(0, -0.58), (0.3, -0.5), (0.42, -0.25), (0, -0.15)]), under)
    for _ in pen.sides():
        cover = smooth([(0.0, -0.22), (0.3, -0.2), (0.52, 0.2), (0.42, 0.68), (0.0, 0.95)])
        pen.fill(cover, metal)
        with pen.inside(cover):
            for k in range(4):
                pen.line(
                    [(0.07 + 0.11 * k, -0.3), (0.1 + 0.12 * k, 0.3), (0.04 + 0.08 * k, 0.95)], metal.lit(0.45), 0.022
                )
            pen.glow(0.22, 0.1, 0.25, metal.lit(2.0).faded(0.7))
            pen.glow(0.3, 0.55, 0.2, under.faded(0.7))
    pen.line([(0, -0.2), (0, 0.4), (0, 0.95)], metal.lit(0.2), 0.035)


@motif("any")
def ladybird(pen: Pen) -> None:
    """A ladybird: red with black spots."""
    red = pen.c(pen.pick(0.0, 0.0, 0.03, 0.12), 0.97, 0.95)
    _legs(pen, 0.1, BLACK)
    pen.oval(0, -0.5, 0.36, 0.28, BLACK)
    for _ in pen.sides():
        pen.fill(oval(0.2, -0.55, 0.1, 0.09), WHITE)
        pen.line([(0.1, -0.72), (0.2, -0.9), (0.34, -0.98)], BLACK, 0.04)
    pen.oval(0, 0.14, 0.72, 0.7, red)
    for _ in pen.sides():
        for x, y, r in ((0.25, -0.25, 0.12), (0.48, 0.08, 0.14), (0.24, 0.4, 0.13), (0.42, 0.52, 0.08))[: pen.n(3, 4)]:
            pen.dot(x, y, r, BLACK)
    pen.dot(0, -0.32, 0.14, BLACK)
    pen.line([(0, -0.5), (0, 0.2), (0, 0.84)], BLACK, 0.05)
    pen.glow(-0.28, -0.15, 0.2, WHITE.faded(0.8))


@motif("any")
def bee(pen: Pen) -> None:
    """A bee: furry, banded yellow and black."""
    yellow = pen.c(0.125, 0.95, 1.0)
    for _ in pen.sides():
        for turn, length in ((55, 0.95), (95, 0.7)):
            with pen.at(0.1, -0.2, turn=turn):
                pen.fill(petal(length, 0.42, 0.8), WHITE.mixed(pen.c(0.55, 0.6, 1.0), 0.35).faded(0.8))
                pen.line(
                    segments([(0, 0, 0.06, -length * 0.9), (0, -0.3, -0.1, -length * 0.7)]), BLACK.faded(0.6), 0.018
                )
        pen.line([(0.08, -0.72), (0.18, -0.9), (0.34, -0.92)], BLACK, 0.035)
    body = profile([(0, -0.15), (0.34, 0.05), (0.36, 0.45), (0, 1.0)])
    pen.fill(body, yellow)
    with pen.inside(body):
        for k in range(4):
            pen.line([(-0.5, 0.12 + 0.22 * k), (0, 0.2 + 0.22 * k), (0.5, 0.12 + 0.22 * k)], BLACK, 0.11)
    hairs = [(polar(0.2, a), polar(pen.u(0.3, 0.38), a)) for a in pen.rng.uniform(0, 2 * math.pi, 50)]
    pen.line(segments((a[0], a[1] - 0.3, b[0], b[1] - 0.3) for a, b in hairs), yellow.lit(0.8), 0.04)
    pen.oval(0, -0.3, 0.27, 0.25, yellow.lit(0.75))
    pen.oval(0, -0.62, 0.2, 0.16, BLACK)
    for side in (-1, 1):
        pen.ball(side * 0.15, -0.62, 0.1, pen.c(0.05, 0.6, 0.35))


@motif()
def caterpillar(pen: Pen) -> None:
    """A caterpillar arching along a twig, tufted and spotted."""
    skin, spot = pen.c(pen.u(0.2, 0.36), 0.85, 0.85), pen.vivid()
    pen.line([(-1.0, 0.62), (0, 0.68), (1.0, 0.6)], pen.c(0.07, 0.6, 0.4), 0.09)
    arch = pen.u(0.3, 0.8)
    for k in range(9):
        x = 0.85 - 0.2 * k
        y = 0.42 - arch * math.exp(-((k - 4) ** 2) / 3.5)
        tufts = [(x, y, x + dx, y - 0.36) for dx in (-0.1, 0.0, 0.1)]
        pen.line(segments(tufts), spot.lit(0.7), 0.024)
        if y > 0.3:
            pen.line(segments([(x - 0.04, y + 0.1, x - 0.05, y + 0.26)]), skin.lit(0.5), 0.06)
        pen.ball(x, y, 0.17, skin.lit(1.1 if k % 2 else 0.8))
        pen.dot(x, y - 0.04, 0.055, spot)
        pen.line(arc(x, y, 0.13, 0.13, 20, 140), BLACK, 0.025)
    pen.ball(-0.86, 0.34, 0.2, spot.lit(0.8))
    for dx in (-0.06, 0.08):
        pen.eyeball(-0.9 + dx, 0.3, 0.06, BLACK, "bead")
        pen.line([(-0.88 + dx, 0.16), (-0.92 + dx * 2, 0.0), (-0.95 + dx * 2.6, -0.04)], BLACK, 0.03)
