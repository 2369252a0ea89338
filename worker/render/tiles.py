"""Tiles: which cells of the layers a tile owns, and what it needs to see for them.

A tile owns cells of the layers, not pixels. Statistics are sums over owned cells, so each cell counts once. Networks that
pad by more than their kernels take away have more cells than a picture has pixels for: the last tile owns the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.plan import OctavePlan
from shared.tiles import Span
from worker.networks.cropping import Cropping, cropping
from worker.networks.network import Network
from worker.render.objectives import Statistic
from worker.render.recipe import FloatArray

#: Reference activations (1, h, w, C) of the whole picture for each statistic, or None where it needs none.
Maps = Sequence[FloatArray | None]
IntArray = NDArray[np.int32]

#: Stands for the reference map of statistics that need none.
NO_MAP = np.zeros((1, 0, 0, 0), np.float32)


@dataclass(frozen=True)
class Canvas:
    """A picture's size in pixels and how it is cut."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    #: Whether all tiles' activations may be kept in memory from the values to the gradient.
    keep: bool = False

    @classmethod
    def of(cls, octave: OctavePlan) -> Canvas:
        """The canvas of an octave."""
        return cls(octave.rows, octave.columns, octave.keep)

    @property
    def tiles(self) -> list[tuple[Span, Span]]:
        """The tiles, row by row."""
        return [(row, column) for row in self.rows for column in self.columns]

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return self.rows[-1].stop

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return self.columns[-1].stop

    @property
    def overlapping(self) -> bool:
        """Whether tiles see more than they own."""
        return any((s.start, s.stop) != (s.own_start, s.own_stop) for s in self.rows + self.columns)

    def counts(self, network: Network, statistics: Sequence[Statistic]) -> FloatArray:
        """The number of cells that each statistic is a sum over."""
        length = network.graph.length
        return np.array([length(s.layer, self.height) * length(s.layer, self.width) for s in statistics], np.float32)


@dataclass(frozen=True)
class Region:
    """The cells of a layer, but for a border of so many at each side of the whole picture."""

    layer: str
    border: int = 0


@dataclass(frozen=True, eq=False)
class Tile:
    """What is computed of one tile. Everything but the window is small."""

    row: Span
    column: Span
    #: (h, w, 3).
    window: FloatArray
    #: Per region: top, bottom, left and right of the owned cells in what is left of the window there.
    cells: IntArray
    #: Per point of the cropping: cells cut off at the top, bottom, left and right.
    trims: IntArray
    #: Per statistic: the owned part of its reference map.
    references: list[FloatArray]


def layers_of(regions: Sequence[Region]) -> tuple[str, ...]:
    """The layers of regions, each once."""
    return tuple(dict.fromkeys(region.layer for region in regions))


def regions_of(statistics: Sequence[Statistic]) -> tuple[Region, ...]:
    """The regions that statistics look at, each once."""
    return tuple(dict.fromkeys(Region(s.layer, s.border) for s in statistics))


def tiles_of(
    network: Network,
    regions: Sequence[Region],
    picture: FloatArray,
    canvas: Canvas,
    statistics: Sequence[Statistic] = (),
    maps: Maps = (),
    shift: tuple[int, int] = (0, 0),
) -> Iterator[Tile]:
    """The canvas' tiles on `picture` (H, W, 3), rolled by `shift` as np.roll does; made one by one."""
    found = cropping(network.graph, layers_of(regions))
    for row, column in canvas.tiles:
        trims, cells = _inside(found, regions, row, column, canvas)
        references = [
            NO_MAP if reference is None else _owned(network, statistic, reference, row, column, canvas)
            for statistic, reference in zip(statistics, maps, strict=True)
        ]
        yield Tile(row, column, window_of(picture, row, column, shift), cells, trims, references)


def window_of(picture: FloatArray, row: Span, column: Span, shift: tuple[int, int] = (0, 0)) -> FloatArray:
    """What a tile sees of `picture` (H, W, 3), rolled by `shift`; a copy."""
    window = np.empty((row.stop - row.start, column.stop - column.start, picture.shape[2]), picture.dtype)
    for inside, outside in _wrapped(row, column, shift, picture.shape):
        window[inside] = picture[outside]
    return window


def add_window(gradient: FloatArray, part: FloatArray, row: Span, column: Span, shift: tuple[int, int]) -> None:
    """Add a tile's gradient by its window to that of the picture (H, W, 3), in the picture's own position."""
    for inside, outside in _wrapped(row, column, shift, gradient.shape):
        gradient[outside] += part[inside]


def _wrapped(
    row: Span, column: Span, shift: tuple[int, int], shape: tuple[int, ...]
) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """The rectangles that a window of a rolled picture consists of: where they are in the window and in the picture."""
    for in_row, out_row in _pieces(row, shift[0], shape[0]):
        for in_column, out_column in _pieces(column, shift[1], shape[1]):
            yield (in_row, in_column), (out_row, out_column)


def _pieces(span: Span, shift: int, length: int) -> list[tuple[slice, slice]]:
    start, size = (span.start - shift) % length, span.stop - span.start
    first = min(size, length - start)
    pieces = [(slice(0, first), slice(start, start + first))]
    return pieces if first == size else [*pieces, (slice(first, size), slice(0, size - first))]


def _owned(
    network: Network, statistic: Statistic, reference: FloatArray, row: Span, column: Span, canvas: Canvas
) -> FloatArray:
    if statistic.shared:
        return reference
    stride = network.graph.fields[statistic.layer].stride
    rows, columns = (
        slice(span.own_start // stride, None if span.own_stop == pixels else span.own_stop // stride)
        for span, pixels in ((row, canvas.height), (column, canvas.width))
    )
    return reference[:, rows, columns]


def _inside(
    found: Cropping, regions: Sequence[Region], row: Span, column: Span, canvas: Canvas
) -> tuple[IntArray, IntArray]:
    """The trims of a tile, and its owned cells of each region."""
    (above, tops), (beside, lefts) = found.along(0, row, canvas.height), found.along(1, column, canvas.width)
    trims = [(*vertical, *horizontal) for vertical, horizontal in zip(above, beside, strict=True)]
    cells: list[int] = []
    for region in regions:
        stride = found.graph.fields[region.layer].stride
        for span, pixels, origins in ((row, canvas.height, tops), (column, canvas.width, lefts)):
            origin, length = origins[region.layer][0] // stride, origins[region.layer][1]
            last = found.graph.length(region.layer, pixels) - region.border
            owned = origin + length
            if span.own_stop < pixels:
                # Independent tiles of networks without padding have fewer cells than they own.
                owned = min(span.own_stop // stride, owned)
            first_cell = min(max(span.own_start // stride, region.border), owned)
            last_cell = max(min(owned, last), first_cell)
            cells += [first_cell - origin, last_cell - origin]
    return np.array(trims, np.int32).reshape(-1, 4), np.array(cells, np.int32).reshape(-1, 4)
