"""The recipes once more, as plainly as they can be written: whole pictures, no tiles, one function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tests.reference.motifnet import motifnet
from tests.reference.pictures import canvas, resize, sizes

Array = NDArray[np.float32]
Score = Callable[[dict[str, Any]], Any]


def gradient(picture: Array, score: Score) -> tuple[float, Array]:
    x = tf.constant(picture[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = score(motifnet(x))
    return float(value), tape.gradient(value, x)[0].numpy()


def deepdream(picture: Array, score: Score, stride: int, *, count: int, iterations: int, step: float) -> Array:
    """Detail is split off from large to small and given back from small to large; g · step / mean |g|."""
    steps = sizes(*picture.shape[:2], count, 1.4)
    bases, details = [picture], []
    for size in reversed(steps[:-1]):
        small = resize(bases[-1], *size)
        details.append(bases[-1] - resize(small, *bases[-1].shape[:2]))
        bases.append(small)
    x = bases[-1]
    for k, (height, width) in enumerate(steps):
        if k:
            x = resize(x, height, width) + details[-k]
        x = canvas(x, stride)
        for _ in range(iterations):
            g = gradient(x, score)[1]
            x = x + g * (step / (np.abs(g).mean() + 1e-7))
        x = x[:height, :width]
    return np.clip(x, 0, 255)


def multiscale(
    start: Array, steps: list[tuple[int, int]], score: Score, stride: int, *, iterations: int, step: float
) -> Array:
    """The picture grows from octave to octave; g / std g."""
    return _growing(start, steps, score, stride, iterations, step, lambda g: g / (g.std() + 1e-8))


def lapnorm(
    start: Array, steps: list[tuple[int, int]], score: Score, stride: int, *, iterations: int, step: float
) -> Array:
    """As multiscale, with every band of the gradient's Laplacian pyramid divided by its root mean square."""
    return _growing(start, steps, score, stride, iterations, step, laplacian_normalised)


def _growing(
    start: Array,
    steps: list[tuple[int, int]],
    score: Score,
    stride: int,
    iterations: int,
    step: float,
    normalise: Callable[[Array], Array],
) -> Array:
    x = start
    for height, width in steps:
        x = canvas(resize(x, height, width), stride)
        for _ in range(iterations):
            x = x + normalise(gradient(x, score)[1]) * step
        x = x[:height, :width]
    return np.clip(x, 0, 255)


def laplacian_normalised(g: Array, levels: int = 4) -> Array:
    row = np.float32([1, 4, 6, 4, 1])
    kernel = tf.constant((np.outer(row, row) / 256)[:, :, None, None] * np.eye(3), tf.float32)

    def up(small: Any, like: Any) -> Any:
        return tf.nn.conv2d_transpose(small, kernel * 4, tf.shape(like), 2, "SAME")

    rest, bands = tf.constant(g[None]), []
    for _ in range(levels):
        small = tf.nn.conv2d(rest, kernel, 2, "SAME")
        bands.insert(0, rest - up(small, rest))
        rest = small
    bands = [b / tf.maximum(tf.sqrt(tf.reduce_mean(b**2)), 1e-10) for b in [rest, *bands]]
    merged = bands[0]
    for band in bands[1:]:
        merged = up(merged, band) + band
    return merged[0].numpy()
