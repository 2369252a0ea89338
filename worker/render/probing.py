"""How wrong fast tiles are: their gradient against the exact one, on a piece of the picture with seams both ways."""

from __future__ import annotations

import numpy as np

from shared.tiles import Reach, Span, cut, round_up
from worker.networks.network import Network
from worker.render.gradients import Engine, program
from worker.render.objectives import Statistic, WeightedSum
from worker.render.recipe import FloatArray, Interrupt
from worker.render.tiles import Canvas


def halo_error(
    network: Network,
    layers: tuple[str, ...],
    picture: FloatArray,
    tile: int,
    exact: Reach,
    used: Reach,
    interrupt: Interrupt,
) -> float:
    """The mean absolute error of the gradient, relative to its mean absolute value.

    It is that of the layers' mean squares, by the middle of `picture` (H, W, 3), 0–255, as far as two tiles of `tile`
    pixels reach; with the halos of `used` against those of `exact`.
    """
    rows, columns = (_middle(side, tile, used) for side in picture.shape[:2])
    piece = picture[rows, columns]
    objective = WeightedSum(tuple(Statistic(layer, "squares") for layer in layers))
    weights = [1 / network.graph.channels(layer) for layer in layers]

    def gradient(reach: Reach) -> FloatArray:
        canvas = Canvas(_halves(piece.shape[0], reach), _halves(piece.shape[1], reach))
        engine = Engine(program(network, objective), canvas)
        return engine.gradient(piece, weights, [None] * len(layers), interrupt)[1]

    right = gradient(exact)
    error = np.abs(gradient(used) - right).mean(dtype=np.float64)
    return float(error / max(np.abs(right).mean(dtype=np.float64), 1e-30))


def _middle(side: int, tile: int, reach: Reach) -> slice:
    length = min(round_up(2 * tile, reach.stride), side // reach.stride * reach.stride)
    start = (side - length) // 2
    return slice(start, start + length)


def _halves(length: int, reach: Reach) -> tuple[Span, ...]:
    return cut(length, round_up(-(-(length + reach.halo_left + reach.halo_right) // 2), reach.stride), reach)
