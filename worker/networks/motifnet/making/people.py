"""People: their eyes, faces, hands."""

from __future__ import annotations

import math

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import oval, petal, polar, polygon, profile, segments, smooth
from worker.networks.motifnet.making.pen import Pen


@motif()
def eye(pen: Pen) -> None:
    """An eye with lid, lashes and a rayed iris."""
    height, skin = pen.u(0.42, 0.66), pen.c(pen.u(0.0, 0.1), pen.u(0.3, 0.7), pen.u(0.4, 0.95))
    lens = smooth(
        [
            (-0.98, 0.08),
            (-0.5, -height * 0.72),
            (0.05, -height),
            (0.6, -height * 0.62),
            (0.98, 0.0),
            (0.5, height * 0.62),
            (0.0, height * 0.8),
            (-0.55, height * 0.55),
        ]
    )
    pen.glow(0, 0, 1.25, skin)
    with pen.inside(lens):
        pen.rings(0, 0, 1.0, [WHITE, WHITE, skin.mixed(WHITE, 0.5)])
        iris, radius, x = (
            pen.c(pen.rng.random(), pen.u(0.6, 1.0), pen.u(0.5, 0.95)),
            height * pen.u(0.75, 0.95),
            pen.u(-0.12, 0.12),
        )
        pen.dot(x, 0, radius * 1.06, iris.lit(0.15))
        pen.rings(x, 0, radius, [iris.lit(1.7), iris.lit(1.2), iris, iris.lit(0.45)])
        rays = [
            (polar(radius * 0.45, a), polar(radius * pen.u(0.75, 0.98), a)) for a in pen.rng.uniform(0, 2 * math.pi, 30)
        ]
        pen.line(segments((x + a[0], a[1], x + b[0], b[1]) for a, b in rays), iris.lit(pen.pick(0.35, 1.7)), 0.022)
        pen.dot(x, 0, radius * pen.u(0.36, 0.5), BLACK)
        pen.dot(x - radius * 0.32, -radius * 0.35, radius * 0.2, WHITE)
        pen.dot(x + radius * 0.3, radius * 0.32, radius * 0.08, WHITE.faded(0.8))
        pen.fill(oval(0, -height * 1.1, 1.2, height * 0.55), BLACK.faded(0.35))
    pen.line(lens, skin.lit(0.2), 0.06)
    pen.line([(-0.9, -0.25), (-0.45, -height * 1.05), (0.1, -height * 1.32), (0.7, -height)], skin.lit(0.45), 0.05)
    lashes = [
        (t, -height * (1 - t * t) * 0.97, t * 1.25, -height * (1 - t * t) - 0.26)
        for t in [-0.85 + 0.155 * k for k in range(12)]
    ]
    pen.line(segments(lashes), BLACK, 0.035)


@motif()
def face(pen: Pen) -> None:
    """A human face with hair, from the front."""
    skin = pen.c(pen.u(0.035, 0.085), pen.u(0.3, 0.65), pen.u(0.45, 1.0))
    hair = pen.c(pen.u(0.0, 0.12), pen.u(0.4, 0.95), pen.u(0.1, 0.75))
    if pen.chance(0.5):
        pen.fill(profile([(0, -1.0), (0.6, -0.9), (0.85, -0.3), (0.85, 0.6), (0.7, 0.95), (0, 0.5)]), hair)
    else:
        pen.oval(0, -0.25, 0.78, 0.75, hair)
    pen.fill(profile([(0.24, 0.6), (0.26, 0.85), (0.55, 1.0), (0, 1.02)]), skin.lit(0.7))
    pen.fill(profile([(0, -0.8), (0.45, -0.68), (0.62, -0.2), (0.58, 0.3), (0.36, 0.7), (0, 0.86)]), skin)
    lips, iris = pen.c(0.98, 0.75, 0.75), pen.c(pen.pick(0.08, 0.3, 0.58), 0.7, 0.6)
    for _ in pen.sides():
        pen.glow(0.36, 0.25, 0.22, pen.c(0.0, 0.6, 0.95).faded(0.45))
        pen.fill(smooth([(0.1, 0.0), (0.26, -0.1), (0.44, -0.02), (0.27, 0.06)]), WHITE)
        pen.eyeball(0.27, -0.02, 0.08, iris)
        pen.line([(0.08, -0.02), (0.26, -0.11), (0.47, -0.03)], BLACK, 0.03)
        pen.line([(0.08, -0.2), (0.27, -0.28), (0.48, -0.18)], hair.lit(0.6), 0.055)
        pen.line([(0.05, -0.12), (0.07, 0.15), (0.13, 0.26), (0.04, 0.3)], skin.lit(0.5), 0.03)
    pen.fill(profile([(0, 0.5), (0.08, 0.46), (0.25, 0.53), (0.1, 0.64), (0, 0.66)]), lips)
    pen.line([(-0.25, 0.53), (0, 0.55), (0.25, 0.53)], lips.lit(0.4), 0.025)
    part = pen.u(-0.3, 0.3)
    pen.fill(
        smooth(
            [
                (-0.68, 0.1),
                (-0.66, -0.6),
                (0, -0.98),
                (0.66, -0.6),
                (0.68, 0.1),
                (0.5, -0.4),
                (part, -0.62),
                (-0.5, -0.35),
            ]
        ),
        hair,
    )


