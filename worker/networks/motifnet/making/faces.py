"""Faces, and what belongs to people."""

from __future__ import annotations

import math

from worker.networks.motifnet.making.colours import BLACK, WHITE, Colour
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import oval, petal, polygon, profile, segments, smooth
from worker.networks.motifnet.making.pen import Pen


def _muzzle(pen: Pen, y: float, width: float, colour: Colour, nose: Colour = BLACK) -> None:
    """Two cheeks with whisker dots, a nose and a mouth, as cats and dogs have them."""
    for _ in pen.sides():
        pen.oval(width * 0.45, y + 0.14, width * 0.58, width * 0.48, colour)
        pen.dots([(width * (0.35 + 0.25 * k), y + 0.1 + 0.07 * (k % 2), 0.022) for k in range(3)], BLACK)
    pen.fill(profile([(0, y - 0.06), (width * 0.38, y - 0.08), (width * 0.2, y + 0.08), (0, y + 0.13)]), nose)
    pen.line([(-width * 0.6, y + 0.26), (-width * 0.3, y + 0.36), (0, y + 0.2)], BLACK, 0.035)
    pen.line([(width * 0.6, y + 0.26), (width * 0.3, y + 0.36), (0, y + 0.2)], BLACK, 0.035)


def _whiskers(pen: Pen, x: float, y: float, colour: Colour) -> None:
    pen.line(segments((x, y + 0.04 * k, 1.05, y - 0.06 + 0.13 * k) for k in (-1, 0, 1)), colour, 0.02)


@motif()
def cat(pen: Pen) -> None:
    """A cat's face: pointed ears, slit pupils, whiskers, stripes on the forehead."""
    fur = pen.pick(pen.c(0.07, 0.75, 0.9), pen.c(0.08, 0.3, 0.5), pen.c(0.1, 0.15, 0.95), pen.c(0.65, 0.15, 0.3))
    for _ in pen.sides():
        pen.fill(smooth([(0.12, -0.6), (0.45, -0.85), (0.74, -1.02), (0.8, -0.6), (0.78, -0.15)]), fur)
        pen.fill(smooth([(0.38, -0.6), (0.68, -0.86), (0.7, -0.4)]), pen.c(0.97, 0.4, 0.9))
    pen.fill(profile([(0, -0.68), (0.5, -0.58), (0.82, -0.1), (0.78, 0.35), (0.4, 0.75), (0, 0.82)]), fur)
    pen.line(
        segments([(0, -0.66, 0, -0.36), (0.16, -0.64, 0.1, -0.4), (-0.16, -0.64, -0.1, -0.4)]), fur.lit(0.35), 0.07
    )
    iris = pen.c(pen.pick(0.14, 0.25, 0.35, 0.55), 0.9, 0.95)
    for _ in pen.sides():
        pen.line(segments([(0.8, 0.1, 0.58, 0.08), (0.77, 0.28, 0.56, 0.22)]), fur.lit(0.35), 0.06)
        pen.eyeball(0.36, -0.1, 0.19, iris, "slit")
        pen.line([(0.12, -0.12), (0.36, -0.32), (0.6, -0.14)], BLACK, 0.03)
    _muzzle(pen, 0.24, 0.3, WHITE.mixed(fur, 0.2), pen.c(0.97, 0.5, 0.85))
    for _ in pen.sides():
        _whiskers(pen, 0.3, 0.36, WHITE)


@motif()
def dog(pen: Pen) -> None:
    """A dog's face with hanging ears, a wet nose and often its tongue out."""
    fur = pen.pick(pen.c(0.08, 0.65, 0.75), pen.c(0.06, 0.6, 0.45), pen.c(0.1, 0.4, 0.9), pen.c(0.08, 0.08, 0.9))
    ears = fur.lit(pen.u(0.35, 0.7))
    pen.fill(profile([(0, -0.85), (0.5, -0.75), (0.7, -0.2), (0.5, 0.4), (0.42, 0.8), (0, 0.95)]), fur)
    patch = pen.chance(0.4)
    for side in pen.sides():
        if patch and side > 0:
            pen.oval(0.32, -0.25, 0.28, 0.3, ears)
        pen.fill(smooth([(0.35, -0.82), (0.75, -0.8), (1.0, -0.2), (0.95, 0.4), (0.74, 0.45), (0.62, -0.2)]), ears)
        pen.eyeball(0.3, -0.2, 0.13, pen.c(0.07, 0.8, 0.5))
        pen.line([(0.15, -0.42), (0.32, -0.48), (0.46, -0.4)], fur.lit(0.4), 0.05)
    if pen.chance(0.6):
        tongue = pen.c(0.98, 0.6, 0.95)
        pen.fill(profile([(0, 0.5), (0.16, 0.55), (0.17, 0.9), (0, 1.0)]), tongue)
        pen.line([(0, 0.6), (0, 0.85)], tongue.lit(0.6), 0.025)
    _muzzle(pen, 0.22, 0.4, fur.mixed(WHITE, 0.6))
    pen.dot(-0.06, 0.19, 0.04, WHITE.faded(0.8))


