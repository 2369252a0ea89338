"""The bundled still life: fruit in a bowl beside a vase of flowers, on a table by a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.samples.brushes import Array, cloud_texture, coordinates, mix, ramp, rgb, sample, smooth

#: Where the light comes from: left, above, in front.
_LIGHT = np.array([-0.55, -0.62, 0.56])


@dataclass(frozen=True)
class _Fruit:
    """A round fruit: its middle, radius, ramp of colours from shade to light, and roughness of its skin."""

    x: float
    y: float
    radius: float
    skin: tuple[str, str, str]
    squash: float = 1.0
    pores: float = 0.03
    shine: float = 0.55


_ORANGE = ("5a1d05", "e8761a", "ffc264")
_APPLE = ("3d0508", "c41f24", "f6814a")
_GREEN = ("1d3306", "7fa622", "e3ec8a")
_LEMON = ("6b4a05", "f0c419", "fff3a0")
_PLUM = ("150a26", "4a2a6e", "9d86c8")
_GRAPE = ("1c0b22", "6b2355", "d98ab8")


_IN_THE_BOWL = [
    _Fruit(-0.34, 0.555, 0.090, _APPLE),
    _Fruit(-0.03, 0.505, 0.088, _GREEN),
    _Fruit(-0.19, 0.485, 0.105, _ORANGE, pores=0.09),
    _Fruit(0.10, 0.560, 0.090, _ORANGE, pores=0.09),
    _Fruit(-0.25, 0.585, 0.078, _LEMON, squash=1.25, pores=0.06),
    _Fruit(-0.06, 0.585, 0.088, _APPLE),
]
_ON_THE_TABLE = [
    _Fruit(-0.60, 0.80, 0.095, _ORANGE, pores=0.09),
    _Fruit(-0.43, 0.87, 0.072, _PLUM, squash=1.05, shine=0.3),
    _Fruit(0.27, 0.86, 0.074, _PLUM, squash=1.08, shine=0.3),
]


def _grapes(rng: np.random.Generator) -> list[_Fruit]:
    """A bunch: wide at its stalk, pointed at its end, the grapes in front drawn last."""
    return [
        _Fruit(
            0.44 + 0.047 * column + 0.012 * row + rng.uniform(-0.006, 0.006),
            0.80 + 0.036 * row + 0.006 * abs(column) + rng.uniform(-0.005, 0.005),
            rng.uniform(0.030, 0.034),
            _GRAPE,
            pores=0.01,
        )
        for row in range(4)
        for column in np.arange(-1.5 + row * 0.5, 3.6 - row * 0.5)
    ]


def fruit(width: int, height: int, rng: np.random.Generator) -> Array:
    """Oranges, apples, a lemon, plums and grapes; daisies in a glazed vase."""
    x, y = coordinates(width, height)
    x = x - width / height / 2
    edge = 0.66
    picture = _wall(x, y, rng)
    picture = _cloth(picture, x, y, edge, rng)
    picture = _vase(picture, x, y, rng)
    picture = _flowers(picture, x, y, rng)
    skins = cloud_texture(rng, 0.8), cloud_texture(rng, 1.8)
    picture = _bowl_inside(picture, x, y)
    for piece in _IN_THE_BOWL:
        picture = _draw(picture, x, y, piece, skins)
    picture = _bowl(picture, x, y, rng)
    for piece in [*_ON_THE_TABLE, *_grapes(rng)]:
        picture = _shadow(picture, x, y, piece)
        picture = _draw(picture, x, y, piece, skins)
    light = 1.1 - 0.5 * smooth(0.1, 1.15, np.hypot(x + 0.25, (y - 0.45) * 1.1))
    return picture * light[..., None]


def _wall(x: Array, y: Array, rng: np.random.Generator) -> Array:
    plaster, stains = cloud_texture(rng, 1.2), cloud_texture(rng, 2.0)
    wall = ramp([(-1.2, "5a6a5a"), (-0.5, "8c8a62"), (0.2, "5d5f4d"), (1.0, "2b3230")], x + 0.35 * (y - 0.3))
    grain = 1 + 0.05 * sample(plaster, x * 0.6, y * 0.6) + 0.1 * sample(stains, x * 0.3, y * 0.3)
    return np.asarray(wall * grain[..., None])


def _cloth(picture: Array, x: Array, y: Array, edge: float, rng: np.random.Generator) -> Array:
    """A table cloth with woven stripes and folds."""
    folds, weave = cloud_texture(rng, 2.2), cloud_texture(rng, 0.7)
    depth = np.maximum(y - edge, 0)
    across, along = x / (0.75 + depth * 1.4), depth / (0.5 + depth) * 3
    bend = sample(folds, across * 0.35, along * 0.25)
    lit = bend - sample(folds, across * 0.35 + 0.012, along * 0.25 + 0.012)
    stripes = 0.5 + 0.5 * np.sin((across + 0.012 * bend) * 34)
    bars = 0.5 + 0.5 * np.sin((along + 0.02 * bend) * 22)
    cloth = mix(rgb("b9463c"), rgb("efe0c2"), smooth(0.35, 0.65, stripes))
    cloth = mix(cloth, cloth * np.array([0.52, 0.3, 0.38]), smooth(0.55, 0.8, bars) * 0.75)
    cloth = cloth * (0.86 + 1.5 * lit + 0.05 * sample(weave, across * 2, along * 2))[..., None]
    cloth = cloth * (0.55 + 0.45 * smooth(0, 0.1, depth))[..., None]
    return mix(picture, cloth, smooth(0, 0.004, y - edge))


def _shade(normal: Array, skin: tuple[str, str, str], texture: Array, shine: float) -> Array:
    """The colour of a round body. `normal`: (H, W, 3); `texture`: how much lighter the skin is there."""
    lit = np.clip(normal @ _LIGHT * 0.5 + 0.42, 0, 1)
    colour = ramp([(0, skin[0]), (0.5, skin[1]), (1, skin[2])], lit + texture)
    gleam = np.clip(normal @ (_LIGHT + np.array([0, 0, 1])) / 1.76, 0, 1) ** 38
    back = np.clip(1 - normal[..., 2], 0, 1) ** 3 * np.clip(normal[..., 0] * 0.5 + normal[..., 1] * 0.6, 0, 1)
    return np.asarray(colour + gleam[..., None] * shine + back[..., None] * np.array([0.34, 0.2, 0.14]))


def _draw(picture: Array, x: Array, y: Array, fruit: _Fruit, skins: tuple[Array, Array]) -> Array:
    spots, skin = skins
    u, v = (x - fruit.x) / fruit.radius / fruit.squash, (y - fruit.y) / fruit.radius
    away = np.hypot(u, v)
    normal = np.stack([u, v, np.sqrt(np.clip(1 - away**2, 0, 1))], axis=-1)
    turn = np.arctan2(u, 0.3 + normal[..., 2])
    texture = 0.10 * sample(skin, turn * 0.4, v * 0.25) + fruit.pores * sample(spots, turn * 0.3, v * 0.22)
    # A dimple where the stalk was.
    dimple = np.hypot(u - 0.12, (v + 0.72) * 2.2)
    body = _shade(normal, fruit.skin, texture - 0.35 * smooth(0.3, 0.05, dimple), fruit.shine)
    return mix(picture, body, smooth(1.0, 0.985, away))


def _shadow(picture: Array, x: Array, y: Array, fruit: _Fruit) -> Array:
    u = (x - fruit.x - fruit.radius * 0.55) / (fruit.radius * 1.5 * fruit.squash)
    v = (y - fruit.y - fruit.radius * 0.82) / (fruit.radius * 0.42)
    return np.asarray(picture * (1 - 0.62 * smooth(1.15, 0.2, np.hypot(u, v)))[..., None])


def _bowl_inside(picture: Array, x: Array, y: Array) -> Array:
    """What is seen of the bowl behind its fruit: the far side of the rim, and shade."""
    away = np.hypot((x + 0.13) / 0.36, (y - 0.60) / 0.032)
    shade = ramp([(0, "23262e"), (0.7, "4a4d55"), (1, "8d9096")], away)
    picture = mix(picture, shade, smooth(1.0, 0.985, away))
    return mix(picture, rgb("f4efe4"), smooth(0.03, 0.012, np.abs(away - 1)) * (y < 0.605))


def _bowl(picture: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """A wide painted bowl on a foot, in front of the lower half of its fruit."""
    middle, rim, wide, deep = -0.13, 0.60, 0.36, 0.20
    picture = (
        picture * (1 - 0.65 * smooth(1.2, 0.2, np.hypot((x - middle - 0.14) / 0.42, (y - 0.83) / 0.07)))[..., None]
    )
    glaze = cloud_texture(rng, 1.7)
    down = np.clip((y - rim) / deep, 0, 1)
    half = wide * np.sqrt(np.clip(1 - down**2.2, 0, 1)) * 0.96 + 0.10 * smooth(0.8, 1.0, down)
    lip = 0.032 * np.sqrt(np.clip(1 - ((x - middle) / wide) ** 2, 0, 1))
    u = (x - middle) / np.maximum(half, 1e-3)
    inside = (
        smooth(1.0, 0.985, np.abs(u)) * smooth(0, 0.003, y - rim - lip) * smooth(0.004, 0, y - rim - deep - lip * 0.6)
    )
    normal = np.stack([u, -0.15 + 0.75 * down, np.sqrt(np.clip(1 - u**2, 0.02, 1))], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    turn = np.arcsin(np.clip(u, -1, 1))
    pattern = np.sin(turn * 14) * np.cos((down - 0.42) * 16)
    leaf = smooth(0.25, 0.45, pattern) * smooth(0.1, 0.16, down) * smooth(0.74, 0.68, down)
    bands = np.maximum(smooth(0.012, 0.006, np.abs(down - 0.09)), smooth(0.014, 0.007, np.abs(down - 0.77)))
    white = _shade(normal, ("3c4250", "c9cdd2", "fffaf0"), 0.04 * sample(glaze, turn * 0.4, down * 0.3), 0.7)
    blue = _shade(normal, ("0b1433", "2a4a9c", "86a8e6"), 0.08 * sample(glaze, turn * 0.4, down * 0.3), 0.7)
    body = mix(white, blue, np.maximum(leaf, bands))
    picture = mix(picture, body, inside)
    edge = smooth(0.008, 0.003, np.abs(y - rim - lip)) * smooth(1.0, 0.985, np.abs(x - middle) / wide)
    return mix(picture, rgb("f4efe4"), edge)


def _vase(picture: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    middle, top, foot = 0.46, 0.40, 0.79
    glaze = cloud_texture(rng, 1.6)
    picture = picture * (1 - 0.6 * smooth(1.2, 0.2, np.hypot((x - middle - 0.12) / 0.26, (y - foot) / 0.05)))[..., None]
    t = np.clip((y - top) / (foot - top), 0, 1)
    half = (
        0.062
        + 0.115 * np.sin(np.pi * np.clip((t - 0.12) / 1.02, 0, 1)) ** 1.5
        + 0.02 * smooth(0.1, 0, t)
        + 0.012 * smooth(0.93, 1, t)
    )
    u = (x - middle) / half
    bottom = foot + 0.018 * np.sqrt(np.clip(1 - u**2, 0, 1))
    inside = smooth(1.0, 0.98, np.abs(u)) * smooth(0, 0.003, y - top) * smooth(0.003, 0, y - bottom)
    normal = np.stack([u, 0.5 * (t - 0.55), np.sqrt(np.clip(1 - u**2, 0.02, 1))], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    runs = sample(glaze, np.arcsin(np.clip(u, -1, 1)) * 0.5, t * 0.25)
    body = _shade(normal, ("06232b", "1c7f86", "9ae0d0"), 0.13 * runs, 0.8)
    rust = _shade(normal, ("2a0f08", "9c4a22", "eaa15f"), 0.13 * runs, 0.6)
    return mix(picture, mix(rust, body, smooth(0.28, 0.36, t + 0.05 * runs)), inside)


def _flowers(picture: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Leaves and daisy-like flowers above the vase, the far ones first."""
    for _ in range(34):
        angle, reach = rng.uniform(-3.05, -0.1), rng.uniform(0.10, 0.25)
        picture = _leaf(picture, x, y, (0.46 + rng.uniform(-0.03, 0.03), 0.40), angle, reach, rng)
    heads = [
        (0.31, 0.19, 0.066), (0.61, 0.18, 0.068), (0.46, 0.10, 0.072), (0.25, 0.29, 0.062), (0.67, 0.29, 0.066),
        (0.53, 0.17, 0.060), (0.39, 0.17, 0.064), (0.33, 0.33, 0.066), (0.59, 0.33, 0.068), (0.46, 0.26, 0.090),
    ]  # fmt: skip
    petals = [
        ("8c1638", "f0557a", "ffc2cc"),
        ("9c5a06", "f7b526", "fff0a8"),
        ("6a6a86", "e4e2f2", "ffffff"),
        ("3a1a70", "8a5ad6", "d9bcff"),
    ]
    for i, (middle, height, radius) in enumerate(heads):
        picture = _daisy(picture, x, y, (middle, height, radius), petals[i % len(petals)], rng)
    return picture


