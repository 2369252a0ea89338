"""The bundled pictures whose style is taken over: swirling brush strokes, stained glass, a woodcut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shared.samples.brushes import (
    Array,
    Colour,
    cloud_texture,
    coordinates,
    mix,
    ramp,
    rgb,
    sample,
    smooth,
    to_array,
    to_image,
)


def swirls(width: int, height: int, rng: np.random.Generator) -> Array:
    """Thick brush strokes that flow around glowing stars, over a village in rolling fields."""
    x, y = coordinates(width, height)
    aspect = width / height
    places = [
        (0.82, 0.17, 0.155),
        (0.27, 0.11, 0.08),
        (0.31, 0.32, 0.09),
        (0.56, 0.13, 0.09),
        (0.47, 0.43, 0.15),
        (0.93, 0.46, 0.08),
    ]
    stars = [(u * aspect, v, r) for u, v, r in places]
    under = _village_night(x, y, aspect, stars, rng)
    angle = _flow(x, y, stars, rng)
    canvas = to_image(under).resize((width * 2, height * 2))
    for length, thickness, count, jitter in [
        (0.11, 0.020, 2600, 0.10),
        (0.065, 0.010, 6500, 0.13),
        (0.035, 0.0055, 9000, 0.15),
    ]:
        _strokes(canvas, under, angle, (length, thickness, jitter), count, rng)
    painted = to_array(canvas.resize((width, height), Image.Resampling.LANCZOS))
    # Thick paint catches the light: relief from the strokes' own brightness.
    relief = painted.mean(axis=2) - np.roll(painted.mean(axis=2), (2, 2), (0, 1))
    return np.asarray(np.clip(painted * (1 + 0.9 * relief)[..., None], 0, 1))


def _village_night(
    x: Array, y: Array, aspect: float, stars: list[tuple[float, float, float]], rng: np.random.Generator
) -> Array:
    clouds = cloud_texture(rng, 2.0)
    sky = ramp(
        [(0, "14286e"), (0.45, "2f5fae"), (0.75, "7fa9c9"), (1, "c9d3a4")],
        y / 0.72 + 0.12 * sample(clouds, x * 0.3, y * 0.5),
    )
    for middle, height, radius in stars:
        away = np.hypot(x - middle, y - height) / radius
        halo = ramp([(0, "fff8d8"), (0.3, "ffe27a"), (0.62, "f2b632"), (0.8, "9fc3a0"), (1, "3f74b8")], away)
        sky = mix(sky, halo, smooth(1.1, 0.75, away))
    for i, (colour, dark) in enumerate([("3d6f9e", "1e3c70"), ("4f7f58", "1d4440"), ("8c8a3c", "3c5426")]):
        top = 0.68 + 0.085 * i + (0.04 - 0.008 * i) * np.sin(x * (4.2 - i) + i * 2.1 + 0.5)
        land = mix(rgb(colour), rgb(dark), 0.5 + 0.5 * np.sin((y - top) * 55 + x * 9))
        sky = mix(sky, land, smooth(0, 0.006, y - top))
    for i in range(13):
        left, wide = 0.34 * aspect + 0.062 * i + rng.uniform(-0.01, 0.01), rng.uniform(0.022, 0.034)
        foot, high = 0.80 + 0.02 * np.sin(i * 1.3), rng.uniform(0.03, 0.06)
        across = np.abs(x - left) / wide
        wall = smooth(1, 0.9, across) * smooth(0, 0.004, y - foot + high) * smooth(0.004, 0, y - foot)
        roof = (
            smooth(0, 0.004, y - (foot - high - 0.035 * (1 - across)))
            * smooth(0.004, 0, y - (foot - high))
            * (across < 1.15)
        )
        sky = mix(sky, rgb(["5a6e8c", "8c7a5c", "6b5a78"][i % 3]), wall)
        sky = mix(sky, rgb(["a8492c", "38406c", "c0762e"][i % 3]), roof)
        window = smooth(0.3, 0.2, across) * smooth(0.012, 0.008, np.abs(y - foot + high * 0.5))
        sky = mix(sky, rgb("ffd552"), window)
    flame = 0.13 * aspect + 0.018 * np.sin(y * 23)
    half = 0.088 * np.clip((y - 0.13) / 0.6, 0, 1) ** 0.75 * (1 + 0.14 * np.sin(y * 31 + 1))
    cypress = mix(rgb("0f2a20"), rgb("3a5c2a"), 0.5 + 0.5 * np.sin((x - flame) * 90 + np.sin(y * 20) * 2))
    return mix(sky, cypress, smooth(0.006, -0.006, np.abs(x - flame) - half) * (y > 0.13))


def _flow(x: Array, y: Array, stars: list[tuple[float, float, float]], rng: np.random.Generator) -> Array:
    """The direction of the strokes: wind in waves across the sky, around each star, along the fields, up the tree."""
    wind = cloud_texture(rng, 2.4)
    bend = 0.55 * np.sin(x * 5 + 2 * np.sin(y * 6)) + 0.5 * sample(wind, x * 0.25, y * 0.25)
    u, v = np.cos(bend), np.sin(bend)
    for i, (middle, height, radius) in enumerate(stars):
        dx, dy = x - middle, y - height
        away = np.hypot(dx, dy) + 1e-6
        pull = 3.2 * np.exp(-((away / (radius * 1.35)) ** 2)) * (1 if i % 2 else -1)
        u, v = u + pull * -dy / away, v + pull * dx / away
    land = smooth(0.66, 0.72, y)
    field = 0.35 * np.cos(x * 4 + 1) - 0.1
    u, v = u * (1 - land) + np.cos(field) * land, v * (1 - land) + np.sin(field) * land
    aspect = x.shape[1] / x.shape[0]
    tree = np.exp(-(((x - 0.13 * aspect) / 0.07) ** 2)) * smooth(0.15, 0.3, y)
    up = -np.pi / 2 + 0.5 * np.sin(y * 25)
    return np.asarray(np.arctan2(v * (1 - tree) + np.sin(up) * tree, u * (1 - tree) + np.cos(up) * tree))


def _strokes(
    canvas: Image.Image,
    under: Array,
    angle: Array,
    shape: tuple[float, float, float],
    count: int,
    rng: np.random.Generator,
) -> None:
    """Strokes in the colours of `under`, along `angle`; each with a lighter and a darker bristle's trace."""
    length, thickness, jitter = shape
    height, width = angle.shape
    draw = ImageDraw.Draw(canvas)
    steps = 9
    for start in rng.random((count, 2)) * [width, height]:
        column, row = start.astype(int)
        colour = np.clip(under[row, column] * (1 + rng.normal(0, jitter)) + rng.normal(0, jitter * 0.22, 3), 0, 1)
        points = [start]
        for _ in range(steps):
            column, row = np.clip(points[-1].astype(int), 0, [width - 1, height - 1])
            turn = angle[row, column]
            points.append(points[-1] + np.array([np.cos(turn), np.sin(turn)]) * length * height / steps)
        across = np.array([-np.sin(turn), np.cos(turn)]) * thickness * height * 0.3
        broad = max(1, round(thickness * height * 2))
        for offset, tone, part in [(0.0, 1.0, 1.0), (-1.0, 1.28, 0.3), (1.0, 0.72, 0.3), (0.25, 1.1, 0.2)]:
            fill = tuple(int(c) for c in np.clip(colour * tone, 0, 1) * 255)
            line = [tuple((point + across * offset) * 2) for point in points]
            draw.line(line, fill, max(1, round(broad * part)), joint="curve")


