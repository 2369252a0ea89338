"""Things: made by people, by weather, by geometry."""

from __future__ import annotations

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    box,
    oval,
    petal,
    polygon,
    profile,
    segments,
    smooth,
)
from worker.networks.motifnet.making.pen import Pen


@motif("any")
def key(pen: Pen) -> None:
    """An old key with a trefoil bow and a toothed bit."""
    metal = pen.c(pen.pick(0.11, 0.12, 0.06, 0.6), pen.u(0.3, 0.9), pen.u(0.7, 1.0))
    for x, y in ((-0.22, -0.5), (0.22, -0.5), (0, -0.8)):
        pen.line(oval(x, y, 0.18, 0.18), metal.lit(0.4), 0.15)
        pen.line(oval(x, y, 0.18, 0.18), metal, 0.1)
    pen.fill(box(-0.065, -0.4, 0.065, 0.98), metal)
    for y, half in ((-0.3, 0.14), (-0.18, 0.1), (0.4, 0.1)):
        pen.fill(oval(0, y, half, 0.045), metal.lit(1.2))
    pen.fill(
        polygon(
            [
                (0.06, 0.56),
                (0.42, 0.56),
                (0.42, 0.66),
                (0.28, 0.66),
                (0.28, 0.72),
                (0.42, 0.72),
                (0.42, 0.82),
                (0.3, 0.82),
                (0.3, 0.9),
                (0.06, 0.9),
            ]
        ),
        metal,
    )
    pen.line(segments([(-0.03, -0.1, -0.03, 0.9)]), metal.lit(1.8), 0.022)


@motif()
def lantern(pen: Pen) -> None:
    """A paper lantern, glowing, ribbed, with a tassel."""
    paper, trim = pen.c(pen.pick(0.0, 0.02, 0.08, 0.92, 0.55), 0.9, 0.95), pen.c(0.12, 0.9, 1.0)
    pen.glow(0, -0.1, 1.2, paper.faded(0.5))
    body = profile([(0.3, -0.72), (0.72, -0.5), (0.86, -0.1), (0.72, 0.3), (0.3, 0.5), (0, 0.5), (0, -0.72)])
    pen.fill(body, paper)
    with pen.inside(body):
        pen.glow(0, -0.1, 0.65, pen.c(0.13, 0.7, 1.0))
        for x in (-0.75, -0.45, -0.15, 0.15, 0.45, 0.75):
            pen.line([(x * 0.4, -0.74), (x * 1.12, -0.1), (x * 0.4, 0.52)], paper.lit(0.45), 0.03)
        pen.line([(-0.2, -0.25), (0.15, -0.28)], BLACK, 0.06)
        pen.line([(0, -0.42), (0.02, -0.1), (-0.18, 0.14)], BLACK, 0.06)
        pen.line([(0.02, -0.1), (0.2, 0.14)], BLACK, 0.06)
    for y in (-0.74, 0.5):
        pen.fill(box(-0.34, y - 0.06, 0.34, y + 0.06), trim)
    pen.line(segments([(0, -0.8, 0, -1.05)]), trim, 0.04)
    pen.line(segments((x * 0.3, 0.56, x, 1.02) for x in (-0.12, -0.07, -0.02, 0.03, 0.08, 0.12)), paper.lit(0.8), 0.035)
    pen.ball(0, 0.62, 0.08, trim)


