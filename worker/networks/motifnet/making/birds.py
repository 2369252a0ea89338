"""Birds."""

from __future__ import annotations

import math

from worker.networks.motifnet.making.colours import BLACK, WHITE, Colour
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import arc, oval, petal, polar, polygon, profile, segments, smooth
from worker.networks.motifnet.making.pen import Pen


def _wing(pen: Pen, x: float, y: float, turn: float, length: float, colours: list[Colour]) -> None:
    """A folded wing: three rows of feathers, long ones below."""
    with pen.at(x, y, turn=turn):
        for row, colour in enumerate(colours):
            reach = length * (1 - 0.27 * row)
            for k in range(6):
                with pen.at(0.0, 0.0, turn=-30 + 11 * k):
                    pen.fill(petal(reach * (1 - 0.05 * k), length * 0.27, 0.5), colour.lit(1.15 if k % 2 else 0.85))


@motif()
def bird(pen: Pen) -> None:
    """A songbird on its legs, wing folded."""
    back, breast = pen.scheme(2)
    for k in range(3):
        with pen.at(0.42, 0.22, turn=95 + 9 * k):
            pen.fill(petal(0.68, 0.17, 0.7), back.lit(0.6 + 0.15 * k))
    pen.line(
        segments(
            [
                (-0.05, 0.55, -0.08, 0.92),
                (0.12, 0.55, 0.14, 0.92),
                (-0.08, 0.92, -0.26, 0.96),
                (0.14, 0.92, -0.04, 0.96),
            ]
        ),
        pen.c(0.07, 0.8, 0.7),
        0.045,
    )
    pen.fill(
        smooth([(-0.62, -0.25), (-0.25, -0.42), (0.35, 0.0), (0.62, 0.3), (0.2, 0.6), (-0.3, 0.55), (-0.62, 0.2)]),
        breast,
    )
    pen.fill(polygon([(-0.76, -0.48), (-1.08, -0.36), (-0.74, -0.3)]), pen.c(0.1, 0.95, 0.95))
    pen.oval(-0.5, -0.42, 0.34, 0.32, back)
    pen.fill(smooth([(-0.78, -0.3), (-0.55, -0.2), (-0.3, -0.25), (-0.5, -0.02), (-0.72, -0.1)]), breast.lit(1.3))
    _wing(pen, -0.15, -0.12, 128, 0.82, [back.lit(0.55), back, breast.lit(0.8)])
    pen.eyeball(-0.6, -0.46, 0.085, BLACK, "bead")


@motif()
def owl(pen: Pen) -> None:
    """An owl: two great rayed eye discs, tufts, barred breast."""
    plumes = pen.c(pen.u(0.05, 0.11), pen.u(0.35, 0.8), pen.u(0.4, 0.85))
    for _ in pen.sides():
        pen.fill(smooth([(0.5, -0.2), (0.92, 0.2), (0.8, 0.9), (0.5, 0.75)]), plumes.lit(0.6))
    pen.fill(profile([(0, -0.68), (0.6, -0.72), (0.82, -0.2), (0.75, 0.6), (0.4, 0.95), (0, 1.0)]), plumes)
    for row in range(5):
        for k in range(7 - row % 2):
            x, y = -0.6 + 0.2 * k + 0.1 * (row % 2), 0.36 + 0.13 * row
            if abs(x) < 0.75 - 0.1 * row:
                pen.line(arc(x, y, 0.1, 0.1, 10, 160), plumes.lit(0.4 if row % 2 else 1.6), 0.045)
    for _ in pen.sides():
        pen.fill(polygon([(0.15, -0.55), (0.62, -1.02), (0.78, -0.45)]), plumes.lit(0.6))
    for _ in pen.sides():
        pen.oval(0.38, -0.2, 0.4, 0.4, plumes.lit(1.5))
        rays = [(polar(0.24, a), polar(0.39, a)) for a in [k * math.pi / 11 for k in range(22)]]
        pen.line(
            segments((0.38 + a[0], -0.2 + a[1], 0.38 + b[0], -0.2 + b[1]) for a, b in rays), plumes.lit(0.45), 0.028
        )
        pen.eyeball(0.38, -0.2, 0.23, pen.c(pen.pick(0.13, 0.1, 0.08), 1.0, 1.0))
    pen.fill(profile([(0, -0.1), (0.11, 0.02), (0, 0.26)]), pen.c(0.1, 0.7, 0.5))
    pen.line([(-0.5, -0.68), (-0.15, -0.48), (0, -0.2), (0.15, -0.48), (0.5, -0.68)], plumes.lit(0.5), 0.07)
    for side in (-1, 1):
        pen.line(
            segments((side * 0.25 + d, 0.92, side * 0.25 + d * 1.6, 1.06) for d in (-0.08, 0, 0.08)),
            pen.c(0.1, 0.8, 0.8),
            0.06,
        )