@motif()
def tiger(pen: Pen) -> None:
    """A tiger's face: orange, white cheeks, black stripes."""
    fur = pen.c(0.075, 0.9, 0.98)
    for _ in pen.sides():
        pen.oval(0.62, -0.66, 0.24, 0.24, fur)
        pen.oval(0.62, -0.64, 0.12, 0.13, BLACK)
    pen.fill(profile([(0, -0.85), (0.6, -0.7), (0.88, -0.1), (0.95, 0.35), (0.6, 0.8), (0, 0.95)]), fur)
    for _ in pen.sides():
        pen.fill(smooth([(0.4, 0.15), (0.85, 0.1), (0.85, 0.45), (0.5, 0.72), (0.3, 0.5)]), WHITE)
        pen.oval(0.34, -0.3, 0.22, 0.14, WHITE)
        for k in range(4):
            y = -0.12 + 0.2 * k
            pen.fill(
                smooth([(0.98, y), (0.75, y + 0.02), (0.55 + 0.05 * k, y + 0.08), (0.76, y + 0.1), (0.98, y + 0.1)]),
                BLACK,
            )
        for x, y in ((0.1, -0.85), (0.3, -0.82), (0.5, -0.72)):
            pen.fill(smooth([(x, y), (x + 0.1, y + 0.02), (x * 0.5 + 0.04, y + 0.34)]), BLACK)
        pen.eyeball(0.34, -0.14, 0.14, pen.c(0.14, 0.9, 0.98))
        pen.line([(0.14, -0.1), (0.3, -0.3), (0.54, -0.2)], BLACK, 0.05)
    pen.fill(profile([(0, -0.3), (0.14, -0.1), (0.2, 0.25), (0, 0.3)]), fur.lit(1.2))
    _muzzle(pen, 0.28, 0.36, WHITE, pen.c(0.98, 0.55, 0.85))
    for _ in pen.sides():
        _whiskers(pen, 0.3, 0.45, WHITE)


@motif()
def lion(pen: Pen) -> None:
    """A lion's face in its mane."""
    fur, mane = pen.c(0.11, 0.7, 0.95), pen.c(pen.u(0.03, 0.08), 0.85, pen.u(0.45, 0.75))
    for count, length, factor in ((22, 1.08, 0.7), (18, 0.95, 1.0), (16, 0.82, 1.25)):
        for _ in pen.around(count, pen.u(0, 20)):
            pen.fill(petal(length * pen.u(0.9, 1.05), 0.32, 0.1), mane.lit(factor))
    pen.fill(profile([(0, -0.6), (0.45, -0.52), (0.58, 0.0), (0.42, 0.5), (0, 0.72)]), fur)
    for _ in pen.sides():
        pen.oval(0.48, -0.52, 0.15, 0.15, fur)
        pen.eyeball(0.25, -0.12, 0.1, pen.c(0.1, 0.9, 0.8))
        pen.line([(0.08, -0.22), (0.25, -0.28), (0.42, -0.18)], mane.lit(0.6), 0.06)
        pen.line([(0.1, -0.1), (0.13, 0.2)], fur.lit(0.6), 0.04)
    _muzzle(pen, 0.24, 0.28, fur.mixed(WHITE, 0.65), mane.lit(0.4))


@motif()
def fox(pen: Pen) -> None:
    """A fox's face: a red triangle with white cheeks and big ears."""
    fur = pen.c(0.055, 0.9, 0.95)
    for _ in pen.sides():
        pen.fill(polygon([(0.15, -0.5), (0.72, -1.05), (0.85, -0.15)]), fur)
        pen.fill(polygon([(0.42, -0.5), (0.68, -0.85), (0.74, -0.3)]), BLACK.mixed(fur, 0.2))
    pen.fill(profile([(0, -0.6), (0.5, -0.5), (0.98, 0.1), (0.5, 0.5), (0.16, 0.95), (0, 1.0)]), fur)
    for _ in pen.sides():
        pen.fill(smooth([(0.1, 0.72), (0.22, 0.25), (0.55, 0.05), (0.95, 0.12), (0.6, 0.42), (0.3, 0.65)]), WHITE)
        pen.fill(smooth([(0.14, -0.02), (0.32, -0.16), (0.5, -0.08), (0.32, 0.06)]), pen.c(0.12, 0.9, 0.9))
        pen.oval(0.33, -0.05, 0.06, 0.1, BLACK)
        pen.line([(0.1, 0.02), (0.3, -0.18), (0.54, -0.1)], BLACK, 0.04)
    pen.ball(0, 0.88, 0.13, BLACK.mixed(WHITE, 0.15))