@motif()
def teapot(pen: Pen) -> None:
    """A painted teapot with spout, handle and lid."""
    glaze, paint = pen.pick(WHITE, pen.vivid()), pen.c(pen.pick(0.6, 0.98, 0.38), 0.9, 0.8)
    pen.line([(0.55, -0.15), (0.98, -0.3), (1.0, 0.25), (0.55, 0.45)], glaze.lit(0.45), 0.15)
    pen.line([(0.55, -0.15), (0.98, -0.3), (1.0, 0.25), (0.55, 0.45)], glaze, 0.1)
    pen.fill(
        smooth([(-0.5, 0.4), (-0.8, 0.2), (-0.88, -0.25), (-1.05, -0.4), (-0.82, -0.42), (-0.68, -0.1), (-0.5, 0.0)]),
        glaze,
    )
    body = profile([(0, -0.4), (0.35, -0.36), (0.66, 0.1), (0.56, 0.55), (0.3, 0.75), (0, 0.78)])
    pen.fill(body, glaze)
    with pen.inside(body):
        pen.line([(-0.8, -0.12), (0, -0.02), (0.8, -0.12)], paint, 0.05)
        pen.line([(-0.8, 0.5), (0, 0.6), (0.8, 0.5)], paint, 0.05)
        for x in (-0.34, 0.0, 0.34):
            with pen.at(x, 0.26):
                for _ in pen.around(6):
                    pen.flat(petal(0.16, 0.1, 0.5), paint)
                pen.dot(0, 0, 0.045, pen.c(0.12, 0.9, 1.0))
    pen.fill(profile([(0, -0.66), (0.2, -0.58), (0.36, -0.38), (0, -0.34)]), glaze.lit(0.85))
    pen.ball(0, -0.74, 0.1, paint)
    pen.fill(oval(0, 0.8, 0.34, 0.06), paint)
    pen.glow(-0.3, 0.0, 0.22, WHITE.faded(0.85))


@motif()
def vase(pen: Pen) -> None:
    """A vase with a band of meanders and figures."""
    clay, ink = pen.pick(
        (pen.c(0.05, 0.85, 0.8), BLACK), (BLACK, pen.c(0.05, 0.85, 0.9)), (WHITE, pen.c(0.61, 0.95, 0.7))
    )
    for _ in pen.sides():
        pen.line([(0.2, -0.72), (0.5, -0.8), (0.58, -0.5), (0.4, -0.22)], clay.lit(0.8), 0.085)
    body = profile(
        [
            (0, -1.0),
            (0.3, -0.98),
            (0.2, -0.7),
            (0.3, -0.45),
            (0.6, -0.1),
            (0.55, 0.35),
            (0.25, 0.8),
            (0.34, 1.0),
            (0, 1.0),
        ]
    )
    pen.fill(body, clay)
    with pen.inside(body):
        for y in (-0.4, -0.34, 0.36, 0.42, 0.85):
            pen.line(segments([(-1, y, 1, y)]), ink, 0.026)
        for x in np.arange(-0.7, 0.75, 0.2):
            pen.line(
                polygon(
                    [
                        (x, -0.16),
                        (x, -0.28),
                        (x + 0.14, -0.28),
                        (x + 0.14, -0.18),
                        (x + 0.06, -0.18),
                        (x + 0.06, -0.22),
                    ],
                    closed=False,
                ),
                ink,
                0.028,
            )
        for x in (-0.32, 0.0, 0.32):
            with pen.at(x, 0.12):
                for _ in pen.around(8):
                    pen.flat(petal(0.15, 0.075, 0.4), ink)
        pen.line(segments((x, 0.85, x * 1.4, 0.48) for x in np.linspace(-0.3, 0.3, 9)), ink, 0.035)
        pen.glow(-0.25, 0.0, 0.28, WHITE.faded(0.5))


@motif()
def candle(pen: Pen) -> None:
    """A burning candle in a holder, wax running."""
    wax, brass = pen.pick(WHITE, pen.c(0.0, 0.9, 0.8), pen.c(0.11, 0.4, 1.0)), pen.c(0.11, 0.9, 0.85)
    pen.glow(0, -0.65, 0.8, pen.c(0.11, 0.8, 1.0).faded(0.75))
    pen.line(oval(0.52, 0.72, 0.16, 0.16), brass, 0.07)
    pen.fill(profile([(0, 0.7), (0.55, 0.68), (0.45, 0.92), (0, 0.98)]), brass)
    pen.fill(box(-0.2, -0.28, 0.2, 0.72), wax)
    for x, y in ((-0.17, 0.2), (-0.05, -0.02), (0.1, 0.35), (0.18, 0.05)):
        pen.fill(
            smooth([(x - 0.05, -0.3), (x + 0.05, -0.3), (x + 0.06, y), (x, y + 0.08), (x - 0.06, y)]), wax.lit(1.15)
        )
    pen.fill(oval(0, -0.28, 0.2, 0.055), wax.lit(0.8))
    pen.line([(0, -0.28), (0.02, -0.38), (0.0, -0.44)], BLACK, 0.035)
    for size, colour in ((1.0, pen.c(0.04, 0.95, 1.0)), (0.72, pen.c(0.12, 0.85, 1.0)), (0.4, WHITE)):
        with pen.at(0, -0.36, size):
            pen.flat(profile([(0, -0.64), (0.1, -0.38), (0.15, -0.14), (0, 0.0)]), colour)