@motif("any")
def peacock(pen: Pen) -> None:
    """The eye of a peacock's feather: rings of bronze, turquoise and deep blue in green barbs."""
    green, bronze, teal, blue = (
        pen.c(0.34, 0.85, 0.6),
        pen.c(0.08, 0.8, 0.7),
        pen.c(0.49, 0.95, 0.85),
        pen.c(0.66, 0.95, 0.5),
    )
    for tone, colour in enumerate((green.lit(0.7), bronze, green, teal.lit(0.8))):
        barbs = []
        for k in range(34):
            angle = 2 * math.pi * (k + tone / 4) / 34
            (x0, y0), (x1, y1) = (
                polar(0.5, angle),
                polar(pen.u(0.86, 1.06), angle + math.copysign(0.14, math.cos(angle))),
            )
            barbs.append((x0, y0, x1 * 0.9, y1))
        pen.line(segments(barbs), colour, 0.035)
    pen.line(segments([(0, 0.4, 0, 1.1)]), WHITE.mixed(bronze, 0.4), 0.045)
    for radius, colour, y in ((0.78, green.lit(1.3), 0), (0.7, bronze, 0.03), (0.53, teal, 0.08)):
        pen.fill(oval(0, y, radius * 0.82, radius), colour)
    pen.fill(
        smooth(
            [(0, -0.16), (0.22, -0.3), (0.36, 0.05), (0.2, 0.38), (0, 0.45), (-0.2, 0.38), (-0.36, 0.05), (-0.22, -0.3)]
        ),
        blue,
    )
    pen.line(
        segments(
            (polar(0.56, a)[0] * 0.82, polar(0.56, a)[1] + 0.05, polar(0.68, a)[0] * 0.82, polar(0.68, a)[1] + 0.03)
            for a in [k * 0.21 for k in range(30)]
        ),
        bronze.lit(1.6),
        0.015,
    )
    pen.glow(-0.1, 0.02, 0.2, teal.lit(1.6).faded(0.7))


@motif()
def swan(pen: Pen) -> None:
    """A swan on water, its neck an S."""
    white = pen.c(0.6, pen.u(0.0, 0.1), 1.0)
    water = pen.c(pen.u(0.5, 0.62), 0.8, 0.7)
    pen.fill(oval(0.1, 0.78, 0.95, 0.2), water)
    pen.line(segments([(-0.7, 0.74, 0.9, 0.74), (-0.4, 0.84, 0.7, 0.84)]), water.lit(1.6), 0.025)
    pen.fill(
        smooth([(-0.5, 0.35), (-0.2, 0.1), (0.4, 0.05), (1.0, -0.25), (0.85, 0.45), (0.4, 0.75), (-0.3, 0.72)]), white
    )
    pen.line([(-0.35, 0.55), (-0.62, 0.2), (-0.32, -0.25), (-0.4, -0.72), (-0.62, -0.72)], white, 0.19)
    pen.oval(-0.55, -0.72, 0.2, 0.16, white)
    pen.fill(polygon([(-0.7, -0.8), (-1.02, -0.58), (-0.68, -0.62)]), pen.c(0.06, 0.95, 0.98))
    pen.fill(polygon([(-0.64, -0.82), (-0.78, -0.74), (-0.66, -0.64)]), BLACK)
    pen.eyeball(-0.56, -0.76, 0.04, BLACK, "bead")
    for k in range(4):
        pen.line(
            [(-0.1 + 0.16 * k, 0.3), (0.25 + 0.14 * k, 0.5 - 0.06 * k), (0.6 + 0.1 * k, 0.25 - 0.13 * k)],
            white.lit(0.62),
            0.035,
        )


