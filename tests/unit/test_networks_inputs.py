"""What importers make of unusual beginnings and of files that leave things out; held against Keras and TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L  # noqa: N812 - as everyone calls it

from tests.reference.pictures import drawn
from worker.networks import load
from worker.networks.adding import add
from worker.networks.collect import BadModel

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PICTURE = drawn(40, 48)
#: Pictures as the networks want them, by `--pictures`.
WANTED: dict[str, Callable[[Any], Any]] = {
    "raw": lambda rgb: rgb,
    "caffe": lambda rgb: (rgb - [123.68, 116.779, 103.939])[..., ::-1],
    "torch": lambda rgb: (rgb / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
}
BEGINNINGS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: L.ReLU()(x),
    "tanh after pool": lambda x: L.Activation("tanh")(L.AveragePooling2D(2)(x)),
    "concatenation": lambda x: L.Concatenate()([x, L.Conv2D(2, 3, padding="same")(x)]),
    "rescaling": lambda x: L.Rescaling(2.0, offset=1.0)(x),
    "sum": lambda x: L.Add()([x, L.Conv2D(3, 1)(x)]),
    "pool": lambda x: L.MaxPooling2D(2)(x),
}


@pytest.mark.parametrize("pictures", WANTED)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_colours_are_the_networks_own_whatever_sees_them_first(
    networks: Path, tmp_path: Path, pictures: str, beginning: str
) -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, L.ReLU(name="out")(L.Conv2D(4, 3, padding="same")(BEGINNINGS[beginning](inputs))))
    model.save(tmp_path / "mine.keras")
    _, notes = add("mine", tmp_path / "mine.keras", folder=networks, preprocessing=pictures)  # type: ignore[arg-type]
    assert notes == []
    found = load("mine", folder=networks).activations(tf.constant(PICTURE[None]), ["out"])["out"]
    expected = model(np.asarray(WANTED[pictures](PICTURE), np.float32)[None])
    assert np.abs(found - expected).max() <= 2e-5 * np.abs(expected).max()


def test_grey_is_made_before_anything_else(networks: Path, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, L.ReLU(name="out")(L.Conv2D(4, 3, padding="same")(L.MaxPooling2D(2)(inputs))))
    model.save(tmp_path / "grey.keras")
    add("grey", tmp_path / "grey.keras", folder=networks)
    found = load("grey", folder=networks).activations(tf.constant(PICTURE[None]), ["out"])["out"]
    expected = model((PICTURE @ np.array([0.299, 0.587, 0.114], np.float32))[None, ..., None])
    assert np.abs(found - expected).max() <= 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.Sequential([keras.Input((8, 8, 3)), L.Flatten(), L.Dense(4)]), "one row of numbers"),
        (lambda: keras.Sequential([keras.Input((8, 8, 3)), L.Rescaling(0.0), L.Conv2D(2, 3)]), "by 0"),
    ],
)
@pytest.mark.usefixtures("networks")
def test_networks_that_see_nothing_are_refused(
    networks: Path, tmp_path: Path, make: Callable[[], Any], message: str
) -> None:
    make().save(tmp_path / "mine.keras")
    with pytest.raises(BadModel, match=message):
        add("mine", tmp_path / "mine.keras", folder=networks)


def kernel(*shape: int) -> Any:
    return tf.constant(np.random.default_rng(shape[-1]).normal(0, 0.1, shape).astype(np.float32))


def conv(x: Any, name: str, channels: int = 4) -> Any:
    return tf.compat.v1.nn.conv2d(x, kernel(3, 3, x.shape[-1], channels), 1, "SAME", name=name)


def leaky(x: Any) -> None:
    tf.nn.leaky_relu(conv(x, "c"), name="out")


def local(x: Any) -> None:
    tf.nn.relu(tf.nn.local_response_normalization(conv(x, "c", 8) * 0.01, name="l"), name="out")


def normalised(x: Any) -> None:
    ones, zeros, little = (tf.constant([value] * 4) for value in (1.0, 0.0, 1e-5))
    fixed = {"mean": zeros, "variance": little, "is_training": False, "epsilon": 1e-4}
    tf.nn.relu(tf.compat.v1.nn.fused_batch_norm(conv(x, "c"), ones, zeros, **fixed)[0], name="out")


def passed_on(x: Any) -> None:
    """A convolution with a bias behind an identity, and another taker before it."""
    before = conv(x, "c")
    biased = tf.nn.bias_add(tf.identity(before), tf.constant([1.0, 20.0, 300.0, 4.0]))
    tf.nn.relu(tf.nn.relu(before) + tf.nn.relu(biased), name="out")


def scaled_beside(x: Any) -> None:
    """A picture that is scaled behind an identity for one convolution, and taken as it is by another."""
    tf.nn.relu(conv(tf.identity(x) * 2.0, "a") + conv(x, "b"), name="out")


def with_defaults(x: Any) -> None:
    """Numbers that may be given and need not: a picture's factor, and what a layer keeps."""
    brightness = tf.compat.v1.placeholder_with_default(tf.constant(0.5), (), "brightness")
    kept = tf.compat.v1.placeholder_with_default(tf.constant([1.0, 0.5, 0.0, 2.0]), (4,), "kept")
    tf.nn.relu(conv(x * brightness, "c") * kept, name="out")