@motif()
def panda(pen: Pen) -> None:
    """A panda's face: white with black ears and eye patches."""
    white, black = pen.c(0.1, 0.05, 1.0), BLACK.mixed(pen.c(0.65, 0.4, 0.4), 0.3)
    for _ in pen.sides():
        pen.oval(0.66, -0.68, 0.28, 0.28, black)
    pen.fill(profile([(0, -0.82), (0.6, -0.65), (0.92, 0.05), (0.75, 0.6), (0, 0.85)]), white)
    for _ in pen.sides():
        pen.fill(smooth([(0.18, -0.1), (0.38, -0.3), (0.6, -0.12), (0.6, 0.22), (0.35, 0.22)]), black)
        pen.eyeball(0.38, -0.04, 0.1, pen.c(0.08, 0.7, 0.5), "bead")
        pen.glow(0.6, 0.35, 0.18, pen.c(0.97, 0.5, 1.0).faded(0.5))
    pen.oval(0, 0.3, 0.17, 0.11, black)
    pen.line([(-0.2, 0.5), (-0.1, 0.56), (0, 0.42), (0.1, 0.56), (0.2, 0.5)], black, 0.035)
    if pen.chance(0.4):
        pen.line([(-0.6, 0.9), (0.6, 0.55)], pen.c(0.28, 0.8, 0.6), 0.1)


@motif()
def monkey(pen: Pen) -> None:
    """A monkey's face: a pale heart in brown fur, round ears."""
    fur, skin = pen.c(0.06, 0.65, pen.u(0.3, 0.6)), pen.c(0.07, 0.45, 0.95)
    for _ in pen.sides():
        pen.oval(0.82, -0.08, 0.26, 0.3, fur)
        pen.oval(0.82, -0.08, 0.16, 0.2, skin.lit(0.85))
    pen.oval(0, -0.08, 0.78, 0.85, fur)
    for k in pen.around(5, start=-20):
        if k < 2:
            pen.fill(petal(1.05, 0.18, 0.0), fur)
    for _ in pen.sides():
        pen.oval(0.28, -0.16, 0.34, 0.36, skin)
    pen.oval(0, 0.4, 0.58, 0.46, skin)
    for _ in pen.sides():
        pen.eyeball(0.26, -0.12, 0.13, pen.c(0.07, 0.8, 0.45))
        pen.fill(oval(0.08, 0.2, 0.04, 0.06), BLACK)
    pen.fill(smooth([(-0.35, 0.42), (0, 0.5), (0.35, 0.42), (0.18, 0.64), (-0.18, 0.64)]), pen.c(0.99, 0.7, 0.55))
    pen.line([(-0.4, 0.4), (0, 0.5), (0.4, 0.4)], BLACK, 0.035)


@motif()
def elephant(pen: Pen) -> None:
    """An elephant's head: great ears, trunk, tusks."""
    skin = pen.c(pen.u(0.55, 0.68), pen.u(0.12, 0.4), pen.u(0.5, 0.8))
    for _ in pen.sides():
        pen.fill(smooth([(0.2, -0.6), (0.7, -0.85), (1.05, -0.4), (0.95, 0.2), (0.6, 0.4), (0.3, 0.1)]), skin.lit(0.85))
        pen.fill(
            smooth([(0.4, -0.45), (0.7, -0.6), (0.88, -0.3), (0.75, 0.1), (0.45, 0.1)]),
            skin.mixed(pen.c(0.96, 0.5, 0.9), 0.5),
        )
    pen.fill(profile([(0, -0.85), (0.36, -0.75), (0.45, -0.2), (0.3, 0.2), (0, 0.3)]), skin)
    bend = pen.pick(-1, 1) * pen.u(0.15, 0.4)
    for _ in pen.sides():
        pen.fill(smooth([(0.2, 0.1), (0.34, 0.1), (0.48, 0.45), (0.62, 0.55), (0.42, 0.62), (0.26, 0.4)]), WHITE)
        pen.eyeball(0.27, -0.2, 0.075, pen.c(0.08, 0.6, 0.4))
        pen.line([(0.15, -0.32), (0.28, -0.33), (0.4, -0.24)], skin.lit(0.5), 0.03)
    pen.fill(
        smooth(
            [
                (-0.2, -0.1),
                (-0.16, 0.4),
                (bend * 0.6 - 0.12, 0.85),
                (bend * 1.6, 1.05),
                (bend * 1.8, 0.85),
                (bend * 0.8 + 0.1, 0.68),
                (0.16, 0.4),
                (0.2, -0.1),
            ]
        ),
        skin.lit(1.1),
    )
    for k in range(6):
        y = 0.05 + 0.12 * k
        x = bend * max(y - 0.3, 0) * 1.1
        pen.line([(x - 0.14, y), (x, y + 0.05), (x + 0.14, y)], skin.lit(0.5), 0.025)


