"""Cropping: what tiles let go is never missed, and it is worth it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.plan import Machine, plan
from shared.specs import SPEC
from shared.tiles import Span, cut, reach_of
from tests.topologies import inception5h, vgg19
from worker.networks.cropping import cropping
from worker.networks.graph import INPUT
from worker.networks.network import Network

NARROW = {"inception5h": inception5h(width=0.1), "vgg19": vgg19(width=0.1)}
BUILT = {"inception5h": inception5h, "vgg19": vgg19}


def spans(network: Network, layer: str, length: int, tile: int) -> tuple[Span, ...]:
    return cut(length, tile, reach_of([network.card.find_layer(layer)]))


@settings(deadline=None, max_examples=15, derandomize=True)
@given(
    which=st.sampled_from([("inception5h", "mixed4b"), ("inception5h", "mixed3b"), ("vgg19", "block4_conv1")]),
    cells=st.integers(20, 40),
    more=st.integers(1, 6),
    data=st.data(),
)
def test_owned_cells_are_what_they_are_in_the_whole_picture(
    which: tuple[str, str], cells: int, more: int, data: st.DataObject
) -> None:
    name, layer = which
    network = NARROW[name]
    reach = reach_of([network.card.find_layer(layer)])
    length = cells * reach.stride
    tile = reach.halo_left + reach.halo_right + more * reach.stride
    found = cropping(network.graph, (layer,))
    picture = np.random.default_rng(cells).random((length, length, 3), np.float32) * 255
    whole = network.activations(tf.constant(picture[None]), [layer])[layer].numpy()
    row, column = (data.draw(st.sampled_from(spans(network, layer, length, tile))) for _ in range(2))
    (above, tops), (beside, lefts) = found.along(0, row, length), found.along(1, column, length)
    trims = {
        point: tf.constant([*vertical, *horizontal])
        for point, vertical, horizontal in zip(found.points, above, beside, strict=True)
    }
    window = tf.constant(picture[None, row.start : row.stop, column.start : column.stop])
    left_over = network.activations(window, [layer], trims)[layer].numpy()

    (top, height), (left, width) = tops[layer], lefts[layer]
    assert left_over.shape[1:3] == (height, width)
    top, left = top // reach.stride, left // reach.stride
    own = [slice(s.own_start // reach.stride, s.own_stop // reach.stride) for s in (row, column)]
    mine = left_over[:, own[0].start - top : own[0].stop - top, own[1].start - left : own[1].stop - left]
    expected = whole[:, own[0], own[1]]
    assert mine.shape == expected.shape
    assert np.abs(mine - expected).mean() <= 1e-5 * np.abs(expected).mean()


def executed(network: Network, layer: str, rows: tuple[Span, ...], columns: tuple[Span, ...]) -> float:
    """Multiply-adds of all tiles, convolution by convolution, with each one's sides as they are after cropping."""
    graph, found = network.graph, cropping(network.graph, (layer,))

    def sides(span: Span, axis: int, picture: int) -> dict[str, int]:
        amounts = dict(zip(found.points, found.along(axis, span, picture)[0], strict=True))
        lengths, computed = {INPUT: span.stop - span.start}, {}
        for op in graph.ancestors([layer]):
            computed[op.name] = op.length(lengths[op.inputs[0]])
            lengths[op.name] = computed[op.name] - sum(amounts.get(op.name, (0, 0)))
        return computed

    heights = [sides(span, 0, rows[-1].stop) for span in rows]
    widths = [sides(span, 1, columns[-1].stop) for span in columns]
    total = 0
    for op in graph.ancestors([layer]):
        if op.kind == "conv":
            cells = sum(h[op.name] for h in heights) * sum(w[op.name] for w in widths)
            total += op.kernel**2 * graph.channels(op.inputs[0]) * op.channels * cells
    return total


@pytest.mark.parametrize(
    ("name", "layer", "promise"), [("inception5h", "mixed4c", 1.45), ("vgg19", "block5_conv1", 1.25)]
)
def test_the_cost_of_exact_tiles_at_4096_pixels(name: str, layer: str, promise: float) -> None:
    network = BUILT[name]()
    fields: dict[str, Any] = {"kind": "dream", "objective": [{"layer": layer}], "octaves": {"count": 1}}
    spec = SPEC.validate_python(fields | {"size": {"long_edge": 4096}})
    octave = plan(spec, card=network.card, width=None, height=None, machine=Machine()).octaves[0]
    assert octave.tiles > 1
    whole = (Span(0, 4096, 0, 4096),)
    cost = executed(network, layer, octave.rows, octave.columns) / executed(network, layer, whole, whole)
    assert 1 < cost <= promise


def test_deep_layers_compute_little_more_than_the_owned_cells() -> None:
    network = BUILT["inception5h"]()
    (_, middle, *_) = spans(network, "mixed4e", 4096, 1280)
    found = cropping(network.graph, ("mixed4e",))
    amounts, origins = found.along(0, middle, 4096)
    assert {"mixed3b", "mixed4a", "mixed4b", "mixed4c", "mixed4d"} <= set(found.points)
    assert all(before >= 0 and after >= 0 for before, after in amounts)
    # Of 13 cells of halo on the left, two modules' worth is left at the end: 4 cells.
    assert origins["mixed4e"][0] >= middle.own_start - 4 * 16


def test_tiles_at_the_border_are_not_cropped_there() -> None:
    found = cropping(NARROW["vgg19"].graph, ("block4_conv1",))
    first, *_, last = spans(NARROW["vgg19"], "block4_conv1", 1024, 256)
    assert {before for before, _ in found.along(0, first, 1024)[0]} == {0}
    assert {after for _, after in found.along(0, last, 1024)[0]} == {0}
