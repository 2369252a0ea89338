"""What tiles can let go on the way down: the deeper the layer, the less of a tile's halo is still needed.

A cell at the edge of a window is there for what deeper cells see of it. Behind each layer that everything passes
through, what the owned cells no longer depend on is cut off, so that deep layers compute little more than the owned
cells. Amounts are multiples of the remaining stride, so that strides and padding fall as they do in the whole picture;
at the picture's own border nothing is cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

from shared.tiles import Span, round_up
from worker.networks.graph import INPUT, Graph, Op


@dataclass(frozen=True, eq=False)
class Cropping:
    """Where the windows of tiles that own cells of `layers` are cropped."""

    graph: Graph
    layers: tuple[str, ...]
    #: Total stride of the deepest layer: tiles start at multiples of it.
    stride: int

    @cached_property
    def points(self) -> tuple[str, ...]:
        """Results that everything behind them depends on through them alone, and at which there is something to cut."""
        middle = Span(0, self._left + self.stride + self._right, self._left, self._left + self.stride)
        middle = Span(*(side + self.stride for side in (middle.start, middle.stop, middle.own_start, middle.own_stop)))
        candidates = self._bottlenecks
        cuts = [_walk(self, candidates, axis, middle, middle.stop + self.stride)[0] for axis in (0, 1)]
        return tuple(
            name
            for name, amounts in zip(candidates, zip(*cuts, strict=True), strict=True)
            if amounts != ((0, 0), (0, 0))
        )

    def along(self, axis: int, span: Span, picture: int) -> tuple[list[tuple[int, int]], dict[str, tuple[int, int]]]:
        """For a tile's span of a picture so many pixels long: cells to cut before and after at each point, and of each
        layer the pixel of the picture at which the first cell that is left begins, and how many are left. Axis 0 counts
        rows, 1 columns.
        """
        return _along(self, axis, span, picture)

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        """What is computed for the layers, in order."""
        return self.graph.ancestors(self.layers)

    @cached_property
    def needs(self) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
        """Per axis: how many cells of each result the owned cells need before and after the block that is their own."""
        return self._needs(0), self._needs(1)

    def _needs(self, axis: int) -> dict[str, tuple[int, int]]:
        paddings = self.graph.paddings(axis)
        needs = dict.fromkeys(self.layers, (0, 0))
        for op in reversed(self.ops):
            before, after = needs[op.name]
            padding = paddings[op.name]
            wanted = before * op.stride + padding, after * op.stride + op.sides[axis] - op.stride - padding
            for name in op.inputs:
                known = needs.get(name, (0, 0))
                needs[name] = max(known[0], wanted[0]), max(known[1], wanted[1])
        return needs

    def unit(self, name: str) -> int:
        """Cells of a result that amounts are multiples of."""
        return self.stride // self.graph.fields[name].stride

    @property
    def _bottlenecks(self) -> tuple[str, ...]:
        """Results that everything behind them depends on through them alone."""
        places = {INPUT: -1} | {op.name: i for i, op in enumerate(self.ops)}
        found: list[str] = []
        earliest = len(self.ops)
        for i, op in reversed(list(enumerate(self.ops))):
            if i == earliest:
                found.append(op.name)
            earliest = min(earliest, *(places[name] for name in op.inputs))
        return tuple(reversed(found))

    @property
    def _left(self) -> int:
        return round_up(max(self.graph.fields[layer].left for layer in self.layers), self.stride)

    @property
    def _right(self) -> int:
        return round_up(max(self.graph.fields[layer].right for layer in self.layers), self.stride)


@lru_cache(maxsize=256)
def cropping(graph: Graph, layers: tuple[str, ...]) -> Cropping:
    """The cropping of tiles that own cells of `layers`."""
    return Cropping(graph, layers, math.lcm(*(graph.fields[layer].stride for layer in layers)))


@lru_cache(maxsize=4096)
def _along(
    found: Cropping, axis: int, span: Span, picture: int
) -> tuple[list[tuple[int, int]], dict[str, tuple[int, int]]]:
    return _walk(found, found.points, axis, span, picture)


def _walk(
    found: Cropping, points: tuple[str, ...], axis: int, span: Span, picture: int
) -> tuple[list[tuple[int, int]], dict[str, tuple[int, int]]]:
    amounts = []
    lengths, origins = {INPUT: span.stop - span.start}, {INPUT: span.start}
    for op in found.ops:
        length, origin = op.length(lengths[op.inputs[0]]), origins[op.inputs[0]]
        if op.name in points:
            stride, unit = found.graph.fields[op.name].stride, found.unit(op.name)
            needs_before, needs_after = found.needs[axis][op.name]
            before = after = 0
            if span.start > 0:
                before = max((span.own_start - origin) // stride - needs_before, 0) // unit * unit
            if span.stop < picture:
                after = max(length - (span.own_stop - origin) // stride - needs_after, 0) // unit * unit
            amounts.append((before, after))
            length, origin = length - before - after, origin + before * stride
        lengths[op.name], origins[op.name] = length, origin
    return amounts, {layer: (origins[layer], lengths[layer]) for layer in found.layers}
