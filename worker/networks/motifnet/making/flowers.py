"""Flowers."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    oval,
    petal,
    polar,
    profile,
    segments,
    smooth,
    spiral,
    sunflower_seeds,
)
from worker.networks.motifnet.making.pen import Pen


@motif("any")
def daisy(pen: Pen) -> None:
    """A daisy from above: one ring of creased petals around a yellow heart."""
    count, colour = pen.n(8, 17), pen.pick(WHITE, pen.vivid(), pen.c(0.93, 0.5, 1.0))
    heart = pen.c(pen.u(0.1, 0.15), 0.95, 1.0)
    for k in [*range(0, count, 2), *range(1, count, 2)]:
        with pen.at(0, 0, turn=360 * k / count + pen.u(-4, 4)):
            pen.fill(petal(pen.u(0.92, 1.02), 5.4 / count, 0.7), colour)
            pen.line(
                segments([(0, -0.25, 0, -0.8), (0.04, -0.3, 0.06, -0.75), (-0.04, -0.3, -0.06, -0.75)]),
                colour.lit(0.7),
                0.016,
            )
    pen.ball(0, 0, 0.3, heart)
    pen.dots([(x, y, 0.024) for x, y in sunflower_seeds(36, 0.27)], heart.lit(0.5))


@motif("any")
def rose(pen: Pen) -> None:
    """A rose from above: petals that wind around a spiral heart."""
    colour = pen.c(pen.pick(0.98, 0.0, 0.93, 0.13, 0.05), pen.u(0.6, 0.95), pen.u(0.75, 1.0))
    for _ in pen.around(3, pen.u(0, 120)):
        pen.fill(petal(1.08, 0.3, 0.1), pen.c(0.34, 0.8, 0.5))
    for ring, radius in enumerate(np.linspace(0.95, 0.2, 6)):
        count = 5 if ring < 4 else 3
        for k in range(count):
            a = 2 * math.pi * k / count + ring * 0.62
            x, y = polar(radius * 0.46, a)
            with pen.at(x, y, radius * 0.56, math.degrees(a) + 90):
                leaf = smooth(
                    [(-1.0, 0.1), (-0.6, -0.75), (0.1, -0.95), (0.8, -0.6), (1.0, 0.2), (0.4, 0.8), (-0.5, 0.8)]
                )
                pen.fill(leaf, colour.lit(0.65 + 0.1 * ring))
                pen.line([(-0.95, -0.05), (-0.55, -0.7), (0.1, -0.9), (0.8, -0.5), (0.97, 0.1)], colour.lit(1.6), 0.08)
                pen.line([(-0.85, 0.15), (-0.4, -0.5), (0.1, -0.66), (0.7, -0.3)], colour.lit(0.45), 0.06)
    pen.oval(0, 0, 0.17, 0.17, colour.lit(0.7))
    pen.line(spiral(2.2, 0.01, 0.19, count=28), colour.lit(0.3), 0.035)


@motif("any")
def sunflower(pen: Pen) -> None:
    """A sunflower: two rings of pointed petals, seeds in Fermat's spiral."""
    gold, seed = pen.c(pen.u(0.1, 0.145), 0.97, 1.0), pen.c(0.06, 0.8, pen.u(0.2, 0.4))
    count = pen.n(15, 20)
    for ring, tone in ((0, 0.75), (1, 1.0)):
        for _ in pen.around(count, ring * 180 / count):
            pen.fill(petal(pen.u(0.95, 1.05), 0.32, 0.0), gold.lit(tone * pen.u(0.9, 1.1)))
            pen.line(segments([(0, -0.5, 0, -0.85)]), gold.lit(0.6), 0.02)
    pen.oval(0, 0, 0.58, 0.58, seed.lit(0.6))
    for k, (x, y) in enumerate(sunflower_seeds(110, 0.55)):
        pen.dot(x, y, 0.028, (gold.lit(0.8) if k > 70 else seed.lit(1.4)) if k % 2 else seed)


@motif()
def tulip(pen: Pen) -> None:
    """A tulip with two long leaves."""
    colour = pen.c(pen.pick(0.0, 0.95, 0.13, 0.8, 0.05), 0.9, 0.95)
    green = pen.c(0.33, 0.75, 0.6)
    pen.line([(0, 0), (pen.u(-0.1, 0.1), 0.5), (0, 1.05)], green, 0.075)
    for _ in pen.sides():
        pen.fill(
            smooth([(0.02, 1.05), (0.2, 0.5), (0.62, pen.u(-0.1, 0.2)), (0.45, 0.6), (0.1, 1.05)]),
            green.lit(pen.u(0.7, 1.1)),
        )
    pen.fill(profile([(0, -0.9), (0.2, -0.55), (0.2, 0.0), (0, 0.2)]), colour.lit(0.7))
    for _ in pen.sides():
        pen.fill(smooth([(0.0, 0.25), (0.12, -0.4), (0.46, -0.98), (0.55, -0.4), (0.4, 0.1)]), colour)
        pen.line([(0.08, 0.18), (0.3, -0.3), (0.44, -0.8)], colour.lit(1.6), 0.03)
    front = profile([(0, -0.6), (0.22, -0.35), (0.24, 0.05), (0, 0.27)])
    pen.fill(front, colour.lit(1.2))
    pen.line(segments((x * 0.5, 0.2, x, -0.35) for x in (-0.12, -0.05, 0.05, 0.12)), colour.lit(0.7), 0.02)


