"""Beasts, of the land and of legend."""

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


@motif()
def bat(pen: Pen) -> None:
    """A bat with spread, ribbed wings."""
    skin, fur = pen.c(pen.pick(0.75, 0.0, 0.06, 0.65), 0.6, pen.u(0.25, 0.6)), pen.c(0.06, 0.6, pen.u(0.2, 0.5))
    lift = pen.u(-0.2, 0.15)
    for _ in pen.sides():
        tip, wrist = (1.05, -0.05 + lift), (0.55, -0.5 + lift)
        wing = [(0.1, -0.1), wrist, tip, (0.86, 0.1), (0.8, 0.42), (0.58, 0.25), (0.42, 0.52), (0.26, 0.3), (0.1, 0.4)]
        pen.fill(polygon(wing), skin)
        for x, y in (tip, (0.8, 0.42), (0.42, 0.52)):
            pen.line([wrist, ((wrist[0] + x) / 2 + 0.05, (wrist[1] + y) / 2), (x, y)], skin.lit(0.45), 0.03)
        pen.line([(0.1, -0.1), wrist, tip], skin.lit(0.5), 0.045)
        pen.fill(polygon([(0.04, -0.4), (0.24, -0.78), (0.25, -0.3)]), fur)
    pen.fill(profile([(0, -0.15), (0.2, 0.0), (0.18, 0.35), (0, 0.55)]), fur)
    pen.oval(0, -0.28, 0.24, 0.22, fur)
    for side in (-1, 1):
        pen.eyeball(side * 0.1, -0.32, 0.06, pen.c(pen.pick(0.0, 0.14), 0.95, 1.0))
        pen.fill(polygon([(side * 0.03, -0.17), (side * 0.09, -0.17), (side * 0.06, -0.08)]), WHITE)


