"""The gradient of an objective with respect to a picture of any size, tile by tile, equal to the whole picture's.

A tile's gradient reaches over its whole input, halo included, and is added into the picture's gradient: each pixel gets
everything that the cells around it say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from worker.networks.network import Network
from worker.render.crew import crew
from worker.render.measure import summed, sums
from worker.render.objectives import Objective
from worker.render.programs import ANY, COUNTS, Kept, TileProgram, means_of, tile_program
from worker.render.recipe import FloatArray, Interrupt
from worker.render.tiles import Canvas, Maps, Tile, add_window, regions_of, tiles_of


@dataclass(frozen=True, eq=False)
class Program:
    """A network and what is wanted of it."""

    network: Network
    objective: Objective

    def derive(
        self, statistics: Sequence[Any], counts: FloatArray, parameters: Sequence[Any]
    ) -> tuple[float, list[FloatArray]]:
        """The loss, and its derivatives by the statistics."""
        with tf.device(crew().main):
            values = [tf.constant(s, tf.float32) for s in statistics]
            loss, derivatives = self._derive(
                values, tf.constant(counts), [tf.constant(p, tf.float32) for p in parameters]
            )
        return float(loss), [d.numpy() for d in derivatives]

    @cached_property
    def _derive(self) -> Any:
        def derive(statistics: Sequence[Any], counts: Any, parameters: Sequence[Any]) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(statistics)
                loss = self.objective.loss(means_of(statistics, counts), parameters)
            return loss, tape.gradient(loss, statistics)

        statistics, parameters = [ANY] * len(self.objective.statistics), [ANY] * self.objective.parameter_count
        return tf.function(derive, input_signature=(statistics, COUNTS, parameters), autograph=False)


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
        self,
        picture: FloatArray,
        parameters: Sequence[Any],
        maps: Maps,
        interrupt: Interrupt,
        *,
        shift: tuple[int, int] = (0, 0),
    ) -> tuple[float, FloatArray]:
        """The objective's value at `picture` (H, W, 3), and its gradient, a new array of the same shape.

        With a `shift`, both are those of np.roll(picture, shift, (0, 1)); the gradient is rolled back.
        """
        network, objective = self.program.network, self.program.objective
        counts = self.canvas.counts(network, objective.statistics)
        tiles = tiles_of(
            network, regions_of(objective.statistics), picture, self.canvas, objective.statistics, maps, shift
        )
        if objective.linear:
            # The derivative is the same everywhere, so one pass over the tiles is enough.
            _, derivatives = self.program.derive([np.float32(0)] * len(objective.statistics), counts, parameters)
            found, gradient = self._pull(picture, tiles, derivatives, shift, interrupt)
            return sum(float(d) * float(s) for d, s in zip(derivatives, found, strict=True)), gradient
        if self.canvas.keep or len(self.canvas.tiles) == 1:
            descend = self._kept if len(self.canvas.tiles) > 1 else self._at_once
            loss, parts = descend(tiles, counts, parameters, interrupt)
            return loss, _assembled(picture, parts, shift)
        if any(shift):
            raise ValueError("pictures are shifted for dreams only")
        found = sums(network, objective.statistics, picture, maps, self.canvas, interrupt)
        loss, derivatives = self.program.derive(found, counts, parameters)
        return loss, self._pull(picture, tiles, derivatives, shift, interrupt)[1]

    def _pull(
        self,
        picture: FloatArray,
        tiles: Iterable[Tile],
        derivatives: Sequence[FloatArray],
        shift: tuple[int, int],
        interrupt: Interrupt,
    ) -> tuple[list[FloatArray], FloatArray]:
        """The statistics' sums, and the gradient assembled from the tiles'."""
        found: list[list[FloatArray]] = []

        def pull(tile: Tile, device: str) -> tuple[Tile, list[FloatArray], FloatArray]:
            return tile, *self._compiled(device).gradient(tile, derivatives)

        def parts() -> Iterator[tuple[Tile, FloatArray]]:
            for tile, values, part in crew().each(pull, tiles, interrupt):
                found.append(values)
                yield tile, part

        gradient = _assembled(picture, parts(), shift)
        return summed(found), gradient

    def _at_once(
        self, tiles: Iterable[Tile], counts: FloatArray, parameters: Sequence[Any], interrupt: Interrupt
    ) -> tuple[float, Iterable[tuple[Tile, FloatArray]]]:
        """The loss of a picture that is one tile, and the tile's gradient."""

        def descend(tile: Tile, device: str) -> tuple[Tile, float, FloatArray]:
            return tile, *self._compiled(device).descent(tile, self.program.objective, counts, parameters)

        ((tile, loss, part),) = crew().each(descend, tiles, interrupt)
        return loss, [(tile, part)]

    def _kept(
        self, tiles: Iterable[Tile], counts: FloatArray, parameters: Sequence[Any], interrupt: Interrupt
    ) -> tuple[float, Iterable[tuple[Tile, FloatArray]]]:
        """The loss, and the tiles' gradients, with every tile's activations kept: nothing is computed twice."""

        def begin(tile: Tile, device: str) -> Kept:
            return self._compiled(device).begin(tile)

        kept = list(crew().each(begin, tiles, interrupt))
        loss, derivatives = self.program.derive(
            summed([s.numpy() for s in tile.statistics] for tile in kept), counts, parameters
        )

        def pull(tile: Kept, _device: str) -> tuple[Tile, FloatArray]:
            return tile.tile, tile.gradient(derivatives)

        return loss, crew().each(pull, kept, interrupt)

    def _compiled(self, device: str) -> TileProgram:
        return tile_program(self.program.network, self.program.objective.statistics, self.canvas, device)


def _assembled(picture: FloatArray, parts: Iterable[tuple[Tile, FloatArray]], shift: tuple[int, int]) -> FloatArray:
    """The gradient of `picture` (H, W, 3), rolled back, from those of tiles by their windows."""
    gradient = np.zeros_like(picture)
    for tile, part in parts:
        add_window(gradient, part, tile.row, tile.column, shift)
    return gradient
