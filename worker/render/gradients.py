"""The gradient of an objective with respect to a picture of any size, tile by tile, equal to the whole picture's.

A tile owns cells of the layers, not pixels. Its gradient reaches over its whole input, halo included, and is added
into the picture's gradient, so each cell counts once and each pixel gets everything that the cells around it say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from shared.plan import OctavePlan, Span
from worker.networks.network import Network
from worker.render.objectives import Objective, Statistic
from worker.render.recipe import FloatArray, Interrupt

#: Reference activations (1, h, w, C) of the whole picture for each statistic, or None where it needs none.
Maps = Sequence[FloatArray | None]

# Shapes are left open: one trace serves all sizes of tiles.
WINDOW = tf.TensorSpec((None, None, 3), tf.float32)
OWNED = tf.TensorSpec((4,), tf.int32)
MAP = tf.TensorSpec((1, None, None, None), tf.float32)
COUNTS = tf.TensorSpec((None,), tf.float32)
ANY = tf.TensorSpec(None, tf.float32)

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


@dataclass(frozen=True, eq=False)
class Program:
    """The compiled functions of one network and objective."""

    network: Network
    objective: Objective

    @cached_property
    def pull(self) -> Any:
        """(window, owned, maps, derivatives by the statistics) → statistics, gradient by the window."""

        def pull(window: Any, owned: Any, maps: Sequence[Any], derivatives: Sequence[Any]) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(window)
                statistics = _statistics(self.network, self.objective.statistics, window, owned, maps)
                total = tf.add_n([tf.reduce_sum(s * d) for s, d in zip(statistics, derivatives, strict=True)])
            return statistics, tape.gradient(total, window)

        count = len(self.objective.statistics)
        return tf.function(pull, input_signature=(WINDOW, OWNED, [MAP] * count, [ANY] * count), autograph=False)

    @cached_property
    def whole(self) -> Any:
        """(window, owned, maps, counts, parameters) → loss, gradient by the window: for a picture of one tile."""

        def whole(window: Any, owned: Any, maps: Sequence[Any], counts: Any, parameters: Sequence[Any]) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(window)
                statistics = _statistics(self.network, self.objective.statistics, window, owned, maps)
                loss = self._loss(statistics, counts, parameters)
            return loss, tape.gradient(loss, window)

        maps, parameters = [MAP] * len(self.objective.statistics), [ANY] * self.objective.parameter_count
        return tf.function(whole, input_signature=(WINDOW, OWNED, maps, COUNTS, parameters), autograph=False)

    @cached_property
    def derive(self) -> Any:
        """(statistics, counts, parameters) → loss, its derivatives by the statistics."""

        def derive(statistics: Sequence[Any], counts: Any, parameters: Sequence[Any]) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(statistics)
                loss = self._loss(statistics, counts, parameters)
            return loss, tape.gradient(loss, statistics)

        statistics, parameters = [ANY] * len(self.objective.statistics), [ANY] * self.objective.parameter_count
        return tf.function(derive, input_signature=(statistics, COUNTS, parameters), autograph=False)

    def _loss(self, statistics: Sequence[Any], counts: Any, parameters: Sequence[Any]) -> Any:
        means = [s / count for s, count in zip(statistics, tf.unstack(counts, len(statistics)), strict=True)]
        return self.objective.loss(means, parameters)


@lru_cache(maxsize=32)
def program(network: Network, objective: Objective) -> Program:
    """The compiled functions; kept, so that the jobs of a batch are traced once."""
    return Program(network, objective)


@dataclass(frozen=True)
class Engine:
    """The gradient of one objective on one canvas."""

    program: Program
    canvas: Canvas

    def gradient(
        self, picture: FloatArray, parameters: Sequence[Any], maps: Maps, interrupt: Interrupt
    ) -> tuple[float, FloatArray]:
        """The objective's value at `picture` (H, W, 3) and its gradient, of the same shape."""
        network, objective = self.program.network, self.program.objective
        counts = tf.constant(self.canvas.counts(network, objective.statistics))
        parameters = [tf.constant(p, tf.float32) for p in parameters]
        if objective.linear:
            # The derivative is the same everywhere, so one pass over the tiles is enough.
            _, derivatives = self.program.derive([tf.zeros(()) for _ in objective.statistics], counts, parameters)
            sums, gradient = self._pull(picture, maps, derivatives, interrupt)
            loss, _ = self.program.derive([tf.constant(s) for s in sums], counts, parameters)
            return float(loss), gradient
        if len(self.canvas.tiles) == 1:
            (tile,) = _tiles(network, objective.statistics, picture, maps, self.canvas, interrupt)
            loss, part = self.program.whole(*tile.inputs, counts, parameters)
            return float(loss), np.array(part)
        sums = _sums(network, objective.statistics, picture, maps, self.canvas, interrupt)
        loss, derivatives = self.program.derive([tf.constant(s) for s in sums], counts, parameters)
        return float(loss), self._pull(picture, maps, derivatives, interrupt)[1]

    def _pull(
        self, picture: FloatArray, maps: Maps, derivatives: Sequence[Any], interrupt: Interrupt
    ) -> tuple[list[FloatArray], FloatArray]:
        """The statistics' sums, and the gradient assembled from the tiles'."""
        network, statistics = self.program.network, self.program.objective.statistics
        gradient = np.zeros_like(picture)
        sums = [np.zeros(d.shape, np.float32) for d in derivatives]
        for tile in _tiles(network, statistics, picture, maps, self.canvas, interrupt):
            found, part = self.program.pull(*tile.inputs, derivatives)
            gradient[tile.row.start : tile.row.stop, tile.column.start : tile.column.stop] += part.numpy()
            sums = [a + b.numpy() for a, b in zip(sums, found, strict=True)]
        return sums, gradient


