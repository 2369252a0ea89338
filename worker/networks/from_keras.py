"""Networks from Keras models: `.keras` and `.h5` files.

Understood are the usual layers of convolutional networks, models inside of models, and dense layers behind a global
average or flattened cells. What depends on anything else is left out: the layers before it can still be dreamt on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from worker.networks.collect import BadModel, Collection, Preprocessing
from worker.networks.graph import INPUT
from worker.networks.vectors import Vectors

#: Layers that do nothing but in training.
_FOR_TRAINING = (
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "Identity",
    "RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
    "SpatialDropout2D",
)  # fmt: skip
#: Keras' names of activations that the farm has under another or the same name, with their parameters.
_ACTIVATIONS: Mapping[str, tuple[str, list[float]]] = {
    "leaky_relu": ("leaky_relu", [0.2]),
    "elu": ("elu", [1.0]),
    "swish": ("silu", []),
    "hard_swish": ("hard_silu", []),
    **{
        name: (name, [])
        for name in (
            "relu6", "selu", "gelu", "silu", "mish", "hard_silu", "hard_sigmoid", "sigmoid", "tanh", "softplus",
            "softsign", "exponential",
        )
    },
}  # fmt: skip
#: What makes probabilities of logits, without changing their order.
_PROBABILITIES = ("softmax", "log_softmax")


def from_keras(model: Any, preprocessing: Preprocessing) -> Collection:
    """The operations and weights of a functional or sequential Keras model. Raises BadModel."""
    graph = _graph(model)
    if graph is None:
        raise BadModel(
            f"a {type(model).__name__} does not tell how its layers are connected: build it as a functional or "
            "sequential model with an Input"
        )
    shapes = [tuple(tensor.shape) for tensor in graph.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] not in (1, 3):
        raise BadModel(
            f"the model takes {' and '.join(map(str, shapes))}; expected one picture (height, width, 3 or 1)"
        )
    walk = _Walk(Collection(preprocessing))
    # Of several colours the first convolution makes grey, where nothing comes before it.
    walk.finish(walk.go(graph, [INPUT if shapes[0][3] == 3 else walk.found.grey()]))
    return walk.found


def _graph(model: Any) -> Any | None:
    """What knows how a model's layers are connected; None for models that are written as code."""
    graph = getattr(model, "_functional", None) or model
    return graph if hasattr(graph, "_nodes_by_depth") else None


@dataclass(frozen=True)
class _Level:
    """One call of a model: the tensors of models inside of it are not its own."""

    #: How often each of Keras' tensors is taken, by layers or as the model's output.
    takers: Counter[int]
    #: The operation or vector that stands for each tensor; missing where it is not understood.
    stands_for: dict[int, str] = field(default_factory=dict)