#: The rose's rings, from its heart outwards: radius, petals, and the colours that take turns in it.
_ROSE = [
    (0.07, 1, ["ffd84a"]),
    (0.17, 8, ["e0243e", "ff8420"]),
    (0.29, 12, ["1a58d4", "2cacec"]),
    (0.40, 16, ["14985f", "f8cc30"]),
    (0.50, 24, ["b01c7c", "6632c0"]),
]
_AROUND = ["153f9c", "10668a", "1f3080", "1a7a94", "27408f"]


def glass(width: int, height: int, rng: np.random.Generator) -> Array:
    """A stained glass window: a rose of petals and rings, each pane its own piece of uneven glass, set in lead."""
    x, y = coordinates(width, height)
    x, y = x - width / height / 2, y - 0.5
    waves, bubbles = cloud_texture(rng, 1.8), cloud_texture(rng, 0.9)
    _, border, number = _panes(x, y, 17, rng)
    away, angle = np.hypot(x, y), np.arctan2(y, x) / (2 * np.pi) + 0.5
    colours = np.array([rgb(code) for code in _AROUND])
    panes, lead, inner = colours[number % len(colours)], border * 1.6, 0.0
    for ring, (radius, petals, codes) in enumerate(_ROSE):
        colours = np.array([rgb(code) for code in codes])
        turn = angle * petals + ring * 0.5
        here = (away >= inner) & (away < radius)
        panes = np.where(here[..., None], colours[np.floor(turn).astype(int) % len(colours)], panes)
        # Lead runs around each ring and, between petals, outwards.
        lead = np.minimum(lead, np.abs(away - radius) * 0.75)
        if petals > 1:
            to_ray = np.abs((turn + 0.5) % 1 - 0.5) / petals * 2 * np.pi * away
            lead = np.where(here, np.minimum(lead, to_ray * 0.75), lead)
        inner = radius
    light = 1.0 + rng.normal(0, 0.15, 4096)[number % 4096]
    light = light + 0.16 * sample(waves, x * 0.7, y * 0.7) + 0.05 * sample(bubbles, x * 0.9, y * 0.9)
    light = light + 0.3 * np.exp(-(away**2) * 5) - 0.05
    panes = np.clip(panes * light[..., None] + 0.16 * smooth(0.9, 1.6, light)[..., None], 0, 1)
    panes = panes * (0.55 + 0.45 * smooth(0.004, 0.022, lead))[..., None]
    solder = ramp([(0, "5a5a60"), (0.4, "2c2c32"), (1, "0c0c10")], lead / 0.006 + 0.12 * sample(bubbles, x, y))
    return mix(solder, panes, smooth(0.0055, 0.009, lead))