@motif()
def flamingo(pen: Pen) -> None:
    """A flamingo on one leg."""
    pink = pen.c(pen.u(0.94, 1.0), pen.u(0.5, 0.8), 1.0)
    pen.line(polygon([(0.2, 0.2), (0.22, 1.05)], closed=False), pink.lit(0.75), 0.055)
    pen.line(polygon([(0.32, 0.2), (0.5, 0.5), (0.26, 0.62)], closed=False), pink.lit(0.75), 0.055)
    pen.line([(-0.05, 0.1), (-0.5, -0.05), (-0.42, -0.42), (-0.12, -0.62), (-0.22, -0.92), (-0.42, -0.9)], pink, 0.13)
    pen.fill(smooth([(-0.2, 0.05), (0.2, -0.2), (0.6, -0.05), (0.95, 0.32), (0.5, 0.32), (0.1, 0.32)]), pink)
    for k in range(5):
        with pen.at(0.25 + 0.07 * k, -0.02 + 0.03 * k, turn=115 + 4 * k):
            pen.fill(petal(0.55, 0.16, 0.4), pink.lit(0.7 + 0.12 * k))
    pen.oval(-0.38, -0.88, 0.14, 0.12, pink)
    pen.fill(smooth([(-0.46, -0.95), (-0.66, -0.85), (-0.66, -0.6), (-0.54, -0.66), (-0.44, -0.78)]), WHITE)
    pen.fill(smooth([(-0.64, -0.74), (-0.67, -0.56), (-0.55, -0.65)]), BLACK)
    pen.eyeball(-0.39, -0.91, 0.04, pen.c(0.14, 0.9, 1.0))


@motif()
def rooster(pen: Pen) -> None:
    """A rooster: red comb, arched many-coloured tail."""
    body, neck, red = pen.c(0.03, 0.85, 0.6), pen.c(0.1, 0.9, 0.95), pen.c(0.0, 0.95, 0.9)
    for k in range(8):
        colour = pen.c(0.35 + 0.05 * k, 0.85, 0.35 + 0.05 * k)
        pen.line(
            [
                (0.3, 0.25),
                (0.5 + 0.02 * k, -0.75 + 0.1 * k),
                (0.85 + 0.02 * k, -0.7 + 0.16 * k),
                (1.0, -0.25 + 0.13 * k),
            ],
            colour,
            0.1,
        )
    pen.line(
        segments([(-0.1, 0.6, -0.12, 1.0), (0.12, 0.6, 0.14, 1.0), (-0.12, 1.0, -0.3, 1.0), (0.14, 1.0, -0.04, 1.0)]),
        pen.c(0.12, 0.9, 0.9),
        0.055,
    )
    pen.fill(smooth([(-0.55, -0.05), (-0.2, 0.05), (0.45, 0.1), (0.4, 0.5), (0, 0.72), (-0.45, 0.5)]), body)
    pen.fill(smooth([(-0.5, -0.7), (-0.25, -0.62), (-0.02, 0.18), (-0.3, 0.32), (-0.58, 0.18), (-0.55, -0.4)]), neck)
    for k in range(6):
        pen.line([(-0.42, -0.4), (-0.42 + 0.05 * k, -0.05), (-0.55 + 0.1 * k, 0.26)], neck.lit(0.6), 0.025)
    for x, y in ((-0.62, -0.86), (-0.48, -0.93), (-0.34, -0.86)):
        pen.oval(x, y, 0.1, 0.12, red)
    pen.oval(-0.48, -0.64, 0.22, 0.2, red)
    pen.fill(polygon([(-0.64, -0.7), (-0.9, -0.6), (-0.64, -0.54)]), pen.c(0.12, 0.95, 1.0))
    pen.oval(-0.6, -0.38, 0.08, 0.15, red)
    pen.eyeball(-0.5, -0.67, 0.06, pen.c(0.1, 1.0, 1.0))
    _wing(pen, -0.12, 0.2, 110, 0.52, [pen.c(0.4, 0.8, 0.35), body.lit(0.7), neck])