class _Walk:
    """Goes through a model's layers, each behind its inputs."""

    def __init__(self, found: Collection) -> None:
        self.found = found
        self._vectors = Vectors(found)
        #: Operations and vectors that stand for a tensor which is taken more than once.
        self._shared: set[str] = set()

    def go(self, graph: Any, inputs: list[str]) -> list[str | None]:
        """Takes all layers of a model whose inputs are given; what stands for its outputs."""
        calls = list(_calls(graph))
        taken = chain(graph.outputs, *(node.input_tensors for node in calls))
        level = _Level(Counter(map(id, taken)))
        self._name(level, graph.inputs, inputs)
        for node in calls:
            self._take(node, level)
        return [level.stands_for.get(id(tensor)) for tensor in graph.outputs]

    def finish(self, outputs: list[str | None]) -> None:
        """Takes the model's outputs for its classes, as far as they are vectors."""
        for name in outputs:
            if name is not None and name in self._vectors:
                self._vectors.end(name)
        self._vectors.finish()

    def _name(self, level: _Level, tensors: Sequence[Any], names: Sequence[str | None]) -> None:
        """Notes what stands for tensors.

        One name may stand for several tensors in a row, as outside and inside of a model: it has one taker only if each
        of them has.
        """
        for tensor, name in zip(tensors, names, strict=True):
            if name is not None:
                level.stands_for[id(tensor)] = name
                if level.takers[id(tensor)] > 1:
                    self._shared.add(name)

    def _take(self, node: Any, level: _Level) -> None:
        """Takes one call of a layer, or notes why not."""
        layer = node.operation
        inputs = [level.stands_for[id(t)] for t in node.input_tensors if id(t) in level.stands_for]
        if not inputs or len(inputs) < len(node.input_tensors):
            return
        inner = _graph(layer)
        if inner is not None:
            names = self.go(inner, inputs)
        else:
            names = [self._convert(layer, inputs, node)]
            if names == [None]:
                self.found.notes.append(f"layers behind {layer.name!r} ({_kind(layer)}) are left out")
        self._name(level, node.outputs, names)

    def _convert(self, layer: Any, inputs: list[str], node: Any) -> str | None:
        """The operation or vector that stands for the layer's output; None when it is not understood."""
        kind, config = type(layer).__name__, layer.get_config()
        if kind in _FOR_TRAINING:
            return inputs[0]
        if config.get("data_format") == "channels_first":
            return None
        if any(name in self._vectors for name in inputs):
            return self._behind_the_cells(layer, config, inputs)
        source, name = inputs[0], self._free(layer.name)
        match kind:
            case "Conv2D" | "DepthwiseConv2D" | "SeparableConv2D":
                return self._conv(layer, config, source)
            case "Dense":
                return self._dense_at_each_cell(layer, config, source)
            case "BatchNormalization" | "Normalization" | "Rescaling":
                return self._affine(kind, name, source, _affine(layer, config))
            case "ReLU" | "LeakyReLU" | "ELU" | "Activation":
                return self._activated(name, source, _activation(kind, config))
            case "MaxPooling2D" | "AveragePooling2D":
                return self._pool("max_pool" if kind.startswith("Max") else "avg_pool", name, config, source)
            case "ZeroPadding2D" if (around := _padding(config)) is not None:
                return self.found.op(name, "pad", [source], self.found.channels(source), parameters=around)
            case "Concatenate" if config["axis"] in (3, -1):
                return self.found.op(name, "concat", inputs, sum(map(self.found.channels, inputs)))
            case "Add" if len(inputs) > 1:
                return self.found.op(name, "add", inputs, self.found.channels(source))
            case "GlobalAveragePooling2D":
                self._vectors.average(name, source)
                return name
            case "Flatten" if len(set(cells := node.input_tensors[0].shape[1:3])) == 1 and cells[0] is not None:
                self._vectors.flatten(name, source, cells[0])
                return name
        return None

    def _behind_the_cells(self, layer: Any, config: dict[str, Any], inputs: list[str]) -> str | None:
        """The vector that stands for the output of a layer that takes a vector."""
        kind, name, source = type(layer).__name__, self._free(layer.name), inputs[0]
        if kind in ("Flatten", "Reshape"):
            return source
        if len(inputs) > 1:
            return None
        match kind:
            case "Dense" | "Conv2D" if kind == "Dense" or set(config["kernel_size"]) == {1}:
                matrix, *bias = layer.get_weights()
                activation = _activation("Activation", config)
                if activation is None:
                    return None
                before = name if activation[0] in ("linear", *_PROBABILITIES) else self._free(f"{name}_pre_relu")
                matrix = matrix.reshape(-1, matrix.shape[-1])
                self._vectors.dense(before, source, matrix, bias[0] if bias else None)
                return self._behind_activation(name, before, activation)
            case "BatchNormalization":
                values = _affine(layer, config)
                if values is None:
                    return None
                self._vectors.affine(name, source, *values)
                return name
            case "ReLU" | "LeakyReLU" | "ELU" | "Activation" | "Softmax":
                return self._behind_activation(name, source, _activation(kind, config))
        return None

    def _behind_activation(self, name: str, source: str, activation: tuple[str, list[float]] | None) -> str | None:
        if activation is None:
            return None
        if activation[0] in ("linear", *_PROBABILITIES):
            return source
        function, parameters = activation
        if function == "relu":
            self._vectors.activated(name, source, "relu")
        else:
            self._vectors.activated(name, source, "activation", function=function, parameters=parameters)
        return name

    def _conv(self, layer: Any, config: dict[str, Any], source: str) -> str | None:
        """A convolution with its activation."""
        activation, shape = _activation("Activation", config), _window(config, config["kernel_size"])
        if activation is None or activation[0] in _PROBABILITIES or shape is None or config.get("groups", 1) != 1:
            return None
        name, weights = self._free(layer.name), layer.get_weights()
        before = name if activation[0] == "linear" else self._free(f"{name}_pre_relu")
        bias = weights.pop() if config["use_bias"] else None
        if type(layer).__name__ == "Conv2D":
            self.found.conv(before, source, weights[0], bias, **shape)
            return self._activated(name, before, activation)
        if config["depth_multiplier"] != 1:
            return None
        if type(layer).__name__ == "DepthwiseConv2D":
            self.found.depthwise(before, source, weights[0][..., 0], bias, **shape)
        else:
            depthwise = self.found.depthwise(f"{name}_depthwise", source, weights[0][..., 0], None, **shape)
            self.found.conv(before, depthwise, weights[1], bias)
        return self._activated(name, before, activation)

    def _dense_at_each_cell(self, layer: Any, config: dict[str, Any], source: str) -> str | None:
        activation = _activation("Activation", config)
        if activation is None or activation[0] in _PROBABILITIES:
            return None
        name = self._free(layer.name)
        before = name if activation[0] == "linear" else self._free(f"{name}_pre_relu")
        matrix, *bias = layer.get_weights()
        self.found.conv(before, source, matrix[None, None], bias[0] if bias else None)
        return self._activated(name, before, activation)

    def _affine(self, kind: str, name: str, source: str, values: Any) -> str | None:
        """x · factor + offset, folded into what comes before, if nothing else takes that."""
        if values is None:
            return None
        factor, offset = values
        alone = source not in self._shared
        if source == INPUT and alone and not self.found.ops and len(set(factor)) == len(set(offset)) == 1:
            self.found.rescale(float(factor[0]), float(offset[0]))
            return INPUT
        if kind == "BatchNormalization" and alone and self.found.kind(source) in ("conv", "depthwise"):
            self.found.fold(source, factor, offset)
            return source
        return self.found.affine(name, source, factor, offset)

    def _activated(self, name: str, source: str, activation: tuple[str, list[float]] | None) -> str | None:
        if activation is None or activation[0] in _PROBABILITIES:
            return None
        function, parameters = activation
        if function == "linear":
            return source
        channels = self.found.channels(source)
        if function == "relu":
            return self.found.op(name, "relu", [source], channels)
        return self.found.op(name, "activation", [source], channels, function=function, parameters=parameters)

    def _pool(self, kind: Any, name: str, config: dict[str, Any], source: str) -> str | None:
        shape = _window(config, config["pool_size"])
        if shape is None or len(set(config["pool_size"])) > 1:
            return None
        shape["kernel"] = config["pool_size"][0]
        return self.found.op(name, kind, [source], self.found.channels(source), **shape)

    def _free(self, name: str) -> str:
        """The name, numbered if another layer, of a model inside of the model or in another call, took it."""
        number, free = 1, name
        while free in self.found or free in self._vectors:
            free = f"{name}_{number}"
            number += 1
        return free


