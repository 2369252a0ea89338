"""Statistics of whole pictures, gathered tile by tile: what styles and contents are described by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from worker.networks.network import Network
from worker.render.crew import crew
from worker.render.objectives import Statistic
from worker.render.programs import tile_program
from worker.render.recipe import FloatArray, Interrupt
from worker.render.tiles import Canvas, Maps, Tile, regions_of, tiles_of


def means(
    network: Network,
    statistics: tuple[Statistic, ...],
    picture: FloatArray,
    canvas: Canvas,
    interrupt: Interrupt,
    maps: Maps | None = None,
) -> list[FloatArray]:
    """Statistics of `picture` (H, W, 3), divided by the number of cells; `maps` are their references, if they have any."""
    found = sums(network, statistics, picture, maps or [None] * len(statistics), canvas, interrupt)
    return [s / count for s, count in zip(found, canvas.counts(network, statistics), strict=True)]


def features(
    network: Network, layers: tuple[str, ...], picture: FloatArray, canvas: Canvas, interrupt: Interrupt
) -> list[FloatArray]:
    """Activations (1, h, w, C) of the layers, each named once, for the whole `picture` (H, W, 3), gathered from tiles."""
    graph = network.graph
    statistics = tuple(Statistic(layer, "sum") for layer in layers)
    maps = [
        np.empty(
            (1, graph.length(layer, canvas.height), graph.length(layer, canvas.width), graph.channels(layer)),
            np.float32,
        )
        for layer in layers
    ]

    def look(tile: Tile, device: str) -> tuple[Tile, list[FloatArray]]:
        return tile, tile_program(network, statistics, canvas, device).features(tile)

    tiles = tiles_of(network, regions_of(statistics), picture, canvas)
    for tile, parts in crew().each(look, tiles, interrupt):
        for layer, assembled, part in zip(layers, maps, parts, strict=True):
            stride = graph.fields[layer].stride
            top, left = tile.row.own_start // stride, tile.column.own_start // stride
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

    def measure(tile: Tile, device: str) -> list[FloatArray]:
        return tile_program(network, statistics, canvas, device).values(tile)

    tiles = tiles_of(network, regions_of(statistics), picture, canvas, statistics, maps)
    return summed(crew().each(measure, tiles, interrupt))


def summed(parts: Iterable[list[FloatArray]]) -> list[FloatArray]:
    """Statistics added up over tiles, in their order."""
    totals: list[FloatArray] = []
    for part in parts:
        totals = (
            [a + b for a, b in zip(totals, part, strict=True)] if totals else [np.array(s, np.float64) for s in part]
        )
    return [np.asarray(total, np.float32) for total in totals]
