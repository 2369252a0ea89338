"""Textures: motifs that cover everything."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import WHITE
from worker.networks.motifnet.making.motif import texture
from worker.networks.motifnet.making.paths import (
    Point,
    arc,
    box,
    joined,
    oval,
    polar,
    polygon,
    segments,
    smooth,
    spiral,
)
from worker.networks.motifnet.making.pen import REACH, Pen


@texture()
def honeycomb(pen: Pen) -> None:
    """Hexagonal cells of wax, some filled."""
    wax, honey = pen.c(0.11, 0.85, 0.95), pen.c(0.09, 0.95, 0.75)
    pen.ground(wax.lit(0.35))
    side = pen.u(0.13, 0.24)
    for x, y in pen.grid(side * 1.732, rows=side * 1.5):
        cell = polygon(
            [(x + dx, y + dy) for dx, dy in (polar(side * 0.88, math.pi * (k / 3 + 1 / 6)) for k in range(6))]
        )
        pen.fill(cell, wax.lit(pen.u(0.9, 1.4)) if pen.chance(0.6) else honey.lit(pen.u(0.5, 1.0)))
        if pen.chance(0.3):
            pen.dot(x - side * 0.2, y - side * 0.25, side * 0.15, WHITE.faded(0.7))


@texture()
def bubbles(pen: Pen) -> None:
    """Soap bubbles: bright rims, rainbow films, highlights."""
    water = pen.c(pen.u(0.48, 0.65), pen.u(0.5, 0.9), pen.u(0.3, 0.8))
    pen.ground(water)
    for x, y in pen.scatter(50):
        radius, film = pen.u(0.06, 0.36), pen.c(pen.rng.random(), 0.6, 1.0)
        pen.rings(x, y, radius, [water.faded(0.15), film.faded(0.25), film.faded(0.5), WHITE.faded(0.85)])
        pen.line(oval(x, y, radius, radius), film.lit(1.3), 0.015)
        pen.line(arc(x, y, radius * 0.75, radius * 0.75, 190, 60), WHITE, radius * 0.12)
        pen.dot(x + radius * 0.35, y + radius * 0.4, radius * 0.09, WHITE)


@texture("upright")
def waves(pen: Pen) -> None:
    """Seigaiha: rows of waves as concentric arcs."""
    deep, crest = pen.c(pen.u(0.53, 0.66), 0.9, pen.u(0.4, 0.7)), pen.c(0.55, pen.u(0.0, 0.3), 1.0)
    step = pen.u(0.36, 0.6)
    pen.ground(deep)
    for x, y in pen.grid(step, rows=step * 0.26):
        for share, colour in ((0.5, crest), (0.44, deep), (0.34, crest), (0.27, deep), (0.17, crest), (0.1, deep)):
            pen.dot(x, y, step * share * 1.04, colour)


@texture("upright")
def cloud(pen: Pen) -> None:
    """Heaped clouds in a sky, white above, shaded below."""
    dusk = pen.chance(0.3)
    top, low = (
        (pen.c(0.68, 0.6, 0.6), pen.c(0.05, 0.7, 1.0)) if dusk else (pen.c(0.59, 0.8, 0.85), pen.c(0.54, 0.4, 1.0))
    )
    pen.ground(low)
    pen.fill(box(-2 * REACH, -REACH, 2 * REACH, REACH), top, low)
    white = WHITE.mixed(low, 0.1)
    for x, y in pen.scatter(pen.n(4, 6), 1.2):
        width = pen.u(0.4, 0.9)
        puffs = [(x + pen.u(-width, width), pen.u(0.12, 0.3)) for _ in range(18)]
        for tone, lift in ((low.lit(0.7), 0.06), (white.mixed(top, 0.2), 0.0), (white, -0.06)):
            for px, radius in puffs:
                grown = radius * (1.2 - abs(px - x) / width * 0.6)
                pen.rings(px, y - grown * 0.7 + lift, grown, [tone, tone.faded(0.9), tone.faded(0.0)])


@texture("upright")
def cobbles(pen: Pen) -> None:
    """Rounded stones packed closely, dark in the joints."""
    stone, step = pen.c(pen.u(0.05, 0.65), pen.u(0.05, 0.35), pen.u(0.5, 0.85)), pen.u(0.28, 0.5)
    pen.ground(stone.lit(0.15))
    for x, y in pen.grid(step, rows=step * 0.8, jitter=0.07):
        corners = [polar(step * pen.u(0.36, 0.5), 2 * math.pi * k / 7) for k in range(7)]
        shade = stone.lit(pen.u(0.6, 1.3))
        pen.fill(smooth([(x + dx * 1.05, y + dy * 0.85) for dx, dy in corners]), shade)
        pen.glow(x - step * 0.1, y - step * 0.12, step * 0.24, shade.lit(1.7).faded(0.6))


@texture()
def marble(pen: Pen) -> None:
    """Polished stone with branching veins."""
    stone = pen.c(pen.rng.random(), pen.u(0.05, 0.6), pen.u(0.6, 1.0))
    vein = pen.pick(stone.lit(0.25), pen.c(0.11, 0.8, 0.8), WHITE)
    pen.ground(stone)
    for x, y in pen.scatter(14):
        pen.glow(x, y, pen.u(0.3, 0.8), stone.lit(pen.pick(0.6, 1.4)).faded(0.5))
    for _ in range(8):
        steps = pen.rng.normal(np.array([0.2, 0.05]), 0.13, (16, 2))
        walk = np.cumsum(steps, axis=0) + np.array([-REACH, pen.u(-REACH, REACH)])
        pen.line(walk.tolist(), vein.faded(0.35), pen.u(0.06, 0.12))
        pen.line(walk.tolist(), vein, pen.u(0.012, 0.035))
        start = walk[pen.n(4, 12)]
        pen.line((start + np.cumsum(pen.rng.normal(0.06, 0.12, (8, 2)), axis=0)).tolist(), vein, 0.012)


@texture()
def wood(pen: Pen) -> None:
    """Boards' grain: long lines that flow around knots."""
    brown = pen.c(pen.u(0.05, 0.1), pen.u(0.5, 0.85), pen.u(0.5, 0.9))
    pen.ground(brown)
    kx, ky, size = pen.u(-0.5, 0.5), pen.u(-0.5, 0.5), pen.u(0.12, 0.24)
    xs = np.linspace(-REACH, REACH, 40)
    for k, y in enumerate(np.arange(-REACH, REACH, 0.075)):
        push = size * np.sign(y - ky + 1e-6) * np.exp(-((xs - kx) ** 2) / 0.12 - abs(y - ky) / 0.5)
        line = y + push + 0.02 * np.sin(3 * xs + k * 0.4)
        pen.line(list(zip(xs, line, strict=True))[::2], brown.lit(0.45 if k % 3 else 0.7), pen.u(0.01, 0.035))
    for k in range(4):
        pen.oval(kx, ky, size * (1.1 - 0.26 * k), size * (0.75 - 0.18 * k), brown.lit(0.35 + 0.18 * (k % 2)))


