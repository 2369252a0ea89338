"""Makes all channels of a network equally loud, without changing what it computes.

A ReLU commutes with positive factors, so a channel can be divided by its own strength if the next convolutions multiply
it back. The classes stay the same to rounding; but a dream on a whole layer then follows all of its channels, where
otherwise a few loud ones take the picture over, and Gram matrices weigh all channels of a style alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.networks.network import Network

FloatArray = NDArray[np.float32]

#: A channel is made louder at most by what brings one of this share of its layer's mean strength up to it.
QUIETEST = 0.02


def equalised(network: Network, pictures: Iterable[FloatArray]) -> dict[str, FloatArray]:
    """Weights with which every ReLU's channels have root mean square 1 over `pictures`, each (H, W, 3) in 0–255."""
    graph = network.graph
    strengths = _strengths(network, pictures)
    weights = dict(network.weights)
    factors: dict[str, FloatArray] = {"input": np.ones(3, np.float32)}
    for op in graph.ops:
        match op.kind:
            case "conv":
                own = strengths.get(op.name, np.ones(op.channels, np.float32))
                weights[f"{op.name}/kernel"] = weights[f"{op.name}/kernel"] * factors[op.inputs[0]][:, None] / own
                weights[f"{op.name}/bias"] = weights[f"{op.name}/bias"] / own
                factors[op.name] = own
            case "concat":
                factors[op.name] = np.concatenate([factors[name] for name in op.inputs])
            case _:
                factors[op.name] = factors[op.inputs[0]]
    return weights


def _strengths(network: Network, pictures: Iterable[FloatArray]) -> Mapping[str, FloatArray]:
    """Root mean square of each ReLU's channels, by the name of the convolution that feeds it."""
    relus = [op for op in network.graph.ops if op.kind == "relu"]
    energies: dict[str, list[FloatArray]] = {op.inputs[0]: [] for op in relus}
    for picture in pictures:
        activations = network.activations(tf.constant(picture[None], tf.float32), [op.name for op in relus])
        for op in relus:
            energies[op.inputs[0]].append(np.square(activations[op.name].numpy()).mean((0, 1, 2)))
    strengths = {name: np.sqrt(np.mean(energy, axis=0)) for name, energy in energies.items()}
    return {name: np.maximum(s, QUIETEST * s.mean()).astype(np.float32) for name, s in strengths.items()}