def _panes(x: Array, y: Array, cells: int, rng: np.random.Generator) -> tuple[Array, Array, NDArray[np.int64]]:
    """Irregular panes around the points of a shaken grid: distance to the pane's middle, to its border, its number."""
    shake = rng.uniform(0.08, 0.92, (64, 64, 2))
    column, row = np.floor(x * cells).astype(int), np.floor(y * cells).astype(int)
    nearest, second = np.full(x.shape, np.inf), np.full(x.shape, np.inf)
    number = np.zeros(x.shape, np.int64)
    for dy in (-2, -1, 0, 1, 2):
        for dx in (-2, -1, 0, 1, 2):
            offset = shake[(row + dy) % 64, (column + dx) % 64]
            away = np.hypot((column + dx + offset[..., 0]) / cells - x, (row + dy + offset[..., 1]) / cells - y)
            second = np.minimum(np.maximum(nearest, away), second)
            number = np.where(away < nearest, (row + dy) * 64 + column + dx, number)
            nearest = np.minimum(nearest, away)
    return nearest, (second - nearest) / 2, number


def woodcut(width: int, height: int, rng: np.random.Generator) -> Array:
    """Breaking waves cut in wood and printed in three blues on yellowed paper, a red sun behind them."""
    x, y = coordinates(width, height)
    aspect = width / height
    fibres, stains, knife = cloud_texture(rng, 0.7), cloud_texture(rng, 2.0), cloud_texture(rng, 1.7)
    ink, deep, middle, pale, paper = (rgb(c) for c in ("14203c", "1f4a7c", "4f86ac", "a9c4c4", "efe2c0"))
    rough = 0.004 * sample(knife, x * 1.2, y * 1.2)
    picture = mix(paper, rgb("e3cf9f"), smooth(0.45, 0.0, y))
    bars = smooth(-0.2, 0.35, np.sin((y + rough) * 230 + 0.6 * np.sin(x * 9)) + 1.1 - 3.4 * (0.34 - y))
    picture = mix(rgb("b9a884"), picture, np.where(y < 0.34, bars, 1.0))
    sun = np.hypot(x - 0.70 * aspect, y - 0.27)
    picture = mix(picture, rgb("c8402c"), smooth(0.152, 0.148, sun + rough))
    picture = mix(picture, rgb("8c2418"), smooth(0.004, 0.001, np.abs(sun + rough - 0.15)))
    for i, (base, high, pitch, lean) in enumerate(
        [(0.50, 0.035, 2.3, 0.5), (0.62, 0.13, 0.95, 1.25), (0.76, 0.11, 1.3, 1.15), (0.92, 0.10, 1.05, 1.2)]
    ):
        phase = rng.uniform(0, 1)
        # A crest that leans over: the profile is looked up further along the higher it is.
        climb = np.clip((base + high - y) / (2 * high), 0, 1)
        turn = (x + lean * high * climb**1.5 + rough) * pitch + phase
        crest = np.abs(np.sin(np.pi * turn))
        top = base + high - 2 * high * (1 - crest) ** 0.85 - 0.25 * high * np.sin(2 * np.pi * turn * 0.37)
        depth = y - top
        flow = depth + 0.014 * np.sin(turn * 20) * smooth(0, 0.2, depth)
        pattern = 0.5 + 0.5 * np.sin(2 * np.pi * flow / (0.024 + 0.003 * i))
        shade = 0.28 + 0.5 * np.abs(np.cos(np.pi * turn)) + 0.25 * smooth(0.05, 0.3, depth)
        body = mix(deep, middle, smooth(0.1, -0.1, shade - 0.62))
        body = mix(body, pale, smooth(-0.06, 0.06, pattern - shade))
        body = mix(body, ink, smooth(0.55, 0.9, np.abs(pattern - shade) * -6 + 1.2) * 0.9)
        inside = smooth(0, 0.002, depth)
        picture = mix(picture, body, inside)
        picture = mix(picture, ink, smooth(0.0045, 0.0018, np.abs(depth)))
        picture = _foam(picture, x, y, depth, crest, (ink, paper, pale), i, rng)
    grain = 1 + 0.035 * sample(fibres, x * 2.2, y * 0.35) + 0.03 * sample(stains, x * 0.3, y * 0.3)
    frame = np.minimum(np.minimum(x, aspect - x), np.minimum(y, 1 - y)) + rough
    picture = mix(picture, ink, smooth(0.0035, 0.0015, np.abs(frame - 0.018)))
    picture = mix(paper, picture, smooth(0.016, 0.018, frame))
    return np.asarray(np.clip(picture * grain[..., None], 0, 1))


