"""The renderer against the plain recipes: same gradients, same pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from shared.cards import card
from shared.plan import plan
from shared.specs import SPEC
from tests.reference import recipes
from tests.reference.motifnet import motifnet
from tests.reference.pictures import drawn, psnr, sizes
from worker.networks import load
from worker.networks.network import Network
from worker.render import begin

ASSET = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return load("motifnet", folder=Path(tmp_path_factory.mktemp("models")))


def render(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Any]) -> Any:
    spec = SPEC.validate_python(fields)
    height, width = next(iter(pictures.values())).shape[:2] if pictures else (None, None)
    rendering = begin(spec, plan(spec, card=card(spec.model), width=width, height=height), network, pictures)
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    return rendering.finish()


def mean_of_squares(layer: str) -> recipes.Score:
    return lambda layers: tf.reduce_mean(layers[layer] ** 2)


def mean_of_motif(motif: str) -> recipes.Score:
    number = card("motifnet").find_layer("logits").find_channel(motif)
    return lambda layers: tf.reduce_mean(layers["logits"][..., number])


def test_every_layer_is_what_the_plain_network_computes(network: Network) -> None:
    picture = tf.constant(drawn(96, 128)[None])
    expected = motifnet(picture)
    names = [layer.name for layer in network.card.layers]
    assert set(names) == set(expected)
    for name, activations in network.activations(picture, names).items():
        assert np.abs(activations - expected[name]).mean() <= 1e-5 * np.abs(expected[name]).mean(), name


def test_deepdream(network: Network) -> None:
    picture = drawn(150, 205)
    fields = {
        "kind": "dream",
        "input": ASSET,
        "preset": "deepdream",
        "objective": [{"layer": "mixed4c"}],
        "iterations": 4,
        "step": 1.5,
        "jitter": 0,
        "octaves": {"count": 3, "scale": 1.4},
    }
    expected = recipes.deepdream(picture, mean_of_squares("mixed4c"), 16, count=3, iterations=4, step=1.5)
    assert psnr(render(network, fields, {"input": picture}), expected) >= 40


@pytest.mark.parametrize("preset", ["multiscale", "lapnorm"])
def test_dreams_of_one_channel(network: Network, preset: str) -> None:
    picture = drawn(170, 130, seed=1)
    fields = {"kind": "dream", "input": ASSET, "preset": preset, "iterations": 3}
    expected = getattr(recipes, preset)(
        picture, sizes(170, 130, 3, 1.4), mean_of_motif("eye"), 32, iterations=3, step=1.0
    )
    assert psnr(render(network, fields, {"input": picture}), expected) >= 40
