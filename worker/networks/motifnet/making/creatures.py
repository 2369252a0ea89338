"""Creatures of the land: reptiles, small animals, beasts of legend."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    oval,
    polar,
    polygon,
    profile,
    segments,
    smooth,
    spiral,
    taper,
)
from worker.networks.motifnet.making.pen import Pen


@motif("any")
def snake(pen: Pen) -> None:
    """A winding snake, patterned along its back."""
    skin, mark = pen.scheme(2)
    t = np.linspace(0, 1, 44)
    phase, turns, amplitude = pen.u(0, 6), pen.u(1.3, 2.1), pen.u(0.45, 0.65)
    line = np.stack([-0.9 + 1.85 * t, amplitude * np.sin(phase + turns * 2 * math.pi * t)], axis=1)
    width = 0.36 * np.minimum(1, 2.6 * (1.02 - t)) * np.where(t < 0.06, 0.8, 1)
    pen.fill(taper(line.tolist(), (width * 1.12).tolist()), skin.lit(0.3))
    pen.fill(taper(line.tolist(), width.tolist()), skin)
    pen.line(line[:-4].tolist(), skin.lit(1.6), 0.025)
    for k in range(3, 38, 3):
        x, y = line[k]
        dx, dy = line[k + 1] - line[k - 1]
        with pen.at(x, y, turn=math.degrees(math.atan2(dy, dx))):
            pen.fill(polygon([(-0.075, 0), (0, -width[k] * 0.36), (0.075, 0), (0, width[k] * 0.36)]), mark)
    (x, y), (dx, dy) = line[0], line[0] - line[2]
    with pen.at(x, y, turn=math.degrees(math.atan2(dy, dx))):
        pen.line(polygon([(0.15, 0), (0.36, 0), (0.44, -0.06)], closed=False), pen.c(0.0, 0.95, 0.9), 0.028)
        pen.line(polygon([(0.36, 0), (0.44, 0.06)], closed=False), pen.c(0.0, 0.95, 0.9), 0.028)
        pen.fill(
            smooth([(-0.15, -0.13), (0.05, -0.19), (0.24, -0.08), (0.26, 0.05), (0.05, 0.19), (-0.15, 0.13)]), skin
        )
        pen.eyeball(0.06, -0.1, 0.06, pen.c(0.14, 0.95, 1.0), "slit")
        pen.eyeball(0.06, 0.1, 0.06, pen.c(0.14, 0.95, 1.0), "slit")


@motif("any")
def lizard(pen: Pen) -> None:
    """A gecko from above: curved body, splayed toes, spots."""
    skin, spots = pen.c(pen.pick(0.28, 0.33, 0.45, 0.08), 0.85, 0.8), pen.vivid()
    bend = pen.u(0.15, 0.35) * pen.pick(-1, 1)
    t = np.linspace(0, 1, 30)
    spine = np.stack([bend * np.sin(2.2 * math.pi * t) * (0.4 + t), -0.62 + 1.6 * t], axis=1)
    for y, angle in ((-0.28, 40.0), (0.3, 100.0)):
        for side in pen.sides():
            x = side * float(np.interp(y, spine[:, 1], spine[:, 0]))
            with pen.at(x, y, turn=angle):
                pen.line([(0.05, 0), (0.2, -0.12), (0.36, -0.42)], skin, 0.15)
                for k in range(4):
                    dx, dy = polar(0.2, math.radians(-130 + 32 * k))
                    pen.line(segments([(0.36, -0.42, 0.36 + dx, -0.42 + dy)]), skin, 0.065)
                    pen.dot(0.36 + dx, -0.42 + dy, 0.06, skin.lit(1.3))
    width = np.interp(t, [0, 0.1, 0.3, 0.5, 0.62, 1], [0.3, 0.28, 0.5, 0.4, 0.2, 0.03])
    pen.fill(taper(spine.tolist(), width.tolist()), skin)
    x, y = spine[0]
    pen.fill(
        smooth([(x, y - 0.34), (x + 0.24, y - 0.1), (x + 0.16, y + 0.14), (x - 0.16, y + 0.14), (x - 0.24, y - 0.1)]),
        skin,
    )
    for k in range(2, 22, 2):
        px, py = spine[k]
        pen.dots([(px - width[k] * 0.22, py, 0.05), (px + width[k] * 0.22, py + 0.03, 0.05)], spots)
    for side in (-1, 1):
        pen.eyeball(x + side * 0.18, y - 0.08, 0.08, pen.c(0.13, 0.9, 1.0), "slit")


@motif()
def frog(pen: Pen) -> None:
    """A frog from the front: a wide mouth and eyes on top."""
    skin, iris = pen.c(pen.u(0.24, 0.38), 0.85, pen.u(0.55, 0.9)), pen.c(pen.pick(0.0, 0.12), 0.95, 0.95)
    belly = skin.mixed(pen.c(0.15, 0.4, 1.0), 0.7)
    for _ in pen.sides():
        pen.fill(smooth([(0.35, 0.2), (0.85, 0.1), (1.0, 0.55), (0.75, 0.92), (0.35, 0.9)]), skin.lit(0.75))
        for k in range(3):
            x = 0.5 + 0.18 * k
            pen.line(segments([(0.6, 0.85, x, 1.0)]), pen.c(0.07, 0.9, 0.95), 0.06)
            pen.dot(x, 1.0, 0.055, pen.c(0.07, 0.9, 0.95))
    pen.fill(profile([(0, 0.0), (0.5, 0.1), (0.55, 0.7), (0.3, 0.98), (0, 1.0)]), belly)
    pen.fill(profile([(0, -0.5), (0.5, -0.45), (0.82, 0.0), (0.6, 0.32), (0, 0.42)]), skin)
    for _ in pen.sides():
        pen.oval(0.42, -0.55, 0.28, 0.28, skin)
        pen.eyeball(0.42, -0.57, 0.2, iris)
        pen.fill(oval(0.1, -0.18, 0.025, 0.035), BLACK)
        pen.dots([(0.65, 0.0, 0.06), (0.55, 0.14, 0.04), (0.7, 0.62, 0.07)], skin.lit(0.5))
    pen.line([(-0.72, 0.0), (-0.4, 0.2), (0, 0.26), (0.4, 0.2), (0.72, 0.0)], skin.lit(0.25), 0.045)


@motif()
def turtle(pen: Pen) -> None:
    """A turtle from above with a tiled shell."""
    shell, skin = pen.c(pen.u(0.08, 0.3), 0.8, pen.u(0.4, 0.7)), pen.c(pen.u(0.2, 0.4), 0.6, 0.8)
    for _ in pen.sides():
        pen.fill(smooth([(0.3, -0.5), (0.75, -0.75), (0.98, -0.45), (0.7, -0.35), (0.5, -0.2)]), skin)
        pen.fill(smooth([(0.35, 0.4), (0.65, 0.5), (0.75, 0.8), (0.5, 0.75)]), skin)
    pen.fill(profile([(0, -1.05), (0.17, -0.95), (0.2, -0.72), (0.1, -0.5)]), skin)
    for side in (-1, 1):
        pen.eyeball(side * 0.11, -0.88, 0.05, BLACK, "bead")
    rim = profile([(0, -0.65), (0.5, -0.45), (0.68, 0.1), (0.5, 0.65), (0, 0.85)])
    pen.fill(rim, shell.lit(0.5))
    with pen.inside(rim):
        for ring, count, radius in ((0, 1, 0.0), (1, 6, 0.36), (2, 12, 0.68)):
            for k in range(count):
                x, y = polar(radius, 2 * math.pi * k / count + 0.5)
                plate = polygon(
                    [(x + dx, y * 1.1 + dy + 0.08) for dx, dy in (polar(0.19, math.pi * j / 3) for j in range(6))]
                )
                pen.fill(plate, shell.lit(1.3 - 0.2 * ring))
                pen.line(
                    polygon(
                        [(x + dx, y * 1.1 + dy + 0.08) for dx, dy in (polar(0.1, math.pi * j / 3) for j in range(6))]
                    ),
                    shell.lit(1.8),
                    0.025,
                )
    pen.line(rim, shell.lit(0.3), 0.05)


@motif()
def snail(pen: Pen) -> None:
    """A snail with a spiral house and stalked eyes."""
    house, body = pen.c(pen.pick(0.05, 0.09, 0.95, 0.6), 0.8, 0.9), pen.c(pen.u(0.07, 0.16), 0.5, 0.8)
    pen.fill(
        smooth([(-0.95, 0.8), (-0.9, 0.45), (-0.7, 0.2), (-0.55, 0.5), (0.2, 0.55), (1.0, 0.82), (0.3, 0.88)]), body
    )
    for x in (-0.98, -0.7):
        pen.line([(-0.82, 0.4), (x * 0.98, 0.1), (x, -0.18)], body, 0.06)
        pen.eyeball(x, -0.2, 0.07, BLACK, "bead")
    with pen.at(0.12, 0.02, turn=pen.u(-15, 15)):
        pen.oval(0, 0, 0.66, 0.62, house)
        line = spiral(2.6, 0.05, 0.6, 1.2, 48)
        pen.line(line, house.lit(0.3), 0.09)
        pen.line(line, house.lit(1.5), 0.04)
        pen.line(segments((x * 0.97, y * 0.97, x * 0.75, y * 0.75) for x, y in line[16::2]), house.lit(0.6), 0.025)


@motif("any")
def spider(pen: Pen) -> None:
    """A spider from above: eight bent legs, a marked abdomen, a row of eyes."""
    body, mark = pen.pick(BLACK, pen.c(0.06, 0.7, 0.4), pen.vivid(0.6)), pen.c(pen.pick(0.0, 0.14, 0.55), 1.0, 0.95)
    for _ in pen.sides():
        for k, angle in enumerate((-62, -22, 18, 58)):
            a = math.radians(angle)
            knee, foot = polar(0.62, a - 0.25), polar(1.05, a + (0.2 if k > 1 else -0.15))
            pen.line(polygon([(0.1, -0.1), knee, foot], closed=False), body, 0.065)
            pen.line(polygon([(knee[0] * 0.8, knee[1] * 0.8), knee], closed=False), mark.lit(0.8), 0.07)
    pen.fill(profile([(0, 0.0), (0.3, 0.15), (0.38, 0.5), (0, 0.95)]), body)
    pen.fill(profile([(0, 0.25), (0.16, 0.3), (0.04, 0.48), (0.18, 0.68), (0, 0.72)], sharp=True), mark)
    pen.oval(0, -0.18, 0.24, 0.26, body.lit(1.2))
    for side in (-1, 1):
        pen.line([(side * 0.08, -0.38), (side * 0.14, -0.52), (side * 0.04, -0.58)], body, 0.06)
        for x, r in ((0.07, 0.055), (0.18, 0.035)):
            pen.eyeball(side * x, -0.33, r, mark, "bead")


@motif("any")
def feather(pen: Pen) -> None:
    """A barred feather with loose down at its foot."""
    first, second = pen.scheme(2)
    band, bend = pen.n(3, 7), pen.u(-0.25, 0.25)
    ys = np.linspace(-0.92, 0.7, 56)
    for tone in (0, 1):
        for side in (-1, 1):
            barbs = []
            for k, y in enumerate(ys):
                if (k // band + tone) % 2:
                    continue
                width = 0.42 * math.sin(math.pi * min(1.0, (k + 3) / 58)) ** 0.5
                x = bend * (1 - (y + 1) / 2) ** 2
                barbs.append((x, y + 0.14, x + side * width, y - 0.2))
            pen.line(segments(barbs), (first if tone else second).lit(1.0 if side > 0 else 0.75), 0.045)
    down = [(0.0, y, s * pen.u(0.1, 0.3), y + pen.u(-0.12, 0.1)) for y in np.linspace(0.65, 0.85, 7) for s in (-1, 1)]
    pen.line(segments(down), WHITE.mixed(first, 0.3), 0.02)
    pen.fill(taper([(bend, -0.92), (bend * 0.3, -0.1), (0.0, 1.05)], [0.01, 0.035, 0.07]), WHITE.mixed(first, 0.2))
