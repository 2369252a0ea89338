"""The bundled pictures to dream into: clouds at dusk, a night over a lake, a still life."""

from __future__ import annotations

import numpy as np

from shared.samples.brushes import (
    Array,
    cloud_texture,
    coordinates,
    mix,
    ramp,
    rgb,
    sample,
    smooth,
)


def dusk(width: int, height: int, rng: np.random.Generator) -> Array:
    """Clouds lit from below by a sun just above rolling hills."""
    x, y = coordinates(width, height)
    aspect, horizon = width / height, 0.68
    sun_x, sun_y = 0.66 * aspect, 0.615
    distance = np.hypot(x - sun_x, (y - sun_y) * 1.25)
    sky = ramp(
        [(0, "1b2450"), (0.28, "46407f"), (0.5, "9a5690"), (0.68, "e07a72"), (0.84, "f8b06a"), (1, "ffe2a0")],
        y / horizon + 0.16 * np.exp(-distance * 2.2) - 0.05,
    )
    sky += np.exp(-distance[..., None] * 9) * np.array([0.6, 0.4, 0.2])
    sky = mix(sky, rgb("fff6d8"), smooth(0.05, 0.042, np.hypot(x - sun_x, y - sun_y)))
    sky = _dusk_clouds(sky, x, y, horizon, (sun_x, sun_y), rng)
    return _hills(sky, x, y, horizon, sun_x, rng)


def _dusk_clouds(
    sky: Array, x: Array, y: Array, horizon: float, sun: tuple[float, float], rng: np.random.Generator
) -> Array:
    """Clouds on a plane overhead, seen in perspective; their sides towards the sun glow."""
    shapes, warp, fine = (cloud_texture(rng, slope) for slope in (1.9, 2.2, 1.45))
    depth = 0.3 / (np.maximum(horizon - y, 0) + 0.22)
    u, v = (x - sun[0]) * depth * 0.42 + 0.31, depth * 0.5
    u, v = u + 0.03 * sample(warp, u, v), v + 0.03 * sample(warp, u + 0.5, v + 0.3)

    def density(du: float | Array, dv: float) -> Array:
        return sample(shapes, u + du, v + dv) + 0.3 * sample(fine, (u + du) * 2, (v + dv) * 2)

    here = density(0, 0)
    cover = smooth(0.0, 0.75, here - 0.25) * smooth(0.0, 0.12, horizon - y)
    # How much thinner the cloud is a little nearer to the sun: the side that catches its light.
    lit = np.clip(0.42 + 0.55 * (here - density(np.tanh((sun[0] - x) * 3) * 0.012, 0.02)), 0, 1)
    near_sun = np.exp(-np.hypot(x - sun[0], (y - sun[1]) * 1.3) * 1.5)
    shade = mix(rgb("353468"), rgb("8a4a78"), near_sun)
    glow = mix(rgb("f09a90"), rgb("ffe0a6"), np.clip(near_sun * 1.5, 0, 1))
    # Thick parts are dark in their middle, thin edges let the light through.
    body = mix(shade, glow, np.clip(lit * (1.3 - 0.5 * smooth(0.6, 2.2, here)), 0, 1))
    return mix(sky, body, cover * 0.95)


#: Ridges from far to near: their colour, and that of the mist at their feet.
_RIDGES = [
    ("9c6084", "ec9f8c"),
    ("75507c", "c98389"),
    ("534372", "9c6c8a"),
    ("3d4668", "80688a"),
    ("27424e", "4f5f78"),
    ("142a2e", "2c4450"),
]