@pytest.mark.parametrize(
    ("build", "left_out"),
    [
        (with_defaults, set()),
        (leaky, {"alpha"}),
        (local, {"depth_radius", "bias", "alpha", "beta"}),
        (normalised, {"epsilon"}),
        (passed_on, set()),
        (scaled_beside, set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_graphs_are_computed_as_tensorflow_computes_them(
    networks: Path, tmp_path: Path, build: Callable[[Any], None], left_out: set[str]
) -> None:
    """Also where they leave out attributes that are the operation's defaults, as small files do."""
    graph = tf.Graph()
    with graph.as_default():
        build(tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "input"))
    definition = graph.as_graph_def()
    for node in definition.node:
        for name in left_out & set(node.attr) if node.op not in ("Const", "Placeholder") else ():
            del node.attr[name]
    (tmp_path / "graph.pb").write_bytes(definition.SerializeToString())
    add("graph", tmp_path / "graph.pb", folder=networks, preprocessing="centred")
    whole = tf.Graph()
    with whole.as_default():
        tf.import_graph_def(definition, name="")
    with tf.compat.v1.Session(graph=whole) as session:
        expected = session.run("out:0", {"input:0": PICTURE[None] - 117})
    found = load("graph", folder=networks).activations(tf.constant(PICTURE[None]), ["out"])["out"]
    assert np.abs(found - expected).max() <= 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize("shape", [(), None, (2,)], ids=str)
def test_what_depends_on_an_input_besides_the_picture_is_left_out(networks: Path, tmp_path: Path, shape: Any) -> None:
    graph = tf.Graph()
    with graph.as_default():
        share = tf.compat.v1.placeholder(tf.float32, shape, "share")
        x = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "input")
        tf.nn.relu(conv(x, "c") * tf.reduce_sum(share), name="shared")
        tf.nn.relu(conv(x, "d"), name="out")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    described, _ = add("graph", tmp_path / "graph.pb", folder=networks)
    assert "out" in described.by_name
    assert "shared" not in described.by_name


def test_a_graph_of_two_pictures_is_refused(networks: Path, tmp_path: Path) -> None:
    graph = tf.Graph()
    with graph.as_default():
        left, right = (tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), n) for n in ("left", "right"))
        tf.nn.relu(conv(left, "c") + conv(right, "d"), name="out")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(BadModel, match=r"'left' and 'right'.*one input"):
        add("graph", tmp_path / "graph.pb", folder=networks)


@pytest.mark.parametrize("stripped", [True, False])
def test_a_normalisation_that_is_still_trained_is_left_out(networks: Path, tmp_path: Path, *, stripped: bool) -> None:
    """`is_training` is true where the file does not say otherwise."""
    graph = tf.Graph()
    with graph.as_default():
        normalised(tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "input"))
    definition = graph.as_graph_def()
    for node in definition.node:
        if stripped and "is_training" in node.attr:
            del node.attr["is_training"]
    (tmp_path / "graph.pb").write_bytes(definition.SerializeToString())
    described, notes = add("graph", tmp_path / "graph.pb", folder=networks)
    assert ("out" in described.by_name) is not stripped
    assert bool(notes) is stripped


def test_what_is_joined_with_a_constant_is_left_out(networks: Path, tmp_path: Path) -> None:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (1, 8, 8, 3), "input")
        one = conv(x, "c", 1)
        tf.nn.relu(tf.concat([one, tf.ones((1, 8, 8, 2))], 3, name="joined"), name="out")
        tf.nn.relu(one * tf.constant([1.0, 2.0, 3.0, 4.0]), name="spread")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    described, notes = add("graph", tmp_path / "graph.pb", folder=networks)
    assert {"out", "spread"}.isdisjoint(described.by_name)
    assert len(notes) == 2