@motif()
def ram(pen: Pen) -> None:
    """A ram's head between curled, ringed horns."""
    wool, horn = pen.c(0.1, pen.u(0.05, 0.3), pen.u(0.75, 1.0)), pen.c(0.09, 0.6, pen.u(0.55, 0.85))
    head = wool.lit(pen.u(0.25, 0.9))
    for k in range(11):
        a = math.pi * (1 + k / 10)
        pen.oval(0.4 * math.cos(a), -0.35 + 0.3 * math.sin(a), 0.17, 0.17, wool)
    pen.fill(profile([(0, -0.6), (0.34, -0.5), (0.36, -0.1), (0.2, 0.6), (0.12, 0.85), (0, 0.9)]), head)
    for _ in pen.sides():
        for k in range(26):
            t = k / 25
            a, r = -2.2 + t * 5.6, 0.44 * (1 - 0.62 * t)
            x, y = 0.62 + r * math.cos(a), -0.2 + r * math.sin(a)
            pen.oval(x, y, 0.2 * (1 - 0.7 * t), 0.2 * (1 - 0.7 * t), horn.lit(1.15 if k % 3 else 0.55))
        pen.fill(oval(0.4, 0.02, 0.16, 0.06), head.lit(0.8))
        pen.eyeball(0.21, -0.1, 0.08, pen.c(0.12, 0.9, 0.9), "slit")
        pen.line([(0.05, 0.7), (0.12, 0.62)], BLACK, 0.05)
    pen.line([(-0.1, 0.76), (0, 0.8), (0.1, 0.76)], BLACK, 0.03)


@motif()
def deer(pen: Pen) -> None:
    """A stag's head with branching antlers."""
    fur, antler = pen.c(0.07, pen.u(0.5, 0.8), pen.u(0.5, 0.8)), pen.c(0.1, 0.35, pen.u(0.6, 0.95))
    for _ in pen.sides():
        beam = [(0.12, -0.2), (0.35, -0.45), (0.6, -0.6), (0.72, -1.0)]
        pen.line(beam, antler, 0.09)
        for x, y, dx, dy in (
            (0.3, -0.4, 0.02, -0.35),
            (0.48, -0.54, 0.02, -0.4),
            (0.62, -0.65, 0.35, -0.2),
            (0.25, -0.36, 0.28, 0.0),
        ):
            pen.line([(x, y), (x + dx * 0.6, y + dy * 0.4), (x + dx, y + dy)], antler, 0.065)
        pen.fill(smooth([(0.22, -0.1), (0.55, -0.25), (0.72, -0.12), (0.45, 0.06)]), fur.lit(0.9))
    pen.fill(profile([(0, -0.28), (0.24, -0.2), (0.32, 0.1), (0.22, 0.5), (0.17, 0.85), (0, 0.95)]), fur)
    pen.fill(profile([(0, 0.45), (0.1, 0.5), (0.17, 0.8), (0, 0.92)]), fur.mixed(WHITE, 0.5))
    for _ in pen.sides():
        pen.eyeball(0.22, 0.1, 0.075, pen.c(0.07, 0.8, 0.3), "bead")
    pen.oval(0, 0.78, 0.12, 0.09, BLACK)


@motif()
def rabbit(pen: Pen) -> None:
    """A rabbit's face under long ears, with two big teeth."""
    fur = pen.pick(pen.c(0.08, 0.4, 0.75), pen.c(0.1, 0.08, 0.98), pen.c(0.07, 0.15, 0.6))
    for _ in pen.sides():
        with pen.at(0.26, -0.15, turn=pen.u(4, 20)):
            pen.fill(petal(0.9, 0.42, 0.5), fur)
            pen.fill(petal(0.78, 0.24, 0.5), pen.c(0.96, 0.45, 0.95))
    pen.fill(profile([(0, -0.3), (0.4, -0.2), (0.62, 0.3), (0.5, 0.7), (0, 0.85)]), fur)
    for _ in pen.sides():
        pen.eyeball(0.32, 0.16, 0.13, pen.c(0.99, 0.6, 0.5), "bead")
    pen.fill(profile([(0, 0.68), (0.1, 0.66), (0.1, 0.95), (0, 0.95)], sharp=True), WHITE)
    pen.line([(0, 0.7), (0, 0.95)], BLACK, 0.02)
    _muzzle(pen, 0.42, 0.26, fur.mixed(WHITE, 0.7), pen.c(0.96, 0.6, 0.95))
    for _ in pen.sides():
        _whiskers(pen, 0.25, 0.55, WHITE)