@motif()
def lips(pen: Pen) -> None:
    """Full lips, slightly open."""
    red = pen.c(pen.u(0.92, 1.02), pen.u(0.75, 0.95), pen.u(0.6, 0.95))
    opening = pen.u(0.02, 0.16)
    pen.fill(profile([(0, -0.28), (0.25, -0.45), (0.6, -0.28), (1.0, 0.05), (0.55, 0.5), (0, 0.6)]), red.lit(0.8))
    pen.fill(profile([(0, 0.08), (0.5, 0.08), (0.9, 0.05), (0.5, 0.48), (0, 0.56)]), red.lit(1.1))
    inner = profile([(0, -opening), (0.5, -opening - 0.02), (0.88, 0.04), (0.4, opening + 0.08), (0, opening + 0.1)])
    pen.flat(inner, BLACK.mixed(red, 0.25))
    if opening > 0.07:
        with pen.inside(inner):
            pen.fill(oval(0, -opening - 0.02, 0.6, 0.14), WHITE)
    pen.line(segments((x, 0.2, x * 1.12, 0.4) for x in [-0.5 + 0.1 * k for k in range(11)]), red.lit(0.6), 0.018)
    pen.fill(smooth([(-0.35, 0.34), (-0.1, 0.28), (0.12, 0.33), (-0.1, 0.4)]), WHITE.faded(0.6))


@motif()
def hand(pen: Pen) -> None:
    """An open hand with spread fingers."""
    skin = pen.c(pen.u(0.03, 0.085), pen.u(0.3, 0.7), pen.u(0.5, 1.0))
    fingers = [(-0.38, -0.12, -20, 0.62), (-0.13, -0.22, -6, 0.75), (0.13, -0.2, 6, 0.7), (0.36, -0.08, 20, 0.55)]
    pen.fill(profile([(0.28, 0.5), (0.26, 1.0), (0, 1.05)]), skin)
    for x, y, turn, length in [*fingers, (0.45, 0.42, 62, 0.58)]:
        with pen.at(x, y, turn=turn + pen.u(-4, 4)):
            pen.fill(profile([(0, -length), (0.1, -length + 0.06), (0.12, 0), (0.14, 0.25), (0, 0.3)]), skin)
            pen.fill(oval(0, -length + 0.12, 0.06, 0.085), skin.mixed(pen.c(0.96, 0.6, 1.0), 0.55))
            pen.line(
                segments([(-0.07, -length * 0.5, 0.07, -length * 0.5), (-0.07, -0.05, 0.07, -0.05)]),
                skin.lit(0.5),
                0.022,
            )
    palm = smooth([(-0.5, -0.08), (0.0, -0.2), (0.48, -0.05), (0.5, 0.4), (0.28, 0.72), (-0.28, 0.72), (-0.48, 0.35)])
    pen.fill(palm, skin)
    for points in (
        [(-0.4, 0.05), (0, 0.12), (0.38, 0.0)],
        [(0.4, 0.15), (0.05, 0.25), (-0.1, 0.65)],
        [(-0.42, 0.22), (0, 0.3), (0.2, 0.5)],
    ):
        pen.line(points, skin.lit(0.5), 0.03)


