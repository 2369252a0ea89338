"""Makes the bundled files of motifnet from a trained Keras model.

    python -m worker.networks.motifnet.convert model.keras photo.jpg another.jpg …

writes `motifnet.safetensors` (float16, batch normalisation folded into the convolutions) and `topology.json` beside
this file, and the card for `shared/cards`. The channels are made equally loud over the given pictures.
The model's layers are convolution, batch normalisation, ReLU, pooling and concatenation, then a global average,
drop-out and one dense layer whose outputs are the motifs of `motifs.txt`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save

from worker.networks.describe import describe
from worker.networks.graph import Graph
from worker.networks.motifnet.equalise import equalised
from worker.networks.network import Network

HERE = Path(__file__).parent
CARD = HERE.parents[2] / "shared" / "cards" / "motifnet.json"

FACTS = {
    "name": "motifnet",
    "summary": "A small Inception network that knows 43 drawn motifs; trained by this project, robust to small changes",
    "licence": "Apache-2.0",
    "min_size": 32,
    "objective": "mixed4c",
    "logits": "logits",
}

Weights = dict[str, NDArray[np.float32]]


class Converter:
    """Walks a Keras model and collects operations and weights under the names that people dream with."""

    def __init__(self) -> None:
        self.ops: list[dict[str, Any]] = []
        self.weights: Weights = {}
        self.mean, self.scale = [0.0, 0.0, 0.0], 1.0
        #: The operation that stands for each Keras layer's output.
        self.stands_for: dict[str, str] = {}

    def add(self, layer: Any) -> None:
        """Takes one layer. Raises ValueError for a kind of layer that motifnet does not have."""
        inputs = [self.stands_for[source] for source in _inputs(layer)]
        config = layer.get_config()
        match type(layer).__name__:
            case "InputLayer":
                name = "input"
            case "Rescaling":
                # x·s + o is (x − m)·s with m = −o / s.
                self.scale, self.mean = config["scale"], [-config["offset"] / config["scale"]] * 3
                name = inputs[0]
            case "Conv2D":
                name = config["name"].removesuffix("_conv") + "_pre_relu"
                (kernel,) = layer.get_weights()
                self._conv(name, inputs, kernel, np.zeros(kernel.shape[-1], np.float32), config["strides"][0])
            case "BatchNormalization":
                name = inputs[0]
                self._fold(name, layer.get_weights(), config["epsilon"])
            case "ReLU":
                name = config["name"]
                self._op(name, "relu", inputs, self._channels(inputs[0]))
            case "MaxPooling2D":
                name = f"{inputs[0]}_pool"
                kernel, stride = config["pool_size"][0], config["strides"][0]
                self._op(name, "max_pool", inputs, self._channels(inputs[0]), kernel=kernel, stride=stride)
            case "Concatenate":
                name = config["name"]
                self._op(name, "concat", inputs, sum(map(self._channels, inputs)))
            case "GlobalAveragePooling2D" | "Dropout":
                name = inputs[0]  # A dense layer after a mean is the mean of a 1×1 convolution.
            case "Dense":
                name = config["name"]
                matrix, bias = layer.get_weights()
                self._conv(name, inputs, matrix[None, None], bias, 1)
            case kind:
                raise ValueError(f"layer {config['name']!r} is a {kind}, which motifnet does not have")
        self.stands_for[layer.name] = name

    def _op(self, name: str, kind: str, inputs: list[str], channels: int, **shape: int) -> None:
        self.ops.append({"name": name, "kind": kind, "inputs": inputs, "channels": channels, **shape})

    def _conv(self, name: str, inputs: list[str], kernel: Any, bias: Any, stride: int) -> None:
        self._op(name, "conv", inputs, kernel.shape[-1], kernel=kernel.shape[0], stride=stride)
        self.weights |= {f"{name}/kernel": kernel, f"{name}/bias": bias}

    def _fold(self, name: str, statistics: list[Any], epsilon: float) -> None:
        gamma, beta, mean, variance = (np.asarray(s, np.float64) for s in statistics)
        factor = gamma / np.sqrt(variance + epsilon)
        self.weights[f"{name}/kernel"] = (self.weights[f"{name}/kernel"] * factor).astype(np.float32)
        self.weights[f"{name}/bias"] = ((self.weights[f"{name}/bias"] - mean) * factor + beta).astype(np.float32)

    def _channels(self, name: str) -> int:
        return next(int(op["channels"]) for op in self.ops if op["name"] == name)


def _inputs(layer: Any) -> list[str]:
    return [t._keras_history.operation.name for node in layer._inbound_nodes for t in node.input_tensors]


def main(path: str, pictures: list[str]) -> None:
    """Converts the model at `path`; `pictures` are what its channels' strengths are measured on."""
    converter = Converter()
    for layer in keras.models.load_model(path, compile=False).layers:
        converter.add(layer)
    topology = FACTS | {
        "digest": "",
        "mean": converter.mean,
        "scale": converter.scale,
        "channel_names": {"logits": (HERE / "motifs.txt").read_text().split()},
        "ops": converter.ops,
    }
    graph, card = Graph.from_json(converter.ops), describe(topology)
    network = Network(graph, card, converter.weights, "", card.mean, card.scale)
    weights = equalised(network, [np.asarray(Image.open(p).convert("RGB"), np.float32) for p in pictures])
    data = save({name: np.ascontiguousarray(w, np.float16) for name, w in weights.items()})
    topology["digest"] = hashlib.sha256(data).hexdigest()
    (HERE / "motifnet.safetensors").write_bytes(data)
    (HERE / "topology.json").write_text(json.dumps(topology, indent=1) + "\n")
    CARD.write_text(describe(topology).model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