def _hills(sky: Array, x: Array, y: Array, horizon: float, sun_x: float, rng: np.random.Generator) -> Array:
    """Ridges from far and hazy to near and dark, with woods on them and mist between them."""
    picture = sky
    woods, ground = cloud_texture(rng, 0.9), cloud_texture(rng, 1.6)
    for i, (colour, mist) in enumerate(_RIDGES):
        near = i / (len(_RIDGES) - 1)
        row = np.full_like(x, 0.15 * i + 0.05)
        phase, pitch = rng.uniform(0, 6.28, 2), rng.uniform(2.6, 3.8) * (1.5 - 0.8 * near)
        swell = 0.62 * np.sin(x * pitch + phase[0]) + 0.38 * np.sin(x * pitch * 2.17 + phase[1])
        top = horizon - 0.03 + 0.056 * i + (0.014 + 0.026 * near) * (swell + 0.35 * sample(ground, x * 0.7, row))
        top = top + 0.0035 * near * sample(woods, x * (1.2 - 0.5 * near), row)
        depth = y - top
        zoom = 0.9 - 0.5 * near
        folds = sample(ground, x * zoom - depth * 0.6, depth * zoom * 2.2 + row)
        lit = folds - sample(ground, x * zoom - depth * 0.6 - 0.008, depth * zoom * 2.2 + row + 0.004)
        leaves = sample(woods, x * zoom * 1.6, depth * zoom * 2.6 + row)
        body = mix(rgb(colour), rgb(mist), smooth(0.0, 0.08 + 0.06 * near, depth) * (0.85 - 0.35 * near))
        body = body * (1 + 0.12 * folds + (0.25 + 1.1 * near) * lit + (0.03 + 0.13 * near) * leaves)[..., None]
        facing = np.exp(-np.abs(x - sun_x) * 1.7)
        warm = facing * (0.18 - 0.1 * near) * (1 + 0.6 * folds)
        body = body + warm[..., None] * np.array([1.0, 0.6, 0.34])
        rim = np.exp(-np.maximum(depth, 0) * 200) * facing * (1 - 0.45 * near)
        body = body + (rim * 0.5)[..., None] * np.array([1.0, 0.72, 0.42])
        picture = mix(picture, body, smooth(0, 0.0026, depth))
    return picture


def lake(width: int, height: int, rng: np.random.Generator) -> Array:
    """A starry sky with northern lights over mountains, mirrored in a lake."""
    x, y = coordinates(width, height)
    shore = 0.66
    distortion = cloud_texture(rng, 1.3)
    # Below the shore, look up what is above it, through waves that grow towards the viewer.
    below = np.maximum(y - shore, 0)
    waves = sample(distortion, x * 0.25, 0.55 / (below + 0.06))
    mirrored = shore - below * 1.25 + waves * below * 0.07
    height_seen = np.where(y < shore, y, np.clip(mirrored, 0, shore))
    x_seen = np.where(y < shore, x, x + waves * below * 0.02)
    scene = _night(x_seen, height_seen, width / height, shore, rng)
    water = scene * np.array([0.72, 0.8, 0.88]) * (1 - 0.45 * smooth(0, 0.34, below))[..., None]
    glint = np.clip(sample(distortion, x * 0.35, 0.9 / (below + 0.06)) - 1.1, 0, 2)
    water = water + (glint * smooth(0, 0.1, below) * 0.13)[..., None] * np.array([0.5, 0.9, 0.9])
    picture = np.where((y < shore)[..., None], scene, water)
    shoreline = np.exp(-(((y - shore) / 0.004) ** 2))
    return mix(picture, rgb("0a1320"), shoreline * 0.7)


def _night(x: Array, y: Array, aspect: float, shore: float, rng: np.random.Generator) -> Array:
    milky, dust, curtain = cloud_texture(rng, 1.7), cloud_texture(rng, 1.5), cloud_texture(rng, 1.9)
    sky = ramp([(0, "060a24"), (0.5, "10245a"), (0.85, "1f5276"), (1, "3a8a8c")], y / shore)
    # The milky way: a band across the sky, grainy and with dark lanes.
    across = (x - 0.62 * aspect) * 0.86 + (y - 0.2) * 0.5
    band = np.exp(-((across / 0.15) ** 2)) * (0.6 + 0.4 * sample(milky, x * 0.4, y * 0.4))
    lanes = smooth(0.1, 1.2, sample(dust, x * 0.5, y * 0.5) - np.abs(across) * 5)
    sky = sky + np.clip(band * (1 - 0.75 * lanes), 0, 2)[..., None] * np.array([0.44, 0.34, 0.5])
    sky = sky + _stars(x, y, band, rng)
    sky = sky + _northern_lights(x, y, curtain)
    return _mountains(sky, x, y, shore, rng)