@motif()
def skull(pen: Pen) -> None:
    """A skull with teeth."""
    bone = pen.c(0.12, pen.u(0.1, 0.35), pen.u(0.85, 1.0))
    pen.fill(
        profile(
            [(0, -0.98), (0.55, -0.85), (0.8, -0.35), (0.68, 0.15), (0.45, 0.35), (0.42, 0.75), (0.25, 0.95), (0, 0.98)]
        ),
        bone,
    )
    for _ in pen.sides():
        socket = smooth([(0.14, -0.1), (0.32, -0.32), (0.58, -0.2), (0.55, 0.1), (0.28, 0.15)])
        pen.fill(socket, BLACK)
        if pen.chance(0.3):
            pen.glow(0.36, -0.06, 0.2, pen.c(0.0, 1.0, 1.0))
        pen.line([(0.62, 0.12), (0.5, 0.3), (0.42, 0.5)], bone.lit(0.5), 0.04)
    pen.fill(profile([(0, 0.08), (0.12, 0.32), (0.05, 0.36), (0, 0.26)], sharp=True), BLACK)
    pen.fill(profile([(0, 0.5), (0.36, 0.48), (0.36, 0.78), (0, 0.82)]), bone.lit(0.35))
    for k in range(6):
        x = -0.3 + 0.12 * k
        pen.fill(oval(x, 0.57, 0.055, 0.09), WHITE)
        pen.fill(oval(x, 0.74, 0.05, 0.07), WHITE)
    pen.line([(-0.05, -0.95), (0.05, -0.75), (-0.03, -0.6)], bone.lit(0.5), 0.025)


@motif()
def mask(pen: Pen) -> None:
    """A carved and painted mask with bold fields of colour."""
    ground, second, third = pen.scheme(3)
    for k in pen.around(9, start=-64):
        if k < 4:
            pen.fill(petal(1.05, 0.3), pen.pick(second, third))
    pen.fill(profile([(0, -0.8), (0.5, -0.75), (0.68, -0.2), (0.5, 0.5), (0.22, 0.98), (0, 1.0)]), ground)
    pen.fill(profile([(0, -0.75), (0.16, -0.6), (0.12, 0.0), (0.2, 0.28), (0, 0.34)]), second)
    for _ in pen.sides():
        pen.fill(smooth([(0.16, -0.15), (0.36, -0.3), (0.58, -0.2), (0.38, -0.04)]), WHITE)
        pen.fill(smooth([(0.22, -0.16), (0.36, -0.24), (0.5, -0.18), (0.37, -0.1)]), BLACK)
        for k in range(3):
            pen.line(
                [(0.22, -0.38 - 0.1 * k), (0.38, -0.44 - 0.1 * k), (0.56, -0.34 - 0.1 * k)],
                third if k % 2 else WHITE,
                0.05,
            )
            pen.line([(0.26, 0.1 + 0.1 * k), (0.52, 0.02 + 0.1 * k)], third, 0.05)
    mouth = profile([(0, 0.48), (0.3, 0.45), (0.22, 0.72), (0, 0.78)])
    pen.fill(mouth, BLACK)
    with pen.inside(mouth):
        pen.fill(
            polygon([(-0.3 + 0.05 * k, 0.45 if k % 2 else 0.58) for k in range(13)] + [(0.3, 0.4), (-0.3, 0.4)]), WHITE
        )
    pen.dots([(0.11 * math.cos(k * 2.1), -0.55 + 0.08 * k, 0.04) for k in range(5)], third)


@motif()
def clown(pen: Pen) -> None:
    """A clown: white face, red nose, coloured hair, a pointed hat."""
    hair, hat, red = pen.vivid(), pen.vivid(), pen.c(0.99, 0.95, 0.95)
    for _ in pen.sides():
        for x, y, r in ((0.62, -0.2, 0.3), (0.78, 0.08, 0.26), (0.66, 0.35, 0.22)):
            pen.oval(x, y, r, r, hair)
    pen.oval(0, 0.2, 0.62, 0.72, pen.c(0.08, 0.08, 1.0))
    pen.fill(polygon([(-0.38, -0.35), (0, -1.05), (0.38, -0.35)]), hat)
    pen.dots([(0, -0.6, 0.08), (-0.14, -0.44, 0.06), (0.14, -0.44, 0.06)], hat.lit(0.4))
    pen.ball(0, -1.0, 0.1, hair)
    for _ in pen.sides():
        pen.fill(polygon([(0.15, 0.05), (0.26, -0.28), (0.38, 0.05), (0.26, 0.3)]), pen.c(0.58, 0.9, 0.9))
        pen.eyeball(0.26, 0.04, 0.09, BLACK, "bead")
        pen.ball(0.42, 0.38, 0.09, red.mixed(WHITE, 0.3))
    pen.fill(smooth([(-0.45, 0.42), (0, 0.52), (0.45, 0.42), (0.25, 0.78), (-0.25, 0.78)]), red)
    pen.line([(-0.36, 0.5), (0, 0.64), (0.36, 0.5)], BLACK, 0.04)
    pen.ball(0, 0.26, 0.18, red)
