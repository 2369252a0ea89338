"""Tiles: which cells of the layers a tile owns, and what it needs to see for them.

A tile owns cells of the layers, not pixels. Statistics are sums over owned cells, so each cell counts once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from shared.plan import OctavePlan
from shared.tiles import Span
from worker.networks.network import Network
from worker.render.objectives import Statistic
from worker.render.recipe import FloatArray, Interrupt

#: Reference activations (1, h, w, C) of the whole picture for each statistic, or None where it needs none.
Maps = Sequence[FloatArray | None]

# Shapes are left open: one trace serves all sizes of tiles.
WINDOW = tf.TensorSpec((None, None, 3), tf.float32)
CELLS = tf.TensorSpec((None, 4), tf.int32)
MAP = tf.TensorSpec((1, None, None, None), tf.float32)

#: Stands for the reference map of statistics that need none.
NO_MAP = np.zeros((1, 0, 0, 0), np.float32)


@dataclass(frozen=True)
class Canvas:
    """A picture's size in pixels and how it is cut."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @classmethod
    def of(cls, octave: OctavePlan) -> Canvas:
        """The canvas of an octave."""
        return cls(octave.rows, octave.columns)

    @property
    def tiles(self) -> list[tuple[Span, Span]]:
        """The tiles, row by row."""
        return [(row, column) for row in self.rows for column in self.columns]

    def counts(self, network: Network, statistics: Sequence[Statistic]) -> FloatArray:
        """The number of cells that each statistic is a sum over."""
        height, width = self.rows[-1].stop, self.columns[-1].stop
        length = network.graph.length
        return np.array([length(s.layer, height) * length(s.layer, width) for s in statistics], np.float32)


@dataclass(frozen=True)
class Region:
    """The cells of a layer, but for a border of so many at each side of the whole picture."""

    layer: str
    border: int = 0


@dataclass(frozen=True, eq=False)
class Tile:
    row: Span
    column: Span
    #: Window (h, w, 3), its owned cells of each region, and the owned part of each reference map.
    inputs: tuple[Any, Any, list[Any]]


def tiles_of(
    network: Network,
    statistics: Sequence[Statistic],
    picture: FloatArray,
    maps: Maps,
    canvas: Canvas,
    interrupt: Interrupt,
) -> Iterator[Tile]:
    """The canvas' tiles; `interrupt` is called before each."""
    for row, column in canvas.tiles:
        interrupt()
        references = []
        for statistic, reference in zip(statistics, maps, strict=True):
            if reference is None:
                references.append(tf.constant(NO_MAP))
            else:
                stride = network.graph.fields[statistic.layer].stride
                rows = slice(row.own_start // stride, row.own_stop // stride)
                columns = slice(column.own_start // stride, column.own_stop // stride)
                references.append(tf.constant(reference[:, rows, columns]))
        window = tf.constant(picture[row.start : row.stop, column.start : column.stop])
        yield Tile(row, column, (window, owned_cells(network, _regions(statistics), row, column, canvas), references))


def _regions(statistics: Sequence[Statistic]) -> list[Region]:
    return list(dict.fromkeys(Region(s.layer, s.border) for s in statistics))


def owned_cells(network: Network, regions: Sequence[Region], row: Span, column: Span, canvas: Canvas) -> Any:
    """For each region: top, bottom, left and right of the cells that a tile owns, counted from its window's corner."""
    found = []
    for region in regions:
        stride = network.graph.fields[region.layer].stride
        for span, pixels in ((row, canvas.rows[-1].stop), (column, canvas.columns[-1].stop)):
            last = network.graph.length(region.layer, pixels) - region.border
            first_cell = max(span.own_start // stride, region.border)
            last_cell = max(min(span.own_stop // stride, last), first_cell)
            found += [first_cell - span.start // stride, last_cell - span.start // stride]
    return tf.constant(np.array(found, np.int32).reshape(len(regions), 4))


def statistics_of(
    network: Network, statistics: Sequence[Statistic], window: Any, cells: Any, maps: Sequence[Any]
) -> list[Any]:
    """Statistics over a window's (h, w, 3) owned cells of each region."""
    activations = owned_activations(network, _regions(statistics), window, cells)
    return [s.of(activations[Region(s.layer, s.border)], m) for s, m in zip(statistics, maps, strict=True)]


def owned_activations(network: Network, regions: Sequence[Region], window: Any, cells: Any) -> dict[Region, Any]:
    activations = network.activations(window[None], list(dict.fromkeys(region.layer for region in regions)))
    owned = {}
    for i, region in enumerate(regions):
        top, bottom, left, right = tf.unstack(cells[i])
        owned[region] = activations[region.layer][:, top:bottom, left:right]
    return owned
