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


STYLE_LAYERS = ("conv2d0", "conv2d2", "mixed3a", "mixed3b", "mixed4a", "mixed4c")
CONTENT_LAYER = "mixed3b"


def _gram(a: Any) -> tuple[Any, Any]:
    cells = tf.reshape(a, (-1, a.shape[-1]))
    return tf.transpose(cells) @ cells / cells.shape[0], tf.reduce_mean(cells, 0)


def _variation(x: Any) -> Any:
    a, b = x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1]
    # The tiny number keeps the derivative of the power finite where neighbours are equal.
    return tf.reduce_sum((a**2 + b**2 + 1e-12) ** 1.25) / (x.shape[1] * x.shape[2])


def gatys(
    content: Array,
    style: Array,
    steps: list[tuple[int, int]],
    *,
    iterations: int,
    rate: float,
    content_weight: float,
    tv_weight: float,
) -> Array:
    """Gram matrices and means in units of the style's own, content in units of its own; Adam with moments enlarged."""
    x, m, v, count = content, np.zeros_like(content), np.zeros_like(content), 0
    for k, (height, width) in enumerate(steps):
        ratio = (steps[k - 1][0] * steps[k - 1][1] if k else height * width) / (height * width)
        x = canvas(resize(x, height, width), 16)
        m = canvas(resize(m, height, width, "tent"), 16) * ratio
        v = canvas(resize(v, height, width, "tent"), 16) * ratio**2
        factor = max(height, width) / max(style.shape[:2])
        scaled = canvas(resize(style, round(style.shape[0] * factor), round(style.shape[1] * factor)), 16)
        layers = motifnet(tf.constant(scaled[None]))
        targets = [_gram(layers[name]) for name in STYLE_LAYERS]
        wanted = motifnet(tf.constant(canvas(resize(content, height, width), 16)[None]))[CONTENT_LAYER]
        for _ in range(iterations):
            count += 1
            z = tf.constant(x[None])
            with tf.GradientTape() as tape:
                tape.watch(z)
                layers = motifnet(z)
                loss = content_weight * tf.reduce_sum((layers[CONTENT_LAYER] - wanted) ** 2) / tf.reduce_sum(wanted**2)
                for name, (gram, mean) in zip(STYLE_LAYERS, targets, strict=True):
                    g, mu = _gram(layers[name])
                    loss += tf.reduce_sum((g - gram) ** 2) / tf.reduce_sum(gram**2)
                    loss += tf.reduce_sum((mu - mean) ** 2) / tf.reduce_sum(mean**2)
                loss += tv_weight * _variation(z)
            g = tape.gradient(loss, z)[0].numpy()
            m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
            x = x - rate * (m / (1 - 0.9**count)) / (np.sqrt(v / (1 - 0.99**count)) + 1e-8)
            x = np.clip(x, 0, 255).astype(np.float32)
        x, m, v = (array[:height, :width] for array in (x, m, v))
    return x
