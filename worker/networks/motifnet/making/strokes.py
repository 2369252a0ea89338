"""Painters' and draughtsmen's handwriting: textures of strokes."""

from __future__ import annotations

import math

import numpy as np

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import texture
from worker.networks.motifnet.making.paths import (
    circles,
    polar,
    polygon,
    segments,
    smooth,
    spiral,
    taper,
)
from worker.networks.motifnet.making.pen import REACH, Pen


@texture()
def strokes(pen: Pen) -> None:
    """Short thick strokes of neighbouring colours that circle around a point."""
    hue, x0, y0 = pen.rng.random(), pen.u(-0.6, 0.6), pen.u(-0.6, 0.6)
    pen.ground(pen.c(hue, 0.8, 0.5))
    for layer in range(10):
        colour = pen.c(hue + pen.rng.normal(0, 0.09), pen.u(0.6, 1.0), pen.u(0.35, 1.0))
        dashes = []
        for x, y in pen.scatter(75):
            angle, length = (
                math.atan2(y - y0, x - x0) + 1.57 + 0.4 * math.sin(3 * math.hypot(x - x0, y - y0)),
                pen.u(0.12, 0.3),
            )
            dashes.append((x, y, x + length * math.cos(angle), y + length * math.sin(angle)))
        pen.line(segments(dashes), colour.lit(0.6), 0.1)
        pen.line(segments(dashes), colour, 0.065 + 0.002 * layer)


@texture()
def starry(pen: Pen) -> None:
    """Swirls: a night sky of whirling strokes around bright stars."""
    hue = pen.u(0.56, 0.7)
    pen.ground(pen.c(hue, 0.9, 0.35))
    centres = [(pen.u(-1.1, 1.1), pen.u(-1.1, 1.1), pen.pick(-1, 1)) for _ in range(4)]
    for colour in (pen.c(hue, 0.9, 0.5), pen.c(hue, 0.7, 0.9), pen.c(hue - 0.08, 0.5, 1.0), pen.c(0.13, 0.7, 0.95)):
        for x, y in pen.scatter(90):
            line = [(x, y)]
            for _ in range(5):
                dx, dy = 0.25, 0.05
                for cx, cy, sense in centres:
                    rx, ry = x - cx, y - cy
                    weight = sense * 0.4 / (rx * rx + ry * ry + 0.12)
                    dx, dy = dx - ry * weight, dy + rx * weight
                norm = math.hypot(dx, dy) + 1e-9
                x, y = x + 0.09 * dx / norm, y + 0.09 * dy / norm
                line.append((x, y))
            pen.line(polygon(line, closed=False), colour, pen.u(0.035, 0.065))
    for x, y, _ in centres:
        for radius in (0.3, 0.22, 0.14):
            pen.line(circles([(x, y, radius)]), pen.c(0.14, 0.6, 1.0), 0.035)
        pen.ball(x, y, 0.1, pen.c(0.13, 0.8, 1.0))


@texture()
def dots(pen: Pen) -> None:
    """Pointillism: dots of pure colour, fields of neighbouring hues with sparks of the opposite."""
    hue, step = pen.rng.random(), pen.u(0.09, 0.14)
    pen.ground(pen.c(hue, 0.3, 0.95))
    phase = pen.u(0, 6)
    shifts = ((0.0, 0.9), (0.06, 0.6), (-0.07, 1.0), (0.5, 0.95), (0.16, 0.9))
    layers: list[list[tuple[float, float, float]]] = [[] for _ in shifts]
    for x, y in pen.grid(step, jitter=0.3):
        field = math.sin(2.2 * x + phase) + math.cos(2.0 * y - phase) + pen.u(-0.9, 0.9)
        chosen = 3 if pen.chance(0.08) else 0 if field > 0.7 else 1 if field > 0 else 2 if field > -0.8 else 4
        layers[chosen].append((x, y, step * pen.u(0.34, 0.5)))
    for (shift, value), centres in zip(shifts, layers, strict=True):
        pen.dots(centres, pen.c(hue + shift, 0.9, value))