@texture()
def agate(pen: Pen) -> None:
    """A cut agate's bands of colour around a crystal heart."""
    colours = pen.scheme(4)
    x, y = pen.u(-0.4, 0.4), pen.u(-0.4, 0.4)
    wobble = pen.rng.normal(0, 0.07, 9)
    pen.ground(colours[0].lit(0.5))
    radius, k = 2.4, 0
    while radius > 0.18:
        points = [polar(radius * (1 + wobble[j] + 0.1 * math.sin(j * 2.4 + 1)), 2 * math.pi * j / 9) for j in range(9)]
        outline = smooth([(x + px, y + py * 0.85) for px, py in points])
        pen.flat(outline, WHITE if k % 5 == 4 else colours[k % 4].lit(pen.u(0.7, 1.4)))
        pen.line(outline, colours[k % 4].lit(0.4), 0.012)
        radius, k = radius - pen.u(0.06, 0.16), k + 1
    with pen.at(x, y):
        for _ in pen.around(12):
            pen.flat(polygon([(-0.05, 0), (0, -0.2), (0.05, 0)]), WHITE.faded(0.8))


@texture()
def coral(pen: Pen) -> None:
    """Brain coral: a maze of thick winding ridges."""
    ridge = pen.c(pen.pick(0.0, 0.03, 0.9, 0.12, 0.45), 0.75, 0.95)
    pen.ground(ridge.lit(0.25))
    step, a, b = pen.u(0.26, 0.36), pen.u(0, 6), pen.u(0, 6)
    for k, y in enumerate(np.arange(-REACH - 0.3, REACH + 0.3, step)):
        points: list[Point] = []
        for x in np.arange(-REACH, REACH + 0.1, step * 0.5):
            i = len(points)
            points.append((x, y + step * 0.55 * math.sin(i * 1.57 + k * 2.1 + a) * math.cos(0.9 * x + b + k)))
        for width, tone in ((0.8, 0.5), (0.6, 0.9), (0.3, 1.4)):
            pen.line(points, ridge.lit(tone), step * width)
        spots = [(px, py, 0.016) for px, py in points]
        pen.dots(spots, WHITE)