def means(
    network: Network, statistics: tuple[Statistic, ...], picture: FloatArray, canvas: Canvas, interrupt: Interrupt
) -> list[FloatArray]:
    """Statistics (without reference maps) of `picture` (H, W, 3), divided by the number of cells."""
    sums = _sums(network, statistics, picture, [None] * len(statistics), canvas, interrupt)
    return [s / count for s, count in zip(sums, canvas.counts(network, statistics), strict=True)]


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
        window, inside = _window(picture, row, column)
        for layer, assembled, part in zip(layers, maps, _owned_features(network, layers)(window, inside), strict=True):
            stride = graph.fields[layer].stride
            top, left = row.own_start // stride, column.own_start // stride
            assembled[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    return maps


@dataclass(frozen=True, eq=False)
class _Tile:
    row: Span
    column: Span
    #: Window (h, w, 3), its owned part in its own pixels, and the owned part of each reference map.
    inputs: tuple[Any, Any, list[Any]]


def _tiles(
    network: Network,
    statistics: Sequence[Statistic],
    picture: FloatArray,
    maps: Maps,
    canvas: Canvas,
    interrupt: Interrupt,
) -> Iterator[_Tile]:
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
        yield _Tile(row, column, (*_window(picture, row, column), references))


def _window(picture: FloatArray, row: Span, column: Span) -> tuple[Any, Any]:
    top, bottom = row.own_start - row.start, row.own_stop - row.start
    left, right = column.own_start - column.start, column.own_stop - column.start
    window = picture[row.start : row.stop, column.start : column.stop]
    return tf.constant(window), tf.constant((top, bottom, left, right), tf.int32)


def _sums(
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
        for tile in _tiles(network, statistics, picture, maps, canvas, interrupt)
    ]
    return [np.sum(column, axis=0, dtype=np.float32) for column in zip(*parts, strict=True)]


@lru_cache(maxsize=32)
def _measure(network: Network, statistics: tuple[Statistic, ...]) -> Any:
    """(window, owned, maps) → statistics, compiled."""

    def measure(window: Any, owned: Any, maps: Sequence[Any]) -> Any:
        return _statistics(network, statistics, window, owned, maps)

    return tf.function(measure, input_signature=(WINDOW, OWNED, [MAP] * len(statistics)), autograph=False)


@lru_cache(maxsize=32)
def _owned_features(network: Network, layers: tuple[str, ...]) -> Any:
    """(window, owned) → the owned activations of each layer, compiled."""

    def owned_features(window: Any, owned: Any) -> Any:
        owned_part = _owned_activations(network, layers, window, owned)
        return [owned_part[layer] for layer in layers]

    return tf.function(owned_features, input_signature=(WINDOW, OWNED), autograph=False)


def _statistics(
    network: Network, statistics: Sequence[Statistic], window: Any, owned: Any, maps: Sequence[Any]
) -> list[Any]:
    """Statistics over the owned cells of a window (h, w, 3); `owned`: top, bottom, left, right in its pixels."""
    layers = tuple(dict.fromkeys(s.layer for s in statistics))
    activations = _owned_activations(network, layers, window, owned)
    return [s.of(activations[s.layer], reference) for s, reference in zip(statistics, maps, strict=True)]


def _owned_activations(network: Network, layers: Sequence[str], window: Any, owned: Any) -> dict[str, Any]:
    activations = network.activations(window[None], layers)
    for layer in layers:
        top, bottom, left, right = tf.unstack(owned // network.graph.fields[layer].stride)
        activations[layer] = activations[layer][:, top:bottom, left:right]
    return activations