def _foam(
    picture: Array,
    x: Array,
    y: Array,
    depth: Array,
    crest: Array,
    colours: tuple[Colour, Colour, Colour],
    layer: int,
    rng: np.random.Generator,
) -> Array:
    """Scalloped foam along the crests, and spray thrown off them."""
    ink, paper, pale = colours
    cells = 30 - 3 * layer
    away, _, number = _panes(x + 0.37 * layer, y, cells, rng)
    away = away * cells
    sizes = rng.uniform(0.30, 0.58, 4096)[number % 4096]
    reach = 0.075 * np.clip(1 - crest * 1.9, 0, 1) ** 0.6
    near = (depth > -0.012) & (depth < reach)
    disc = smooth(0.04, -0.04, away - sizes) * near
    outline = smooth(0.09, 0.03, np.abs(away - sizes)) * near
    picture = mix(picture, mix(paper, pale, smooth(0.1, 0.5, away)), disc)
    picture = mix(picture, ink, outline * 0.9)
    spray = (depth < -0.01) & (depth > -0.11 * np.clip(1 - crest * 1.6, 0, 1)) & (number % 3 == 0)
    drop = smooth(0.05, -0.05, away - sizes * 0.4) * spray
    return mix(mix(picture, ink, smooth(0.05, -0.05, away - sizes * 0.4 - 0.1) * spray * 0.8), paper, drop)
