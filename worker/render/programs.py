"""The compiled functions of one tile: statistics of its owned cells, and the gradient of any function of them.

One trace serves all tiles, octaves and pictures of a job, and all jobs of its kind: shapes are left open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import tensorflow as tf

from worker.networks.cropping import cropping
from worker.networks.network import Network, cut_out
from worker.render.objectives import Objective, Statistic
from worker.render.recipe import FloatArray
from worker.render.tiles import Canvas, Region, Tile, layers_of, regions_of

WINDOW = tf.TensorSpec((None, None, 3), tf.float32)
#: Top, bottom, left and right.
SIDES = tf.TensorSpec((None, 4), tf.int32)
MAP = tf.TensorSpec((1, None, None, None), tf.float32)
ANY = tf.TensorSpec(None, tf.float32)
#: How many cells each statistic is a sum over.
COUNTS = tf.TensorSpec((None,), tf.float32)


@dataclass(frozen=True, eq=False)
class TileProgram:
    """What is computed of a tile on the device of `network`."""

    network: Network
    statistics: tuple[Statistic, ...]
    #: Whether windows are cropped on the way down; a picture of one tile has no halo to cut.
    cropped: bool

    def values(self, tile: Tile) -> list[FloatArray]:
        """The statistics of the tile's owned cells."""
        return [s.numpy() for s in self._values(*self._inputs(tile))]

    def gradient(self, tile: Tile, derivatives: Sequence[Any]) -> tuple[list[FloatArray], FloatArray]:
        """The statistics, and Σ derivative · statistic derived by the tile's window (h, w, 3)."""
        with tf.device(self.network.device):
            statistics, gradient = self._pull(*self._inputs(tile), [tf.constant(d) for d in derivatives])
        return [s.numpy() for s in statistics], gradient.numpy()

    def descent(
        self, tile: Tile, objective: Objective, counts: FloatArray, parameters: Sequence[Any]
    ) -> tuple[float, FloatArray]:
        """The loss of a picture that is one tile, and its gradient (h, w, 3)."""
        with tf.device(self.network.device):
            given = tf.constant(counts), [tf.constant(p, tf.float32) for p in parameters]
            loss, gradient = _descent(self, objective)(*self._inputs(tile), *given)
        return float(loss), gradient.numpy()

    def begin(self, tile: Tile) -> Kept:
        """The statistics, with all that `Kept.gradient` needs kept on the device."""
        window, *others = self._inputs(tile)
        with tf.GradientTape() as tape:
            tape.watch(window)
            statistics = self._values(window, *others)
        return Kept(tile, window, tape, statistics, self.network.device)

    def features(self, tile: Tile) -> list[FloatArray]:
        """The owned activations (1, h, w, C) of each statistic's layer."""
        window, cells, trims, _ = self._inputs(tile)
        return [a.numpy() for a in self._features(window, cells, trims)]

    def _inputs(self, tile: Tile) -> tuple[Any, Any, Any, list[Any]]:
        with tf.device(self.network.device):
            window = tf.constant(tile.window)
            references = [tf.constant(reference) for reference in tile.references]
        with tf.device("/CPU:0"):
            return window, tf.constant(tile.cells), tf.constant(tile.trims), references

    @cached_property
    def _values(self) -> Callable[..., Any]:
        def values(window: Any, cells: Any, trims: Any, maps: Sequence[Any]) -> Any:
            return self.statistics_of(window, cells, trims, maps)

        return self.compiled(values, [MAP] * len(self.statistics))

    @cached_property
    def _pull(self) -> Callable[..., Any]:
        def pull(window: Any, cells: Any, trims: Any, maps: Sequence[Any], derivatives: Sequence[Any]) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(window)
                statistics = self.statistics_of(window, cells, trims, maps)
                total = tf.add_n([tf.reduce_sum(s * d) for s, d in zip(statistics, derivatives, strict=True)])
            return statistics, tape.gradient(total, window)

        count = len(self.statistics)
        return self.compiled(pull, [MAP] * count, [ANY] * count)

    @cached_property
    def _features(self) -> Callable[..., Any]:
        def features(window: Any, cells: Any, trims: Any) -> Any:
            return list(self._owned(window, cells, trims).values())

        return self.compiled(features)

    def compiled(self, function: Callable[..., Any], *further: Any) -> Callable[..., Any]:
        """A function of a tile's window, cells, trims and `further` arguments, as one program on the device."""

        def on_device(*arguments: Any) -> Any:
            with tf.device(self.network.device):
                return function(*arguments)

        signature = (WINDOW, SIDES, SIDES, *further)
        compiled: Callable[..., Any] = tf.function(on_device, input_signature=signature, autograph=False)
        return compiled

    def statistics_of(self, window: Any, cells: Any, trims: Any, maps: Sequence[Any]) -> list[Any]:
        """The statistics of a tile's owned cells, as tensors."""
        owned = self._owned(window, cells, trims)
        return [s.of(owned[Region(s.layer, s.border)], m) for s, m in zip(self.statistics, maps, strict=True)]

    def _owned(self, window: Any, cells: Any, trims: Any) -> dict[Region, Any]:
        regions = regions_of(self.statistics)
        layers = layers_of(regions)
        points = cropping(self.network.graph, layers).points if self.cropped else ()
        activations = self.network.activations(
            tf.expand_dims(window, 0), layers, {name: trims[i] for i, name in enumerate(points)}
        )
        owned = {}
        for i, region in enumerate(regions):
            activation = activations[region.layer]
            found = cut_out(activation, *tf.unstack(cells[i]))
            owned[region] = tf.ensure_shape(found, (1, None, None, activation.shape[3]))
        return owned


