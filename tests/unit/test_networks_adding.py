"""Registering networks: what is whole and true gets a card, everything else is refused with the reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from shared.cards import UnknownLayer, UnknownModel, card
from shared.plan import plan
from shared.portraits import Portrait, album
from shared.specs import SPEC
from tests import topologies
from tests.reference.pictures import drawn
from worker.networks import load
from worker.networks.adding import add, distinct, save
from worker.networks.collect import BadModel, Collection
from worker.render import begin, resume

# Keras 3.15 saves its variables in a way that NumPy 2 is going to refuse.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_published_weights_are_read_into_their_layers(networks: Path, tmp_path: Path) -> None:
    """In the format of 2016 that they are published in, and in the one that Keras saves them in now."""
    model = topologies.keras_model("VGG16")
    topologies.write_h5(model, tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5")
    model.save_weights(tmp_path / "mine.weights.h5")

    described, notes = add("vgg16", tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", folder=networks)

    assert notes == []
    assert described.logits is None
    assert add("vgg16", tmp_path / "mine.weights.h5", folder=networks)[0].digest == described.digest

    layer = described.find_layer("block4_conv3")
    assert (layer.receptive_field, layer.stride, layer.overhang_left, layer.overhang_right) == (92, 8, 42, 42)
    picture = drawn(64, 64)
    found = load("vgg16", folder=networks).activations(tf.constant(picture[None]), ["block2_conv2"])["block2_conv2"]
    expected = keras.Model(model.input, model.get_layer("block2_conv2").output)(
        keras.applications.vgg16.preprocess_input(picture[None].copy())
    )
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("my model", b"", "is no name for a model"),
        ("model.pb", None, "there is no file"),
        ("model.keras", b"not a model", "cannot be read as a Keras model"),
        ("model.pb", b"\xff\xff\xff\xff", "is not a frozen TensorFlow graph"),
        ("model.h5", b"\x89HDF\r\n\x1a\n", "cannot be read as a Keras model"),
        ("model.mat", b"MATLAB 5.0 MAT-file", "no MATLAB file that can be read: it does not begin as one"),
        ("model.onnx", b"", "neither a Keras model"),
        ("motifnet", b"", "comes with dreamfarm"),
    ],
)
def test_files_that_hold_no_network_are_refused(
    networks: Path, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadModel, match=message):
        add("mine" if "." in name else name, file, folder=networks)
    with pytest.raises(UnknownModel):
        card("mine")


def test_names_never_lead_out_of_the_folder(networks: Path) -> None:
    for name in ("../mine", "a/b", ".."):
        with pytest.raises(UnknownModel):
            card(name)
        with pytest.raises(BadModel):
            add(name, networks, folder=networks)


def test_damage_is_refused_whatever_it_hits(networks: Path, tmp_path: Path) -> None:
    """Files with a few wrong bytes hold another network, or are refused: nothing else happens."""
    topologies.write_mat(tmp_path / "whole.mat", width=0.02)
    topologies.write_inception5h(tmp_path / "whole.pb", width=0.02)
    rng, refused = np.random.default_rng(4), 0
    for suffix in (".mat", ".pb") * 40:
        data = np.frombuffer((tmp_path / f"whole{suffix}").read_bytes(), np.uint8).copy()
        data[rng.integers(0, min(len(data), 4000), 4)] = rng.integers(0, 256, 4)
        (tmp_path / f"mine{suffix}").write_bytes(data.tobytes()[: rng.integers(len(data) // 2, 2 * len(data))])
        try:
            add("mine", tmp_path / f"mine{suffix}", folder=networks)
        except BadModel:
            refused += 1
    assert refused > 40


def test_weights_in_other_files_are_not_read(networks: Path, tmp_path: Path) -> None:
    """A file of weights can point to others on the machine."""
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)]).save(tmp_path / "private.h5")
    with h5py.File(tmp_path / "private.h5") as whole, h5py.File(tmp_path / "mine.h5", "w") as links:
        links.attrs.update(whole.attrs)
        links["model_weights"] = h5py.ExternalLink(str(tmp_path / "private.h5"), "model_weights")
    assert add("mine", tmp_path / "private.h5", folder=networks)[0].layers
    with pytest.raises(BadModel, match=r"cannot be read as a Keras model: .*[Ee]xternal"):
        add("mine", tmp_path / "mine.h5", folder=networks)


def test_a_network_that_tensorflow_cannot_compute_is_refused_with_its_reason(
    networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise tf.errors.InvalidArgumentError(None, None, "{{function_node a_long name}} Inputs do not fit.\nMore.")

    monkeypatch.setattr("worker.networks.network.Network.activations", failing)
    topologies.write_inception5h(tmp_path / "mine.pb", width=0.02)
    with pytest.raises(BadModel, match=r"^mine.pb cannot be rendered with: Inputs do not fit\.$"):
        add("mine", tmp_path / "mine.pb", folder=networks)
    assert not networks.exists()


def test_a_network_that_no_card_can_describe_leaves_the_one_before_it(networks: Path) -> None:
    before = save(tiny(1.0), FACTS, networks / "mine")
    found = tiny(2.0)
    found.scale = float("nan")
    with pytest.raises(BadModel, match="'mine' cannot be described"):
        save(found, FACTS, networks / "mine")
    assert card("mine") == before
    assert load("mine", folder=networks).digest == before.digest


def test_channels_names_are_distinct_and_complete() -> None:
    assert distinct(["dummy", "crane", "kite", "crane"], 6) == ["dummy", "crane", "kite", "crane 3", "4", "5"]
    assert distinct(["a", "b", "c"], 2) == ["a", "b"]


def test_a_registered_network_replaces_the_one_of_its_name(networks: Path, tmp_path: Path) -> None:
    for width, channels in ((0.125, 18), (0.25, 36)):
        topologies.write_inception5h(tmp_path / "mine.pb", width=width)
        add("mine", tmp_path / "mine.pb", folder=networks)
        assert card("mine").find_layer("mixed4d_3x3_bottleneck_pre_relu").channels == channels
    assert [place.name for place in networks.iterdir()] == ["mine"]


ASSET = "sha256:" + "0" * 64
FACTS = {"name": "mine", "summary": "", "licence": ""}


def tiny(weight: float) -> Collection:
    found = Collection("unit")
    found.conv("a", "input", np.full((3, 3, 3, 4), weight, np.float32), None)
    return found


class Killed(BaseException):
    pass


def killed_at(step: int, function: Callable[..., None], steps: Iterator[int]) -> Callable[..., None]:
    def unless_killed(*arguments: Any, **options: Any) -> None:
        if next(steps) == step:
            raise Killed
        function(*arguments, **options)

    return unless_killed


def test_whatever_is_killed_while_a_network_is_exchanged_there_is_one(
    networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {save(tiny(weight), FACTS, networks / "mine").digest for weight in (2.0, 1.0)}
    outcomes = []
    for step in range(10):
        steps = count()
        with monkeypatch.context() as patch, suppress(Killed):
            for name in ("rename", "replace", "unlink"):
                patch.setattr(os, name, killed_at(step, getattr(os, name), steps))
            save(tiny(2.0), FACTS, networks / "mine")
        outcomes.append(load("mine", folder=networks).digest)
        save(tiny(1.0), FACTS, networks / "mine")
    assert set(outcomes) == digests
    assert len(list((networks / "mine").iterdir())) == 3


def test_portraits_stay_when_a_network_is_registered_again(networks: Path) -> None:
    first = save(tiny(1.0), FACTS, networks / "mine")
    portrait = Portrait(layer="a", channel=None)
    album(first).add(portrait, b"jpeg")

    assert portrait in album(save(tiny(1.0), FACTS, networks / "mine"))
    assert portrait not in album(save(tiny(2.0), FACTS, networks / "mine"))  # other weights dream otherwise
    again = album(save(tiny(1.0), FACTS, networks / "mine"))
    assert again.path(portrait).read_bytes() == b"jpeg"


def test_logits_are_the_classes_whatever_their_layer_is_called(networks: Path) -> None:
    found = tiny(0.1)
    found.logits = found.conv("predictions", "a", np.eye(4, 3, dtype=np.float32)[None, None], None)
    known = save(found, FACTS, networks / "mine")
    network, picture = load("mine", folder=networks), drawn(48, 48)
    assert known.find_layer("logits") == known.find_layer("predictions")

    def rendered(kind: str, layer: str) -> NDArray[np.float32]:
        fields: dict[str, Any] = {"objective": [{"layer": layer, "channel": 2}], "octaves": {"count": 1}}
        layers = {"content_layers": [{"layer": layer}], "style_layers": [{"layer": layer}]}
        styled = {"content": ASSET, "styles": [{"asset": ASSET}]} | layers
        fields |= {"input": ASSET} if kind == "dream" else styled
        spec = SPEC.validate_python({"kind": kind, "model": "mine", "iterations": 2} | fields)
        planned = plan(spec, card=known, width=48, height=48)
        pictures = {"input": picture, "content": picture, "styles.0.asset": drawn(48, 48, 1)}
        rendering = begin(spec, planned, network, pictures)
        rendering.advance(lambda: None)
        rendering = resume(spec, planned, network, pictures, rendering.state())
        rendering.advance(lambda: None)
        return rendering.finish()

    for kind in ("dream", "style"):
        assert np.array_equal(rendered(kind, "logits"), rendered(kind, "predictions"))
    with pytest.raises(UnknownLayer, match="model 'mine' has no layer 'logits'"):
        save(tiny(0.1), FACTS, networks / "mine").find_layer("logits")
