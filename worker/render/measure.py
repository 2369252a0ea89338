"""Statistics of whole pictures, gathered tile by tile: what styles and contents are described by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from worker.networks.network import Network
from worker.render.objectives import Statistic
from worker.render.recipe import FloatArray, Interrupt
from worker.render.tiles import (
    CELLS,
    MAP,
    WINDOW,
    Canvas,
    Maps,
    Region,
    owned_activations,
    owned_cells,
    statistics_of,
    tiles_of,
)


def means(
    network: Network, statistics: tuple[Statistic, ...], picture: FloatArray, canvas: Canvas, interrupt: Interrupt
) -> list[FloatArray]:
    """Statistics (without reference maps) of `picture` (H, W, 3), divided by the number of cells."""
    found = sums(network, statistics, picture, [None] * len(statistics), canvas, interrupt)
    return [s / count for s, count in zip(found, canvas.counts(network, statistics), strict=True)]


def features(
    network: Network, layers: tuple[str, ...], picture: FloatArray, canvas: Canvas, interrupt: Interrupt
) -> list[FloatArray]:
    """Activations (1, h, w, C) of the layers for the whole `picture` (H, W, 3), gathered from tiles."""
    height, width = picture.shape[:2]
    graph = network.graph
    maps = [
        np.empty((1, graph.length(layer, height), graph.length(layer, width), graph.channels(layer)), np.float32)
        for layer in layers
    ]
    for row, column in canvas.tiles:
        interrupt()
        window = tf.constant(picture[row.start : row.stop, column.start : column.stop])
        cells = owned_cells(network, [Region(layer) for layer in layers], row, column, canvas)
        for layer, assembled, part in zip(layers, maps, _owned_features(network, layers)(window, cells), strict=True):
            stride = graph.fields[layer].stride
            top, left = row.own_start // stride, column.own_start // stride
            assembled[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    return maps


def sums(
    network: Network,
    statistics: tuple[Statistic, ...],
    picture: FloatArray,
    maps: Maps,
    canvas: Canvas,
    interrupt: Interrupt,
) -> list[FloatArray]:
    """The statistics' sums over all cells of the picture."""
    measure = _measure(network, statistics)
    parts = [
        [s.numpy() for s in measure(*tile.inputs)]
        for tile in tiles_of(network, statistics, picture, maps, canvas, interrupt)
    ]
    return [np.sum(column, axis=0, dtype=np.float32) for column in zip(*parts, strict=True)]


@lru_cache(maxsize=32)
def _measure(network: Network, statistics: tuple[Statistic, ...]) -> Any:
    """(window, cells, maps) → statistics, compiled."""

    def measure(window: Any, cells: Any, maps: Sequence[Any]) -> Any:
        return statistics_of(network, statistics, window, cells, maps)

    return tf.function(measure, input_signature=(WINDOW, CELLS, [MAP] * len(statistics)), autograph=False)


@lru_cache(maxsize=32)
def _owned_features(network: Network, layers: tuple[str, ...]) -> Any:
    """(window, cells) → the owned activations of each layer, compiled."""

    def owned_features(window: Any, cells: Any) -> Any:
        return list(owned_activations(network, [Region(layer) for layer in layers], window, cells).values())

    return tf.function(owned_features, input_signature=(WINDOW, CELLS), autograph=False)