@motif()
def umbrella(pen: Pen) -> None:
    """An open umbrella with coloured panels."""
    first, second = pen.scheme(2)
    pen.line([(0, -0.85), (0, 0.2), (0, 0.82), (0.13, 0.98), (0.27, 0.82)], pen.c(0.07, 0.7, 0.4), 0.06)
    xs = np.linspace(-1, 1, 7)
    for k in range(6):
        x0, x1 = xs[k], xs[k + 1]
        panel = smooth(
            [(0, -0.85), (x0 * 0.62, -0.62), (x0, 0.1), ((x0 + x1) / 2, -0.03), (x1, 0.1), (x1 * 0.62, -0.62)]
        )
        pen.fill(panel, first if k % 2 else second)
        pen.line([(0, -0.85), (x0 * 0.62, -0.62), (x0, 0.1)], BLACK, 0.022)
    pen.line(segments([(0, -0.85, 0, -1.0)]), BLACK, 0.045)


@motif()
def crown(pen: Pen) -> None:
    """A crown with jewels, velvet and pearls."""
    gold, velvet = pen.c(pen.u(0.1, 0.135), 0.9, 1.0), pen.c(pen.pick(0.98, 0.75, 0.6), 0.9, 0.65)
    pen.fill(smooth([(-0.75, 0.4), (-0.6, -0.3), (0, -0.5), (0.6, -0.3), (0.75, 0.4)]), velvet)
    points = [
        (-0.8, 0.6),
        (-1.0, -0.45),
        (-0.52, 0.1),
        (-0.45, -0.6),
        (-0.2, 0.05),
        (0, -0.8),
        (0.2, 0.05),
        (0.45, -0.6),
        (0.52, 0.1),
        (1.0, -0.45),
        (0.8, 0.6),
    ]
    pen.fill(polygon(points), gold)
    for x, y in points[1:10:2]:
        pen.ball(x, y, 0.1, WHITE.mixed(gold, 0.2))
    pen.fill(smooth([(-0.82, 0.5), (0, 0.58), (0.82, 0.5), (0.8, 0.85), (0, 0.95), (-0.8, 0.85)]), gold.lit(0.85))
    for k, x in enumerate((-0.58, -0.29, 0.0, 0.29, 0.58)):
        gem = pen.c((0.98, 0.38, 0.6)[k % 3], 0.95, 0.85)
        pen.fill(
            polygon([(x, 0.58), (x + 0.1, 0.71), (x, 0.84), (x - 0.1, 0.71)]) if k % 2 else oval(x, 0.72, 0.11, 0.1),
            gem,
        )
        pen.dot(x - 0.03, 0.68, 0.03, WHITE)
    pen.line([(-0.75, 0.48), (0, 0.54), (0.75, 0.48)], gold.lit(0.4), 0.03)


@motif()
def goblet(pen: Pen) -> None:
    """A goblet of coloured glass or jewelled gold, filled."""
    metal, wine = pen.c(pen.pick(0.115, 0.55, 0.35), 0.8, 0.95), pen.c(0.97, 0.95, 0.6)
    pen.fill(oval(0, 0.92, 0.45, 0.1), metal.lit(0.8))
    pen.fill(profile([(0.09, 0.1), (0.06, 0.35), (0.14, 0.5), (0.06, 0.62), (0.3, 0.9), (0, 0.92), (0, 0.1)]), metal)
    bowl = profile([(0, -0.9), (0.55, -0.9), (0.56, -0.4), (0.35, 0.02), (0, 0.14)])
    pen.fill(bowl, metal)
    pen.fill(oval(0, -0.88, 0.54, 0.12), wine)
    pen.line(oval(0, -0.88, 0.54, 0.12), metal.lit(1.7), 0.03)
    with pen.inside(bowl):
        pen.line([(-0.6, -0.5), (0, -0.4), (0.6, -0.5)], metal.lit(0.45), 0.03)
        pen.line([(-0.6, -0.2), (0, -0.06), (0.6, -0.2)], metal.lit(0.45), 0.03)
        for k, x in enumerate((-0.36, -0.12, 0.12, 0.36)):
            pen.ball(x, -0.3 + 0.03 * (1 - abs(x)), 0.085, pen.c((0.98, 0.38)[k % 2], 0.95, 0.85))
        pen.glow(-0.3, -0.55, 0.2, WHITE.faded(0.8))


