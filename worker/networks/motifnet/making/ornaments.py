"""Ornaments, made by people, by weather, by geometry."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    arc,
    box,
    oval,
    petal,
    polar,
    polygon,
    segments,
    smooth,
)
from worker.networks.motifnet.making.paths import (
    spiral as spiral_points,
)
from worker.networks.motifnet.making.paths import (
    star as star_path,
)
from worker.networks.motifnet.making.pen import Pen


@motif("any")
def spiral(pen: Pen) -> None:
    """A disc of spiralling arms."""
    colours = pen.scheme(pen.n(2, 3))
    arms, turns, growth = pen.n(2, 5), pen.u(0.9, 2.4), pen.u(0.7, 1.3)
    pen.dot(0, 0, 1.0, colours[0].lit(0.4))
    for k in pen.around(arms):
        line = spiral_points(turns, 0.0, 0.97, growth, 40)
        width = 1.5 / arms / turns
        pen.line(line, colours[k % len(colours)], width * 0.6)
        pen.line(line, colours[k % len(colours)].lit(1.7), width * 0.2)
    pen.line(oval(0, 0, 1.0, 1.0), colours[-1].lit(0.5), 0.05)


@motif("any")
def web(pen: Pen) -> None:
    """A spider's web with dew."""
    thread = pen.pick(WHITE, pen.c(0.55, 0.3, 1.0), pen.c(0.13, 0.5, 1.0))
    pen.glow(0, 0, 1.35, pen.c(pen.u(0.5, 0.8), 0.8, 0.15))
    count = pen.n(9, 14)
    angles = [2 * math.pi * k / count + pen.u(-0.1, 0.1) for k in range(count)]
    pen.line(segments((0, 0, *polar(1.05, a)) for a in angles), thread, 0.022)
    for radius in np.linspace(0.12, 0.96, pen.n(7, 10)):
        corners = [polar(radius, a) for a in angles]
        sagging = []
        for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            mx, my = (x0 + x1) * 0.44, (y0 + y1) * 0.44
            sagging += [(x0, y0, mx, my), (mx, my, x1, y1)]
        pen.line(segments(sagging), thread.lit(0.9), 0.018)
        pen.dots([(x, y, 0.022) for x, y in corners[:: pen.n(1, 3)]], WHITE)


@motif("any")
def snow(pen: Pen) -> None:
    """A snow crystal with six branched arms."""
    ice = pen.c(pen.u(0.5, 0.65), pen.u(0.05, 0.45), 1.0)
    twigs = [(pen.u(0.15, 0.95), pen.u(0.12, 0.34)) for _ in range(pen.n(3, 5))]
    pen.glow(0, 0, 1.2, pen.c(0.6, 0.9, pen.u(0.3, 0.7)).faded(0.8))
    for _ in pen.around(6):
        ends = [(0.0, 0.0, 0.0, -1.0)]
        for y, length in twigs:
            ends += [(0, -y, side * length * 0.87, -y - length * 0.5) for side in (-1, 1)]
        pen.line(segments(ends), ice.lit(0.7), 0.085)
        pen.line(segments(ends), ice, 0.05)
        pen.fill(polygon([(0, -0.28), (0.07, -0.18), (0, -0.08), (-0.07, -0.18)]), ice)
    pen.fill(polygon([polar(0.17, math.pi * k / 3) for k in range(6)]), ice)
    pen.line(polygon([polar(0.3, math.pi * (k / 3 + 1 / 6)) for k in range(6)]), ice, 0.04)


@motif()
def crystal(pen: Pen) -> None:
    """A cluster of pointed crystals with facets."""
    hue = pen.pick(0.77, 0.5, 0.9, 0.38, 0.6)
    for turn in sorted([pen.u(-75, 75) for _ in range(8)], key=lambda t: -abs(t)):
        length, width = pen.u(1.1, 1.75) * (1.15 - abs(turn) / 130), pen.u(0.17, 0.3)
        colour = pen.c(hue, 0.7, 0.9)
        with pen.at(0, 0.7, turn=turn):
            tip = -length
            pen.fill(
                polygon(
                    [
                        (-width, 0.1),
                        (-width, tip + width * 1.5),
                        (-width * 0.25, tip + width * 1.9),
                        (-width * 0.25, 0.1),
                    ]
                ),
                colour.lit(1.4),
            )
            pen.fill(
                polygon(
                    [
                        (-width * 0.25, 0.1),
                        (-width * 0.25, tip + width * 1.9),
                        (width * 0.5, tip + width * 1.7),
                        (width * 0.5, 0.1),
                    ]
                ),
                colour,
            )
            pen.fill(
                polygon(
                    [(width * 0.5, 0.1), (width * 0.5, tip + width * 1.7), (width, tip + width * 1.4), (width, 0.1)]
                ),
                colour.lit(0.5),
            )
            pen.fill(
                polygon([(-width, tip + width * 1.5), (0, tip), (-width * 0.25, tip + width * 1.9)]), colour.lit(1.9)
            )
            pen.fill(
                polygon([(0, tip), (width * 0.5, tip + width * 1.7), (-width * 0.25, tip + width * 1.9)]),
                colour.lit(1.2),
            )
            pen.fill(
                polygon([(0, tip), (width, tip + width * 1.4), (width * 0.5, tip + width * 1.7)]), colour.lit(0.35)
            )
    pen.fill(smooth([(-0.8, 0.85), (-0.5, 0.6), (0, 0.66), (0.5, 0.58), (0.8, 0.85), (0, 1.0)]), pen.c(0.7, 0.2, 0.35))