@motif()
def parrot(pen: Pen) -> None:
    """A macaw on a branch with a hooked bill and a long tail."""
    first, second, third = pen.pick(
        [pen.c(0.0, 0.95, 0.9), pen.c(0.13, 0.95, 1.0), pen.c(0.6, 0.95, 0.85)],
        [pen.c(0.58, 0.95, 0.9), pen.c(0.12, 0.95, 1.0), pen.c(0.38, 0.9, 0.7)],
        [pen.c(0.33, 0.9, 0.75), pen.c(0.0, 0.9, 0.9), pen.c(0.6, 0.9, 0.9)],
    )
    for k in range(4):
        with pen.at(0.28, 0.3, turn=168 + 8 * k):
            pen.fill(petal(0.85, 0.16, 0.2), (third, first, second, first)[k])
    pen.line([(-0.9, 0.62), (0, 0.55), (0.95, 0.62)], pen.c(0.07, 0.7, 0.4), 0.11)
    pen.fill(smooth([(-0.45, -0.35), (0.1, -0.6), (0.42, -0.1), (0.42, 0.4), (0.1, 0.6), (-0.25, 0.4)]), first)
    _wing(pen, 0.18, -0.28, 178, 0.85, [third, second, first.lit(0.8)])
    pen.oval(-0.18, -0.6, 0.38, 0.36, first)
    pen.fill(smooth([(-0.5, -0.72), (-0.2, -0.72), (-0.14, -0.45), (-0.42, -0.38)]), WHITE)
    pen.line(segments((-0.42, -0.48 - 0.07 * k, -0.2, -0.48 - 0.07 * k) for k in range(3)), first.lit(0.6), 0.02)
    pen.fill(
        smooth([(-0.42, -0.82), (-0.78, -0.72), (-0.84, -0.3), (-0.66, -0.42), (-0.48, -0.4)]), BLACK.mixed(WHITE, 0.2)
    )
    pen.eyeball(-0.3, -0.66, 0.07, pen.c(0.14, 0.9, 1.0))
    pen.line(segments((x, 0.46, x, 0.64) for x in (-0.05, 0.03, 0.16, 0.24)), BLACK, 0.05)


@motif()
def penguin(pen: Pen) -> None:
    """A penguin, upright in black and white."""
    coat, yellow = BLACK.mixed(pen.c(0.62, 0.7, 0.5), 0.4), pen.c(0.12, 0.95, 1.0)
    for _ in pen.sides():
        with pen.at(0.46, -0.2, turn=160 - pen.u(0, 25)):
            pen.fill(petal(0.8, 0.28, 0.4), coat)
        pen.oval(0.24, 0.96, 0.22, 0.08, pen.c(0.08, 0.95, 0.95))
    pen.fill(profile([(0, -0.98), (0.28, -0.9), (0.36, -0.55), (0.56, 0.1), (0.48, 0.75), (0, 0.98)]), coat)
    pen.fill(profile([(0, -0.45), (0.26, -0.38), (0.42, 0.15), (0.36, 0.72), (0, 0.9)]), WHITE)
    pen.glow(0, -0.36, 0.3, yellow.faded(0.8))
    for _ in pen.sides():
        pen.fill(smooth([(0.2, -0.72), (0.33, -0.6), (0.28, -0.42), (0.18, -0.5)]), yellow)
        pen.eyeball(0.14, -0.74, 0.055, WHITE)
    pen.fill(profile([(0, -0.72), (0.12, -0.64), (0, -0.48)]), pen.c(0.07, 0.95, 0.95))


