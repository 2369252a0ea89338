"""Networks from frozen TensorFlow graphs (`.pb`), as inception5h came in 2015.

A graph may come from anywhere, and is a program: it is read, never run. One with an operation that is not on the short
list of those that only compute tensors from tensors is refused as a whole. Of these, the usual ones of convolutional
networks are understood; what depends on others is left out, and the layers before it can still be dreamt on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.networks.collect import BadModel, Collection, Preprocessing
from worker.networks.graph import INPUT
from worker.networks.nodes import attribute, placeholder_rank, plain, window
from worker.networks.vectors import Vectors

_ACTIVATIONS = {
    "Relu6": "relu6",
    "Elu": "elu",
    "Selu": "selu",
    "LeakyRelu": "leaky_relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Exp": "exponential",
}
_PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault")
_PASSED_ON = ("Identity", "CheckNumerics", "StopGradient")
_NORMALISATIONS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "BatchNormWithGlobalNormalization")
_UNDERSTOOD = """
    Const NoOp Placeholder PlaceholderWithDefault Conv2D DepthwiseConv2dNative BiasAdd Add AddV2 Sub Mul Relu MaxPool
    AvgPool LRN Concat ConcatV2 Pad Mean Reshape Squeeze MatMul Softmax LogSoftmax
"""
#: These compute tensors from tensors, too, so that a graph that holds them is harmless; what is behind them is left out.
_HARMLESS = """
    Abs AddN ArgMax BatchMatMul BatchMatMulV2 BatchToSpaceND Cast ClipByValue Conv2DBackpropInput DepthToSpace Erf
    ExpandDims Fill Gather GatherV2 L2Loss Log Max Maximum Min Minimum MirrorPad Neg Pack PadV2 Pow Prod Range
    Rank RealDiv Reciprocal ResizeBilinear ResizeNearestNeighbor Rsqrt Shape Slice SpaceToBatchND SpaceToDepth Split
    SplitV Sqrt Square SquaredDifference StridedSlice Sum Tile TopK TopKV2 Transpose Unpack
"""
PURE = frozenset((*_UNDERSTOOD.split(), *_HARMLESS.split(), *_ACTIVATIONS, *_PASSED_ON, *_NORMALISATIONS))

#: Constants with more numbers than this have to bring each of them along: one number can stand for as many as it likes.
LARGEST_FILLED = 2**20


def from_graphdef(data: bytes, preprocessing: Preprocessing, most: int) -> Collection:
    """The operations and weights of a frozen graph, whose constants may take up `most` bytes, as often as they are taken.

    Raises BadModel, and google.protobuf's DecodeError for other data.
    """
    graph = tf.compat.v1.GraphDef.FromString(data)
    nodes = _checked(graph)
    order = list(_in_order(nodes))
    walk = _Walk(Collection(preprocessing), nodes, most)
    for name in order:
        try:
            walk.take(nodes[name])
        except IndexError:
            raise BadModel(f"node {name!r} ({nodes[name].op}) has too few inputs") from None
    return walk.finish()


def _checked(graph: Any) -> dict[str, Any]:
    """The nodes by name. Raises BadModel for graphs that do more than compute."""
    if graph.library.function:
        name = graph.library.function[0].signature.name
        raise BadModel(f"the graph brings a function of its own, {name!r}: freeze it without functions")
    nodes: dict[str, Any] = {}
    for node in graph.node:
        if node.op not in PURE:
            raise BadModel(
                f"node {node.name!r} is the operation {node.op!r}, which is none of those that networks need: "
                "the file is refused"
            )
        if node.op in (*_PASSED_ON, "PlaceholderWithDefault") and not node.input:
            raise BadModel(f"node {node.name!r} ({node.op}) has too few inputs")
        if node.name in nodes:
            raise BadModel(f"two nodes are called {node.name!r}")
        nodes[node.name] = node
    return nodes


def _in_order(nodes: dict[str, Any]) -> Iterator[str]:
    """The nodes' names, each behind its inputs', otherwise as the file has them. Raises BadModel."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, node in nodes.items():
        inputs = list(map(plain, node.input))
        for source in inputs:
            if source not in nodes:
                raise BadModel(f"node {name!r} takes {source!r}, which is not in the graph")
        sorter.add(name, *inputs)
    try:
        sorter.prepare()
    except CycleError as error:
        raise BadModel(f"the graph runs in a circle: {', '.join(map(repr, error.args[1]))}") from None
    names, places = list(nodes), {name: place for place, name in enumerate(nodes)}
    ready: list[int] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, places[name])
        first = names[heappop(ready)]
        yield first
        sorter.done(first)


