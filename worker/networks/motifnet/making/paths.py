"""Outlines from points: the geometry of what a pen draws. Units are the motif's: it lives in [−1, 1]², y downwards."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import skia

Point = tuple[float, float]
Points = Sequence[Point]


def polygon(points: Points, *, closed: bool = True) -> skia.Path:
    """Straight lines from point to point."""
    return skia.Path.Polygon([skia.Point(float(x), float(y)) for x, y in points], closed)


def smooth(points: Points, *, closed: bool = True) -> skia.Path:
    """A curve through all points (Catmull and Rom 1974)."""
    path, count = skia.Path(), len(points)
    path.moveTo(*points[0])
    for i in range(count if closed else count - 1):
        if closed:
            a, b, c, d = points[i - 1], points[i], points[(i + 1) % count], points[(i + 2) % count]
        else:
            a, b, c, d = points[max(i - 1, 0)], points[i], points[i + 1], points[min(i + 2, count - 1)]
        path.cubicTo(
            b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6, c[0] - (d[0] - b[0]) / 6, c[1] - (d[1] - b[1]) / 6, *c
        )
    if closed:
        path.close()
    return path


def profile(points: Points, *, sharp: bool = False) -> skia.Path:
    """A symmetric outline from its right half, top to bottom."""
    whole = [*points, *((-x, y) for x, y in reversed(points) if abs(x) > 1e-6)]
    return polygon(whole) if sharp else smooth(whole)


def oval(x: float, y: float, rx: float, ry: float) -> skia.Path:
    """An ellipse by centre and radii."""
    return skia.Path.Oval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))


def box(left: float, top: float, right: float, bottom: float) -> skia.Path:
    """A rectangle."""
    return skia.Path.Rect(skia.Rect.MakeLTRB(left, top, right, bottom))


def petal(length: float, width: float, tip: float = 0.5) -> skia.Path:
    """A petal from the origin upwards; `tip` from 0 (pointed) to 1 (blunt)."""
    path, half = skia.Path(), width / 2
    path.moveTo(0, 0)
    path.cubicTo(half * 1.2, -length * 0.25, half * 1.3, -length * (0.55 + 0.45 * tip), half * tip * 0.3, -length)
    path.quadTo(0, -length * (1 + 0.04 * tip), -half * tip * 0.3, -length)
    path.cubicTo(-half * 1.3, -length * (0.55 + 0.45 * tip), -half * 1.2, -length * 0.25, 0, 0)
    path.close()
    return path


def arched(x: float, top: float, bottom: float, half: float) -> skia.Path:
    """An opening with a round top."""
    return smooth(
        [
            (x - half, bottom),
            (x - half, top + half),
            (x - half * 0.7, top + half * 0.3),
            (x, top),
            (x + half * 0.7, top + half * 0.3),
            (x + half, top + half),
            (x + half, bottom),
            (x, bottom),
        ]
    )


def star(points: int, outer: float, inner: float, turn: float = 0.0) -> skia.Path:
    """A star with its first point upwards, turned by `turn` radians."""
    return polygon(
        [polar(outer if k % 2 == 0 else inner, turn + math.pi * (k / points - 0.5)) for k in range(2 * points)]
    )


def taper(points: Points, widths: Sequence[float]) -> skia.Path:
    """A band along `points` whose full width at each point is given: tails, tentacles, horns, branches."""
    line, half = np.asarray(points, float), np.asarray(widths, float)[:, None] / 2
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return polygon(np.concatenate([line + normal * half, (line - normal * half)[::-1]]).tolist())


def segments(ends: Iterable[tuple[float, float, float, float]]) -> skia.Path:
    """Many straight lines (x0, y0, x1, y1) as one path: much quicker to draw than one by one."""
    path = skia.Path()
    for x0, y0, x1, y1 in ends:
        path.moveTo(x0, y0)
        path.lineTo(x1, y1)
    return path


def circles(centres: Iterable[tuple[float, float, float]]) -> skia.Path:
    """Many circles (x, y, radius) as one path."""
    path = skia.Path()
    for x, y, radius in centres:
        path.addCircle(x, y, radius)
    return path


def joined(paths: Iterable[skia.Path]) -> skia.Path:
    """Many paths as one."""
    whole = skia.Path()
    for path in paths:
        whole.addPath(path)
    return whole


def arc(x: float, y: float, rx: float, ry: float, start: float, sweep: float) -> skia.Path:
    """A part of an ellipse; angles in degrees, clockwise from the right."""
    path = skia.Path()
    path.addArc(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry), start, sweep)
    return path


def polar(radius: float, angle: float) -> Point:
    """The point at `radius` from the origin and `angle` radians clockwise from the right."""
    return radius * math.cos(angle), radius * math.sin(angle)


def spiral(turns: float, inner: float, outer: float, growth: float = 1.0, count: int = 90) -> list[Point]:
    """Points on a spiral from the inner to the outer radius; `growth` 1 is Archimedes', more opens late."""
    steps = np.linspace(0, 1, count)
    radius, angle = inner + (outer - inner) * steps**growth, steps * turns * 2 * math.pi
    return list(zip((radius * np.cos(angle)).tolist(), (radius * np.sin(angle)).tolist(), strict=True))


def sunflower_seeds(count: int, radius: float) -> list[Point]:
    """Points that fill a disc evenly along Fermat's spiral (Vogel 1979)."""
    return [polar(radius * math.sqrt((k + 0.5) / count), k * 2.399963) for k in range(count)]
