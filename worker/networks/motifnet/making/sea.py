"""Creatures of the sea."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    arc,
    petal,
    polar,
    polygon,
    profile,
    segments,
    smooth,
    taper,
)
from worker.networks.motifnet.making.pen import Pen


@motif()
def fish(pen: Pen) -> None:
    """A fish with rows of scales, rayed fins and a round eye."""
    body, fins = pen.scheme(2)
    h = pen.u(0.36, 0.58)
    for points in (
        [(0.5, 0), (1.05, -0.5), (0.9, 0), (1.05, 0.5)],
        [(-0.35, -h * 0.85), (0.05, -h * 1.75), (0.45, -h * 0.55)],
        [(-0.1, h * 0.8), (0.15, h * 1.5), (0.4, h * 0.5)],
    ):
        fin = smooth(points)
        pen.fill(fin, fins)
        x0, y0 = points[0]
        with pen.inside(fin):
            pen.line(
                segments(
                    (x0 * 0.6 + 0.1, y0 * 0.5, x0 + dx, y0 * 1.4 + dy)
                    for dx in (0.2, 0.4, 0.6)
                    for dy in np.linspace(-0.7, 0.7, 7)
                ),
                fins.lit(0.5),
                0.02,
            )
    shape = smooth(
        [(-1.0, 0.02), (-0.6, -h * 0.85), (0, -h), (0.5, -h * 0.4), (0.68, 0), (0.5, h * 0.4), (0, h), (-0.6, h * 0.85)]
    )
    pen.fill(shape, body.lit(0.85), body.mixed(WHITE, 0.5))
    with pen.inside(shape):
        if pen.chance(0.4):
            for x in (-0.15, 0.25, 0.6):
                pen.fill(smooth([(x, -1), (x + 0.1, 0), (x, 1), (x + 0.16, 1), (x + 0.24, 0), (x + 0.16, -1)]), fins)
        for k, x in enumerate(np.arange(-0.4, 0.72, 0.13)):
            for y in np.arange(-h - 0.08 * (k % 2), h + 0.1, 0.17):
                pen.line(arc(x - 0.04, y, 0.1, 0.1, -80, 160), body.lit(0.45), 0.028)
    pen.line(arc(-0.75, 0, 0.28, h * 0.8, -65, 130), body.lit(0.4), 0.045)
    with pen.at(-0.32, 0.12, turn=100):
        pen.fill(petal(0.36, 0.28, 0.7), fins.lit(1.2))
    pen.eyeball(-0.7, -0.1, 0.11, pen.c(0.13, 0.9, 1.0))
    pen.line([(-1.0, 0.06), (-0.9, 0.1), (-0.84, 0.06)], body.lit(0.3), 0.035)


@motif()
def octopus(pen: Pen) -> None:
    """An octopus with eight curling arms and suckers."""
    skin = pen.c(pen.pick(0.0, 0.03, 0.9, 0.8, 0.55), pen.u(0.65, 0.95), pen.u(0.65, 0.95))
    t = np.linspace(0, 1, 20)
    for k in (0, 7, 1, 6, 2, 5, 3, 4):
        angle = math.pi * (-0.12 + 1.24 * k / 7)
        curl = (1 if k > 3 else -1) * pen.u(1.2, 2.6)
        heading = angle + curl * t**2
        line = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0) * 0.052 + (
            0.28 * math.cos(angle),
            0.1 + 0.1 * math.sin(angle),
        )
        pen.fill(taper(line.tolist(), (0.22 * (1.04 - t)).tolist()), skin.lit(0.6 + 0.06 * k))
        pen.dots(
            [(x, y, 0.042 * (1.05 - s)) for (x, y), s in zip(line[3::2], t[3::2], strict=True)], skin.mixed(WHITE, 0.65)
        )
    pen.fill(profile([(0, -0.98), (0.4, -0.85), (0.52, -0.45), (0.36, -0.05), (0.3, 0.2), (0, 0.28)]), skin)
    pen.dots([(0.1, -0.75, 0.05), (-0.15, -0.65, 0.06), (0.22, -0.58, 0.04), (-0.28, -0.5, 0.035)], skin.lit(1.5))
    for _ in pen.sides():
        pen.eyeball(0.22, -0.16, 0.13, pen.c(0.14, 0.9, 1.0), "slit")


@motif("any")
def jellyfish(pen: Pen) -> None:
    """A glowing jellyfish: a ribbed bell and trailing threads."""
    glow, frill = pen.scheme(2)
    pen.glow(0, -0.2, 1.1, glow.faded(0.5))
    for k in range(9):
        x, sway = -0.52 + 0.13 * k, pen.u(-0.2, 0.2)
        pen.line([(x, -0.1), (x + sway, 0.25), (x - sway, 0.65), (x + sway * 0.6, 1.05)], glow.lit(1.5), 0.025)
    for k in range(4):
        x = -0.24 + 0.16 * k
        pen.line([(x, -0.05)] + [(x + (0.1 if j % 2 else -0.1), 0.12 + 0.15 * j) for j in range(4)], frill, 0.09)
        pen.line(
            [(x, -0.05)] + [(x + (0.1 if j % 2 else -0.1), 0.12 + 0.15 * j) for j in range(4)], frill.lit(1.7), 0.03
        )
    bell = profile([(0, -0.95), (0.45, -0.82), (0.72, -0.35), (0.66, -0.02), (0.3, 0.06), (0, 0.02)])
    pen.fill(bell, glow)
    with pen.inside(bell):
        for k in range(-4, 5):
            pen.line([(0, -0.95), (0.17 * k, -0.5), (0.19 * k, 0.1)], glow.lit(1.6), 0.03)
        pen.glow(0, -0.5, 0.4, frill.faded(0.9))
        pen.glow(-0.25, -0.7, 0.25, WHITE.faded(0.8))
    pen.line([(-0.66 + 0.165 * k, -0.02 + (0.06 if k % 2 else -0.02)) for k in range(9)], frill.lit(1.3), 0.05)


@motif()
def seahorse(pen: Pen) -> None:
    """A seahorse: coronet, ribbed belly, curled tail."""
    skin, fin = pen.c(pen.pick(0.1, 0.05, 0.14, 0.9, 0.48), 0.85, 0.95), pen.vivid()
    t = np.linspace(0, 1, 44)
    heading = np.interp(t, [0, 0.15, 0.4, 0.6, 0.75, 1.0], [0.3, 1.3, 1.9, 1.1, 2.4, 8.2])
    line = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0) * np.interp(
        t, [0, 0.75, 1], [0.055, 0.05, 0.024]
    )[:, None] + (-0.1, -0.72)
    width = np.interp(t, [0, 0.12, 0.3, 0.5, 0.75, 1], [0.3, 0.24, 0.46, 0.26, 0.14, 0.05])
    with pen.at(0.3, -0.08, turn=85):
        for k in range(5):
            with pen.at(0, 0, turn=-30 + 15 * k):
                pen.fill(petal(0.36, 0.12, 0.6), fin)
    pen.fill(taper(line.tolist(), width.tolist()), skin)
    for k in range(6, 42, 2):
        (x, y), a = line[k], heading[k] + math.pi / 2
        dx, dy = polar(width[k] * 0.46, a)
        pen.line([(x - dx, y - dy), (x + 0.02, y + 0.02), (x + dx, y + dy)], skin.lit(0.5), 0.026)
        pen.dot(x - dx, y - dy, 0.035, skin.lit(1.4))
    pen.fill(
        smooth(
            [
                (-0.75, -0.6),
                (-0.3, -0.72),
                (-0.05, -0.9),
                (0.15, -0.78),
                (0.12, -0.5),
                (-0.15, -0.48),
                (-0.4, -0.56),
                (-0.72, -0.5),
            ]
        ),
        skin,
    )
    for k in range(4):
        with pen.at(-0.08 + 0.09 * k, -0.84 + 0.03 * k, turn=-25 + 22 * k):
            pen.fill(petal(0.2, 0.07, 0.0), fin)
    pen.eyeball(-0.1, -0.68, 0.085, pen.c(0.55, 0.9, 0.9))


@motif()
def whale(pen: Pen) -> None:
    """A whale with a grooved throat and a spout."""
    skin = pen.c(pen.u(0.54, 0.66), pen.u(0.5, 0.9), pen.u(0.4, 0.8))
    for _ in range(2):
        lean = pen.u(-0.3, 0.3)
        pen.line(
            [(-0.4, -0.42), (-0.42 + lean * 0.3, -0.75), (-0.42 + lean, -0.98), (-0.4 + lean * 1.6, -0.8)],
            pen.c(0.53, 0.3, 1.0),
            0.06,
        )
    pen.fill(
        smooth([(0.72, -0.05), (0.8, -0.45), (0.6, -0.66), (0.86, -0.55), (1.08, -0.68), (0.95, -0.4), (0.9, 0.0)]),
        skin,
    )
    shape = smooth(
        [
            (-0.98, 0.15),
            (-0.85, -0.3),
            (-0.35, -0.45),
            (0.3, -0.25),
            (0.75, -0.15),
            (0.9, -0.05),
            (0.6, 0.35),
            (0.0, 0.62),
            (-0.7, 0.55),
        ]
    )
    pen.fill(shape, skin)
    with pen.inside(shape):
        pen.fill(
            smooth([(-1.1, 0.25), (-0.4, 0.2), (0.2, 0.3), (0.5, 0.45), (-0.2, 0.8), (-1.0, 0.8)]),
            WHITE.mixed(skin, 0.15),
        )
        for k in range(6):
            pen.line([(-1.0, 0.3 + 0.07 * k), (-0.4, 0.27 + 0.08 * k), (0.3, 0.38 + 0.05 * k)], skin.lit(0.6), 0.022)
    with pen.at(-0.15, 0.35, turn=140):
        pen.fill(petal(0.45, 0.24, 0.4), skin.lit(0.7))
    pen.eyeball(-0.55, 0.08, 0.06, BLACK, "bead")
    pen.line([(-0.98, 0.2), (-0.7, 0.22), (-0.5, 0.18)], skin.lit(0.3), 0.03)


@motif()
def shark(pen: Pen) -> None:
    """A shark with fins, gills and an open mouth of teeth."""
    skin = pen.c(pen.u(0.54, 0.64), pen.u(0.2, 0.6), pen.u(0.45, 0.75))
    pen.fill(polygon([(0.65, 0.0), (1.05, -0.62), (0.88, -0.02), (1.02, 0.4)]), skin)
    pen.fill(polygon([(-0.1, -0.3), (0.2, -0.85), (0.32, -0.18)]), skin)
    shape = smooth(
        [
            (-1.0, -0.12),
            (-0.6, -0.36),
            (0, -0.38),
            (0.5, -0.15),
            (0.85, -0.02),
            (0.5, 0.14),
            (0, 0.32),
            (-0.5, 0.36),
            (-0.85, 0.12),
        ]
    )
    pen.fill(shape, skin)
    with pen.inside(shape):
        pen.fill(smooth([(-1, 0.06), (-0.4, 0.12), (0.3, 0.06), (0.9, 0.02), (0.3, 0.5), (-0.6, 0.6)]), WHITE)
    mouth = smooth([(-0.88, 0.1), (-0.6, 0.02), (-0.4, 0.1), (-0.55, 0.3), (-0.75, 0.26)])
    pen.fill(mouth, pen.c(0.98, 0.9, 0.5))
    with pen.inside(mouth):
        pen.fill(
            polygon([(-0.9 + 0.05 * k, 0.14 if k % 2 else 0.02) for k in range(12)] + [(-0.3, -0.2), (-0.9, -0.2)]),
            WHITE,
        )
        pen.fill(
            polygon([(-0.9 + 0.05 * k, 0.18 if k % 2 else 0.3) for k in range(12)] + [(-0.3, 0.6), (-0.9, 0.6)]), WHITE
        )
    pen.line(segments((-0.3 + 0.07 * k, -0.08, -0.33 + 0.07 * k, 0.14) for k in range(4)), skin.lit(0.4), 0.03)
    pen.fill(polygon([(-0.1, 0.18), (0.22, 0.75), (0.28, 0.14)]), skin.lit(0.8))
    pen.eyeball(-0.62, -0.14, 0.06, BLACK, "bead")