@motif()
def dragon(pen: Pen) -> None:
    """A dragon's head in profile: horns, spines, teeth, fire."""
    skin, belly = pen.c(pen.pick(0.33, 0.0, 0.6, 0.8), 0.85, pen.u(0.45, 0.8)), pen.c(0.11, 0.7, 0.95)
    for k in range(7):
        a = math.radians(-100 + 25 * k)
        x, y = 0.42 + 0.52 * math.cos(a), 0.18 + 0.62 * math.sin(a)
        with pen.at(x, y, turn=math.degrees(a) + 90):
            pen.fill(petal(0.3, 0.2, 0.0), belly.lit(0.8))
    neck = smooth([(0.1, -0.45), (0.62, -0.4), (0.9, 0.2), (0.75, 1.05), (0.15, 1.05), (0.35, 0.4), (0.0, 0.2)])
    pen.fill(neck, skin)
    with pen.inside(neck):
        for k in range(7):
            pen.line(arc(0.0, 0.2 + 0.16 * k, 0.45, 0.2, 0, 70), belly, 0.07)
        for k in range(16):
            pen.line(
                arc(0.5 + 0.18 * (k % 3) + 0.09 * (k // 3 % 2), -0.25 + 0.2 * (k // 3), 0.09, 0.09, 20, 140),
                skin.lit(0.5),
                0.03,
            )
    with pen.at(-0.55, 0.3):
        pen.fill(
            polygon([(0, 0), (-0.5, -0.2), (-0.35, 0.0), (-0.55, 0.15), (-0.25, 0.18), (-0.3, 0.4)]),
            pen.c(0.03, 1.0, 1.0),
        )
        pen.fill(polygon([(0, 0), (-0.32, -0.08), (-0.2, 0.05), (-0.28, 0.18)]), pen.c(0.13, 1.0, 1.0))
    pen.fill(smooth([(0.3, 0.15), (-0.1, 0.32), (-0.6, 0.48), (-0.62, 0.58), (-0.1, 0.55), (0.25, 0.4)]), skin.lit(0.8))
    pen.fill(polygon([(-0.6, 0.32), (0, 0.2), (0, 0.46), (-0.55, 0.5)]), pen.c(0.98, 0.9, 0.4))
    pen.fill(
        polygon(
            [(-0.72 + 0.07 * k, 0.24 if k % 2 else 0.4 - 0.01 * k) for k in range(11)] + [(0.0, 0.1), (-0.7, 0.15)]
        ),
        WHITE,
    )
    pen.fill(
        smooth(
            [
                (0.35, -0.4),
                (0.0, -0.42),
                (-0.3, -0.12),
                (-0.72, -0.02),
                (-0.82, 0.2),
                (-0.6, 0.27),
                (0.0, 0.26),
                (0.4, 0.2),
            ]
        ),
        skin,
    )
    for x, y, turn in ((0.15, -0.38, 35), (0.35, -0.3, 60)):
        with pen.at(x, y, turn=turn):
            pen.fill(petal(0.6, 0.18, 0.0), belly)
    pen.fill(oval(-0.68, 0.05, 0.05, 0.03), BLACK)
    pen.eyeball(-0.1, -0.16, 0.11, pen.c(0.13, 1.0, 1.0), "slit")
    pen.line([(-0.28, -0.2), (-0.1, -0.32), (0.1, -0.26)], skin.lit(0.3), 0.05)


@motif()
def horse(pen: Pen) -> None:
    """A horse's head in profile with a blowing mane."""
    coat, mane = (
        pen.pick(pen.c(0.05, 0.7, 0.55), pen.c(0.08, 0.5, 0.85), pen.c(0.1, 0.05, 0.95), BLACK.mixed(WHITE, 0.15)),
        pen.c(pen.u(0.0, 0.14), 0.6, pen.u(0.2, 0.95)),
    )
    for k in range(9):
        y = -0.75 + 0.16 * k
        pen.fill(
            smooth(
                [
                    (0.05 + 0.06 * k, y),
                    (0.5 + 0.05 * k, y - 0.12),
                    (0.9, y + pen.u(-0.1, 0.3)),
                    (0.45 + 0.05 * k, y + 0.14),
                ]
            ),
            mane.lit(pen.u(0.6, 1.2)),
        )
    for x in (0.0, 0.14):
        pen.fill(polygon([(x - 0.08, -0.68), (x + 0.05, -1.05), (x + 0.14, -0.62)]), coat)
    pen.fill(
        smooth(
            [
                (0.1, -0.78),
                (0.4, -0.35),
                (0.62, 0.3),
                (0.75, 1.05),
                (0.0, 1.05),
                (0.02, 0.45),
                (-0.12, 0.12),
                (-0.4, 0.42),
                (-0.62, 0.62),
                (-0.82, 0.5),
                (-0.78, 0.22),
                (-0.45, -0.25),
                (-0.2, -0.68),
            ]
        ),
        coat,
    )
    pen.fill(smooth([(-0.62, 0.6), (-0.82, 0.5), (-0.76, 0.24), (-0.55, 0.3)]), coat.lit(0.45))
    pen.fill(smooth([(-0.2, -0.62), (-0.38, -0.2), (-0.62, 0.1), (-0.55, 0.16), (-0.28, -0.16), (-0.1, -0.55)]), WHITE)
    pen.fill(smooth([(0.12, -0.8), (0.0, -0.6), (-0.18, -0.4), (-0.05, -0.55)]), mane)
    pen.eyeball(-0.16, -0.3, 0.085, pen.c(0.07, 0.7, 0.3), "bead")
    pen.fill(oval(-0.7, 0.36, 0.045, 0.03), BLACK)
    pen.line([(-0.75, 0.55), (-0.6, 0.5), (-0.5, 0.4)], coat.lit(0.3), 0.03)
    for points in (
        [(-0.66, 0.12), (-0.58, 0.4), (-0.42, 0.44)],
        [(-0.3, -0.5), (0.0, -0.15), (0.15, 0.12)],
        [(-0.6, 0.15), (-0.2, 0.0), (0.1, 0.02)],
    ):
        pen.line(points, pen.c(0.0, 0.8, 0.6), 0.045)


@motif()
def hedgehog(pen: Pen) -> None:
    """A hedgehog: rays of spines and a small pointed face."""
    spine, skin = pen.c(0.08, 0.5, pen.u(0.35, 0.6)), pen.c(0.09, 0.45, 0.95)
    pen.oval(0.15, 0.15, 0.78, 0.68, spine.lit(0.45))
    for radius, tone in ((1.0, 0.7), (0.85, 1.0), (0.65, 1.35), (0.45, 1.7)):
        spines = []
        for a in np.arange(math.radians(-205), math.radians(35), 0.11 / radius):
            (x0, y0), (x1, y1) = polar(radius * 0.6, a), polar(radius * pen.u(0.88, 1.0), a + 0.05)
            spines.append((0.15 + x0 * 0.85, 0.2 + y0 * 0.85, 0.15 + x1 * 0.85, 0.2 + y1 * 0.85))
        pen.line(segments(spines), spine.lit(tone), 0.035)
    pen.fill(
        smooth([(-0.98, 0.42), (-0.6, 0.02), (-0.2, 0.02), (-0.1, 0.5), (0.5, 0.72), (0.1, 0.88), (-0.5, 0.75)]), skin
    )
    pen.ball(-0.98, 0.42, 0.09, BLACK.mixed(WHITE, 0.1))
    pen.eyeball(-0.55, 0.25, 0.075, BLACK, "bead")
    pen.oval(-0.22, 0.05, 0.12, 0.14, skin.lit(0.75))
    for x in (-0.35, 0.3):
        pen.oval(x, 0.86, 0.13, 0.08, skin.lit(0.7))


@motif()
def bear(pen: Pen) -> None:
    """A teddy-like brown bear sitting."""
    fur = pen.c(pen.u(0.04, 0.09), pen.u(0.55, 0.85), pen.u(0.4, 0.8))
    pale = fur.mixed(pen.c(0.11, 0.3, 1.0), 0.6)
    for _ in pen.sides():
        with pen.at(0.55, 0.2, turn=-28):
            pen.oval(0, 0, 0.18, 0.36, fur)
        pen.oval(0.48, 0.78, 0.3, 0.24, fur)
        pen.oval(0.52, 0.8, 0.17, 0.14, pale)
    pen.oval(0, 0.42, 0.52, 0.54, fur)
    pen.oval(0, 0.46, 0.32, 0.36, pale)
    for _ in pen.sides():
        pen.oval(0.4, -0.78, 0.2, 0.2, fur)
        pen.oval(0.4, -0.77, 0.11, 0.11, pale)
    pen.oval(0, -0.42, 0.52, 0.46, fur)
    pen.oval(0, -0.26, 0.27, 0.22, pale)
    for _ in pen.sides():
        pen.eyeball(0.2, -0.5, 0.07, BLACK, "bead")
    pen.oval(0, -0.36, 0.1, 0.07, BLACK)
    pen.line([(-0.12, -0.18), (0, -0.24), (0.12, -0.18)], BLACK, 0.03)
    bow = pen.vivid()
    pen.fill(polygon([(0, 0.04), (-0.3, -0.08), (-0.3, 0.18)]), bow)
    pen.fill(polygon([(0, 0.04), (0.3, -0.08), (0.3, 0.18)]), bow)