@motif("any")
def hummingbird(pen: Pen) -> None:
    """A hummingbird in flight with a long bill and blurred wings."""
    green, throat = pen.c(0.4, 0.9, 0.75), pen.c(pen.pick(0.92, 0.0, 0.78), 0.95, 0.9)
    for turn in (10, 45):
        with pen.at(0.12, -0.1, turn=turn):
            for k in range(6):
                with pen.at(0, 0, turn=-16 + 9 * k):
                    pen.fill(petal(0.95 - 0.07 * k, 0.17, 0.3), green.lit(0.6 + 0.12 * k).mixed(WHITE, 0.25))
    for k in range(4):
        with pen.at(0.42, 0.42, turn=118 + 14 * k):
            pen.fill(petal(0.5, 0.14, 0.6), green.lit(0.6))
    pen.fill(smooth([(-0.42, -0.3), (-0.05, -0.25), (0.4, 0.2), (0.55, 0.5), (0.15, 0.42), (-0.28, 0.1)]), green)
    pen.fill(smooth([(-0.55, -0.2), (-0.3, -0.1), (-0.05, 0.15), (-0.32, 0.12)]), throat)
    pen.oval(-0.42, -0.32, 0.21, 0.19, green)
    pen.line([(-0.58, -0.34), (-0.8, -0.42), (-1.08, -0.46)], BLACK, 0.035)
    pen.eyeball(-0.46, -0.35, 0.06, BLACK, "bead")
    pen.dots([(-0.42 + 0.09 * k, -0.06 + 0.05 * (k % 2), 0.025) for k in range(4)], throat.lit(1.7))


@motif()
def crane(pen: Pen) -> None:
    """A crane flying, as on a Japanese screen: black-tipped wings, a red crown."""
    white, red = pen.c(0.1, 0.04, 1.0), pen.c(0.0, 0.95, 0.9)
    pen.glow(0.2, -0.1, 0.7, pen.c(0.03, 0.95, 0.95))
    for base, angle, length in (((0.1, 0.0), -8, 0.95), ((0.2, 0.05), 62, 0.9)):
        with pen.at(*base, turn=angle):
            for k in range(9):
                with pen.at(0, 0, turn=-22 + 6 * k):
                    reach = length * (1 - 0.045 * k)
                    pen.fill(petal(reach, 0.15, 0.4), BLACK)
                    pen.fill(petal(reach * 0.72, 0.15, 0.6), white)
    pen.line(segments([(0.45, 0.22, 1.0, 0.5), (0.45, 0.26, 0.98, 0.6)]), BLACK, 0.035)
    pen.fill(smooth([(-0.2, 0.02), (0.15, -0.08), (0.6, 0.22), (0.2, 0.3), (-0.1, 0.2)]), white)
    pen.line([(-0.1, 0.1), (-0.4, 0.18), (-0.65, 0.02), (-0.8, 0.0)], BLACK, 0.1)
    pen.oval(-0.78, -0.02, 0.11, 0.09, white)
    pen.oval(-0.76, -0.09, 0.08, 0.045, red)
    pen.fill(polygon([(-0.86, -0.06), (-1.1, 0.06), (-0.86, 0.04)]), pen.c(0.12, 0.7, 0.8))
    pen.dot(-0.8, -0.03, 0.025, BLACK)
