"""Tiles that equal the whole picture on published networks, for everything that can be dreamt on and any size.

Rounding may turn a decision of a ReLU or a pool, and with it the gradient of all that the cell sees: one picture in four
has such a decision. A mistake in the geometry shows in every picture, so the best of three counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.plan import plan
from shared.specs import SPEC, DreamSpec
from shared.tiles import Span, cut, reach_of
from tests import topologies
from tests.reference.networks import motifnet
from tests.reference.pictures import drawn
from worker.networks.network import Network
from worker.render import begin
from worker.render.gradients import Engine, program
from worker.render.guide import guide_features
from worker.render.measure import features
from worker.render.objectives import Statistic, WeightedSum, statistic_of
from worker.render.resample import extend
from worker.render.tiles import Canvas

ASSET = "sha256:" + "0" * 64
UNHURRIED = settings(
    deadline=None, max_examples=8, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NETWORKS: Mapping[str, Callable[[float], Network]] = {
    "inception5h": cache(topologies.inception5h),
    "inception_v3": cache(topologies.inception_v3),
    "vgg19": cache(topologies.vgg19),
    "overpadded": cache(topologies.overpadded),
}
Terms = Sequence[Mapping[str, Any]]


def gradients(network: Network, terms: Terms, picture: NDArray[np.float32], tile: int) -> list[tuple[float, Any]]:
    """Score and gradient on the canvas, in tiles as they are planned and as one picture."""
    guide = {"guide": ASSET} if any(term.get("statistic") == "guided" for term in terms) else {}
    fields = {"kind": "dream", "input": ASSET, "model": network.card.name, "objective": terms, **guide}
    spec = SPEC.validate_python(fields | {"tiling": {"tile": tile}, "octaves": {"count": 1}})
    assert isinstance(spec, DreamSpec)
    (octave,) = plan(spec, card=network.card, width=picture.shape[1], height=picture.shape[0]).octaves
    assert octave.tiles > 1
    rows, columns = (Span(0, side, 0, side) for side in (octave.canvas_height, octave.canvas_width))
    objective = WeightedSum(tuple(statistic_of(term, network.card) for term in spec.objective))
    guided = tuple({s.layer for s in objective.statistics if s.shared})
    known = guide_features(network, guided, drawn(100, 120, seed=9)) if guided else {}
    maps = [known.get(s.layer) if s.shared else None for s in objective.statistics]
    weights = [term.weight for term in spec.objective]
    extended = extend(picture, octave.canvas_height, octave.canvas_width)
    return [
        Engine(program(network, objective), canvas).gradient(extended, weights, maps, lambda: None)
        for canvas in (Canvas.of(octave), Canvas((rows,), (columns,)))
    ]


def assert_exact(network: Network, terms: Terms, height: int, width: int, tile: int, *, most: float = 1e-5) -> None:
    errors = []
    for seed in range(3):
        (score, found), (expected_score, expected) = gradients(network, terms, drawn(height, width, seed), tile)
        errors.append(max(relative_error(found, expected), abs(score - expected_score) / abs(expected_score)))
        if errors[-1] <= most:
            return
    pytest.fail(f"mean relative errors {errors}")


def relative_error(found: Any, expected: Any) -> float:
    return float(np.abs(found - expected).mean() / np.abs(expected).mean())


def kinds(layer: str, shallow: str) -> dict[str, Terms]:
    """Every kind of objective that a dream can have on a layer."""
    return {
        "mean": [{"layer": layer, "statistic": "mean"}],
        "mean square": [{"layer": layer}],
        "channel": [{"layer": layer, "channel": 1}],
        "border": [{"layer": layer, "border": 2}],
        "guided": [{"layer": layer, "statistic": "guided"}],
        "several": [{"layer": layer}, {"layer": shallow, "weight": -0.4}, {"layer": layer, "channel": 0}],
    }


# Long and narrow, so that it is cheap to have halos of hundreds of pixels on one axis; never a multiple of the stride.
SIZES = {
    ("inception5h", "mixed4c", "conv2d2"): (101, 1003, 624),
    ("inception5h", "mixed5b", "mixed3a"): (1901, 90, 1472),
    ("inception_v3", "mixed4", "mixed0"): (107, 1207, 720),
    ("inception_v3", "mixed5", "mixed2"): (1500, 111, 1088),
    ("inception_v3", "mixed6", "mixed3"): (120, 2001, 1472),
    ("inception_v3", "mixed7", "mixed4"): (121, 2302, 1872),
    ("vgg19", "block5_conv2", "block2_conv1"): (70, 901, 400),
}
KINDS = list(kinds("", ""))


@pytest.mark.parametrize(("model", "layer", "shallow"), SIZES, ids=[layer for _, layer, _ in SIZES])
def test_every_network(model: str, layer: str, shallow: str) -> None:
    terms = [{"layer": layer, "border": 1}, {"layer": shallow, "weight": -0.4}, {"layer": layer, "channel": 1}]
    assert_exact(NETWORKS[model](0.05), terms, *SIZES[model, layer, shallow])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("model", "layer", "shallow", "size"),
    [("inception5h", "mixed4a", "conv2d2", (101, 603, 368)), ("vgg19", "block3_conv1", "block1_conv1", (133, 201, 64))],
    ids=["inception5h", "vgg19"],
)
def test_every_objective(model: str, layer: str, shallow: str, size: tuple[int, int, int], kind: str) -> None:
    assert_exact(NETWORKS[model](0.05), kinds(layer, shallow)[kind], *size)


def test_classes_behind_a_global_average() -> None:
    network = NETWORKS["inception5h"](0.05)
    classes = network.card.logits
    terms = [{"layer": classes, "channel": 7}, {"layer": classes, "channel": 500, "weight": -0.5}]
    assert_exact(network, terms, 1902, 93, 1472)


@pytest.mark.parametrize(
    ("model", "layer", "size"),
    [
        ("inception5h", "mixed4c", (90, 777, 624)),
        ("inception_v3", "mixed4", (99, 850, 720)),
        ("vgg19", "block4_conv2", (60, 330, 176)),
    ],
)
def test_networks_of_full_width(model: str, layer: str, size: tuple[int, int, int]) -> None:
    assert_exact(NETWORKS[model](1.0), [{"layer": layer}], *size)


@pytest.mark.parametrize("kind", KINDS)
def test_networks_with_more_cells_than_pixels(kind: str) -> None:
    assert_exact(NETWORKS["overpadded"](0.1), kinds("deep", "even2")[kind], 101, 131, 60)


@pytest.mark.parametrize("layer", ["far", "even2", "sum", "deep"])
@pytest.mark.parametrize("tile", [60, 4096])
def test_cells_beyond_the_picture_count_as_they_do_in_the_whole_picture(layer: str, tile: int) -> None:
    """Held against the plain network, which knows no tiles."""
    network, picture = NETWORKS["overpadded"](0.1), drawn(104, 132)
    reach = reach_of([network.card.find_layer(layer)])
    canvas = Canvas(cut(104, tile, reach), cut(132, tile, reach))
    objective = WeightedSum((Statistic(layer, "squares"),))
    score, gradient = Engine(program(network, objective), canvas).gradient(picture, [1.0], [None], lambda: None)
    (found,) = features(network, (layer,), picture, canvas, lambda: None)

    values = tf.constant(picture[None])
    with tf.GradientTape() as tape:
        tape.watch(values)
        cells = network.activations(values, [layer])[layer]
        expected = tf.reduce_sum(cells**2) / (cells.shape[1] * cells.shape[2])
    whole = tape.gradient(expected, values)[0].numpy()

    assert cells.shape[1] > 104 // network.graph.fields[layer].stride
    assert found.shape == cells.shape
    assert relative_error(found, cells.numpy()) <= 1e-5
    assert score == pytest.approx(float(expected), rel=1e-5)
    assert relative_error(gradient, whole) <= 1e-5


@UNHURRIED
@given(
    case=st.sampled_from(
        [
            ("inception5h", "mixed3b", "conv2d0", "guided"),
            ("inception_v3", "mixed1", "activation", "several"),
            ("vgg19", "block4_conv1", "block2_conv2", "border"),
            ("overpadded", "deep", "even1", "several"),
            ("overpadded", "sum", "far", "border"),
        ]
    ),
    height=st.integers(80, 420),
    width=st.integers(80, 420),
    more=st.integers(0, 3),
)
def test_any_size_and_tile(case: tuple[str, str, str, str], height: int, width: int, more: int) -> None:
    model, layer, shallow, kind = case
    network = NETWORKS[model](0.05)
    found = network.card.find_layer(layer)
    # The smallest tile that is worth it, or a little more; one axis is long enough for two.
    tile = 2 * (found.overhang_left + found.overhang_right) + (3 + more) * found.stride
    height = max(height, tile + 70) if height >= width else height
    width = max(width, tile + 70) if width > height else width
    assert_exact(network, kinds(layer, shallow)[kind], height, width, tile)


def test_there_are_no_lines_between_tiles() -> None:
    """Where tiles meet, a dream changes the picture from pixel to pixel as much as it does without tiles."""
    network, picture = motifnet().network, drawn(330, 420, seed=4)
    fields = {"kind": "dream", "input": ASSET, "objective": [{"layer": "mixed3b"}], "octaves": {"count": 1}}
    fields |= {"iterations": 3, "jitter": 0, "detail": "none"}
    spec, untiled = (SPEC.validate_python(fields | more) for more in ({"tiling": {"tile": 160}}, {}))
    tiled, whole = (plan(each, card=network.card, width=420, height=330) for each in (spec, untiled))
    (octave,) = tiled.octaves
    edges = [(axis, s.own_start) for axis, spans in enumerate((octave.rows, octave.columns)) for s in spans[1:]]
    assert len(edges) >= 4
    assert whole.octaves[0].tiles == 1
    shares = []
    for asked, planned in ((untiled, whole), (spec, tiled)):
        rendering = begin(asked, planned, network, {"input": picture})
        while not rendering.progress.finished:
            rendering.advance(lambda: None)
        change = rendering.finish() - picture
        steepness = [np.square(np.diff(change, axis=axis)) for axis in (0, 1)]
        at_edges = sum(steepness[axis].take(edge - 1, axis).sum() for axis, edge in edges)
        shares.append(at_edges / sum(found.sum() for found in steepness))
    assert shares[1] == pytest.approx(shares[0], rel=0.02)