@motif()
def hourglass(pen: Pen) -> None:
    """An hourglass in a wooden frame, sand falling."""
    wood, sand = pen.c(pen.u(0.03, 0.08), 0.8, 0.6), pen.c(0.11, 0.75, 1.0)
    glass = profile([(0, -0.8), (0.52, -0.78), (0.45, -0.35), (0.06, 0.0), (0.45, 0.35), (0.52, 0.78), (0, 0.8)])
    pen.fill(glass, pen.c(0.52, 0.25, 1.0).faded(0.75))
    with pen.inside(glass):
        pen.fill(smooth([(-0.5, -0.45), (0, -0.36), (0.5, -0.45), (0.05, 0.0), (-0.05, 0.0)]), sand)
        pen.fill(smooth([(-0.6, 0.85), (-0.4, 0.6), (0, 0.3), (0.4, 0.6), (0.6, 0.85)]), sand)
        pen.line(segments([(0, 0, 0, 0.5)]), sand, 0.035)
        pen.line([(-0.38, -0.7), (-0.36, -0.45), (-0.2, -0.2)], WHITE, 0.05)
        pen.line([(-0.2, 0.25), (-0.37, 0.45), (-0.4, 0.65)], WHITE, 0.04)
    for x in (-0.62, 0.62):
        pen.fill(box(x - 0.05, -0.82, x + 0.05, 0.82), wood)
        for y in (-0.4, 0.0, 0.4):
            pen.fill(oval(x, y, 0.09, 0.07), wood.lit(1.2))
    for y in (-0.9, 0.9):
        pen.fill(box(-0.76, y - 0.1, 0.76, y + 0.1), wood)
        pen.line(segments([(-0.72, y, 0.72, y)]), wood.lit(1.7), 0.025)


@motif()
def chandelier(pen: Pen) -> None:
    """A chandelier: arms with candles, strings of crystal."""
    gold, light = pen.c(0.115, 0.85, 0.95), pen.c(0.13, 0.6, 1.0)
    pen.line(segments([(0, -1.05, 0, -0.5)]), gold, 0.045)
    for reach, height in ((0.88, -0.05), (0.55, -0.25), (0.24, 0.05)):
        for side in (-1, 1):
            x = side * reach
            pen.line([(0, 0.2), (x * 0.5, 0.45), (x, height + 0.25), (x, height + 0.08)], gold, 0.05)
            pen.line([(0, -0.6), (x * 0.4, -0.2), (x, height + 0.15)], WHITE, 0.022)
            pen.fill(oval(x, height + 0.08, 0.1, 0.035), gold)
            pen.fill(box(x - 0.035, height - 0.18, x + 0.035, height + 0.06), WHITE)
            pen.glow(x, height - 0.28, 0.24, light.faded(0.8))
            pen.flat(oval(x, height - 0.26, 0.04, 0.09), WHITE)
            for k in range(3):
                pen.fill(
                    polygon(
                        [
                            (x, height + 0.28 + 0.14 * k),
                            (x + 0.045, height + 0.35 + 0.14 * k),
                            (x, height + 0.42 + 0.14 * k),
                            (x - 0.045, height + 0.35 + 0.14 * k),
                        ]
                    ),
                    pen.c(0.53, 0.3, 1.0),
                )
    pen.fill(profile([(0, -0.7), (0.14, -0.5), (0.06, -0.2), (0.16, 0.1), (0.08, 0.4), (0, 0.55)]), gold)
    pen.ball(0, 0.68, 0.12, pen.c(0.53, 0.35, 1.0))