@texture()
def hatching(pen: Pen) -> None:
    """A draughtsman's cross-hatching in ink over paper, in patches of different darkness."""
    paper, ink = pen.c(0.11, pen.u(0.1, 0.4), 1.0), pen.pick(BLACK, pen.c(0.06, 0.8, 0.35), pen.c(0.62, 0.9, 0.5))
    pen.ground(paper)
    for x, y in pen.scatter(34, 1.5):
        angle, length, gap = pen.pick(0.6, 2.2, 0.6, 1.5) + pen.u(-0.15, 0.15), pen.u(0.3, 0.7), pen.u(0.045, 0.08)
        (dx, dy), (nx, ny) = polar(length, angle), polar(gap, angle + math.pi / 2)
        lines = [
            (x + nx * k - dx / 2, y + ny * k - dy / 2, x + nx * k + dx / 2 + pen.u(-0.05, 0.05), y + ny * k + dy / 2)
            for k in range(-5, 6)
        ]
        pen.line(segments(lines), ink, pen.u(0.012, 0.022))


@texture()
def watercolour(pen: Pen) -> None:
    """Washes that overlap, with dark edges and blooms."""
    paper, colours = WHITE, pen.scheme(3)
    pen.ground(paper)
    for k, (x, y) in enumerate(pen.scatter(30)):
        radius, colour = pen.u(0.3, 0.75), colours[k % 3]
        outline = smooth(
            [
                (x + radius * pen.u(0.65, 1.1) * math.cos(t), y + radius * pen.u(0.65, 1.1) * math.sin(t))
                for t in np.linspace(0, 2 * math.pi, 12)[:-1]
            ]
        )
        pen.flat(outline, colour.faded(0.5))
        pen.line(outline, colour.lit(0.6).faded(0.6), 0.025)
        pen.glow(x + radius * 0.2, y, radius * 0.6, (WHITE if k % 2 else colour.lit(0.7)).faded(0.45))
    pen.dots([(x, y, pen.u(0.01, 0.04)) for x, y in pen.scatter(26)], colours[0].faded(0.7))


@texture()
def ink(pen: Pen) -> None:
    """Splashes, drops and dry brush marks of ink."""
    paper, black = (
        pen.c(0.11, pen.u(0.05, 0.3), 1.0),
        pen.pick(BLACK, BLACK, pen.c(0.6, 0.95, 0.4), pen.c(0.0, 0.95, 0.7)),
    )
    pen.ground(paper)
    for x, y in pen.scatter(6, 1.4):
        arms = pen.n(9, 15)
        points = [
            (x + r * math.cos(2 * math.pi * k / (2 * arms)), y + r * math.sin(2 * math.pi * k / (2 * arms)))
            for k, r in enumerate(pen.u(0.3, 0.62) if k % 2 else pen.u(0.14, 0.24) for k in range(2 * arms))
        ]
        pen.flat(smooth(points), black)
        pen.dots(
            [
                (x + dx, y + dy, pen.u(0.015, 0.06))
                for dx, dy in (polar(pen.u(0.45, 0.85), pen.u(0, 6.28)) for _ in range(14))
            ],
            black,
        )
    for x, y in pen.scatter(3, 1.2):
        turn = pen.u(-0.5, 0.5)
        bristles = [(x - 0.6, y + 0.025 * k, x + pen.u(0.2, 0.8), y + 0.025 * k + turn) for k in range(9)]
        pen.line(segments(bristles), black, 0.018)


@texture("upright")
def drips(pen: Pen) -> None:
    """Paint thrown and dripped: tangled lines of several colours with blobs."""
    pen.ground(pen.c(0.1, pen.u(0.0, 0.4), pen.u(0.7, 1.0)))
    for colour in [BLACK, *pen.scheme(3), WHITE]:
        for _ in range(7):
            angle, x, y = pen.u(0, 6.28), pen.u(-1.4, 1.4), pen.u(-1.4, 1.4)
            line = []
            for _ in range(18):
                angle += pen.rng.normal(0, 0.6)
                x, y = x + 0.17 * math.cos(angle), y + 0.17 * math.sin(angle)
                line.append((x, y))
            pen.line(line, colour, pen.u(0.025, 0.07))
            pen.dots([(px, py, pen.u(0.02, 0.07)) for px, py in line[::4]], colour)


