"""A trained network as the start of a wider one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def take_narrower(model: keras.Model, narrow: keras.Model) -> None:
    """Gives `model` the weights of `narrow`, which has the same layers with fewer channels: the same function.

    The old channels come first in each convolution. The new ones keep the weights that `model` has, which are random, but
    nothing that was there listens to them until training makes it: unlike copies of old channels (Net2Net, Chen et al.
    2016), they have nothing in common with these. Raises ValueError when a layer is missing or has more channels.
    """
    #: Which channels of a layer's output are old, in the order of the narrow layer's.
    old: dict[str, NDArray[np.intp]] = {}
    for layer in model.layers:
        parts = _sources(layer)
        if not parts:
            heard = np.arange(layer.output.shape[-1])
        else:
            offsets = np.cumsum([0] + [tensor.shape[-1] for tensor in parts[:-1]])
            heard = np.concatenate([at + old[_maker(tensor)] for at, tensor in zip(offsets, parts, strict=True)])
        # Only layers with weights have names of their own; the others are counted through all models.
        given = narrow.get_layer(layer.name).get_weights() if layer.weights else []
        match layer:
            case keras.layers.Conv2D():
                old[layer.name] = np.arange(given[0].shape[-1])
                layer.set_weights([_widened(layer.get_weights()[0], given[0], heard)])
            case keras.layers.Dense():
                old[layer.name] = np.arange(given[0].shape[-1])
                layer.set_weights([_widened(layer.get_weights()[0], given[0], heard), given[1]])
            case keras.layers.BatchNormalization():
                old[layer.name] = heard
                weights = layer.get_weights()
                for weight, narrower in zip(weights, given, strict=True):
                    weight[heard] = narrower
                layer.set_weights(weights)
            case _:
                old[layer.name] = heard


def _widened(own: NDArray[np.float32], given: NDArray[np.float32], heard: NDArray[np.intp]) -> NDArray[np.float32]:
    """A kernel (…, in, out) whose first outputs are those of `given`, on the inputs `heard`, and deaf to all others."""
    outputs = given.shape[-1]
    if given.shape[:-2] != own.shape[:-2] or given.shape[-2] != len(heard) or outputs > own.shape[-1]:
        raise ValueError(f"a kernel of shape {given.shape} does not fit into one of shape {own.shape}")
    own[..., :outputs] = 0
    own[..., heard, :outputs] = given
    return own


def _sources(layer: keras.layers.Layer) -> list[Any]:
    """What a layer sees: none for an input layer."""
    if isinstance(layer, keras.layers.InputLayer):
        return []
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _maker(tensor: Any) -> str:
    # Keras has no public way from a tensor to its layer.
    name: str = tensor._keras_history.operation.name
    return name
