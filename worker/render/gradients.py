"""The gradient of an objective with respect to a picture of any size, tile by tile, equal to the whole picture's.

A tile's gradient reaches over its whole input, halo included, and is added into the picture's gradient: each pixel gets
everything that the cells around it say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from worker.networks.network import Network
from worker.render.measure import sums
from worker.render.objectives import Objective
from worker.render.recipe import FloatArray, Interrupt
from worker.render.tiles import CELLS, MAP, WINDOW, Canvas, Maps, statistics_of, tiles_of

COUNTS = tf.TensorSpec((None,), tf.float32)
ANY = tf.TensorSpec(None, tf.float32)


@dataclass(frozen=True, eq=False)
class Program:
    """The compiled functions of one network and objective."""

    network: Network
    objective: Objective

    @cached_property
    def pull(self) -> Any:
        """(window, cells, maps, derivatives by the statistics) → statistics, gradient by the window."""

        def pull(window: Any, cells: Any, maps: Sequence[Any], derivatives: Sequence[Any]) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(window)
                statistics = statistics_of(self.network, self.objective.statistics, window, cells, maps)
                total = tf.add_n([tf.reduce_sum(s * d) for s, d in zip(statistics, derivatives, strict=True)])
            return statistics, tape.gradient(total, window)

        count = len(self.objective.statistics)
        return tf.function(pull, input_signature=(WINDOW, CELLS, [MAP] * count, [ANY] * count), autograph=False)

    @cached_property
    def whole(self) -> Any:
        """(window, cells, maps, counts, parameters) → loss, gradient by the window: for a picture of one tile."""

        def whole(window: Any, cells: Any, maps: Sequence[Any], counts: Any, parameters: Sequence[Any]) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(window)
                statistics = statistics_of(self.network, self.objective.statistics, window, cells, maps)
                loss = self._loss(statistics, counts, parameters)
            return loss, tape.gradient(loss, window)

        maps, parameters = [MAP] * len(self.objective.statistics), [ANY] * self.objective.parameter_count
        return tf.function(whole, input_signature=(WINDOW, CELLS, maps, COUNTS, parameters), autograph=False)

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
            found, gradient = self._pull(picture, maps, derivatives, interrupt)
            return sum(float(d) * float(s) for d, s in zip(derivatives, found, strict=True)), gradient
        if len(self.canvas.tiles) == 1:
            (tile,) = tiles_of(network, objective.statistics, picture, maps, self.canvas, interrupt)
            loss, part = self.program.whole(*tile.inputs, counts, parameters)
            return float(loss), np.array(part)
        found = sums(network, objective.statistics, picture, maps, self.canvas, interrupt)
        loss, derivatives = self.program.derive([tf.constant(s) for s in found], counts, parameters)
        return float(loss), self._pull(picture, maps, derivatives, interrupt)[1]

    def _pull(
        self, picture: FloatArray, maps: Maps, derivatives: Sequence[Any], interrupt: Interrupt
    ) -> tuple[list[FloatArray], FloatArray]:
        """The statistics' sums, and the gradient assembled from the tiles'."""
        network, statistics = self.program.network, self.program.objective.statistics
        gradient = np.zeros_like(picture)
        totals = [np.zeros(d.shape, np.float32) for d in derivatives]
        for tile in tiles_of(network, statistics, picture, maps, self.canvas, interrupt):
            found, part = self.program.pull(*tile.inputs, derivatives)
            if len(self.canvas.tiles) == 1:
                return [s.numpy() for s in found], np.array(part)
            gradient[tile.row.start : tile.row.stop, tile.column.start : tile.column.stop] += part.numpy()
            totals = [a + b.numpy() for a, b in zip(totals, found, strict=True)]
        return totals, gradient