@texture("upright")
def script(pen: Pen) -> None:
    """Lines of flowing handwriting that nobody can read."""
    paper, black = pen.c(0.11, pen.u(0.1, 0.45), 0.98), pen.pick(BLACK, pen.c(0.05, 0.8, 0.35), pen.c(0.63, 0.9, 0.5))
    pen.ground(paper)
    step = pen.u(0.26, 0.4)
    for y in np.arange(-REACH, REACH, step):
        x, word = -REACH, []
        while x < REACH:
            tall = step * pen.pick(0.28, 0.28, 0.32, 0.7)
            word += [(x, y), (x + 0.06, y - tall * 0.6), (x + 0.05, y - tall), (x + 0.01, y - tall * 0.7)]
            word += [(x + 0.02, y - 0.01)] if pen.chance(0.8) else [(x, y + step * 0.4), (x - 0.05, y + step * 0.35)]
            x += pen.u(0.08, 0.12)
            if pen.chance(0.2):
                pen.line(word, black, 0.026)
                word, x = [], x + 0.12
        if len(word) > 2:
            pen.line(word, black, 0.026)
    initial = pen.c(0.0, 0.95, 0.75)
    pen.line([(px - 0.6, py - 0.4) for px, py in spiral(1.3, 0.05, 0.32, count=24)], initial, 0.07)


@texture()
def impasto(pen: Pen) -> None:
    """Thick strokes of the palette knife, each with a bright ridge and a dark one."""
    colours = pen.scheme(4)
    pen.ground(colours[0].lit(0.5))
    base = pen.u(0, 6.28)
    for x, y in pen.scatter(190):
        angle, length, width = base + pen.rng.normal(0, 0.7), pen.u(0.3, 0.65), pen.u(0.14, 0.26)
        colour = colours[pen.n(0, 3)].lit(pen.u(0.7, 1.3))
        with pen.at(x, y, turn=math.degrees(angle)):
            slab = polygon(
                [
                    (-length / 2, -width / 2),
                    (length / 2, -width * pen.u(0.3, 0.6)),
                    (length / 2, width * pen.u(0.3, 0.6)),
                    (-length / 2, width / 2),
                ]
            )
            pen.flat(slab, colour)
            pen.line(segments([(-length / 2, -width * 0.45, length / 2, -width * 0.42)]), colour.lit(1.7), 0.024)
            pen.line(segments([(-length / 2, width * 0.45, length / 2, width * 0.42)]), colour.lit(0.4), 0.03)
            pen.line(segments([(-length / 2, 0, length / 2, width * 0.1)]), colour.lit(0.75), 0.014)


@texture("upright")
def calligraphy(pen: Pen) -> None:
    """Columns of brushed characters, thick and thin, with a red seal."""
    paper, black = pen.c(0.11, pen.u(0.08, 0.35), 1.0), BLACK
    pen.ground(paper)
    step = pen.u(0.42, 0.6)
    for x, y in pen.grid(step):
        with pen.at(round(x / step) * step, y, step * 0.45):
            for k in range(pen.n(3, 4)):
                level = pen.u(-0.75, 0.75)
                across = [(-0.8, level), (0.0, level - 0.06), (0.75, level - 0.1), (0.85, level + 0.08)]
                down = [(level, -0.9), (level + 0.05, 0.0), (level, 0.8), (level - 0.2, 0.75)]
                sweep = [(0.1, level * 0.5 - 0.2), (-0.25, 0.35), (-0.8, 0.85)]
                line = (across, down, sweep, [(-x, y) for x, y in sweep])[k]
                pen.flat(taper(line, [0.26, 0.16, 0.2, 0.04][: len(line)]), black)
    red = pen.c(0.0, 0.95, 0.8)
    for x, y in pen.scatter(3, 0.9):
        pen.flat(polygon([(x - 0.13, y - 0.13), (x + 0.13, y - 0.13), (x + 0.13, y + 0.13), (x - 0.13, y + 0.13)]), red)
        pen.line(
            segments(
                [
                    (x - 0.07, y - 0.06, x + 0.07, y - 0.06),
                    (x, y - 0.08, x, y + 0.08),
                    (x - 0.07, y + 0.05, x + 0.07, y + 0.05),
                ]
            ),
            WHITE,
            0.022,
        )