@dataclass(frozen=True, eq=False)
class Kept:
    """A tile whose values are known and whose activations are kept."""

    tile: Tile
    window: Any
    tape: Any
    statistics: list[Any]
    device: str

    def gradient(self, derivatives: Sequence[Any]) -> FloatArray:
        """Σ derivative · statistic derived by the tile's window (h, w, 3). May be asked for once."""
        with tf.device(self.device):
            slopes = [tf.constant(d) for d in derivatives]
            found: FloatArray = self.tape.gradient(self.statistics, self.window, output_gradients=slopes).numpy()
        return found


@lru_cache(maxsize=32)
def _descent(tile_program: TileProgram, objective: Objective) -> Callable[..., Any]:
    """Loss and gradient in one program: less is kept, and pools keep for their gradient where their maxima were."""
    count = len(objective.statistics)

    def descent(
        window: Any, cells: Any, trims: Any, maps: Sequence[Any], counts: Any, parameters: Sequence[Any]
    ) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(window)
            statistics = tile_program.statistics_of(window, cells, trims, maps)
            loss = objective.loss(means_of(statistics, counts), parameters)
        return loss, tape.gradient(loss, window)

    return tile_program.compiled(descent, [MAP] * count, COUNTS, [ANY] * objective.parameter_count)


def means_of(statistics: Sequence[Any], counts: Any) -> list[Any]:
    """Statistics divided by their numbers of cells."""
    return [s / count for s, count in zip(statistics, tf.unstack(counts, len(statistics)), strict=True)]


@lru_cache(maxsize=64)
def _program(network: Network, statistics: tuple[Statistic, ...], cropped: bool) -> TileProgram:
    return TileProgram(network, statistics, cropped)


def forget() -> None:
    """Lets go of all programs."""
    _descent.cache_clear()
    _program.cache_clear()


def tile_program(network: Network, statistics: tuple[Statistic, ...], canvas: Canvas, device: str) -> TileProgram:
    """The program for the tiles of a canvas; kept, so that the jobs of a batch are traced once."""
    return _program(network.variant(network.arithmetic, device), statistics, canvas.overlapping)