@texture()
def cracks(pen: Pen) -> None:
    """Dried mud: curled plates between dark cracks."""
    mud, step = pen.c(pen.u(0.05, 0.1), pen.u(0.3, 0.6), pen.u(0.55, 0.9)), pen.u(0.45, 0.7)
    pen.ground(mud.lit(0.12))
    for x, y in pen.grid(step, rows=step * 0.85, jitter=0.12):
        corners = [polar(step * pen.u(0.46, 0.58), 2 * math.pi * k / 5 + pen.u(-0.3, 0.3)) for k in range(5)]
        plate = polygon([(x + dx, y + dy) for dx, dy in corners])
        pen.fill(plate, mud.lit(pen.u(0.8, 1.2)))
        pen.line(polygon([(x + dx * 0.85, y + dy * 0.85) for dx, dy in corners]), mud.lit(1.5), 0.02)
        pen.line([(x, y), (x + pen.u(-0.2, 0.2), y + pen.u(-0.2, 0.2))], mud.lit(0.3), 0.015)


@texture()
def ripples(pen: Pen) -> None:
    """Rings that spread on water and cross."""
    water = pen.c(pen.u(0.45, 0.66), pen.u(0.6, 0.95), pen.u(0.35, 0.75))
    pen.ground(water)
    for x, y in pen.scatter(pen.n(2, 4), 1.0):
        gap = pen.u(0.08, 0.15)
        for k in range(1, int(1.5 / gap)):
            opacity = max(0.0, 0.9 - 0.5 * k * gap)
            pen.line(oval(x, y, k * gap, k * gap), water.lit(1.9).faded(opacity), gap * 0.4)
            pen.line(oval(x, y, (k + 0.5) * gap, (k + 0.5) * gap), water.lit(0.35).faded(opacity), gap * 0.35)


@texture("upright")
def grass(pen: Pen) -> None:
    """Blades of grass, dark below and bright in front, with a few flowers."""
    hue = pen.u(0.2, 0.36)
    pen.ground(pen.c(hue, 0.9, 0.2))
    for layer in range(5):
        colour = pen.c(hue - 0.02 * layer, 0.9, 0.3 + 0.15 * layer)
        blades = []
        for x, y in pen.scatter(34):
            lean, length = pen.u(-0.3, 0.3), pen.u(0.5, 1.0)
            blades.append(
                polygon(
                    [
                        (x - 0.04, y + length * 0.5),
                        (x + lean * 0.4, y),
                        (x + lean, y - length * 0.5),
                        (x + lean * 0.4 + 0.05, y),
                        (x + 0.04, y + length * 0.5),
                    ]
                )
            )
        pen.flat(joined(blades), colour)
    petals = pen.vivid()
    for x, y in pen.scatter(pen.n(0, 6)):
        pen.dots([(x + dx, y + dy, 0.05) for dx, dy in (polar(0.06, k * 1.26) for k in range(5))], petals)
        pen.dot(x, y, 0.04, pen.c(0.14, 0.9, 1.0))


@texture()
def galaxy(pen: Pen) -> None:
    """Stars and glowing gas in the dark."""
    pen.ground(pen.c(0.68, 0.8, 0.12))
    hue = pen.u(0.55, 0.95)
    for x, y in pen.scatter(22, 1.3):
        pen.glow(x, y, pen.u(0.3, 0.9), pen.c(hue + pen.rng.normal(0, 0.1), 0.85, 0.95).faded(pen.u(0.15, 0.5)))
    pen.dots([(x, y, pen.u(0.004, 0.018)) for x, y in pen.scatter(240)], WHITE)
    for x, y in pen.scatter(9):
        size = pen.u(0.05, 0.16)
        pen.glow(x, y, size, WHITE)
        pen.line(segments([(x - size, y, x + size, y), (x, y - size, x, y + size)]), WHITE.faded(0.8), 0.014)


@texture("upright")
def tendrils(pen: Pen) -> None:
    """Art-nouveau tendrils: spirals that branch from one another."""
    ground, stem, bud = pen.scheme(3)
    pen.ground(ground.lit(0.35))
    for x, y in pen.grid(0.62, rows=0.55, jitter=0.08):
        with pen.at(x, y, turn=pen.u(0, 360), scale=pen.u(0.35, 0.5)):
            pen.line([(px, py) for px, py in spiral(1.6, 0.06, 0.9, 1.3, 26)], stem, 0.13)
            for k in range(4):
                pen.dot(*polar(0.98, 0.4 + 0.9 * k), 0.11, bud)
