"""Textures that people make: walls, cloth, tiles, glass."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import texture
from worker.networks.motifnet.making.paths import (
    arc,
    box,
    petal,
    polygon,
    segments,
    smooth,
)
from worker.networks.motifnet.making.pen import REACH, Pen


@texture("upright")
def bricks(pen: Pen) -> None:
    """A wall of bricks in mortar."""
    clay, width = pen.c(pen.u(0.0, 0.07), pen.u(0.55, 0.85), pen.u(0.5, 0.85)), pen.u(0.36, 0.6)
    height = width * pen.u(0.38, 0.5)
    pen.ground(pen.c(0.1, 0.1, pen.u(0.6, 0.9)))
    for x, y in pen.grid(width, rows=height):
        dx, dy = width * 0.465, height * 0.43
        pen.fill(box(x - dx, y - dy, x + dx, y + dy), clay.lit(pen.u(0.65, 1.25)))


@texture()
def mosaic(pen: Pen) -> None:
    """Small uneven stones set along curves."""
    colours, step = pen.scheme(4), pen.u(0.17, 0.27)
    pen.ground(BLACK.mixed(colours[0], 0.15))
    phase, bend = pen.u(0, 6), pen.u(0.6, 1.6)
    for x, y in pen.grid(step):
        corners = (
            pen.rng.uniform(-0.1, 0.1, (4, 2)) * step + np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * step * 0.44
        )
        field = int((math.sin(bend * x * 2 + phase) + math.cos(bend * y * 2 + x) + 2) * 1.1) % 4
        pen.flat(polygon([(x + dx, y + dy) for dx, dy in corners.tolist()]), colours[field].lit(pen.u(0.7, 1.3)))


@texture()
def weave(pen: Pen) -> None:
    """A basket's over and under, each band round in the light."""
    bands, step = pen.scheme(2), pen.u(0.2, 0.36)
    pen.ground(BLACK)
    for i, y in enumerate(np.arange(-REACH, REACH, step)):
        for j, x in enumerate(np.arange(-REACH, REACH, step)):
            over = (i + j) % 2
            dx, dy = (step * 0.56, step * 0.42) if over else (step * 0.42, step * 0.56)
            pen.fill(box(x - dx, y - dy, x + dx, y + dy), bands[over])
            for k in (-0.5, 0.0, 0.5):
                ends = (x - dx, y + k * dy, x + dx, y + k * dy) if over else (x + k * dx, y - dy, x + k * dx, y + dy)
                pen.line(segments([ends]), bands[over].lit(0.55), 0.012)


@texture("upright")
def knit(pen: Pen) -> None:
    """Stockinette: columns of V-shaped stitches, with a pattern of colours."""
    colours, step = pen.scheme(3), pen.u(0.2, 0.32)
    pen.ground(colours[0].lit(0.25))
    motif = pen.rng.integers(0, 3, (4, 6))
    for i, y in enumerate(np.arange(-REACH, REACH, step * 0.8)):
        for j, x in enumerate(np.arange(-REACH, REACH, step)):
            colour = colours[motif[i % 4, j % 6]]
            for side in (-1, 1):
                stitch = [
                    (x + side * step * 0.46, y - step * 0.5),
                    (x + side * step * 0.5, y - step * 0.1),
                    (x + side * 0.01, y + step * 0.5),
                    (x + side * 0.01, y + step * 0.05),
                ]
                pen.fill(smooth(stitch), colour)


@texture("upright")
def tartan(pen: Pen) -> None:
    """Crossing stripes whose colours mix."""
    ground, *lines = pen.scheme(4)
    pen.ground(ground)
    sett = [(pen.u(-0.4, 0.4), pen.u(0.03, 0.22), colour) for colour in [*lines, WHITE, BLACK]]
    repeat = pen.u(0.8, 1.1)
    for horizontal in (False, True):
        for base in np.arange(-2 * repeat, 2.1 * repeat, repeat):
            for offset, width, colour in sett:
                at = base + offset
                path = box(-2, at, 2, at + width) if horizontal else box(at, -2, at + width, 2)
                pen.flat(path, colour.faded(0.55))
    hatch = [(k * 0.06, -3.0, k * 0.06 + 3, 3.0) for k in range(-80, 30)]
    pen.line(segments(hatch), BLACK.faded(0.22), 0.014)


@texture("upright")
def tiles(pen: Pen) -> None:
    """Glazed tiles with eight-pointed stars, as in a Moorish hall."""
    blue, gold, green = pen.c(0.6, 0.9, 0.7), pen.c(0.12, 0.85, 0.95), pen.c(0.42, 0.8, 0.55)
    step = pen.u(0.5, 0.8)
    pen.ground(WHITE.mixed(gold, 0.15))
    half = step / 2
    for i, y in enumerate(np.arange(-REACH, REACH + step, step)):
        for j, x in enumerate(np.arange(-REACH, REACH + step, step)):
            with pen.at(x, y):
                for turn in (0, 45):
                    with pen.at(0, 0, turn=turn):
                        pen.flat(
                            box(-half * 0.62, -half * 0.62, half * 0.62, half * 0.62), blue if (i + j) % 2 else green
                        )
                pen.dot(0, 0, half * 0.42, gold)
                for _ in pen.around(8):
                    pen.flat(petal(half * 0.4, half * 0.22), blue)
                with pen.at(half, half, turn=45):
                    pen.flat(box(-half * 0.3, -half * 0.3, half * 0.3, half * 0.3), gold.lit(0.8))
                    pen.flat(box(-half * 0.16, -half * 0.16, half * 0.16, half * 0.16), blue)
                pen.line(box(-half, -half, half, half), blue.lit(0.5), 0.02)


