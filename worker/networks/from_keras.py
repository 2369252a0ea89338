"""Networks from Keras models: `.keras` and `.h5` files.

Understood are convolutions, batch normalisation behind them, ReLU, pooling, concatenation, addition, rescaling, drop-out,
and a dense layer behind a global average, which is a 1×1 convolution before it. What depends on anything else is left
out: the layers before it can still be dreamt on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from worker.networks.collect import Collection, Preprocessing
from worker.networks.graph import INPUT


def from_keras(model: Any, preprocessing: Preprocessing) -> Collection:
    """The operations and weights of a functional or sequential Keras model."""
    walk = _Walk(Collection(preprocessing), [t._keras_history.operation.name for t in model.inputs])
    for layer in model.layers:
        walk.take(layer)
    return walk.found


class _Walk:
    """Goes through a model's layers in order."""

    def __init__(self, found: Collection, inputs: list[str]) -> None:
        self.found = found
        #: The operation that stands for each Keras layer's output; missing where it is not understood.
        self._stands_for = dict.fromkeys(inputs, INPUT)
        self._averaged: set[str] = set()

    def take(self, layer: Any) -> None:
        """Takes one layer, or notes why not."""
        sources = _sources(layer)
        if layer.name in self._stands_for or any(source not in self._stands_for for source in sources):
            return
        inputs = [self._stands_for[source] for source in sources]
        name = self._convert(layer, inputs)
        if name is None:
            self.found.notes.append(f"layers behind {layer.name!r} ({type(layer).__name__}) are left out")
            return
        self._stands_for[layer.name] = name
        if any(source in self._averaged for source in sources) or "GlobalAverage" in type(layer).__name__:
            self._averaged.add(layer.name)

    def _convert(self, layer: Any, inputs: list[str]) -> str | None:
        """The operation that stands for the layer's output; None when it is not understood."""
        config = layer.get_config()
        match type(layer).__name__:
            case "Dropout" | "SpatialDropout2D" | "GlobalAveragePooling2D":
                return inputs[0]
            case "Rescaling" if inputs[0] == INPUT and not self.found.ops:
                self.found.rescale(float(config["scale"]), float(config["offset"]))
                return INPUT
            case "Conv2D":
                return self._conv(layer, config, inputs[0])
            case "BatchNormalization" if self.found.kind(inputs[0]) == "conv":
                self.found.fold(inputs[0], *_affine(layer))
                return inputs[0]
            case "ReLU" | "Activation" if config.get("activation", "relu") in ("relu", "linear"):
                return self._activated(layer.name, config.get("activation", "relu"), inputs[0])
            case "MaxPooling2D" | "AveragePooling2D" as kind:
                return self._pool("max_pool" if kind.startswith("Max") else "avg_pool", layer.name, config, inputs[0])
            case "Concatenate":
                return self.found.op(layer.name, "concat", inputs, sum(map(self.found.channels, inputs)))
            case "Add":
                return self.found.op(layer.name, "add", inputs, self.found.channels(inputs[0]))
            case "Dense" if _sources(layer)[0] in self._averaged:
                matrix, *bias = layer.get_weights()
                self.found.logits = self.found.conv(
                    layer.name, inputs[0], matrix[None, None], bias[0] if bias else None
                )
                return None if _more_follows(layer) else self.found.logits
        return None

    def _conv(self, layer: Any, config: dict[str, Any], source: str) -> str | None:
        strides = set(config["strides"])
        square = len(set(config["kernel_size"])) == 1
        plain = set(config["dilation_rate"]) == {1} and config["groups"] == 1 and len(strides) == 1
        if not plain or not (square or (strides == {1} and config["padding"] == "same")):
            return None
        if config["activation"] not in ("linear", "relu"):
            return None
        kernel, *bias = layer.get_weights()
        before = layer.name if config["activation"] == "linear" else f"{layer.name}_pre_relu"
        shape = {"stride": strides.pop(), "padding": config["padding"]}
        self.found.conv(before, source, kernel, bias[0] if bias else None, **shape)
        return self._activated(layer.name, config["activation"], before)

    def _activated(self, name: str, activation: str, source: str) -> str:
        if activation == "linear":
            return source
        return self.found.op(name, "relu", [source], self.found.channels(source))

    def _pool(self, kind: str, name: str, config: dict[str, Any], source: str) -> str | None:
        sides, strides = set(config["pool_size"]), set(config["strides"])
        if len(sides) > 1 or len(strides) > 1:
            return None
        shape = {"kernel": sides.pop(), "stride": strides.pop(), "padding": config["padding"]}
        return self.found.op(name, kind, [source], self.found.channels(source), **shape)


def _affine(layer: Any) -> tuple[Any, Any]:
    """Factor and offset of a trained batch normalisation."""
    mean, variance = (np.asarray(w, np.float64) for w in (layer.moving_mean, layer.moving_variance))
    gamma = np.asarray(layer.gamma, np.float64) if layer.scale else np.ones_like(mean)
    beta = np.asarray(layer.beta, np.float64) if layer.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + layer.epsilon)
    return factor, beta - mean * factor


def _sources(layer: Any) -> list[str]:
    return [t._keras_history.operation.name for node in layer._inbound_nodes for t in node.input_tensors]


def _more_follows(layer: Any) -> bool:
    return bool(layer._outbound_nodes)
