"""Networks to hold the renderer against: the package's own, and published ones with random weights.

Of each there are two: as the renderer has it, and written or loaded without any of the renderer's code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests import topologies
from tests.reference.motifnet import motifnet as plain_motifnet
from worker.networks import load
from worker.networks.from_keras import from_keras
from worker.networks.network import Network

#: All layers (1, h, w, C) that can be asked for, for a picture (1, H, W, 3) in 0–255.
Layers = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Pair:
    """One network, twice."""

    network: Network
    layers: Layers
    #: Pixels that the sides of a canvas are multiples of, for any of the layers asked for.
    stride: int


@cache
def motifnet() -> Pair:
    """The package's own network."""
    return Pair(load("motifnet", folder=Path()), plain_motifnet, 32)


@cache
def inception5h(width: float = 0.25) -> Pair:
    """The published graph with random weights; its layers come from TensorFlow, LRN and all."""
    definition = topologies.inception5h_graph(width).as_graph_def()

    def imported(rgb: Any) -> Any:
        return tf.import_graph_def(definition, {"input": rgb - 117.0}, name="")

    wrapped = tf.compat.v1.wrap_function(imported, [tf.TensorSpec((1, None, None, 3), tf.float32)])
    names = ("mixed4c", "mixed4d_3x3_bottleneck_pre_relu", "mixed5b")
    pruned = wrapped.prune(wrapped.inputs, {name: wrapped.graph.get_tensor_by_name(f"{name}:0") for name in names})
    return Pair(topologies.inception5h(width), pruned, 16)


@cache
def inception_v3() -> Pair:
    """Keras' own model, and what the importer makes of it. Pictures are in −1 to 1 there."""
    import keras

    model = topologies.keras_model("InceptionV3")
    found = from_keras(model, "signed")
    # Auto-named from 0: what the recipe calls activation_41.
    names = ("activation_40", "mixed4", "mixed5", "mixed6", "mixed7")
    part = keras.Model(model.inputs, {name: model.get_layer(name).output for name in names})
    return Pair(topologies.network_of(found, "inception_v3", "mixed4"), lambda rgb: part(rgb / 127.5 - 1), 16)