@texture("upright")
def shingles(pen: Pen) -> None:
    """A roof of rounded tiles in rows, with light on each edge."""
    clay, step = pen.c(pen.pick(0.03, 0.04, 0.55, 0.4), 0.75, 0.8), pen.u(0.26, 0.42)
    pen.ground(clay.lit(0.3))
    for x, y in reversed(pen.grid(step, rows=step * 0.62)):
        dx = step * 0.49
        tile = smooth([(x - dx, y - step), (x + dx, y - step), (x + dx, y), (x, y + dx * 0.6), (x - dx, y)])
        pen.fill(tile, clay.lit(pen.u(0.6, 1.15)))
        pen.line(
            [(x - dx, y), (x - dx * 0.6, y + dx * 0.4), (x, y + dx * 0.6), (x + dx * 0.6, y + dx * 0.4), (x + dx, y)],
            clay.lit(0.2),
            0.03,
        )


@texture("upright")
def glass(pen: Pen) -> None:
    """Stained glass: bright panes in lead."""
    step = pen.u(0.4, 0.65)
    count = int(2 * REACH / step) + 2
    xs = np.arange(count) * step - REACH
    nodes = np.stack(np.meshgrid(xs, xs), -1) + pen.rng.uniform(-0.25, 0.25, (count, count, 2)) * step
    pen.ground(BLACK)
    for i in range(count - 1):
        for j in range(count - 1):
            quad = [nodes[i, j], nodes[i, j + 1], nodes[i + 1, j + 1], nodes[i + 1, j]]
            halves = [quad[:3], [quad[2], quad[3], quad[0]]] if pen.chance(0.5) else [quad]
            for corners in halves:
                colour = pen.vivid(pen.u(0.7, 1.0))
                centre = np.mean(corners, axis=0)
                with pen.inside(polygon(np.asarray(corners).tolist())):
                    pen.rings(
                        float(centre[0]), float(centre[1]), step * 0.7, [colour.lit(1.6), colour, colour.lit(0.5)]
                    )
                pen.line(polygon(np.asarray(corners).tolist()), BLACK, 0.055)


@texture("upright")
def labyrinth(pen: Pen) -> None:
    """Walls of a maze at right angles."""
    wall, floor = pen.scheme(2)
    step = pen.u(0.2, 0.3)
    pen.ground(floor.lit(1.4) if pen.chance(0.5) else floor.lit(0.4))
    lines = []
    for x in np.arange(-REACH, REACH, step):
        for y in np.arange(-REACH, REACH, step):
            dx, dy = pen.pick((step, 0.0), (0.0, step))
            lines.append((x, y, x + dx, y + dy))
    path = segments(lines)
    pen.line(path, wall.lit(0.3), step * 0.5)
    pen.line(path, wall, step * 0.34)


@texture("upright")
def lace(pen: Pen) -> None:
    """White net with flowers and scalloped rings over a colour."""
    ground, thread = pen.vivid(pen.u(0.2, 0.7)), WHITE
    step = pen.u(0.5, 0.75)
    pen.ground(ground)
    net = [(t - 2, -2.0, t + 2, 2.0) for t in np.arange(-4, 4, 0.13)] + [
        (t + 2, -2.0, t - 2, 2.0) for t in np.arange(-4, 4, 0.13)
    ]
    pen.line(segments(net), thread.faded(0.55), 0.012)
    for x, y in pen.grid(step, rows=step * 0.87):
        with pen.at(x, y, step * 0.5):
            pen.dot(0, 0, 0.86, ground)
            for _ in pen.around(12):
                pen.line(arc(0, -0.74, 0.2, 0.2, 180, 180), thread, 0.07)
            for _ in pen.around(6):
                pen.line(petal(0.62, 0.42, 0.5), thread, 0.07)
            pen.dot(0, 0, 0.14, thread)


@texture("upright")
def circuits(pen: Pen) -> None:
    """A circuit board: copper tracks at 45 degrees, pads, chips."""
    board, copper = pen.c(pen.pick(0.38, 0.4, 0.6), 0.9, pen.u(0.25, 0.5)), pen.c(0.11, 0.8, 1.0)
    pen.ground(board)
    for x, y in pen.scatter(46):
        dx, dy = pen.pick((0.3, 0.0), (0.0, 0.3), (-0.3, 0.0), (0.0, -0.3))
        bend = pen.pick(-1, 1) * 0.2
        end = (x + dx * 2 + (bend if dx == 0 else 0.2), y + dy * 2 + (bend if dy == 0 else 0.2))
        pen.line(polygon([(x, y), (x + dx, y + dy), end], closed=False), copper, 0.03)
        pen.dots([(x, y, 0.06), (*end, 0.06)], copper)
        pen.dots([(x, y, 0.025), (*end, 0.025)], board.lit(0.4))
    for x, y in pen.scatter(pen.n(3, 6), 1.2):
        w, h = pen.u(0.14, 0.3), pen.u(0.14, 0.3)
        pen.line(
            segments((x + t * w, y - h - 0.07, x + t * w, y + h + 0.07) for t in (-0.75, -0.25, 0.25, 0.75)),
            WHITE.lit(0.8),
            0.04,
        )
        pen.fill(box(x - w, y - h, x + w, y + h), BLACK)
