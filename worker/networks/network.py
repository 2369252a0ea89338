"""Networks as pure functions over tensors: a graph, its weights, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from shared.cards import Card
from worker.networks.activations import ACTIVATIONS
from worker.networks.arithmetic import Arithmetic, Way, is_wide, normalised
from worker.networks.graph import INPUT, Graph, Op

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A network with its weights. Equal to itself only, so that compiled programs can be kept by network."""

    graph: Graph
    card: Card
    #: `<op>/kernel` (k, k, in, out) and `<op>/bias` (out,) of every convolution.
    weights: Mapping[str, FloatArray]
    #: What names it, as on its card.
    digest: str
    #: The network sees (rgb − mean) · scale, rgb in 0–255.
    mean: tuple[float, float, float]
    scale: float

    #: How it computes, and the device that its weights lie on, in TensorFlow's terms.
    arithmetic: Arithmetic = field(default_factory=Arithmetic)
    device: str = "/CPU:0"
    #: SHA-256 of the weights file, hexadecimal, by which outputs of earlier versions name their network.
    weights_digest: str = ""
    _variants: dict[tuple[Arithmetic, str], Network] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Network({self.card.name!r}, {self.digest[:12]}, {self.arithmetic.precision}, {self.device})"

    def variant(self, arithmetic: Arithmetic, device: str) -> Network:
        """The same network computing otherwise or elsewhere; always the same object for the same arguments."""
        if (arithmetic, device) == (self.arithmetic, self.device):
            return self
        found = self._variants.get((arithmetic, device))
        if found is None:
            found = replace(self, arithmetic=arithmetic, device=device, _variants={})
            found = self._variants.setdefault((arithmetic, device), found)
        return found

    def activations(self, rgb: Any, layers: Sequence[str], trims: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Activations (N, h, w, channels) float32 of the named layers for `rgb` (N, H, W, 3) float32 in 0–255.

        Only what these layers depend on is computed. `trims` (int32, (4,): cells at the top, bottom, left and right) are
        cut off the results they are given for, before these are used any further.
        """
        trims = trims or {}
        results = {INPUT: tf.cast(self._centred(rgb), self.arithmetic.values)}
        for op in self.graph.ancestors(layers):
            result = self._apply(op, [results[name] for name in op.inputs])
            results[op.name] = _trimmed(result, trims[op.name]) if op.name in trims else result
        return {layer: tf.cast(results[layer], tf.float32) for layer in layers}

    def _centred(self, rgb: Any) -> Any:
        """(rgb − mean) · scale, in the operations that it takes: of three channels each is as slow as many convolutions."""
        # One number for all channels is subtracted several times as fast as one for each.
        mean = self.mean[0] if len(set(self.mean)) == 1 else tf.constant(self.mean, tf.float32)
        values = rgb - mean
        return values if self.scale == 1 else values * self.scale

    def _apply(self, op: Op, inputs: Sequence[Any]) -> Any:
        x, padding = inputs[0], op.padding.upper()
        match op.kind:
            case "conv":
                return self._conv(op, x)
            case "depthwise":
                kernel, bias = self._of(f"{op.name}/kernel"), self._of(f"{op.name}/bias")
                strides = (1, op.stride, op.stride, 1)
                return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, kernel, strides, padding), bias)
            case "scale":
                return x * self._of(f"{op.name}/kernel") + self._of(f"{op.name}/bias")
            case "relu":
                return tf.nn.relu(x)
            case "activation":
                return ACTIVATIONS[op.function](x, *op.parameters)
            case "pad":
                around = tuple(map(int, op.parameters))
                return tf.pad(x, ((0, 0), around, around, (0, 0)))
            case "max_pool":
                return tf.nn.max_pool2d(x, op.kernel, op.stride, padding)
            case "avg_pool":
                return tf.nn.avg_pool2d(x, op.kernel, op.stride, padding)
            case "lrn":
                return normalised(x, *op.parameters)
            case "concat":
                return tf.concat(inputs, axis=-1)
            case "add":
                return tf.add_n(inputs)

    def _conv(self, op: Op, x: Any) -> Any:
        name = f"{op.name}/kernel"
        way: Way = "plain"
        if _by_blocks(op):
            way = "blocks"
        elif "CPU" in self.device and is_wide(self.weights[name].shape, op.stride, op.padding):
            way = "wide"
        result = self.arithmetic.conv(x, partial(self._constant, name), op.stride, op.padding.upper(), way)
        return tf.nn.bias_add(result, self._of(f"{op.name}/bias"))

    def _of(self, name: str) -> Any:
        """A weight in the type of activations."""
        return self._constant(name, self.arithmetic.values)

    def _constant(self, name: str, kind: Any, arranged: Callable[[FloatArray], FloatArray] | None = None) -> Any:
        """A weight, arranged otherwise if asked."""
        key = (name, kind, arranged)
        if key not in self._constants:
            value = self.weights[name]
            # Made outside of any trace, so that every program on the device shares one copy.
            with tf.init_scope(), tf.device(self.device):
                self._constants[key] = tf.cast(tf.constant(arranged(value) if arranged else value), kind)
        # Nothing learns here; a tape that outlives its trace would derive the loss by every weight as well.
        return tf.stop_gradient(self._constants[key])

    @cached_property
    def _constants(self) -> dict[tuple[str, Any, Any], Any]:
        return {}


def cut_out(x: Any, top: Any, bottom: Any, left: Any, right: Any) -> Any:
    """Rows `top` to `bottom` and columns `left` to `right` of `x` (N, H, W, C), neither end included.

    It is no x[:, top:bottom, left:right]: the gradient of that takes ten times as long.
    """
    size = tf.shape(x)
    return tf.slice(x, [0, top, left, 0], [size[0], bottom - top, right - left, size[3]])


def _trimmed(result: Any, trims: Any) -> Any:
    top, bottom, left, right = tf.unstack(trims)
    height, width = tf.unstack(tf.shape(result)[1:3])
    trimmed = cut_out(result, top, height - bottom, left, width - right)
    return tf.ensure_shape(trimmed, (result.shape[0], None, None, result.shape[3]))


def _by_blocks(op: Op) -> bool:
    """Whether a convolution's gradient can be computed over blocks of 2×2 pixels as channels."""
    aligned = op.padding == "same" and op.padding_before(op.kernel) % 2 == 0
    return op.kind == "conv" and op.inputs == (INPUT,) and op.stride == 2 and aligned