@motif()
def lotus(pen: Pen) -> None:
    """A lotus flower over water, petals with dark tips."""
    tip, base = pen.c(pen.pick(0.92, 0.95, 0.78, 0.6), 0.75, 0.95), WHITE
    pen.fill(oval(0, 0.72, 1.0, 0.22), pen.c(0.38, 0.8, 0.45))
    pen.line(segments((0, 0.72, *polar(1, a)) for a in np.linspace(0.25, 2.9, 9)), pen.c(0.36, 0.6, 0.7), 0.02)
    for length, turns in (
        (1.45, (-38, 38, 0)),
        (1.3, (-62, 62, -20, 20)),
        (1.05, (-82, 82, -45, 45, 0)),
        (0.75, (-70, 70, -24, 24)),
    ):
        for turn in turns:
            with pen.at(0, 0.65, turn=turn + pen.u(-3, 3)):
                shape = profile([(0, -length), (0.14, -length * 0.78), (0.21, -length * 0.45), (0.08, -0.02), (0, 0)])
                pen.fill(shape, tip, base.mixed(tip, 0.15))
                pen.line(
                    segments(
                        [(0, -0.1, 0, -length * 0.9), (0, -0.1, 0.1, -length * 0.6), (0, -0.1, -0.1, -length * 0.6)]
                    ),
                    tip.lit(0.75),
                    0.014,
                )
    pen.glow(0, 0.3, 0.28, pen.c(0.14, 0.9, 1.0))


@motif()
def iris(pen: Pen) -> None:
    """An iris: three petals up, three hanging with a yellow beard and veins."""
    colour = pen.c(pen.pick(0.72, 0.76, 0.66, 0.8), 0.85, 0.85)
    beard = pen.c(0.13, 0.95, 1.0)
    pen.line([(0, 0.2), (0.02, 0.6), (0, 1.05)], pen.c(0.33, 0.7, 0.5), 0.08)
    with pen.at(0.05, 1.05, turn=pen.u(-30, 30)):
        pen.fill(petal(1.3, 0.2, 0.0), pen.c(0.33, 0.6, 0.6))
    for turn, tone in ((-30, 0.8), (30, 0.8), (0, 1.2)):
        with pen.at(0, 0.05, turn=turn):
            pen.fill(
                smooth([(0, 0), (0.3, -0.4), (0.32, -0.85), (0, -1.02), (-0.32, -0.85), (-0.3, -0.4)]), colour.lit(tone)
            )
            pen.line([(0, 0), (0.03, -0.5), (0, -0.95)], colour.lit(0.6), 0.025)
    for turn in (115, -115, 180):
        with pen.at(0, 0.0, turn=turn):
            pen.fill(
                smooth(
                    [(0, 0), (0.28, -0.3), (0.4, -0.62), (0.12, -0.92), (-0.12, -0.92), (-0.4, -0.62), (-0.28, -0.3)]
                ),
                colour.lit(0.75 if turn == 180 else 0.9),
            )
            pen.line(segments((0, -0.15, x, -0.75) for x in (-0.26, -0.14, 0.14, 0.26)), colour.lit(0.35), 0.022)
            pen.fill(petal(0.5, 0.16, 0.3), beard)


@motif("any")
def poppy(pen: Pen) -> None:
    """A poppy: four crumpled petals with black blotches, a crown of stamens."""
    colour = pen.c(pen.pick(0.0, 0.02, 0.05, 0.9), 0.95, 0.95)
    for k in (0, 2, 1, 3):
        with pen.at(0, 0, turn=90 * k + pen.u(-8, 8)):
            crumple = [
                (0.62 * math.sin(t) * pen.u(0.92, 1.05), -0.5 - 0.5 * math.cos(t) * pen.u(0.9, 1.06))
                for t in np.linspace(-2.4, 2.4, 13)
            ]
            leaf = smooth([(0, 0), *crumple])
            pen.fill(leaf, colour.lit(pen.u(0.8, 1.15)))
            pen.line(segments((0, -0.1, 0.85 * x, 0.85 * y) for x, y in crumple[2:-2]), colour.lit(0.65), 0.018)
            pen.flat(smooth([(0, 0), (0.2, -0.15), (0.14, -0.42), (0, -0.36), (-0.14, -0.42), (-0.2, -0.15)]), BLACK)
    rays = [polar(pen.u(0.22, 0.34), 2 * math.pi * k / 26) for k in range(26)]
    pen.line(segments((0, 0, x, y) for x, y in rays), BLACK.mixed(WHITE, 0.1), 0.022)
    pen.dots([(x, y, 0.028) for x, y in rays], pen.c(0.13, 0.6, 0.95))
    pen.ball(0, 0, 0.15, pen.c(0.3, 0.6, 0.65))
    pen.line(segments((0, 0, *polar(0.14, k * math.pi / 4)) for k in range(8)), BLACK, 0.02)


