"""Networks: loading, digests, classes; and what their topologies mean for tiles, against published figures."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.cards import UnknownModel
from tests.reference.pictures import drawn
from worker.networks import classify, load
from worker.networks.from_keras import from_keras
from worker.networks.graph import Graph, Op

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


def vgg19() -> Graph:
    ops: list[Op] = []
    source = "input"
    for block, depth in enumerate((2, 2, 4, 4, 4), start=1):
        for i in range(1, depth + 1):
            ops.append(Op(f"conv{block}_{i}", "conv", (source,), 64, kernel=3))
            ops.append(Op(f"relu{block}_{i}", "relu", (f"conv{block}_{i}",), 64))
            source = f"relu{block}_{i}"
        ops.append(Op(f"pool{block}", "max_pool", (source,), 64, kernel=2, stride=2, padding="valid"))
        source = f"pool{block}"
    return Graph(tuple(ops))


def inception5h() -> Graph:
    ops = [
        Op("conv2d0", "conv", ("input",), 64, kernel=7, stride=2),
        Op("maxpool0", "max_pool", ("conv2d0",), 64, kernel=3, stride=2),
        Op("conv2d1", "conv", ("maxpool0",), 64),
        Op("conv2d2", "conv", ("conv2d1",), 192, kernel=3),
        Op("maxpool1", "max_pool", ("conv2d2",), 192, kernel=3, stride=2),
    ]
    source = "maxpool1"
    for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        if name in ("4a", "5a"):
            ops.append(Op(f"pool_{name}", "max_pool", (source,), 8, kernel=3, stride=2))
            source = f"pool_{name}"
        branches = []
        for kernel in (1, 3, 5):
            ops.append(Op(f"{name}_{kernel}", "conv", (source,), 8, kernel=kernel))
            branches.append(f"{name}_{kernel}")
        ops.append(Op(f"mixed{name}", "concat", tuple(branches), 24))
        source = f"mixed{name}"
    return Graph(tuple(ops))


def inception_v3() -> Graph:
    model = keras.applications.InceptionV3(weights=None, include_top=False)
    return Graph.from_json(from_keras(model, "signed").ops)


@pytest.mark.parametrize(
    ("build", "table"),
    [(vgg19, VGG19), (inception5h, INCEPTION5H), (inception_v3, INCEPTION_V3)],
    ids=["vgg19", "inception5h", "inception_v3"],
)
def test_receptive_fields_are_the_published_ones(build: Callable[[], Graph], table: dict[str, tuple[int, ...]]) -> None:
    fields = build().fields
    found = {name: (fields[name].receptive_field, *dataclasses.astuple(fields[name])) for name in table}
    assert found == table


def test_lengths_follow_padding() -> None:
    assert [vgg19().length("relu3_1", side) for side in (4, 7, 8, 30)] == [1, 1, 2, 7]
    assert [inception5h().length("mixed4c", side) for side in (16, 17, 512)] == [1, 2, 32]


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


def test_importing_the_package_does_not_import_tensorflow() -> None:
    program = "import sys, worker, worker.networks, shared.plan; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