def _picture(nodes: dict[str, Any]) -> str | None:
    """The placeholder for the picture. Raises BadModel when there are several."""
    places = [node for node in nodes.values() if node.op in _PLACEHOLDERS and placeholder_rank(node) in (4, None)]
    places = [node for node in places if node.attr["dtype"].type != tf.bool.as_datatype_enum]
    # Of old files' placeholders, the one that says that it takes pictures.
    found = [node.name for node in places if placeholder_rank(node) == 4 or len(places) == 1]
    if len(found) == 1 or not places:
        return found[0] if found else None
    names = " and ".join(repr(name) for name in found or [node.name for node in places])
    raise BadModel(
        f"the graph takes {names}, and which of them is the picture cannot be told: freeze it with one input"
    )


class _Walk:
    """Goes through a graph's nodes, each behind its inputs."""

    def __init__(self, found: Collection, nodes: dict[str, Any], most: int) -> None:
        self.found = found
        self._nodes = nodes
        #: Bytes that constants may still take up.
        self._left = most
        self._picture = _picture(nodes)
        self._stands_for: dict[str, str] = {}
        self._vectors = Vectors(found)
        #: How many nodes take each node's result.
        self._takers = Counter(
            self._passed(source) for node in nodes.values() if node.op not in _PASSED_ON for source in node.input
        )

    def take(self, node: Any) -> None:
        """Takes one node, or notes why not."""
        if node.op in ("Const", "NoOp"):
            return
        if node.op in _PLACEHOLDERS:
            if node.name == self._picture:
                self._stands_for[node.name] = INPUT
            return
        if any(source.split(":")[-1] not in (plain(source), "0") for source in node.input):
            return  # further results of a node that was left out, or that are for training only
        sources = [source for source in map(plain, node.input) if not self._is_constant(source)]
        if sources and all(source in self._vectors for source in sources):
            self._take_vector(node, sources)
            return
        inputs = [self._stands_for[source] for source in sources if source in self._stands_for]
        if not sources or len(inputs) < len(sources):
            return  # it depends on something that was left out
        name = self._convert(node, inputs)
        if name is not None:
            self._stands_for[node.name] = name
        elif node.name not in self._vectors:
            self._left_out(node)

    def finish(self) -> Collection:
        """What was found, when all nodes have been taken."""
        self._vectors.finish()
        return self.found

    def _left_out(self, node: Any) -> None:
        self.found.notes.append(f"layers behind {node.name!r} ({node.op}) are left out")

    def _convert(self, node: Any, inputs: list[str]) -> str | None:
        """The operation that stands for the node's result; None when it is not understood, or a vector."""
        found, source = self.found, inputs[0]
        channels = found.channels(source)
        match node.op:
            case op if op in _PASSED_ON:
                return source
            case "Conv2D" | "DepthwiseConv2dNative":
                return self._conv(node, source)
            case "BiasAdd" | "Add" | "AddV2" | "Sub" | "Mul" if len(inputs) == 1:
                return self._affine(node, source, *self._arithmetic(node))
            case op if op in _NORMALISATIONS:
                return self._affine(node, source, *self._normalisation(node))
            case "Add" | "AddV2":
                return found.op(node.name, "add", inputs, channels)
            case "Relu":
                return found.op(node.name, "relu", inputs, channels)
            case op if op in _ACTIVATIONS:
                return found.op(node.name, "activation", inputs, channels, **_activation(node))
            case "MaxPool" | "AvgPool" if (shape := window(node)) is not None:
                kind = "max_pool" if node.op == "MaxPool" else "avg_pool"
                return found.op(node.name, kind, inputs, channels, **shape)  # type: ignore[arg-type]
            case "Pad" if (around := self._padding(node)) is not None:
                return found.op(node.name, "pad", inputs, channels, parameters=around)
            case "LRN":
                values = [attribute(node, key) for key in ("depth_radius", "bias", "alpha", "beta")]
                return found.op(node.name, "lrn", inputs, channels, parameters=values)
            case "Concat" | "ConcatV2" if self._axis(node) in (3, -1) and len(inputs) == len(node.input) - 1:
                return found.op(node.name, "concat", inputs, sum(map(found.channels, inputs)))
            case "Mean" if self._axes(node) in ({1, 2}, {-3, -2}):
                self._vectors.average(node.name, source)
            case "Reshape" | "Squeeze":
                self._flatten(node, source)
        return None

    def _take_vector(self, node: Any, sources: list[str]) -> None:
        """Takes a node behind the end of the picture's geometry: what makes classes out of cells."""
        vectors, source = self._vectors, sources[0]
        match node.op:
            case op if op in (*_PASSED_ON, "Reshape", "Squeeze"):
                vectors.pass_on(node.name, source)
            case "MatMul" if not (node.attr["transpose_a"].b or node.attr["transpose_b"].b):
                matrix = self._constant(node.input[1])
                if matrix is not None:
                    vectors.dense(node.name, source, matrix, None)
            case "BiasAdd" | "Add" | "AddV2" if len(sources) == 1:
                bias = self._constant(node.input[1])
                if bias is not None:
                    vectors.biased(node.name, source, np.ravel(bias), alone=self._is_alone(sources[0]))
            case "Relu":
                vectors.activated(node.name, source, "relu")
            case op if op in _ACTIVATIONS:
                vectors.activated(node.name, source, "activation", **_activation(node))
            case "Softmax" | "LogSoftmax":
                vectors.end(source)
                return
        if node.name not in vectors:
            self._left_out(node)
        elif not self._takers[node.name]:
            vectors.end(node.name)

    def _flatten(self, node: Any, source: str) -> None:
        """A reshape or squeeze of cells to a vector, if it is one."""
        channels = self.found.channels(source)
        if node.op == "Squeeze":
            if set(node.attr["squeeze_dims"].list.i) in ({1, 2}, {-3, -2}):
                self._vectors.flatten(node.name, source, 1)
            return
        shape = self._constant(node.input[1])
        if shape is None or shape.shape != (2,) or shape[1] < 1 or shape[1] % channels:
            return
        side = math.isqrt(int(shape[1]) // channels)
        if side**2 * channels == shape[1]:
            self._vectors.flatten(node.name, source, side)

    def _conv(self, node: Any, source: str) -> str | None:
        kernel, shape = self._constant(node.input[1]), window(node)
        if kernel is None or shape is None or kernel.ndim != 4 or kernel.shape[0] != kernel.shape[1]:
            return None
        shape.pop("kernel")
        if node.op == "Conv2D":
            return self.found.conv(node.name, source, kernel, None, **shape)
        if kernel.shape[3] != 1:
            return None
        return self.found.depthwise(node.name, source, kernel[..., 0], None, **shape)

    def _arithmetic(self, node: Any) -> tuple[Any, Any]:
        """Factor and offset of a sum or product with a constant; None where it is another kind."""
        first = self._is_constant(plain(node.input[0]))
        constant = self._constant(node.input[0 if first else 1])
        values = None if constant is None else _by_channel(constant)
        if values is None:
            return None, None
        one, zero = np.ones_like(values), np.zeros_like(values)
        match node.op:
            case "Mul":
                return values, zero
            case "Sub":
                return (-one, values) if first else (one, -values)
        return one, values

    def _normalisation(self, node: Any) -> tuple[Any, Any]:
        """Factor and offset of a trained batch normalisation."""
        if node.op == "BatchNormWithGlobalNormalization":
            order, epsilon, is_training = (1, 2, 3, 4), node.attr["variance_epsilon"].f, False
        else:
            order, epsilon, is_training = (3, 4, 2, 1), attribute(node, "epsilon"), attribute(node, "is_training")
        found = [self._constant(node.input[i]) for i in order]
        if any(value is None or value.ndim != 1 for value in found) or is_training:
            return None, None
        mean, variance, beta, gamma = (np.asarray(value, np.float64) for value in found)
        if node.op == "BatchNormWithGlobalNormalization" and not node.attr["scale_after_normalization"].b:
            gamma = np.ones_like(mean)
        factor = gamma / np.sqrt(variance + epsilon)
        return factor, beta - mean * factor

    def _affine(self, node: Any, source: str, factor: Any, offset: Any) -> str | None:
        """x · factor + offset, folded into what comes before, if nothing else takes that.

        A convolution with its bias goes by the name of what adds the bias: that is what people dream on.
        """
        if factor is None:
            return None
        if not {factor.size, offset.size} <= {1, self.found.channels(source)}:
            return None
        alone = self._is_alone(next(i for i in node.input if not self._is_constant(plain(i))))
        if source == INPUT and alone and factor.size == offset.size == 1 and not self.found.ops:
            self.found.rescale(float(factor[0]), float(offset[0]))
            return INPUT
        if self.found.kind(source) in ("conv", "depthwise") and alone:
            self.found.fold(source, *(np.broadcast_to(v, self.found.channels(source)) for v in (factor, offset)))
            return self.found.rename(source, node.name)
        return self.found.affine(node.name, source, factor, offset)

    def _is_alone(self, name: str) -> bool:
        """Whether a result is taken once, also before it was reshaped."""
        name = self._passed(name)
        while self._takers[name] == 1 and self._nodes[name].op in ("Reshape", "Squeeze"):
            name = self._passed(self._nodes[name].input[0])
        return self._takers[name] == 1

    def _passed(self, name: str) -> str:
        """The node whose result this is, behind those that only pass it on."""
        node = self._nodes[plain(name)]
        while node.op in _PASSED_ON:
            node = self._nodes[plain(node.input[0])]
        return str(node.name)

    def _is_constant(self, name: str) -> bool:
        return self._origin(name).op in ("Const", "NoOp")

    def _origin(self, name: str) -> Any:
        node = self._nodes[plain(name)]
        # What people may give and need not (how many values to drop, say) is what it is by default.
        while node.op == "Identity" or (node.op == "PlaceholderWithDefault" and node.name != self._picture):
            node = self._nodes[plain(node.input[0])]
        return node

    def _constant(self, name: str) -> NDArray[Any] | None:
        node = self._origin(name)
        if node.op != "Const":
            return None
        tensor = node.attr["value"].tensor
        count = math.prod(dimension.size for dimension in tensor.tensor_shape.dim)
        if count > max(LARGEST_FILLED, len(tensor.tensor_content), len(tensor.float_val)):
            raise BadModel(f"constant {node.name!r} claims {count:,} numbers that it does not have")
        try:
            values = np.asarray(tf.make_ndarray(tensor))
        except (TypeError, ValueError) as error:
            raise BadModel(f"constant {node.name!r} cannot be read: {error}") from None
        if values.dtype.kind not in "fiu":
            raise BadModel(f"constant {node.name!r} holds no numbers")
        # Many constants can each claim as much as one may.
        self._left -= values.nbytes
        if self._left < 0:
            raise BadModel("the graph's constants take up more than the file holds")
        return values

    def _axis(self, node: Any) -> int | None:
        """The axis is the first input of the old operation and the last of the new one."""
        axis = self._constant(node.input[0] if node.op == "Concat" else node.input[-1])
        return None if axis is None or axis.size != 1 else int(axis.ravel()[0])

    def _axes(self, node: Any) -> set[int]:
        axes = self._constant(node.input[1])
        return set() if axes is None else {int(axis) for axis in axes.ravel()}

    def _padding(self, node: Any) -> list[int] | None:
        """Rows and columns of zeros before and after."""
        around = self._constant(node.input[1])
        if around is None or around.shape != (4, 2) or around[[0, 3]].any() or (around[1] != around[2]).any():
            return None
        if (around < 0).any():
            return None
        return [int(n) for n in around[1]]


def _activation(node: Any) -> dict[str, Any]:
    """Function and parameters of an activation."""
    slope = [attribute(node, "alpha")] if node.op == "LeakyRelu" else []
    return {"function": _ACTIVATIONS[node.op], "parameters": slope}


def _by_channel(constant: NDArray[Any]) -> NDArray[Any] | None:
    """A constant as one number for each channel, or one for all; None for other shapes."""
    return None if constant.size not in (1, *constant.shape[-1:]) else constant.ravel()