@motif("any")
def pansy(pen: Pen) -> None:
    """A pansy with its dark face."""
    upper, lower = pen.scheme(2)
    for x, y, r, colour in (
        (-0.36, -0.42, 0.5, upper),
        (0.36, -0.42, 0.5, upper),
        (-0.5, 0.12, 0.46, lower),
        (0.5, 0.12, 0.46, lower),
        (0, 0.45, 0.52, lower),
    ):
        ruffle = [
            (x + r * pen.u(0.9, 1.06) * math.cos(t), y + r * pen.u(0.9, 1.06) * math.sin(t))
            for t in np.linspace(0, 2 * math.pi, 12)[:-1]
        ]
        pen.fill(smooth(ruffle), colour)
        if colour is lower:
            pen.fill(
                smooth(
                    [
                        (0, 0.02),
                        (x * 0.9 - y * 0.35, y * 0.75 + x * 0.35),
                        (x * 1.1, y * 1.05),
                        (x * 0.9 + y * 0.35, y * 0.75 - x * 0.35),
                    ]
                ),
                BLACK.mixed(upper, 0.35),
            )
            pen.line(
                segments((0, 0.05, x * 1.3 + d, y * 1.4 + d * (1 if x > 0 else -1)) for d in (-0.16, 0, 0.16)),
                BLACK,
                0.02,
            )
    pen.dot(0, 0.04, 0.12, pen.c(0.13, 0.95, 1.0))
    pen.dot(0, 0.1, 0.04, pen.c(0.3, 0.8, 0.5))


@motif("any")
def orchid(pen: Pen) -> None:
    """An orchid: three sepals, two round petals, a spotted lip."""
    colour = pen.c(pen.pick(0.85, 0.9, 0.13, 0.3, 0.95), pen.u(0.45, 0.85), 1.0)
    lip = pen.c(pen.pick(0.9, 0.97, 0.12), 0.95, 0.8)
    for turn in (0, 128, -128):
        with pen.at(0, 0, turn=turn):
            pen.fill(petal(0.98, 0.55, 0.4), colour.lit(0.8))
            pen.line(segments((x * 0.3, -0.1, x, -0.8) for x in (-0.12, 0, 0.12)), lip, 0.018)
    for _ in pen.sides():
        wing = smooth([(0.02, 0.02), (0.4, -0.5), (0.9, -0.45), (1.0, -0.05), (0.6, 0.22)])
        pen.fill(wing, colour.lit(1.15))
        pen.line(
            segments((0.05, 0, 0.85 * x, y * 0.9) for x, y in ((0.6, -0.45), (0.95, -0.35), (1.05, -0.1), (0.8, 0.08))),
            lip,
            0.02,
        )
    pen.fill(profile([(0, 0.0), (0.25, 0.05), (0.2, 0.35), (0.34, 0.6), (0, 0.72)]), lip)
    pen.dots([(pen.u(-0.18, 0.18), pen.u(0.2, 0.6), 0.03) for _ in range(9)], lip.lit(0.4))
    pen.oval(0, 0.0, 0.12, 0.14, WHITE)
    pen.dot(0, 0.04, 0.05, pen.c(0.14, 0.95, 1.0))


@motif("any")
def dandelion(pen: Pen) -> None:
    """A dandelion clock: parachutes on fine stalks around a small heart."""
    white = pen.c(0.12, pen.u(0.0, 0.15), 1.0)
    pen.glow(0, 0, 1.2, pen.c(pen.pick(0.58, 0.35, 0.65), 0.9, 0.3))
    pen.line([(0, 0), (0.05, 0.6), (0, 1.1)], pen.c(0.3, 0.7, 0.5), 0.06)
    for x, y in sunflower_seeds(38, 0.76):
        pen.line(segments([(x * 0.15, y * 0.15, x, y)]), white.lit(0.7), 0.02)
        base = math.atan2(y, x)
        hairs = [
            (x, y, x + 0.22 * math.cos(base + d), y + 0.22 * math.sin(base + d)) for d in np.linspace(-1.3, 1.3, 6)
        ]
        pen.line(segments(hairs), white, 0.02)
    pen.ball(0, 0, 0.18, pen.c(0.09, 0.6, 0.6))
    pen.dots([(x, y, 0.03) for x, y in sunflower_seeds(26, 0.16)], pen.c(0.08, 0.7, 0.3))
