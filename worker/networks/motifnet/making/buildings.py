"""Buildings and what is built."""

from __future__ import annotations

import numpy as np
import skia

from worker.networks.motifnet.making.colours import BLACK, WHITE, Colour
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    arched,
    box,
    joined,
    polygon,
    profile,
    segments,
    smooth,
)
from worker.networks.motifnet.making.pen import Pen


def _lit_window(pen: Pen) -> Colour:
    """A window's colour: dark by day, warm by night."""
    return pen.pick(BLACK, pen.c(0.12, 0.8, 1.0), pen.c(0.6, 0.7, 0.35))


@motif()
def castle(pen: Pen) -> None:
    """A castle: towers with pointed roofs and flags, battlements, a gate."""
    stone, roof, flag = (
        pen.c(pen.u(0.05, 0.7), pen.u(0.08, 0.4), pen.u(0.55, 0.95)),
        pen.c(pen.pick(0.0, 0.6, 0.03, 0.78), 0.85, 0.75),
        pen.vivid(),
    )
    window = _lit_window(pen)

    def tower(x: float, half: float, top: float) -> None:
        pen.fill(box(x - half, top, x + half, 1.0), stone)
        pen.line(
            segments(
                (x - half * (1 if i % 2 else 0.2), y, x + half * (0.1 if i % 2 else 1), y)
                for i, y in enumerate(np.arange(top + 0.1, 1, 0.12))
            ),
            stone.lit(0.6),
            0.016,
        )
        pen.fill(box(x - half * 1.2, top - 0.05, x + half * 1.2, top + 0.06), stone.lit(0.75))
        tip = top - half * pen.u(2.2, 3.0)
        pen.line(segments([(x, tip, x, tip - 0.16)]), BLACK, 0.02)
        pen.flat(polygon([(x, tip - 0.16), (x + 0.16, tip - 0.11), (x, tip - 0.06)]), flag)
        pen.fill(polygon([(x - half * 1.3, top - 0.04), (x, tip), (x + half * 1.3, top - 0.04)]), roof)
        for y in np.arange(top + 0.16, 0.7, 0.3):
            pen.flat(arched(x, y, y + 0.14, 0.045), window)

    tower(-0.34, 0.13, -0.42)
    tower(0.36, 0.14, -0.3)
    tower(0.0, 0.2, -0.35)
    pen.fill(box(-0.9, 0.2, 0.9, 1.0), stone.lit(0.9))
    for x in np.arange(-0.88, 0.88, 0.2):
        pen.fill(box(x, 0.09, x + 0.11, 0.22), stone.lit(0.9))
    pen.line(
        segments((x, y, x + 0.13, y) for x in np.arange(-0.85, 0.8, 0.28) for y in (0.4, 0.58, 0.76)),
        stone.lit(0.6),
        0.02,
    )
    for side in (-1, 1):
        tower(side * 0.78, 0.19, pen.u(-0.15, 0.1))
    pen.fill(arched(0, 0.42, 1.0, 0.21), BLACK.mixed(roof, 0.15))
    pen.line(
        segments(
            [(x, 0.5, x, 1.0) for x in (-0.12, -0.04, 0.04, 0.12)] + [(-0.2, y, 0.2, y) for y in (0.62, 0.75, 0.88)]
        ),
        stone.lit(0.5),
        0.022,
    )


@motif()
def lighthouse(pen: Pen) -> None:
    """A striped lighthouse on a rock with beams of light."""
    band, light = pen.c(pen.pick(0.0, 0.6, 0.03), 0.9, 0.85), pen.c(0.14, 0.6, 1.0)
    for side in (-1, 1):
        pen.flat(polygon([(0, -0.7), (side * 1.1, -0.95), (side * 1.1, -0.5)]), light.faded(0.7))
    tower = profile([(0.2, -0.5), (0.34, 0.8), (0, 0.8)], sharp=True)
    pen.fill(tower, WHITE)
    with pen.inside(tower):
        for k in range(3):
            pen.fill(box(-0.5, -0.4 + 0.45 * k, 0.5, -0.18 + 0.45 * k), band)
    pen.fill(
        smooth([(-0.8, 1.0), (-0.6, 0.72), (-0.2, 0.66), (0.3, 0.72), (0.75, 0.85), (0.9, 1.02)]), pen.c(0.07, 0.3, 0.4)
    )
    for y in (-0.1, 0.35):
        pen.flat(arched(0, y, y + 0.16, 0.05), BLACK)
    pen.fill(box(-0.28, -0.56, 0.28, -0.48), BLACK.mixed(band, 0.3))
    pen.fill(box(-0.15, -0.82, 0.15, -0.56), light)
    pen.line(segments((x, -0.82, x, -0.56) for x in (-0.15, -0.05, 0.05, 0.15)), BLACK, 0.02)
    pen.fill(profile([(0, -1.05), (0.12, -0.95), (0.22, -0.8), (0, -0.8)]), band)
    pen.glow(0, -0.7, 0.3, WHITE)


