"""Style transfer once more, as the recipes' authors write it: whole pictures, no tiles, one function each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tests.reference.motifnet import motifnet
from tests.reference.pictures import canvas, resize
from tests.topologies import BLOCKS, drawn_weights

Array = NDArray[np.float32]
Layers = Mapping[str, Any]
#: A picture (1, H, W, 3) → its layers; a picture → its loss.
Net = Callable[[Any], Layers]
Loss = Callable[[Any], Any]

STYLE_LAYERS = ("conv2d0", "conv2d2", "mixed3a", "mixed3b", "mixed4a", "mixed4c")
CONTENT_LAYER = "mixed3b"
#: Gatys' weights of the first layers of VGG's blocks.
GATYS_WEIGHTS = (0.5, 1.0, 1.5, 3.0, 4.0)


def vgg19(rgb: Any, *, width: float) -> Layers:
    """Keras' VGG19, `width` times as wide: layers after their ReLU; maximum pooling."""
    return _vgg(rgb[..., ::-1] - tf.constant([103.939, 116.779, 123.68]), "block{}_conv{}", tf.nn.max_pool2d, width)


def vgg19_matconvnet(rgb: Any, *, width: float) -> Layers:
    """Matconvnet's VGG19 as the recipe uses it: average pooling; `conv1_1` is what its ReLU lets through."""
    return _vgg(rgb - tf.constant([123.68, 116.779, 103.939]), "conv{}_{}", tf.nn.avg_pool2d, width)


def _vgg(x: Any, name: str, pool: Any, width: float) -> Layers:
    layers = {}
    for block, (channels, depth) in enumerate(BLOCKS, start=1):
        for i in range(1, depth + 1):
            layer = name.format(block, i)
            kernel, bias = drawn_weights(layer, (3, 3, x.shape[-1], round(channels * width)))
            x = layers[layer] = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
        x = pool(x, 2, 2, "VALID")
    return layers


