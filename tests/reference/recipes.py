"""The dreams' recipes once more, as their authors write them: whole pictures, no tiles, one function each.

Each is a generator of the pictures after every iteration, on their canvas. Another picture may be sent back to go on from:
where every step overshoots, two renderings that differ by a rounding drift apart, but each step can be compared.

Where they resize 8-bit pictures by whatever filter was at hand, these resample as the renderer does
(`tests.reference.pictures`), and draw what is random as it does: starting noise and shifts are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.linalg
import tensorflow as tf
from numpy.typing import NDArray

from tests.reference.motifnet import motifnet
from tests.reference.pictures import canvas, resize, sizes

Array = NDArray[np.float32]
Layers = Callable[[Any], Mapping[str, Any]]
Score = Callable[[Mapping[str, Any]], Any]
Pictures = Generator[Array, Array | None, None]
#: Rows and columns by which the picture is rolled before an iteration's gradient is taken, of (octave, iteration).
Shifts = Callable[[int, int], tuple[int, int]]


def still(_octave: int, _iteration: int) -> tuple[int, int]:
    return 0, 0


def last(pictures: Pictures, height: int, width: int) -> Array:
    """The output of a recipe that is left to itself."""
    *_, picture = pictures
    return np.clip(picture[:height, :width], 0, 255)


def gradient(picture: Array, score: Score, layers: Layers = motifnet) -> tuple[float, Array]:
    x = tf.constant(picture[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = score(layers(x))
    return float(value), tape.gradient(value, x)[0].numpy()


def rolled_gradient(picture: Array, score: Score, layers: Layers, shift: tuple[int, int]) -> Array:
    g = gradient(np.roll(picture, shift, (0, 1)), score, layers)[1]
    return np.roll(g, (-shift[0], -shift[1]), (0, 1))


def deepdream(
    picture: Array,
    score: Score,
    stride: int,
    *,
    count: int,
    iterations: int,
    step: float,
    layers: Layers = motifnet,
    shifts: Shifts = still,
) -> Pictures:
    """Detail is split off from large to small and given back from small to large; g · step / mean |g|."""
    steps = sizes(*picture.shape[:2], count, 1.4)
    base, details = picture, []
    for size in reversed(steps[:-1]):
        small = resize(base, *size)
        details.append(base - resize(small, *base.shape[:2]))
        base = small
    x = base
    for k, (height, width) in enumerate(steps):
        if k:
            x = resize(x, height, width) + details[-k]
        x = canvas(x, stride)
        for i in range(iterations):
            g = rolled_gradient(x, score, layers, shifts(k, i))
            x = x + g * (step / (np.abs(g).mean() + 1e-7))
            sent = yield x
            x = x if sent is None else sent
        x = x[:height, :width]


def multiscale(
    start: Array,
    steps: list[tuple[int, int]],
    score: Score,
    stride: int,
    *,
    iterations: int,
    step: float,
    layers: Layers = motifnet,
    normalise: Callable[[Array], Array] = lambda g: g / (g.std() + 1e-8),
) -> Pictures:
    """The picture grows from octave to octave; g / std g. With one octave: the naive recipe."""
    x = start
    for height, width in steps:
        x = canvas(resize(x, height, width), stride)
        for _ in range(iterations):
            x = x + normalise(gradient(x, score, layers)[1]) * step
            sent = yield x
            x = x if sent is None else sent
        x = x[:height, :width]


def lapnorm(start: Array, steps: list[tuple[int, int]], score: Score, stride: int, **others: Any) -> Pictures:
    """As multiscale, with every band of the gradient's Laplacian pyramid divided by its root mean square."""
    return multiscale(start, steps, score, stride, normalise=laplacian_normalised, **others)


def several_layers(
    picture: Array,
    coefficients: Mapping[str, float],
    layers: Layers,
    stride: int,
    *,
    count: int,
    iterations: int,
    max_loss: float,
    rate: float = 0.01,
) -> Pictures:
    """Keras' example of several layers, in −1 to 1: g / std g, every step clipped, lost detail after each octave."""

    def loss(found: Mapping[str, Any]) -> Any:
        return tf.add_n([coefficient * _inner(found[name]) for name, coefficient in coefficients.items()])

    def step(x: Array, g: Array) -> Array:
        return np.clip(x + rate * (g / g.std()), -1, 1)

    return _regaining(picture, loss, layers, stride, count, iterations, max_loss, step)