@motif("any")
def paisley(pen: Pen) -> None:
    """A paisley: a bent drop filled with drops, dots and a flower."""
    colours = pen.scheme(5)
    drop = [
        (0.62, -0.98),
        (0.1, -0.72),
        (-0.42, -0.25),
        (-0.68, 0.3),
        (-0.45, 0.8),
        (0.05, 0.98),
        (0.55, 0.75),
        (0.72, 0.25),
        (0.5, -0.18),
        (0.3, -0.45),
        (0.42, -0.75),
    ]
    for k, size in enumerate((1.0, 0.86, 0.7, 0.5)):
        with pen.at(0.02 * k, 0.1 * k * size, size):
            pen.fill(smooth(drop), colours[k] if k % 2 else colours[k].lit(1.2))
        if k == 1:
            pen.dots([(x * 0.8 + 0.02, y * 0.8 + 0.09, 0.045) for x, y in drop[1:9]], colours[4].lit(1.5))
    for k in range(-1, 10):
        a = math.radians(20 * k + 20)
        x, y = polar(0.82, a)
        pen.line(arc(x * 0.84 + 0.02, y * 0.78 + 0.28, 0.1, 0.1, 0, 360), colours[4], 0.035)
    with pen.at(0.05, 0.42):
        for _ in pen.around(7):
            pen.fill(petal(0.25, 0.15, 0.6), colours[4])
        pen.dot(0, 0, 0.07, colours[1].lit(1.6))


@motif("any")
def star(pen: Pen) -> None:
    """A faceted star, half of each ray in shade."""
    points, colour = pen.n(5, 8), pen.c(pen.pick(0.12, 0.14, 0.0, 0.6, 0.9), 0.9, 1.0)
    inner = pen.u(0.38, 0.5)
    pen.fill(star_path(points, 1.0, inner), colour)
    for _ in pen.around(points):
        x, y = polar(inner, math.pi / points - math.pi / 2)
        pen.flat(polygon([(0, 0), (0, -1.0), (x, y)]), colour.lit(0.5))
        pen.flat(polygon([(0, 0), (0, -1.0), (-x, y)]), colour.lit(1.3))
    pen.line(star_path(points, 1.0, inner), colour.lit(0.4), 0.025)
    if pen.chance(0.5):
        second = pen.vivid()
        pen.fill(star_path(points, 0.45, 0.2, math.pi / points), second)
        pen.ball(0, 0, 0.1, second)


@motif("any")
def mandala(pen: Pen) -> None:
    """Rings of petals, drops and dots in many-fold symmetry."""
    colours = pen.scheme(4)
    count = pen.pick(8, 10, 12)
    pen.dot(0, 0, 0.98, colours[0].lit(0.5))
    for ring, (radius, length) in enumerate(((0.62, 0.4), (0.42, 0.36), (0.2, 0.32), (0.0, 0.26))):
        colour, other = colours[(ring + 1) % 4], colours[(ring + 2) % 4]
        for _ in pen.around(count, 180 / count * (ring % 2)):
            with pen.at(0, -radius * 0.9):
                width = max(0.16, 2 * math.pi * (radius + length * 0.5) / count * 0.9)
                pen.fill(petal(length, width, 0.25), colour)
                pen.flat(petal(length * 0.7, width * 0.5, 0.25), other.lit(1.3))
                pen.dot(0, -length * 0.86, 0.028, WHITE)
    for _ in pen.around(count * 2):
        pen.dot(0, -0.93, 0.04, colours[3].lit(1.4))
    pen.ball(0, 0, 0.1, colours[1])


