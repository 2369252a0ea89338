"""The bundled network as a model that can be trained further: its weights are all that a repository has of it."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from shared.settings import settings
from worker.networks import load
from worker.networks.motifnet.making.network import MIXED, STEM, scaled
from worker.networks.motifnet.making.world import CLASSES


def bundled_width() -> float:
    """The width that the bundled network has, as a multiple of the table in `network.py`."""
    network = load("motifnet", folder=settings().networks)
    convolutions = (op for op in network.graph.ops if op.kind == "conv" and op.name != "logits")
    found = sorted(op.channels for op in convolutions)
    table = [*STEM, *(channels for branches in MIXED.values() for channels in branches)]
    widths = (hundredths / 100 for hundredths in range(5, 500))
    return next(width for width in widths if found == sorted(scaled(channels, width) for channels in table))


def take_bundled(model: keras.Model, pictures: NDArray[np.uint8]) -> None:
    """Gives `model` the bundled network's weights, to their 16 bits.

    In the bundled network batch normalisation is folded into convolutions. Here it is taken out again: its averages become
    those of each convolution over `pictures` (N, S, S, 3), its factors and offsets what makes the same function of them.

    Raises SystemExit when the model is of another shape or knows other motifs.
    """
    network = load("motifnet", folder=settings().networks)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    names = {layer.name: f"{layer.name.removesuffix('_conv')}_pre_relu" for layer in convolutions}
    shapes = {name: tuple(model.get_layer(own).kernel.shape) for own, name in names.items()}
    logits = model.get_layer("logits")
    expected = shapes | {"logits": (1, 1, *logits.kernel.shape)}
    found = {op.name: network.weights[f"{op.name}/kernel"].shape for op in network.graph.ops if op.kind == "conv"}
    if expected != found or list(network.card.find_layer("logits").channel_names or ()) != list(CLASSES):
        raise SystemExit("the bundled network is of another width or depth, or knows other motifs")
    outputs = network.activations(tf.constant(pictures, tf.float32), list(names.values()))
    for own, name in names.items():
        kernel, bias = network.weights[f"{name}/kernel"], network.weights[f"{name}/bias"]
        mean, variance = (x.numpy() for x in tf.nn.moments(outputs[name], (0, 1, 2)))
        model.get_layer(own).set_weights([kernel])
        normalisation = model.get_layer(f"{own.removesuffix('_conv')}_bn")
        factor = np.sqrt(variance + normalisation.epsilon)
        normalisation.set_weights([factor, mean, mean - bias, variance])
    logits.set_weights([network.weights["logits/kernel"][0, 0], network.weights["logits/bias"]])
