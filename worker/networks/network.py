"""Networks as pure functions over tensors: a graph, its weights, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from shared.cards import Card
from worker.networks.graph import INPUT, Graph, Op

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Network:
    """A network with its weights. Equal to itself only, so that compiled programs can be kept by network."""

    graph: Graph
    card: Card
    #: `<op>/kernel` (k, k, in, out) and `<op>/bias` (out,) of every convolution.
    weights: Mapping[str, FloatArray] = field(repr=False)
    #: SHA-256 of the weights file, hexadecimal.
    digest: str
    #: The network sees (rgb − mean) · scale, rgb in 0–255.
    mean: tuple[float, float, float]
    scale: float

    def activations(self, rgb: Any, layers: Sequence[str]) -> dict[str, Any]:
        """Activations (N, h, w, channels) float32 of the named layers for `rgb` (N, H, W, 3) float32 in 0–255.

        Only what these layers depend on is computed.
        """
        results = {INPUT: (rgb - tf.constant(self.mean, tf.float32)) * self.scale}
        for op in self.graph.ancestors(layers):
            results[op.name] = self._apply(op, [results[name] for name in op.inputs])
        return {layer: results[layer] for layer in layers}

    def _apply(self, op: Op, inputs: Sequence[Any]) -> Any:
        x, padding = inputs[0], op.padding.upper()
        match op.kind:
            case "conv":
                kernel, bias = self._constants[f"{op.name}/kernel"], self._constants[f"{op.name}/bias"]
                return tf.nn.bias_add(tf.nn.conv2d(x, kernel, op.stride, padding), bias)
            case "relu":
                return tf.nn.relu(x)
            case "max_pool":
                return tf.nn.max_pool2d(x, op.kernel, op.stride, padding)
            case "avg_pool":
                return tf.nn.avg_pool2d(x, op.kernel, op.stride, padding)
            case "concat":
                return tf.concat(inputs, axis=-1)

    @cached_property
    def _constants(self) -> dict[str, Any]:
        # Made outside of any trace, so that every program shares one copy.
        with tf.init_scope():
            return {name: tf.constant(value) for name, value in self.weights.items()}