def _leaf(
    picture: Array, x: Array, y: Array, start: tuple[float, float], angle: float, reach: float, rng: np.random.Generator
) -> Array:
    along = ((x - start[0]) * np.cos(angle) + (y - start[1]) * np.sin(angle)) / reach
    across = (-(x - start[0]) * np.sin(angle) + (y - start[1]) * np.cos(angle)) / reach
    across = across + rng.uniform(-0.25, 0.25) * along**2
    half = 0.16 * np.sin(np.pi * np.clip(along, 0, 1)) ** 0.8
    inside = smooth(0.01, -0.01, np.abs(across) - half) * (along > 0) * (along < 1)
    veins = 0.5 + 0.5 * np.sin((along - np.abs(across) * 0.8) * 60)
    tone = 0.35 + 0.4 * (across < 0) + 0.15 * veins - 0.3 * smooth(0.012, 0.0, np.abs(across)) + rng.uniform(-0.2, 0.15)
    return mix(picture, ramp([(0, "0d2412"), (0.5, "2f6a2c"), (1, "a3c45a")], tone), inside)


def _daisy(
    picture: Array,
    x: Array,
    y: Array,
    place: tuple[float, float, float],
    colours: tuple[str, str, str],
    rng: np.random.Generator,
) -> Array:
    middle, height, radius = place
    tilt = rng.uniform(0.75, 1.0)
    u, v = (x - middle) / radius, (y - height) / radius / tilt
    away, angle = np.hypot(u, v), np.arctan2(v, u)
    picture = picture * (1 - 0.45 * smooth(1.3, 0.6, np.hypot(u - 0.2, v - 0.3)))[..., None]
    for layer, (size, count) in enumerate([(1.0, 15), (0.76, 12)]):
        turn = (angle + rng.uniform(0, 6) + layer * 0.2) / (2 * np.pi) * count
        petal = np.abs(turn % 1 - 0.5) * 2
        length = size * (0.86 + 0.14 * np.sin(np.floor(turn) * 2.4 + layer))
        edge = length * (1 - 0.42 * petal**2.6)
        tone = 0.25 + 0.5 * away / size - 0.3 * petal**2 + 0.22 * (-u - v) * 0.5 + 0.05 * np.sin(petal * 16)
        body = ramp([(0, colours[0]), (0.5, colours[1]), (1, colours[2])], tone + 0.12 * layer)
        picture = mix(picture, body, smooth(0.02, -0.02, away - edge) * smooth(1.0, 0.93, petal))
    seeds = 0.5 + 0.5 * np.cos(away * 70) * np.cos(angle * 13 + away * 30)
    heart = ramp([(0, "2b1406"), (0.5, "8a4a10"), (1, "f2c14e")], 0.25 + 0.5 * seeds + 0.25 * (-u - v))
    return mix(picture, heart, smooth(0.30, 0.27, away))