@motif("any")
def compass(pen: Pen) -> None:
    """A compass rose with sixteen points."""
    first, second = pen.pick((pen.c(0.0, 0.9, 0.75), pen.c(0.6, 0.85, 0.6)), tuple(pen.scheme(2)))
    pen.dot(0, 0, 0.8, pen.c(0.11, 0.3, 1.0))
    pen.line(oval(0, 0, 0.78, 0.78), second.lit(0.5), 0.035)
    pen.line(oval(0, 0, 0.58, 0.58), second, 0.025)
    for _ in pen.around(36):
        pen.line(segments([(0, -0.7, 0, -0.78)]), BLACK, 0.016)
    for start, length, width, colour in (
        (22.5, 0.6, 0.11, second.lit(1.3)),
        (67.5, 0.6, 0.11, second.lit(1.3)),
        (45, 0.76, 0.15, second),
        (0, 1.05, 0.18, first),
    ):
        for _ in pen.around(4, start):
            pen.flat(polygon([(0, 0), (0, -length), (width, -width)]), colour.lit(0.45))
            pen.flat(polygon([(0, 0), (0, -length), (-width, -width)]), colour.lit(1.3))
            pen.line(polygon([(0, 0), (width, -width), (0, -length), (-width, -width)]), BLACK, 0.016)
    pen.ball(0, 0, 0.1, pen.c(0.12, 0.9, 1.0))


@motif("any")
def knot(pen: Pen) -> None:
    """A Celtic knot: bands that go over and under."""
    band, edge = pen.c(pen.pick(0.12, 0.36, 0.55, 0.0), 0.9, 0.9), BLACK
    lobes = pen.pick(3, 4, 5)
    t = np.linspace(0, 2 * math.pi, 40 * lobes, endpoint=False)
    radius = 0.6 + 0.34 * np.cos(lobes * t)
    turns = t * (2 if lobes % 2 else 3)
    line = np.stack([radius * np.cos(turns), radius * np.sin(turns)], 1)
    count, pieces = len(line), 12 * lobes
    for parity in (0, 1):
        for k in range(pieces):
            if k // 3 % 2 != parity:
                continue
            part = [tuple(line[i % count]) for i in range(k * count // pieces, (k + 1) * count // pieces + 2)]
            for colour, width in ((edge, 0.2), (band, 0.15), (band.lit(1.6), 0.04)):
                pen.line(part, colour, width)


@motif("any")
def diamond(pen: Pen) -> None:
    """A cut gem seen from above, its facets sparkling."""
    hue, count = pen.pick(0.55, 0.98, 0.38, 0.78, 0.6), 8
    for k in range(count):
        a, b, c = (2 * math.pi * (k + d) / count for d in (0, 0.5, 1))
        rim, table = 1.0, 0.48
        facets = (
            [polar(rim, a), polar(rim, b), polar(0.74, b)],
            [polar(rim, b), polar(rim, c), polar(0.74, b)],
            [polar(rim, a), polar(0.74, b), polar(table, a)],
            [polar(rim, c), polar(0.74, b), polar(table, c)],
            [polar(0.74, b), polar(table, a), polar(table, c)],
        )
        for facet in facets:
            pen.fill(polygon(facet), pen.c(hue, pen.u(0.3, 0.9), 0.9).lit(pen.pick(0.4, 0.7, 1.0, 1.4, 1.9)))
    pen.fill(polygon([polar(0.48, 2 * math.pi * k / count) for k in range(count)]), pen.c(hue, 0.55, 1.0))
    pen.flat(polygon([polar(0.4, 3.6), polar(0.42, 4.4), polar(0.1, 5.0)]), WHITE.faded(0.7))
    pen.line(segments([(-0.55, -0.72, -0.55, -0.42), (-0.7, -0.57, -0.4, -0.57)]), WHITE, 0.03)


@motif()
def fan(pen: Pen) -> None:
    """A folding fan with a painted leaf."""
    leaf, trim = pen.scheme(2)
    count = 15
    for k in range(count):
        with pen.at(0, 0.75, turn=-72 + 144 * (k + 0.5) / count):
            half = math.tan(math.radians(72 / count)) * 1.02
            pen.fill(
                polygon([(-half * 0.7, -0.7), (half * 0.7, -0.7), (half * 1.6, -1.62), (-half * 1.6, -1.62)]),
                leaf if k % 2 else leaf.lit(0.7),
            )
            pen.flat(
                polygon([(-half * 1.5, -1.5), (half * 1.5, -1.5), (half * 1.6, -1.62), (-half * 1.6, -1.62)]), trim
            )
            pen.fill(box(-0.025, -0.85, 0.025, 0.0), pen.c(0.08, 0.7, 0.5))
    for turn in (-45, 0, 40):
        with pen.at(*polar(1.2, math.radians(turn - 90))), pen.at(0, 0.75):
            for _ in pen.around(5):
                pen.flat(petal(0.19, 0.16, 0.8), WHITE.mixed(trim, 0.15))
            pen.dot(0, 0, 0.05, pen.c(0.12, 0.9, 1.0))
    pen.ball(0, 0.75, 0.08, trim)
