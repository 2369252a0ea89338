"""Counting: the multiply-adds of the convolutions that tiles really compute, halos included.

Convolutions are counted as the network has them, whatever they are computed as. Response normalisation, which is
computed as a convolution, and everything else count as nothing: they are overhead.
"""

from __future__ import annotations

from itertools import product

from shared.tiles import Span
from worker.networks.cropping import Cropping, cropping
from worker.networks.graph import INPUT, Op
from worker.networks.network import Network
from worker.render.tiles import Canvas

#: Operations per multiply-add of the values: two, and as many again for the gradient by the input.
GRADIENT = 4


def multiply_adds(network: Network, layers: tuple[str, ...], canvas: Canvas) -> float:
    """Multiply-adds of one forward pass over the tiles of a canvas."""
    found = cropping(network.graph, layers)
    # Both axes at once: a tile's cells are the product of its lengths.
    lengths = {(axis, span): _lengths(found, axis, span, canvas) for axis, span in _spans(canvas)}
    per_cell = {op.name: _per_cell(network, op) for op in found.ops if op.kind == "conv"}
    return float(
        sum(
            count * lengths[0, row][name] * lengths[1, column][name]
            for row, column in canvas.tiles
            for name, count in per_cell.items()
        )
    )


def _spans(canvas: Canvas) -> set[tuple[int, Span]]:
    return {*product((0,), canvas.rows), *product((1,), canvas.columns)}


def _lengths(found: Cropping, axis: int, span: Span, canvas: Canvas) -> dict[str, int]:
    """How many cells of each result are computed along an axis of a tile, before any are cut off."""
    amounts, _ = found.along(axis, span, canvas.width if axis else canvas.height)
    cut = dict(zip(found.points, map(sum, amounts), strict=True)) if canvas.overlapping else {}
    kept, computed = {INPUT: span.stop - span.start}, {}
    for op in found.ops:
        computed[op.name] = op.length(kept[op.inputs[0]])
        kept[op.name] = computed[op.name] - cut.get(op.name, 0)
    return computed


def _per_cell(network: Network, op: Op) -> int:
    """Multiply-adds for one cell of a convolution's result."""
    height, width = op.sides
    return height * width * network.graph.channels(op.inputs[0]) * op.channels