def _stars(x: Array, y: Array, band: Array, rng: np.random.Generator) -> Array:
    """Stars on a jittered grid, so that mirrored coordinates see the same ones."""
    light = np.zeros((*x.shape, 3))
    tints = np.array([rgb("ffffff"), rgb("bcd2ff"), rgb("ffe2b8"), rgb("ffc9a6")])
    for cells, size, brightness, share in [(17, 0.0034, 1.1, 0.3), (48, 0.0019, 0.8, 0.3), (120, 0.0011, 0.75, 0.4)]:
        column, row = np.floor(x * cells).astype(int) % 512, np.floor(y * cells).astype(int) % 512
        jitter, kind = rng.random((512, 512, 3)), rng.integers(0, len(tints), (512, 512))
        offset = jitter[row, column]
        away = np.hypot(x * cells % 1 - 0.2 - 0.6 * offset[..., 0], y * cells % 1 - 0.2 - 0.6 * offset[..., 1]) / cells
        there = offset[..., 2] < share * (0.6 + 0.4 * np.clip(band, 0, 1))
        glow = np.exp(-((away / size) ** 2)) * there * brightness * (0.3 + 0.7 * (offset[..., 2] / share) ** 3)
        light += glow[..., None] * tints[kind[row, column]]
    return light


def _northern_lights(x: Array, y: Array, noise: Array) -> Array:
    """Curtains: a bright wavy lower edge, rays upwards from it, green below and violet above."""
    light = np.zeros((*x.shape, 3))
    for start, strength, phase in [(0.40, 0.95, 0.1), (0.30, 0.55, 0.6)]:
        line = x * 0.22 + phase
        edge = start + 0.075 * sample(noise, line, np.full_like(x, phase)) + 0.05 * np.sin(x * 4 + phase * 9)
        above = edge - y
        rays = 0.65 + 0.35 * sample(noise, x * 2.4 + 0.3 * y, np.full_like(x, phase + 0.5))
        body = np.where(above > 0, np.exp(-np.maximum(above, 0) * 6.5), np.exp(above * 60)) * np.clip(rays, 0.12, 1.6)
        fade = 0.45 + 0.55 * smooth(-1.0, 1.0, sample(noise, line * 1.7, np.full_like(x, phase + 0.3)))
        colour = ramp([(0, "3dff9a"), (0.35, "2fd6a8"), (0.7, "6a6be0"), (1, "b04fd0")], np.clip(above / 0.3, 0, 1))
        light += (body * strength * fade)[..., None] * colour
    return light * 0.85


def _mountains(sky: Array, x: Array, y: Array, shore: float, rng: np.random.Generator) -> Array:
    picture = sky
    for i, (colour, snow, high, wide) in enumerate([("25446a", "a9cfe0", 0.19, 0.34), ("152c48", "86b4cc", 0.12, 0.6)]):
        ridge, rock = cloud_texture(rng, 1.55), cloud_texture(rng, 1.4)
        row = np.full_like(x, 0.17 + i * 0.4)
        shape = sample(ridge, x * 0.2 * wide / 0.34, row)
        top = shore - high * (0.62 + 0.36 * np.abs(shape)) - 0.02
        depth = y - top
        lines = sample(rock, x * 0.55 + depth * 0.35, depth * 0.9 + i * 0.3)
        facing = sample(rock, x * 0.55 + 0.012 + depth * 0.35, depth * 0.9 + i * 0.3) - lines
        covered = smooth(0.05, 0.6, lines * 0.35 + 0.75 - depth / (high * 0.55))
        body = mix(rgb(colour), rgb(snow), covered * np.clip(0.45 + facing * 1.1, 0.08, 0.95))
        body = mix(body, rgb("2d6b78"), smooth(high * 0.35, high * 1.1, depth) * 0.6)
        picture = mix(picture, body, smooth(0, 0.003, depth))
    return _firs(picture, x, y, shore, rng)


def _firs(picture: Array, x: Array, y: Array, shore: float, rng: np.random.Generator) -> Array:
    """A dark wood along the shore: rows of cones of uneven height."""
    for pitch, high in [(46, 0.036), (71, 0.024), (95, 0.016)]:
        tree = np.floor(x * pitch).astype(int) % 512
        heights, shifts = rng.random(512) ** 1.6, rng.random(512)
        middle = 0.3 + 0.4 * shifts[tree]
        away = np.abs(x * pitch % 1 - middle) * 2
        # Branches: a saw of small steps down the cone.
        level = (y - shore) / high
        branches = 0.12 * (level * 14 % 1)
        tall = high * (0.35 + heights[tree]) * np.clip(1 - away * 1.2 + branches, 0, 1)
        picture = mix(picture, rgb("060d16"), smooth(0, 0.0015, y - (shore - tall)))
    return picture
