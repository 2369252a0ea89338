"""Shells, and creatures in armour."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    arc,
    oval,
    petal,
    polar,
    polygon,
    profile,
    segments,
    smooth,
)
from worker.networks.motifnet.making.pen import Pen


@motif("any")
def starfish(pen: Pen) -> None:
    """A starfish with knobs along its five arms."""
    skin = pen.c(pen.pick(0.02, 0.06, 0.95, 0.78, 0.58), 0.9, 0.95)
    knob = skin.mixed(pen.c(0.13, 0.5, 1.0), 0.7)
    points = []
    for k in range(5):
        a, sway = 2 * math.pi * k / 5 - math.pi / 2, pen.u(-0.15, 0.15)
        points += [
            polar(0.36, a - 0.55),
            polar(0.72, a - 0.14 + sway * 0.5),
            polar(1.0, a + sway),
            polar(0.72, a + 0.14 + sway * 0.5),
        ]
    pen.fill(smooth(points), skin)
    for _ in pen.around(5):
        pen.dots([(0, -0.14 * k, 0.055 - 0.005 * k) for k in range(1, 7)], knob)
        pen.dots([(s * (0.15 - 0.02 * k), -0.12 - 0.13 * k, 0.03) for k in range(1, 5) for s in (-1, 1)], knob)
    pen.dot(0, 0, 0.08, knob)


@motif()
def crab(pen: Pen) -> None:
    """A crab with raised claws."""
    skin = pen.c(pen.pick(0.0, 0.03, 0.06, 0.6), 0.9, 0.9)
    for _ in pen.sides():
        for k in range(4):
            y = 0.12 + 0.13 * k
            pen.line(
                polygon([(0.4, y), (0.82 - 0.06 * k, y - 0.12 + 0.08 * k), (0.98 - 0.1 * k, y + 0.25)], closed=False),
                skin.lit(0.75),
                0.075,
            )
        pen.line([(0.45, 0.0), (0.8, -0.1), (0.72, -0.42)], skin, 0.13)
        with pen.at(0.68, -0.45, turn=-15):
            pen.fill(
                smooth(
                    [
                        (-0.2, 0.1),
                        (-0.3, -0.25),
                        (-0.05, -0.58),
                        (-0.06, -0.25),
                        (0.05, -0.15),
                        (0.12, -0.5),
                        (0.3, -0.2),
                        (0.2, 0.12),
                    ]
                ),
                skin.lit(1.1),
            )
            pen.dots([(0.0, 0.0, 0.04), (0.12, -0.06, 0.03)], WHITE)
        pen.line(segments([(0.16, -0.2, 0.2, -0.44)]), skin, 0.06)
        pen.eyeball(0.2, -0.48, 0.09, BLACK, "bead")
    pen.fill(profile([(0, -0.28), (0.4, -0.26), (0.7, 0.08), (0.5, 0.5), (0, 0.62)]), skin)
    pen.dots(
        [(0.0, -0.05, 0.05), (0.3, 0.0, 0.06), (-0.3, 0.0, 0.06), (0.15, 0.18, 0.04), (-0.15, 0.18, 0.04)],
        skin.mixed(WHITE, 0.6),
    )
    pen.line([(-0.25, 0.36), (0, 0.44), (0.25, 0.36)], skin.lit(0.3), 0.035)


@motif("any")
def nautilus(pen: Pen) -> None:
    """A nautilus cut open: chambers along a spiral."""
    pearl, stripe = pen.c(0.08, 0.3, 1.0), pen.c(pen.pick(0.04, 0.97, 0.55), 0.85, 0.75)
    growth, turns = 0.175, 2.15
    angle = np.linspace(0, turns * 2 * math.pi, 70)
    radius = 1.25 * np.exp(growth * (angle - angle[-1]))
    outer = np.stack([radius * np.cos(angle) - 0.12, radius * np.sin(angle) - 0.12], 1)
    heart = np.array([-0.12, -0.12])
    inner = heart + (outer - heart) * math.exp(-growth * 2 * math.pi) * 1.02
    for k in range(69, 0, -1):
        quad = [outer[k - 1], outer[k], inner[k], inner[k - 1]]
        pen.flat(
            polygon([(float(x), float(y)) for x, y in quad]),
            pearl.lit(0.75 + 0.3 * ((k % 5) / 4)) if k < 58 else pearl.lit(0.6).mixed(stripe, 0.6),
        )
    for k in range(8, 60, 5):
        a, b = outer[k], inner[max(k - 2, 0)]
        pen.line(
            [tuple(a), ((a[0] + b[0]) / 2 - 0.12 * a[1], (a[1] + b[1]) / 2 + 0.12 * a[0]), tuple(b)],
            stripe.lit(0.6),
            0.03,
        )
    pen.line(outer.tolist(), stripe, 0.07)
    pen.line(inner[20:].tolist(), stripe.lit(0.7), 0.035)


@motif("any")
def shell(pen: Pen) -> None:
    """A scallop: ribs that fan out, bands of growth."""
    colour, second = (
        pen.c(pen.pick(0.03, 0.07, 0.95, 0.12), pen.u(0.5, 0.9), 1.0),
        pen.c(pen.pick(0.0, 0.08, 0.85), 0.6, 0.75),
    )
    pen.fill(profile([(0, 0.62), (0.4, 0.66), (0.34, 0.9), (0, 0.95)], sharp=True), colour.lit(0.8))
    count = pen.n(9, 13)
    for k in range(count):
        a = math.radians(-165 + 150 * k / (count - 1))
        (x0, y0), (x1, y1) = polar(1.66, a - 0.13), polar(1.66, a + 0.13)
        xm, ym = polar(1.78, a)
        rib = smooth([(0, 0.85), (x0 * 0.58, 0.85 + y0), (xm * 0.58, 0.85 + ym), (x1 * 0.58, 0.85 + y1)])
        pen.fill(rib, colour if k % 2 else colour.lit(1.3))
    for radius in np.linspace(0.5, 1.6, pen.n(4, 7)):
        pen.line(arc(0, 0.85, radius * 0.6, radius, -168, 156), second, 0.05)
    pen.line(
        segments(
            (0, 0.85, polar(1.6, a)[0] * 0.58, 0.85 + polar(1.6, a)[1])
            for a in np.radians(np.linspace(-170, -10, count + 1))
        ),
        colour.lit(0.4),
        0.025,
    )


@motif()
def lobster(pen: Pen) -> None:
    """A lobster from above: claws, segments, tail fan, feelers."""
    skin = pen.c(pen.pick(0.0, 0.02, 0.58), 0.92, 0.9)
    for _ in pen.sides():
        pen.line([(0.1, -0.5), (0.35, -0.85), (0.75, -1.05)], skin.lit(0.7), 0.025)
        for k in range(4):
            pen.line(
                [(0.15, -0.12 + 0.11 * k), (0.42, -0.16 + 0.13 * k), (0.55, 0.02 + 0.14 * k)], skin.lit(0.7), 0.045
            )
        pen.line([(0.15, -0.25), (0.45, -0.25), (0.52, -0.48)], skin, 0.09)
        with pen.at(0.55, -0.45, turn=8):
            pen.fill(
                smooth(
                    [
                        (-0.1, 0.06),
                        (-0.22, -0.25),
                        (-0.05, -0.55),
                        (-0.02, -0.22),
                        (0.06, -0.22),
                        (0.16, -0.5),
                        (0.22, -0.2),
                        (0.1, 0.08),
                    ]
                ),
                skin.lit(1.1),
            )
        with pen.at(0, 0.75, turn=150):
            pen.fill(petal(0.4, 0.26, 0.8), skin.lit(0.8))
    with pen.at(0, 0.72, turn=180):
        pen.fill(petal(0.36, 0.24, 0.8), skin)
    for k in range(5):
        pen.fill(oval(0, 0.68 - 0.12 * k, 0.16 + 0.02 * k, 0.1), skin.lit(0.85 + 0.08 * k))
    pen.fill(profile([(0, -0.65), (0.14, -0.5), (0.24, -0.1), (0.2, 0.15), (0, 0.2)]), skin)
    pen.line([(0, -0.6), (0, -0.2), (0, 0.18)], skin.lit(0.5), 0.025)
    for side in (-1, 1):
        pen.eyeball(side * 0.11, -0.52, 0.05, BLACK, "bead")