def _calls(graph: Any) -> Iterator[Any]:
    """The calls of layers that make up a model, each behind those whose results it takes."""
    places = {id(operation): place for place, operation in enumerate(graph.operations)}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        nodes = (node for node in graph._nodes_by_depth[depth] if not node.is_input)
        yield from sorted(nodes, key=lambda node: places[id(node.operation)])


def _kind(layer: Any) -> str:
    """What a layer is, with the settings that keep it from being understood."""
    config = layer.get_config()
    unusual = {
        "activation": config.get("activation") not in ("linear", None) and _activation("Activation", config) is None,
        "dilation_rate": set(np.ravel(config.get("dilation_rate", 1))) != {1},
        "groups": config.get("groups", 1) != 1,
        "depth_multiplier": config.get("depth_multiplier", 1) != 1,
        "data_format": config.get("data_format") == "channels_first",
    }
    said = [f"{key} {config[key]}" for key, is_so in unusual.items() if is_so]
    return ", ".join([type(layer).__name__, *said])


def _activation(kind: str, config: Mapping[str, Any]) -> tuple[str, list[float]] | None:
    """An activation's name in topologies and its parameters; None when it is not known."""
    match kind:
        case "Softmax":
            return "softmax", []
        case "LeakyReLU":
            return "leaky_relu", [float(config["negative_slope"])]
        case "ELU":
            return "elu", [float(config["alpha"])]
        case "ReLU":
            if config["threshold"] or config["max_value"] not in (None, 6, 6.0):
                return None
            if config["negative_slope"]:
                return None if config["max_value"] else ("leaky_relu", [float(config["negative_slope"])])
            return ("relu6" if config["max_value"] else "relu"), []
    name = config.get("activation") or "linear"
    if name in ("linear", "relu", *_PROBABILITIES):
        return name, []
    return _ACTIVATIONS.get(name) if isinstance(name, str) else None


def _affine(layer: Any, config: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """Factor and offset, (channels,) or (1,), of a layer that computes x · factor + offset; None for other axes."""
    match type(layer).__name__:
        case "Rescaling":
            scale, offset = np.broadcast_arrays(np.ravel(config["scale"]), np.ravel(config["offset"]))
            return scale.astype(np.float64), offset.astype(np.float64)
        case "Normalization":
            if config["invert"] or config["axis"] not in ([3], [-1], (3,), (-1,), 3, -1):
                return None
            mean, variance = (np.ravel(np.asarray(v, np.float64)) for v in (layer.mean, layer.variance))
            factor = 1 / np.maximum(np.sqrt(variance), 1e-7)
            return factor, -mean * factor
    if config["axis"] not in (1, 3, -1) or (config["axis"] == 1 and layer.input_spec.ndim != 2):
        return None
    mean, variance = (np.asarray(w, np.float64) for w in (layer.moving_mean, layer.moving_variance))
    gamma = np.asarray(layer.gamma, np.float64) if layer.scale else np.ones_like(mean)
    beta = np.asarray(layer.beta, np.float64) if layer.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + layer.epsilon)
    return factor, beta - mean * factor


def _window(config: Mapping[str, Any], sides: Any) -> dict[str, Any] | None:
    """Stride and padding; None for what topologies do not know: only kernels of stride 1, padded, may be oblong."""
    strides = set(config["strides"])
    square = len(set(sides)) == 1
    plain = set(config.get("dilation_rate", (1, 1))) == {1} and len(strides) == 1
    if not plain or not (square or (strides == {1} and config["padding"] == "same")):
        return None
    return {"stride": strides.pop(), "padding": config["padding"]}


def _padding(config: Mapping[str, Any]) -> list[int] | None:
    """Rows and columns of zeros before and after; None when they differ."""
    rows, columns = (list(sides) for sides in config["padding"])
    return rows if rows == columns else None