@motif()
def windmill(pen: Pen) -> None:
    """A windmill with latticed sails."""
    wall, cap = pen.c(pen.pick(0.08, 0.03, 0.6), pen.u(0.2, 0.7), 0.85), pen.c(pen.pick(0.0, 0.07, 0.6), 0.8, 0.5)
    pen.fill(profile([(0.26, -0.25), (0.46, 1.0), (0, 1.0)], sharp=True), wall)
    pen.line(
        segments((-0.28 - 0.05 * k, 0.0 + 0.25 * k, 0.28 + 0.05 * k, 0.0 + 0.25 * k) for k in range(4)),
        wall.lit(0.6),
        0.03,
    )
    pen.fill(arched(0, 0.62, 1.0, 0.12), BLACK)
    pen.flat(box(-0.07, 0.2, 0.07, 0.36), pen.c(0.13, 0.8, 1.0))
    pen.fill(profile([(0, -0.55), (0.24, -0.45), (0.34, -0.22), (0, -0.2)]), cap)
    with pen.at(0, -0.32, turn=pen.u(10, 80)):
        for _ in pen.around(4):
            pen.flat(box(-0.02, -0.95, 0.2, -0.18), WHITE.mixed(wall, 0.2))
            pen.line(
                segments(
                    [(0.02, -0.95 + 0.13 * k, 0.2, -0.95 + 0.13 * k) for k in range(7)]
                    + [(0.2, -0.95, 0.2, -0.18), (0.11, -0.95, 0.11, -0.18)]
                ),
                cap.lit(0.5),
                0.02,
            )
            pen.line(segments([(0, 0, 0, -0.98)]), cap.lit(0.5), 0.05)
    pen.ball(0, -0.32, 0.09, cap)


@motif()
def skyscraper(pen: Pen) -> None:
    """Towers of a city with rows of lit windows."""
    wall, light = pen.c(pen.u(0.5, 0.75), pen.u(0.2, 0.8), pen.u(0.2, 0.6)), pen.c(pen.pick(0.13, 0.12, 0.5), 0.75, 1.0)
    for x, half, top in (
        (-0.72, 0.24, pen.u(-0.4, 0.1)),
        (0.7, 0.26, pen.u(-0.5, 0.1)),
        (pen.u(-0.15, 0.15), 0.32, pen.u(-0.8, -0.6)),
    ):
        tone = wall.lit(pen.u(0.7, 1.3))
        if pen.chance(0.5):
            pen.fill(polygon([(x - half * 0.6, top), (x, top - 0.3), (x + half * 0.6, top)]), tone.lit(0.8))
            pen.line(segments([(x, top - 0.25, x, top - 0.42)]), tone, 0.03)
        pen.fill(box(x - half, top, x + half, 1.0), tone)
        columns = pen.n(3, 5)
        step = 2 * half / columns
        lit: list[skia.Path] = []
        dark: list[skia.Path] = []
        for i in range(columns):
            for y in np.arange(top + 0.08, 0.95, 0.14):
                left = x - half + step * (i + 0.2)
                (lit if pen.chance(0.65) else dark).append(box(left, y, left + step * 0.6, y + 0.085))
        pen.flat(joined(lit), light)
        pen.flat(joined(dark), tone.lit(0.35))


@motif()
def house(pen: Pen) -> None:
    """A house: tiled gable, chimney, shuttered windows, a door."""
    wall, roof, door = (
        pen.c(pen.rng.random(), pen.u(0.2, 0.7), 0.95),
        pen.c(pen.pick(0.02, 0.05, 0.6, 0.35), 0.8, 0.65),
        pen.vivid(),
    )
    pen.fill(box(0.34, -0.85, 0.55, -0.3), roof.lit(0.7))
    for k in range(3):
        pen.dot(0.48 + 0.14 * k, -0.98 - 0.03 * k, 0.09 + 0.02 * k, WHITE.faded(0.6))
    pen.fill(box(-0.75, -0.15, 0.75, 1.0), wall)
    gable = polygon([(-0.98, -0.1), (-0.02, -0.85), (0.98, -0.1)])
    pen.fill(gable, roof)
    with pen.inside(gable):
        for i, y in enumerate(np.arange(-0.8, 0.0, 0.13)):
            pen.line(
                segments((x, y, x + 0.1, y + 0.05) for x in np.arange(-1 + 0.07 * (i % 2), 1, 0.14)),
                roof.lit(0.5),
                0.03,
            )
    pen.line(polygon([(-1.0, -0.06), (-0.02, -0.85), (1.0, -0.06)], closed=False), WHITE, 0.06)
    pane = _lit_window(pen)
    for x, y in ((-0.42, 0.1), (0.42, 0.1), (-0.42, 0.58)):
        pen.fill(box(x - 0.16, y, x + 0.16, y + 0.3), pane)
        pen.line(segments([(x, y, x, y + 0.3), (x - 0.16, y + 0.15, x + 0.16, y + 0.15)]), WHITE, 0.035)
        for side in (-1, 1):
            pen.fill(box(x + side * 0.2 - 0.05, y - 0.02, x + side * 0.2 + 0.05, y + 0.32), door)
    pen.rings(0, -0.32, 0.13, [pane.lit(1.5), pane])
    pen.fill(arched(0.34, 0.48, 1.0, 0.17), door)
    pen.dot(0.44, 0.78, 0.03, pen.c(0.12, 0.8, 1.0))