def stimulate(
    picture: Array,
    layer: str,
    layers: Layers,
    stride: int,
    *,
    count: int,
    iterations: int,
    max_loss: float,
    rate: float = 0.01,
) -> Pictures:
    """Keras' example of one layer, in −1 to 1: g / max(mean |g|, 1e-7), lost detail after each octave."""

    def step(x: Array, g: Array) -> Array:
        return x + rate * (g / max(np.abs(g).mean(), 1e-7))

    return _regaining(picture, lambda found: _inner(found[layer]), layers, stride, count, iterations, max_loss, step)


def _inner(activation: Any) -> Any:
    scaling = tf.cast(tf.reduce_prod(tf.shape(activation)), tf.float32)
    return tf.reduce_sum(tf.square(activation[:, 2:-2, 2:-2, :])) / scaling


def _regaining(
    picture: Array,
    loss: Score,
    layers: Layers,
    stride: int,
    count: int,
    iterations: int,
    max_loss: float,
    step: Callable[[Array, Array], Array],
) -> Pictures:
    original = picture / np.float32(127.5) - 1
    shapes = sizes(*picture.shape[:2], count, 1.4)
    shrunk = resize(original, *shapes[0])
    x = original
    for height, width in shapes:
        x = canvas(resize(x, height, width), stride)
        ended = False
        for i in range(iterations):
            value, g = gradient((x + 1) * np.float32(127.5), loss, layers)
            ended = ended or value > max_loss
            if not ended:
                x = step(x, g * 127.5)
            if i == iterations - 1:
                x[:height, :width] += resize(original, height, width) - resize(shrunk, height, width)
            sent = yield (x + 1) * np.float32(127.5)
            x = x if sent is None else sent / np.float32(127.5) - 1
        x = x[:height, :width]
        shrunk = resize(original, height, width)


def tile_loop(picture: Array, score: Score, layers: Layers, tile: int, shift: tuple[int, int]) -> Array:
    """The recipes' own tiles: on a rolled picture, each with the mean over itself, and what is left over left out."""
    height, width = picture.shape[:2]
    rolled = np.roll(picture, shift, (0, 1))
    g = np.zeros_like(rolled)
    for y in range(0, max(height - tile // 2, tile), tile):
        for x in range(0, max(width - tile // 2, tile), tile):
            g[y : y + tile, x : x + tile] = gradient(rolled[y : y + tile, x : x + tile], score, layers)[1]
    return np.roll(g, (-shift[0], -shift[1]), (0, 1))


def guided(found: Any, guide: Any) -> Any:
    """Caffe's objective_guide: each cell's product with the guide's cell that it is most alike; the mean over cells."""
    cells, known = (tf.reshape(a, (-1, a.shape[-1])) for a in (found, guide))
    matches = tf.gather(known, tf.argmax(cells @ tf.transpose(known), 1))
    return tf.reduce_sum(cells * tf.stop_gradient(matches)) / cells.shape[0]


def decorrelated(g: Array, power: float) -> Array:
    """Lucid's step in decorrelated colours, seen in RGB; in between, a fractional power of the same matrix."""
    root = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    covariance = scipy.linalg.fractional_matrix_power(root @ root.T / np.linalg.norm(root, 2) ** 2, power)
    return np.einsum("ij,hwj->hwi", covariance.real, g.astype(np.float64)).astype(np.float32)


def blurred(g: Array, sigma: float) -> Array:
    """A Gaussian up to 4 sigma away, the border mirrored: a matrix for each axis."""

    def matrix(length: int) -> NDArray[np.float64]:
        reach = round(4 * sigma)
        offsets = np.arange(-reach, reach + 1)
        weights = np.exp(-0.5 * (offsets / sigma) ** 2)
        mirrored = np.pad(np.arange(length), reach, mode="symmetric")
        found = np.zeros((length, length))
        for y in range(length):
            np.add.at(found[y], mirrored[y : y + 2 * reach + 1], weights / weights.sum())
        return found

    return np.einsum("yh,hwc,xw->yxc", matrix(g.shape[0]), g, matrix(g.shape[1]), optimize=True).astype(np.float32)


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


def means_of_squares(weights: Mapping[str, float]) -> Score:
    return lambda found: tf.add_n([weight * tf.reduce_mean(found[name] ** 2) for name, weight in weights.items()])


def mean_of_channels(layer: str, channels: Sequence[int]) -> Score:
    return lambda found: tf.add_n([tf.reduce_mean(found[layer][..., channel]) for channel in channels])
