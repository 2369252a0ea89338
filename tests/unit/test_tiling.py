"""Tiles that equal the whole picture, for any size, tile and layer; the plain network says what the whole one is."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.cards import Card
from shared.tiles import Cutting, Reach, Span, cut, pieces, reach_of
from tests.reference import recipes
from tests.reference.pictures import cosine, drawn
from worker.networks import load
from worker.networks.graph import Graph, Op
from worker.networks.network import Network
from worker.render.gradients import Engine, program
from worker.render.objectives import Statistic, WeightedSum
from worker.render.tiles import Canvas

UNHURRIED = settings(
    deadline=None, max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def network() -> Network:
    return load("motifnet", folder=Path())


def canvas(network: Network, layers: list[str], height: int, width: int, tile: int) -> Canvas:
    reach = reach_of([network.card.find_layer(layer) for layer in layers])
    return Canvas(cut(height, tile, reach), cut(width, tile, reach))


def relative_error(found: Any, expected: Any) -> float:
    return float(np.abs(found - expected).mean() / np.abs(expected).mean())


@given(
    stride=st.sampled_from([2, 4, 8, 16, 32]),
    cells=st.integers(1, 200),
    left=st.integers(0, 9),
    right=st.integers(0, 9),
    more=st.integers(1, 40),
)
@example(stride=16, cells=2, left=9, right=10, more=1)
def test_tiles_cover_an_axis_once_and_see_enough(stride: int, cells: int, left: int, right: int, more: int) -> None:
    reach = Reach(stride, left * stride, right * stride)
    length, tile = cells * stride, (left + right + more) * stride
    spans = cut(length, tile, reach)
    assert [s.own_start for s in spans] == [0, *(s.own_stop for s in spans[:-1])]
    assert spans[-1].own_stop == length
    assert len({s.stop - s.start for s in spans}) == 1
    for span in spans:
        assert 0 <= span.start <= span.own_start < span.own_stop <= span.stop <= length
        assert span.stop - span.start <= tile
        assert all(edge % stride == 0 for edge in (span.start, span.stop, span.own_start, span.own_stop))
        assert span.start == 0 or span.own_start - span.start >= reach.halo_left
        assert span.stop == length or span.stop - span.own_stop >= reach.halo_right
    assert Cutting(tile, reach).counted(length) == (len(spans), spans[0].stop - spans[0].start)
    assert Cutting(tile, reach).seen(length) == sum(s.stop - s.start for s in spans)


@given(stride=st.sampled_from([8, 16, 32]), cells=st.integers(1, 300), tile=st.integers(32, 2000))
def test_pieces_leave_no_strip_out(stride: int, cells: int, tile: int) -> None:
    spans = pieces(cells * stride, tile, stride)
    assert spans[0].start == 0
    assert spans[-1].stop == cells * stride
    assert all(a.stop == b.start for a, b in itertools.pairwise(spans))
    lengths = [s.stop - s.start for s in spans]
    assert max(lengths) - min(lengths) <= stride
    assert max(lengths) <= max(tile, stride) + stride
    cutting = Cutting(tile, Reach(stride, 0, 0), independent=True)
    assert cutting.counted(cells * stride) == (len(spans), max(lengths))
    assert cutting.seen(cells * stride) == sum(lengths)


@UNHURRIED
@given(
    layer=st.sampled_from(["conv2d0", "mixed3a", "mixed3b_3x3_pre_relu", "mixed4a", "mixed4a_5x5"]),
    rows=st.integers(3, 22),
    columns=st.integers(3, 22),
    tile=st.integers(15, 20),
    seed=st.integers(0, 3),
)
@example(layer="mixed4c", rows=28, columns=23, tile=25, seed=0)
@example(layer="logits", rows=40, columns=22, tile=36, seed=1)
def test_the_tiled_gradient_is_the_whole_pictures(
    network: Network, layer: str, rows: int, columns: int, tile: int, seed: int
) -> None:
    height, width = 16 * rows, 16 * columns
    compiled = program(network, WeightedSum((Statistic(layer, "squares"),)))
    picture = drawn(height, width, seed)
    weight = 1 / network.graph.channels(layer)

    score, gradient = Engine(compiled, canvas(network, [layer], height, width, 16 * tile)).gradient(
        picture, [weight], [None], lambda: None
    )

    whole_score, whole = Engine(compiled, Canvas((Span(0, height, 0, height),), (Span(0, width, 0, width),))).gradient(
        picture, [weight], [None], lambda: None
    )
    plain_score, plain = recipes.gradient(picture, lambda layers: tf.reduce_mean(layers[layer] ** 2))
    assert score == pytest.approx(whole_score, rel=1e-5) == pytest.approx(plain_score, rel=1e-5)
    assert relative_error(gradient, whole) <= 1e-5
    assert cosine(gradient, plain) >= 0.9999
    # Rounding decides a few ReLUs otherwise when the same sum is added up in another order.
    assert relative_error(gradient, plain) <= 1e-3


@pytest.mark.parametrize("tile", [96, 128, 400])
def test_cells_at_the_pictures_border_can_be_left_out(network: Network, tile: int) -> None:
    picture = drawn(192, 224)
    engine = Engine(
        program(network, WeightedSum((Statistic("mixed3a", "squares", border=2), Statistic("mixed3a", "sum")))),
        canvas(network, ["mixed3a"], 192, 224, tile),
    )
    _, gradient = engine.gradient(picture, [1.0, 0.5], [None, None], lambda: None)

    def score(layers: dict[str, Any]) -> Any:
        a = layers["mixed3a"]
        cells = a.shape[1] * a.shape[2]
        return (tf.reduce_sum(a[:, 2:-2, 2:-2] ** 2) + 0.5 * tf.reduce_sum(a)) / cells

    assert cosine(gradient, recipes.gradient(picture, score)[1]) >= 0.9999


def unpadded(card: Card) -> Network:
    """A network with unpadded convolutions and pools, and kernels that are not square, with random weights."""
    graph = Graph(
        (
            Op("first", "conv", ("input",), 6, kernel=3, stride=2, padding="valid"),
            Op("relu", "relu", ("first",), 6),
            Op("wide", "conv", ("relu",), 6, kernel=1, width=7),
            Op("tall", "conv", ("relu",), 6, kernel=5, width=1),
            Op("both", "concat", ("wide", "tall"), 12),
            Op("pool", "max_pool", ("both",), 12, kernel=3, stride=2, padding="valid"),
            Op("last", "conv", ("pool",), 5, kernel=3),
        )
    )
    rng = np.random.default_rng(1)
    weights = {}
    for op in graph.ops:
        if op.kind == "conv":
            shape = (*op.sides, graph.channels(op.inputs[0]), op.channels)
            weights |= {f"{op.name}/kernel": rng.normal(size=shape), f"{op.name}/bias": rng.normal(size=op.channels)}
    arrays = {name: array.astype(np.float32) for name, array in weights.items()}
    return Network(graph, card, arrays, "", (117.0, 117.0, 117.0), 1 / 64)


@pytest.mark.parametrize(("height", "width", "tile"), [(64, 132, 64), (100, 52, 48), (128, 128, 76)])
def test_networks_without_padding_are_tiled_exactly(network: Network, height: int, width: int, tile: int) -> None:
    other = unpadded(network.card)
    field = other.graph.fields["last"]
    left, right = (-(-overhang // field.stride) * field.stride for overhang in (field.left, field.right))
    reach = Reach(field.stride, left, right)
    compiled = program(other, WeightedSum((Statistic("last", "squares"),)))
    tiled = Canvas(cut(height, tile, reach), cut(width, tile, reach))
    whole = Canvas((Span(0, height, 0, height),), (Span(0, width, 0, width),))
    assert len(tiled.tiles) > 1
    picture = drawn(height, width)
    (score, gradient), (expected_score, expected) = (
        Engine(compiled, cells).gradient(picture, [1.0], [None], lambda: None) for cells in (tiled, whole)
    )
    assert score == pytest.approx(expected_score, rel=1e-5)
    assert relative_error(gradient, expected) <= 1e-5


def test_a_halo_that_is_too_small_is_wrong(network: Network) -> None:
    """The halo is needed, and the test above can tell: without it the gradient is far off."""
    picture = drawn(256, 256)
    engine = Engine(
        program(network, WeightedSum((Statistic("mixed4a", "squares"),))),
        Canvas(cut(256, 128, Reach(16, 0, 0)), (Span(0, 256, 0, 256),)),
    )
    _, gradient = engine.gradient(picture, [1.0], [None], lambda: None)
    _, expected = recipes.gradient(picture, lambda layers: tf.reduce_mean(tf.reduce_sum(layers["mixed4a"] ** 2, -1)))
    assert relative_error(gradient, expected) > 0.05


def test_independent_tiles_without_padding_are_what_they_are_alone(network: Network) -> None:
    """`roll` on a network whose tiles have fewer cells than they own: each counts what it has."""
    other = unpadded(network.card)
    statistics = (Statistic("last", "squares"),)
    compiled = program(other, WeightedSum(statistics))
    picture = drawn(128, 96)

    def gradient(canvas: Canvas, part: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of the sum over cells."""
        slope = Engine(compiled, canvas).gradient(part, [1.0], [None], lambda: None)[1]
        return slope * canvas.counts(other, statistics)[0]

    stride = other.graph.fields["last"].stride
    tiled = Canvas(pieces(128, 64, stride), pieces(96, 64, stride))
    found, alone = gradient(tiled, picture), np.zeros_like(picture)
    for row, column in tiled.tiles:
        rows, columns = slice(row.start, row.stop), slice(column.start, column.stop)
        height, width = row.stop - row.start, column.stop - column.start
        lone = Canvas((Span(0, height, 0, height),), (Span(0, width, 0, width),))
        alone[rows, columns] = gradient(lone, picture[rows, columns].copy())
    assert len(tiled.tiles) == 4
    assert np.abs(found - alone).max() <= 1e-4 * np.abs(alone).max()
