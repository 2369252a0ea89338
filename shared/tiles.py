"""Tiles along an axis: what each sees and what it owns.

Tiles own cells of the deepest layer, start at multiples of its stride, and see a halo that covers what their own cells
see; at the picture's border they are flush, because the network's own padding belongs there and only there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from shared.cards import Layer


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in pixels: it sees [start, stop) and owns [own_start, own_stop)."""

    start: int
    stop: int
    own_start: int
    own_stop: int


@dataclass(frozen=True)
class Reach:
    """What the layers of a job need from tiles, in pixels; halos are multiples of the stride."""

    stride: int
    halo_left: int
    halo_right: int

    @property
    def smallest_tile(self) -> int:
        """Smallest tile side that is worth it: as much is owned as is seen for nothing."""
        return max(2 * (self.halo_left + self.halo_right), 2 * self.stride)

    def shortened(self, halo: int | None, window: int) -> Reach:
        """With halos of about `halo` pixels at most, or of half their size: enough for nearly all of the gradient.

        `window` is the smallest window in which all layers have a cell: less would lose cells that a tile owns.
        """
        left, right = (
            min(exact, round_up(exact // 2 if halo is None else halo, self.stride))
            for exact in (self.halo_left, self.halo_right)
        )
        return Reach(self.stride, left, max(right, round_up(max(window - self.stride, 0), self.stride)))


def reach_of(layers: Iterable[Layer]) -> Reach:
    """The stride and halos that serve all the layers at once."""
    layers = tuple(layers)
    stride = math.lcm(*(layer.stride for layer in layers))
    return Reach(
        stride=stride,
        halo_left=round_up(max(layer.overhang_left for layer in layers), stride),
        halo_right=round_up(max(layer.overhang_right for layer in layers), stride),
    )


@dataclass(frozen=True)
class Cut:
    """What fixes how an octave's gradient is added up, besides the layers: another cut rounds the last bits otherwise."""

    #: Longest side that tiles were allowed; the canvas' own longer side when one tile holds it.
    tile: int
    #: Whether all tiles' activations were kept in memory, so that nothing was computed twice.
    keep: bool = False


@dataclass(frozen=True)
class Cutting:
    """How canvases are cut: into tiles of at most `tile` pixels a side.

    Spans are made when they are asked for: a large picture has thousands of them, and plans of many jobs are kept.
    """

    tile: int
    reach: Reach
    #: Whether tiles are independent, as `roll` uses them: then they have no halos.
    independent: bool = False

    def spans(self, length: int) -> tuple[Span, ...]:
        """The tiles along an axis of `length` pixels (a multiple of the stride)."""
        if self.independent:
            return pieces(length, self.tile, self.reach.stride)
        return cut(length, self.tile, self.reach)

    def tiles(self, width: int, height: int) -> int:
        """The number of a canvas' tiles."""
        return self.counted(width)[0] * self.counted(height)[0]

    def counted(self, length: int) -> tuple[int, int]:
        """The number of these tiles, and the length of the longest."""
        if self.independent:
            cells = length // self.reach.stride
            count = _pieces(length, self.tile, cells)
            return count, self.reach.stride * math.ceil(cells / count)
        return _tiles(length, self.tile, self.reach)

    def seen(self, length: int) -> int:
        """Pixels along an axis that its tiles see; those that several see count as often."""
        if self.independent:
            return length
        count, tile = self.counted(length)
        return count * tile


def cut(length: int, tile: int, reach: Reach) -> tuple[Span, ...]:
    """Tiles of one size along an axis of `length` pixels (a multiple of the stride), each at most `tile` long.

    All spans have one length, so that one compiled program serves them all; their own parts cover the axis exactly.
    ValueError: tiles of this length would own nothing.
    """
    _, tile = _tiles(length, tile, reach)
    spans, own = [], 0
    while own < length:
        start = min(max(own - reach.halo_left, 0), length - tile)
        stop = start + tile
        own_stop = length if stop == length else stop - reach.halo_right
        spans.append(Span(start, stop, own, own_stop))
        own = own_stop
    return tuple(spans)


def _tiles(length: int, tile: int, reach: Reach) -> tuple[int, int]:
    """The number of tiles along an axis, and the length of each."""
    if length <= tile:
        return 1, length
    halo = reach.halo_left + reach.halo_right
    if tile < halo + reach.stride:
        raise ValueError(f"tiles of {tile} pixels own nothing: the halo alone is {halo} pixels long")
    count = math.ceil((length - halo) / (tile - halo))
    # The shortest tile that still needs no more than `count` of them: less work is done twice.
    tile = round_up(math.ceil((length + (count - 1) * halo) / count), reach.stride)
    # Rounded up, fewer of them may do.
    return math.ceil((length - halo) / (tile - halo)), tile


def pieces(length: int, tile: int, stride: int) -> tuple[Span, ...]:
    """Tiles without halo along an axis, as `roll` uses them: nearly equal lengths, nothing left out."""
    cells = length // stride
    count = _pieces(length, tile, cells)
    edges = [stride * (cells * i // count) for i in range(count)] + [length]
    return tuple(Span(a, b, a, b) for a, b in pairwise(edges))


def _pieces(length: int, tile: int, cells: int) -> int:
    return min(math.ceil(length / tile), cells)


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple that is not below `length`."""
    return -(-length // multiple) * multiple
