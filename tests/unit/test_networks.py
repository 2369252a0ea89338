"""Networks: loading, digests, classes; and what their topologies mean for tiles, against published figures."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from shared.cards import UnknownModel
from tests import topologies
from tests.reference.pictures import drawn
from worker.networks import NoClasses, classify, load
from worker.networks.adding import save
from worker.networks.collect import Collection
from worker.networks.graph import INPUT, Graph, Op
from worker.networks.network import Network

#: receptive field, stride, overhang left, overhang right
VGG19 = {
    "relu1_1": (3, 1, 1, 1),
    "relu2_1": (10, 2, 4, 4),
    "relu3_1": (24, 4, 10, 10),
    "relu4_1": (68, 8, 30, 30),
    "relu4_2": (84, 8, 38, 38),
    "relu5_1": (156, 16, 70, 70),
    "relu5_2": (188, 16, 86, 86),
}
INCEPTION5H = {
    "mixed3a": (59, 8, 22, 29),
    "mixed3b": (91, 8, 38, 45),
    "mixed4a": (171, 16, 70, 85),
    "mixed4b": (235, 16, 102, 117),
    "mixed4c": (299, 16, 134, 149),
    "mixed4d": (363, 16, 166, 181),
    "mixed4e": (427, 16, 198, 213),
    "mixed5a": (587, 32, 262, 293),
    "mixed5b": (715, 32, 326, 357),
}
INCEPTION_V3 = {
    "mixed0": (63, 8, 18, 37),
    "mixed1": (95, 8, 34, 53),
    "mixed2": (127, 8, 50, 69),
    "mixed3": (159, 16, 58, 85),
    "mixed4": (351, 16, 154, 181),
    "mixed5": (543, 16, 250, 277),
    "mixed6": (735, 16, 346, 373),
    "mixed7": (927, 16, 442, 469),
    "mixed10": (1311, 32, 618, 661),
}


@pytest.mark.parametrize(
    ("build", "table"),
    [
        (lambda: topologies.vgg19_matconvnet(width=0.05), VGG19),
        (lambda: topologies.inception5h(width=0.05), INCEPTION5H),
        (topologies.inception_v3, INCEPTION_V3),
    ],
    ids=["vgg19", "inception5h", "inception_v3"],
)
def test_receptive_fields_are_the_published_ones(
    build: Callable[[], Network], table: dict[str, tuple[int, ...]]
) -> None:
    fields = build().graph.fields
    found = {name: (fields[name].receptive_field, *dataclasses.astuple(fields[name])) for name in table}
    assert found == table


def test_lengths_follow_padding() -> None:
    vgg19, inception5h = topologies.vgg19_matconvnet(width=0.05).graph, topologies.inception5h(width=0.05).graph
    assert [vgg19.length("relu3_1", side) for side in (4, 7, 8, 30)] == [1, 1, 2, 7]
    assert [inception5h.length("mixed4c", side) for side in (16, 17, 512)] == [1, 2, 32]
    assert (vgg19.smallest_picture("relu3_1"), inception5h.smallest_picture("mixed4c")) == (4, 1)


def test_lengths_of_long_chains_are_known() -> None:
    ops = [Op("0", "conv", (INPUT,), 4, kernel=3, stride=2)]
    ops += [Op(str(i), "relu", (str(i - 1),), 4) for i in range(1, 3000)]
    assert Graph(tuple(ops)).length("2999", 65) == 33


def padded() -> Graph:
    """Padding by itself, kernels that skip pixels, and a pool whose padding depends on what is before it."""
    return Graph(
        (
            Op("around", "pad", ("input",), 3, parameters=(3, 3)),
            Op("stem", "conv", ("around",), 4, kernel=7, stride=2, padding="valid"),
            Op("silu", "activation", ("stem",), 4, function="silu"),
            Op("corner", "pad", ("silu",), 4, parameters=(0, 1)),
            Op("deep", "depthwise", ("corner",), 4, kernel=3, stride=2, padding="valid"),
            Op("norm", "scale", ("deep",), 4),
            Op("valid", "conv", ("norm",), 4, kernel=2, padding="valid"),
            Op("pool", "avg_pool", ("valid",), 4, kernel=3, stride=2),
            Op("skip", "conv", ("pool",), 4, stride=2, padding="valid"),
            Op("last", "conv", ("skip",), 4, kernel=3),
        )
    )


def test_cells_see_their_receptive_field_and_nothing_else() -> None:
    """Any change of pixels within the field counts, none outside does: cell for cell, by changing rows."""
    graph = padded()
    weights = {}
    for op in graph.ops:
        if op.kind in ("conv", "depthwise", "scale"):
            shape = {"conv": (*op.sides, graph.channels(op.inputs[0]), 4), "depthwise": (*op.sides, 4, 1)}
            kernel = np.abs(topologies.drawn_weights(op.name, shape.get(op.kind, (4,)))[0])
            weights |= {f"{op.name}/kernel": kernel, f"{op.name}/bias": np.full(4, 0.1, np.float32)}
    network = Network(graph, load("motifnet", folder=Path()).card, weights, "", (0.0, 0.0, 0.0), 1.0)
    field = graph.fields["last"]
    assert field.stride == 16
    picture = np.abs(drawn(256, 64)) / 255
    before, seen = _cells(network, picture, "last"), set()
    for row in range(96, 256 - 96):
        changed = picture.copy()
        changed[row] += 1
        differs = np.abs(_cells(network, changed, "last") - before).max((1, 2)) > 1e-6
        seen |= {(row - field.stride * int(cell)) for cell in np.flatnonzero(differs)}
    assert (min(seen), max(seen)) == (-field.left, field.stride + field.right - 1)


def test_a_pixel_outside_of_the_receptive_field_changes_nothing() -> None:
    network = load("motifnet", folder=Path())
    layer = network.card.find_layer("mixed4a")
    picture = drawn(384, 384)
    cell = 12
    first, last = cell * 16 - layer.overhang_left, (cell + 1) * 16 + layer.overhang_right - 1

    def seen(row: int) -> bool:
        changed = picture.copy()
        changed[row] += 50
        before, after = (_cells(network, p, layer.name)[cell] for p in (picture, changed))
        return not np.array_equal(before, after)

    assert not seen(first - 1)
    assert not seen(last + 1)
    assert seen(first + 40)


def _cells(network: object, picture: NDArray[np.float32], layer: str) -> NDArray[np.float32]:
    cells: NDArray[np.float32] = network.activations(picture[None], [layer])[layer].numpy()[0]  # type: ignore[attr-defined]
    return cells


def test_unknown_models_are_named_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match="did you mean 'motifnet'"):
        load("motivnet", folder=Path())


def test_classes_are_motifs_with_probabilities() -> None:
    network = load("motifnet", folder=Path())
    y, x = np.mgrid[:128, :128] - 64.0
    scales = np.repeat((128 + 90 * np.sin(x / 3) * np.sin(y / 3))[..., None], 3, 2).astype(np.float32)
    classes = classify(network, scales)
    assert len(classes) == 5
    assert [p for _, p in classes] == sorted((p for _, p in classes), reverse=True)
    assert 0 < sum(p for _, p in classes) <= 1.0001
    assert {name for name, _ in classes} <= set(network.card.find_layer("logits").channel_names or ())


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_smallest_picture_with_classes_has_some(networks: Path, padding: str) -> None:
    """Also where its sides are odd, and strides of 2 want even ones."""
    found = Collection("unit")
    found.conv("a", "input", np.ones((3, 3, 3, 4), np.float32), None, stride=2, padding=padding)
    found.logits = found.conv("logits", "a", np.ones((17, 17, 4, 3), np.float32), None, padding="valid")
    found.dense.add("logits")
    smallest = save(found, {"name": "mine", "summary": "", "licence": ""}, networks / "mine").layers[-1].min_size
    assert smallest % 2 == 1
    network = load("mine", folder=networks)
    for side in (smallest, smallest + 1, smallest + 2):
        told = classify(network, np.zeros((side, smallest, 3), np.float32))
        assert [probability for _, probability in told] == pytest.approx([1 / 3] * 3)
    with pytest.raises(NoClasses, match=f"from {smallest} pixels"):
        classify(network, np.zeros((smallest - 1, smallest, 3), np.float32))


def test_importing_the_package_does_not_import_tensorflow() -> None:
    program = "import sys, worker, worker.networks, shared.plan; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_float32_is_float32_on_every_device(tmp_path: Path) -> None:
    tf.config.experimental.enable_tensor_float_32_execution(True)  # TensorFlow's default
    load("motifnet", folder=tmp_path)
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_importing_tensorflow_leaves_the_collector_at_work() -> None:
    code = "import gc, sys; from worker.networks import import_tensorflow; import_tensorflow()"
    code += "; assert gc.isenabled() and gc.get_freeze_count() > 100_000 and 'tensorflow' in sys.modules"
    code += "; gc.disable(); import_tensorflow(); assert not gc.isenabled()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
