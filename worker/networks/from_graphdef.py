"""Networks from frozen TensorFlow graphs (`.pb`), as inception5h came in 2015.

Understood are convolutions with their biases, ReLU, pooling, local response normalisation and concatenation. What
depends on anything else is left out: the layers before it can still be dreamt on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from worker.networks.collect import Collection, Preprocessing
from worker.networks.graph import INPUT


def from_graphdef(data: bytes, preprocessing: Preprocessing) -> Collection:
    """The operations and weights of a frozen graph. Raises google.protobuf's DecodeError for other data."""
    graph = tf.compat.v1.GraphDef.FromString(data)
    walk = _Walk(Collection(preprocessing), {node.name: node for node in graph.node})
    for node in graph.node:
        walk.take(node)
    return walk.found


class _Walk:
    """Goes through a graph's nodes in order; frozen graphs list each behind its inputs."""

    def __init__(self, found: Collection, nodes: dict[str, Any]) -> None:
        self.found = found
        self._nodes = nodes
        self._stands_for: dict[str, str] = {}

    def take(self, node: Any) -> None:
        """Takes one node, or notes why not."""
        if node.op in ("Const", "NoOp"):
            return
        if node.op == "Placeholder":
            self._stands_for[node.name] = INPUT
            return
        inputs = [self._stands_for[i] for i in map(_plain, node.input) if i in self._stands_for]
        if len(inputs) < sum(self._nodes[_plain(i)].op not in ("Const", "NoOp") for i in node.input):
            return  # it depends on something that was left out
        name = self._convert(node, inputs)
        if name is None:
            self.found.notes.append(f"layers behind {node.name!r} ({node.op}) are left out")
            return
        self._stands_for[node.name] = name

    def _convert(self, node: Any, inputs: list[str]) -> str | None:
        """The operation that stands for the node's result; None when it is not understood."""
        match node.op:
            case "Identity" | "CheckNumerics":
                return inputs[0]
            case "Conv2D":
                return self._conv(node, inputs[0])
            case "BiasAdd" | "Add" | "AddV2" if len(inputs) == 1 and self.found.kind(inputs[0]) == "conv":
                return self._biased(node, inputs[0])
            case "Relu":
                return self.found.op(node.name, "relu", inputs, self.found.channels(inputs[0]))
            case "MaxPool" | "AvgPool" as kind:
                pool = "max_pool" if kind == "MaxPool" else "avg_pool"
                shape = {"kernel": node.attr["ksize"].list.i[1], **_strides(node)}
                return self.found.op(node.name, pool, inputs, self.found.channels(inputs[0]), **shape)
            case "LRN":
                values = [node.attr["depth_radius"].i, *(node.attr[key].f for key in ("bias", "alpha", "beta"))]
                return self.found.op(node.name, "lrn", inputs, self.found.channels(inputs[0]), parameters=values)
            case "Concat" | "ConcatV2" if self._axis(node) in (3, -1):
                return self.found.op(node.name, "concat", inputs, sum(map(self.found.channels, inputs)))
        return None

    def _conv(self, node: Any, source: str) -> str | None:
        kernel = self._constant(node.input[1])
        if kernel is None:
            return None
        return self.found.conv(node.name, source, kernel, None, **_strides(node))

    def _biased(self, node: Any, conv: str) -> str | None:
        """The convolution, with its bias, under the name of what adds the bias: that is what people dream on."""
        bias = self._constant(node.input[1])
        if bias is None:
            return None
        next(op for op in self.found.ops if op["name"] == conv)["name"] = node.name
        self.found.weights[f"{node.name}/kernel"] = self.found.weights.pop(f"{conv}/kernel")
        self.found.weights[f"{node.name}/bias"] = self.found.weights.pop(f"{conv}/bias") + bias
        return str(node.name)

    def _constant(self, name: str) -> Any | None:
        node = self._nodes[_plain(name)]
        while node.op == "Identity":
            node = self._nodes[_plain(node.input[0])]
        return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None

    def _axis(self, node: Any) -> int:
        """The axis is the first input of the old operation and the last of the new one."""
        axis = self._constant(node.input[0] if node.op == "Concat" else node.input[-1])
        return -2 if axis is None else int(np.asarray(axis))


def _plain(name: str) -> str:
    """A node's name without output number and control mark."""
    return name.removeprefix("^").split(":")[0]


def _strides(node: Any) -> dict[str, Any]:
    return {"stride": node.attr["strides"].list.i[1], "padding": node.attr["padding"].s.decode().lower()}
