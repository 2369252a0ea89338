"""Makes the bundled files of motifnet from a trained Keras model.

    python -m worker.networks.motifnet.convert model.keras photo.jpg another.jpg …

writes `motifnet.safetensors` (float16, batch normalisation folded into the convolutions) and `topology.json` beside
this file, and the card for `shared/cards`. The channels are made equally loud over the given pictures.
The model's layers are convolution, batch normalisation, ReLU, pooling and concatenation, then a global average,
drop-out and one dense layer whose outputs are the motifs of the `motifs.txt` beside the model, if there is one.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image
from safetensors.numpy import save

from worker.networks.collect import FloatArray
from worker.networks.describe import describe
from worker.networks.from_keras import from_keras
from worker.networks.graph import Graph
from worker.networks.motifnet.equalise import equalised
from worker.networks.network import Network

HERE = Path(__file__).parent
#: What is taken off each logit, in means of all logits. It makes no class likelier, but what raises all of them alike,
#: whatever the motif, would take dreams of one over.
APART = 0.6
CARD = HERE.parents[2] / "shared" / "cards" / "motifnet.json"

FACTS = {
    "name": "motifnet",
    "licence": "Apache-2.0",
    "min_size": 32,
    "objective": "mixed4c",
    "logits": "logits",
}


def main(path: str, pictures: list[str]) -> None:
    """Converts the model at `path`; `pictures` are what its channels' strengths are measured on."""
    beside = Path(path).with_name("motifs.txt")
    names = (beside if beside.exists() else HERE / "motifs.txt").read_text().split()
    network, topology = converted(keras.models.load_model(path, compile=False), names)
    weights = set_apart(equalised(network, [_read(p) for p in pictures]), network.card.logits or "logits")
    data = save({name: np.ascontiguousarray(w, np.float16) for name, w in weights.items()})
    topology["digest"] = hashlib.sha256(data).hexdigest()
    (HERE / "motifnet.safetensors").write_bytes(data)
    (HERE / "topology.json").write_text(json.dumps(topology, indent=1) + "\n")
    (HERE / "motifs.txt").write_text(" ".join(names) + "\n")
    CARD.write_text(describe(topology).model_dump_json(indent=1) + "\n")


def converted(model: Any, names: list[str]) -> tuple[Network, dict[str, Any]]:
    """The network of a Keras model whose classes are `names`, and its topology. Raises SystemExit with what is odd."""
    found = from_keras(model, "raw")
    if found.notes:
        raise SystemExit("; ".join(found.notes))
    ops = [op | {"name": _name(op["name"]), "inputs": [_name(i) for i in op["inputs"]]} for op in found.ops]
    topology: dict[str, Any] = FACTS | {
        "summary": f"A small Inception network that knows {len(names)} drawn motifs; trained by this project, "
        "robust to small changes",
        "digest": "",
        "mean": found.mean,
        "scale": found.scale,
        "channel_names": {found.logits: names},
        "ops": ops,
    }
    card = describe(topology)
    weights = {"/".join((_name(op), part)): found.weights[f"{op}/{part}"] for op, part in _keys(found.weights)}
    return Network(Graph.from_json(ops), card, weights, "", card.mean, card.scale), topology


def set_apart(weights: Mapping[str, FloatArray], logits: str) -> dict[str, FloatArray]:
    """Weights of the same network with `APART` of the mean of all logits taken off each: the same probabilities.

    The last side of the logits' kernel, and the only one of their bias, are the classes.
    """
    apart = {key: weights[key] for key in (f"{logits}/kernel", f"{logits}/bias")}
    return dict(weights) | {key: array - APART * array.mean(axis=-1, keepdims=True) for key, array in apart.items()}


def _read(path: str) -> FloatArray:
    """A picture (H, W, 3) in 0–255, without its last row or column where its sides are odd: strides want even ones."""
    rgb = np.asarray(Image.open(path).convert("RGB"), np.float32)
    return rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]


def _name(keras_name: str) -> str:
    """Keras' `x_conv` under the name that people dream with, `x_pre_relu`; other names as they are."""
    name = keras_name.removesuffix("_conv")
    return keras_name if name == keras_name else f"{name}_pre_relu"


def _keys(weights: dict[str, FloatArray]) -> list[list[str]]:
    return [key.split("/") for key in weights]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