def gradient(picture: Array, loss: Loss) -> tuple[float, Array]:
    """The loss of a picture (H, W, 3) and its gradient."""
    x = tf.constant(picture[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    return float(value), tape.gradient(value, x)[0].numpy()


def adam(
    x: Array, loss: Loss, *, iterations: int, rate: float, beta2: float = 0.999, epsilon: float = 1e-8
) -> list[Array]:
    """The pictures after each step of Adam, which is not kept in any bounds."""
    pictures, m, v = [], np.zeros_like(x), np.zeros_like(x)
    for t in range(1, iterations + 1):
        g = gradient(x, loss)[1]
        m, v = 0.9 * m + 0.1 * g, beta2 * v + (1 - beta2) * g**2
        x = x - float(rate * np.sqrt(1 - beta2**t) / (1 - 0.9**t)) * m / (np.sqrt(v) + epsilon)
        pictures.append(x)
    return pictures


def gatys_loss(net: Net, content: Array, style: Array) -> Loss:
    """The book's: 5 · content + 100 · style, for pictures of one size."""
    wanted_content, wanted_style = net(tf.constant(content[None])), net(tf.constant(style[None]))

    def gram(a: Any) -> Any:
        cells = tf.reshape(a, (-1, a.shape[-1]))
        return tf.transpose(cells) @ cells

    def loss(x: Any) -> Any:
        layers = net(x)
        p = wanted_content["conv4_2"]
        n, m = p.shape[3], p.shape[1] * p.shape[2]
        total = 5 * tf.reduce_sum((layers["conv4_2"] - p) ** 2) / (4 * n * m)
        for block, weight in enumerate(GATYS_WEIGHTS, start=1):
            a = wanted_style[f"conv{block}_1"]
            n, m = a.shape[3], a.shape[1] * a.shape[2]
            difference = tf.reduce_sum((gram(layers[f"conv{block}_1"]) - gram(a)) ** 2)
            total += 100 * weight * difference / (4 * n**2 * m**2)
        return total

    return loss


def gatys_tv_loss(net: Net, content: Array, style: Array) -> Loss:
    """Keras' example: sums, for pictures of one size."""
    wanted_content, wanted_style = net(tf.constant(content[None])), net(tf.constant(style[None]))

    def gram(a: Any) -> Any:
        channels = tf.reshape(tf.transpose(a[0], (2, 0, 1)), (a.shape[3], -1))
        return channels @ tf.transpose(channels)

    def loss(x: Any) -> Any:
        layers = net(x)
        total = 2.5e-8 * tf.reduce_sum((layers["block5_conv2"] - wanted_content["block5_conv2"]) ** 2)
        for block in range(1, 6):
            r, g = wanted_style[f"block{block}_conv1"], layers[f"block{block}_conv1"]
            sizes = r.shape[3] * g.shape[3] * r.shape[1] * r.shape[2] * g.shape[1] * g.shape[2]
            total += 1e-6 / 5 * tf.reduce_sum((gram(r) - gram(g)) ** 2) / (4 * sizes)
        return total + 1e-6 * variation(x)

    return loss


def variation(x: Any) -> Any:
    a, b = x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1]
    # The tiny number keeps the derivative of the power finite where neighbours are equal.
    return tf.reduce_sum((a**2 + b**2 + 1e-12) ** 1.25)


def moments(a: Any, mask: Any = None) -> tuple[Any, Any]:
    """Gram matrix and means of a layer (1, h, w, C), each cell as often as the mask (h, w) says."""
    cells = tf.reshape(a, (-1, a.shape[-1]))
    shares = tf.ones((cells.shape[0], 1)) if mask is None else tf.reshape(tf.constant(mask, tf.float32), (-1, 1))
    return tf.transpose(shares * cells) @ cells / tf.reduce_sum(shares), tf.reduce_sum(shares * cells, 0) / (
        tf.reduce_sum(shares)
    )


def energy(layers: Layers, targets: Mapping[str, tuple[Any, Any]], masks: Mapping[str, Any] | None = None) -> Any:
    """Gram matrices and means of the layers in units of the targets' own."""
    total = 0.0
    for name, wanted in targets.items():
        for found, target in zip(moments(layers[name], None if masks is None else masks[name]), wanted, strict=True):
            total += tf.reduce_sum((found - target) ** 2) / tf.reduce_sum(target**2)
    return total


def gatys_in_energies(
    content: Array,
    style: Array,
    steps: list[tuple[int, int]],
    *,
    iterations: int,
    rate: float,
    content_weight: float,
    tv_weight: float,
) -> Array:
    """motifnet: everything in units of its own energy; in bounds; from scale to scale Adam's moments are enlarged."""
    x, m, v, count = content, np.zeros_like(content), np.zeros_like(content), 0
    for k, (height, width) in enumerate(steps):
        ratio = (steps[k - 1][0] * steps[k - 1][1] if k else height * width) / (height * width)
        x = canvas(resize(x, height, width), 16)
        m = canvas(resize(m, height, width, "tent"), 16) * ratio
        v = canvas(resize(v, height, width, "tent"), 16) * ratio**2
        factor = max(height, width) / max(style.shape[:2])
        scaled = canvas(resize(style, round(style.shape[0] * factor), round(style.shape[1] * factor)), 16)
        layers = motifnet(tf.constant(scaled[None]))
        targets = {name: moments(layers[name]) for name in STYLE_LAYERS}
        wanted = motifnet(tf.constant(canvas(resize(content, height, width), 16)[None]))[CONTENT_LAYER]

        def loss(z: Any, wanted: Any = wanted, targets: Any = targets) -> Any:
            layers = motifnet(z)
            kept = tf.reduce_sum((layers[CONTENT_LAYER] - wanted) ** 2) / tf.reduce_sum(wanted**2)
            smoothness = variation(z) / (z.shape[1] * z.shape[2])
            return content_weight * kept + energy(layers, targets) + tv_weight * smoothness

        for _ in range(iterations):
            count += 1
            g = gradient(x, loss)[1]
            m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
            x = x - rate * (m / (1 - 0.9**count)) / (np.sqrt(v / (1 - 0.99**count)) + 1e-8)
            x = np.clip(x, 0, 255).astype(np.float32)
        x, m, v = (array[:height, :width] for array in (x, m, v))
    return x


def masked_loss(content: Array, styles: list[Array], masks: list[Array], *, content_weight: float) -> Loss:
    """motifnet: each style where its mask (H, W) in 0–1 is; together as much as one style on all that is covered.

    The loss is one of what is laid over the content.
    """
    coverage = np.max(masks, axis=0)[None, :, :, None]
    areas = np.array([mask.mean() for mask in masks])
    shares = areas * coverage.mean() / areas.sum()
    wanted = motifnet(tf.constant(content[None]))[CONTENT_LAYER]
    targets = []
    for style in styles:
        layers = motifnet(tf.constant(style[None]))
        targets.append({name: moments(layers[name]) for name in STYLE_LAYERS})

    def loss(z: Any) -> Any:
        layers = motifnet(content[None] + coverage * (z - content[None]))
        total = content_weight * tf.reduce_sum((layers[CONTENT_LAYER] - wanted) ** 2) / tf.reduce_sum(wanted**2)
        for share, target, mask in zip(shares, targets, masks, strict=True):
            total += float(share) * energy(layers, target, {name: _cells(mask, layers[name]) for name in STYLE_LAYERS})
        return total

    return loss


def _cells(mask: Array, layer: Any) -> Array:
    """The mean of a mask over what each cell of a layer stands for."""
    height, width = layer.shape[1:3]
    stride = mask.shape[0] // height
    return np.array(
        [
            [mask[y * stride : (y + 1) * stride, x * stride : (x + 1) * stride].mean() for x in range(width)]
            for y in range(height)
        ],
        np.float32,
    )
