"""Networks of one's own: what a file holds, the farm computes; what it cannot, it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L  # noqa: N812 - as everyone calls it

from shared.cards import UnknownModel, card, cards
from shared.plan import plan
from shared.settings import settings
from shared.specs import SPEC
from tests.reference.pictures import drawn
from worker.networks import load
from worker.networks.adding import BadModel, add
from worker.render import begin

ASSET = "sha256:" + "0" * 64

# Keras 3.15 saves its variables in a way that NumPy 2 is going to refuse.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("DREAMFARM_DATA", str(tmp_path))
    settings.cache_clear()
    yield settings().networks
    settings.cache_clear()


def inception5h() -> Any:
    """inception5h up to mixed4a, narrow, with random weights; names and kinds of nodes are the true ones."""
    rng = np.random.default_rng(5)
    graph = tf.Graph()

    def conv(x: Any, name: str, side: int, channels: int, stride: int = 1) -> Any:
        kernel = rng.normal(size=(side, side, x.shape[-1], channels)).astype(np.float32)
        weights = tf.constant(kernel * np.float32(np.sqrt(2 / kernel[..., 0].size)), name=f"{name}_w")
        bias = tf.constant(rng.normal(size=channels).astype(np.float32) * 0.1, name=f"{name}_b")
        y = tf.nn.conv2d(x, weights, stride, "SAME", name=f"{name}_pre_relu/conv")
        return tf.nn.relu(tf.nn.bias_add(y, bias, name=f"{name}_pre_relu"), name=name)

    def lrn(x: Any, name: str) -> Any:
        return tf.nn.local_response_normalization(x, 5, 1.0, 1e-4, 0.5, name=name)

    with graph.as_default():
        x: Any = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "input")
        x = tf.nn.max_pool2d(conv(x, "conv2d0", 7, 16, 2), 3, 2, "SAME", name="maxpool0")
        x = conv(conv(lrn(x, "localresponsenorm0"), "conv2d1", 1, 16), "conv2d2", 3, 24)
        x = tf.nn.max_pool2d(lrn(x, "localresponsenorm1"), 3, 2, "SAME", name="maxpool1")
        axis = tf.constant(3, name="concat_dim")
        for module in ("mixed3a", "mixed3b", "mixed4a"):
            if module == "mixed4a":
                x = tf.nn.max_pool2d(x, 3, 2, "SAME", name="maxpool4")
            branches = [conv(x, f"{module}_1x1", 1, 8)]
            branches += [conv(conv(x, f"{module}_{n}x{n}_bottleneck", 1, 6), f"{module}_{n}x{n}", n, 8) for n in (3, 5)]
            pool = tf.nn.max_pool2d(x, 3, 1, "SAME", name=f"{module}_pool")
            branches.append(conv(pool, f"{module}_pool_reduce", 1, 8))
            x = tf.raw_ops.Concat(concat_dim=axis, values=branches, name=module)
        head = tf.nn.avg_pool2d(x, 4, 4, "VALID", name="avgpool0")
        tf.nn.softmax(tf.reshape(head, (-1, 32)), name="softmax2")
    return graph


def test_a_frozen_inception_graph_is_computed_as_tensorflow_computes_it(folder: Path, tmp_path: Path) -> None:
    graph = inception5h()
    file = tmp_path / "tensorflow_inception_graph.pb"
    file.write_bytes(graph.as_graph_def().SerializeToString())

    described, notes = add("inception5h", file, folder=folder, licence="Apache-2.0")

    assert notes == ["layers behind 'softmax2' (Softmax) are left out"] or notes[0].startswith("layers behind")
    assert described.find_layer("mixed4a_3x3_bottleneck_pre_relu").channels == 6
    layer = described.find_layer("mixed4a")
    assert (layer.receptive_field, layer.stride, layer.overhang_left, layer.overhang_right) == (171, 16, 70, 85)
    network = load("inception5h", folder=folder)
    picture = drawn(96, 128)[None]
    names = ["conv2d0", "conv2d2_pre_relu", "mixed3b", "mixed4a_5x5", "mixed4a"]
    found = network.activations(tf.constant(picture), names)
    with tf.compat.v1.Session(graph=graph) as session:
        expected = session.run([f"{name}:0" for name in names], {"input:0": picture - 117.0})
    for name, values in zip(names, expected, strict=True):
        assert np.abs(found[name] - values).mean() <= 1e-5 * np.abs(values).mean(), name


def keras_model() -> Any:
    x = inputs = keras.Input((None, None, 3))
    x = L.Rescaling(1 / 127.5, offset=-1.0)(x)
    x = L.Conv2D(8, 3, strides=2, use_bias=False, name="first")(x)
    x = L.Activation("relu", name="first_relu")(L.BatchNormalization(name="first_norm")(x))
    wide = L.Conv2D(6, (1, 7), padding="same", activation="relu", name="wide")(x)
    tall = L.Conv2D(6, (7, 1), padding="same", name="tall")(L.AveragePooling2D(3, 1, padding="same")(x))
    x = L.Add(name="sum")([L.Concatenate(name="both")([wide, L.ReLU(name="tall_relu")(tall)]), L.Conv2D(12, 1)(x)])
    x = L.MaxPooling2D(2, name="pool")(x)
    x = L.Dense(4, activation="softmax", name="classes")(L.GlobalAveragePooling2D(name="average")(x))
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(3)
    model.get_layer("first_norm").set_weights([rng.uniform(0.5, 1.5, 8) for _ in range(4)])
    return model


def test_a_keras_model_is_computed_as_keras_computes_it(folder: Path, tmp_path: Path) -> None:
    model = keras_model()
    model.save(tmp_path / "mine.keras")

    described, notes = add("mine", tmp_path / "mine.keras", folder=folder)

    assert notes == []
    assert described.logits == "classes"
    network = load("mine", folder=folder)
    picture = drawn(64, 96)[None]
    names = ["first_relu", "wide", "both", "sum", "pool"]
    expected = keras.Model(model.input, [model.get_layer(name).output for name in names])(picture)
    found = network.activations(tf.constant(picture), [*names, "classes"])
    for name, values in zip(names, expected, strict=True):
        assert np.abs(found[name] - values).max() <= 1e-4 * np.abs(values).max(), name
    classes = tf.nn.softmax(tf.reduce_mean(found["classes"], (1, 2)))
    assert np.allclose(classes, model(picture), atol=1e-5)


def test_a_registered_network_dreams(folder: Path, tmp_path: Path) -> None:
    keras_model().save(tmp_path / "mine.keras")
    add("mine", tmp_path / "mine.keras", folder=folder)
    assert [c.name for c in cards()] == ["mine", "motifnet"]
    fields = {"kind": "dream", "input": ASSET, "model": "mine", "objective": [{"layer": "both"}], "iterations": 2}
    spec = SPEC.validate_python(fields | {"octaves": {"count": 2}, "tiling": {"tile": 64}})
    planned = plan(spec, card=card("mine"), width=100, height=90)
    picture = drawn(90, 100)
    rendering = begin(spec, planned, load("mine", folder=folder), {"input": picture})
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    assert np.abs(rendering.finish() - picture).mean() > 0.5


def test_a_model_of_grey_pictures_sees_their_luminance(folder: Path, tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Conv2D(4, 3, activation="relu", name="strokes"),
            L.MaxPooling2D(),
            L.Flatten(name="flat"),
            L.Dense(10),
        ]
    )
    model.save(tmp_path / "digits.keras")
    _, notes = add("digits", tmp_path / "digits.keras", folder=folder, preprocessing="unit")
    assert notes == ["layers behind 'flat' (Flatten) are left out"]
    picture = drawn(28, 28)
    grey = (picture @ np.array([0.299, 0.587, 0.114], np.float32))[None, ..., None] / 255
    expected = keras.Model(model.inputs[0], model.get_layer("strokes").output)(grey)
    found = load("digits", folder=folder).activations(tf.constant(picture[None]), ["strokes"])["strokes"]
    assert np.allclose(found, expected, atol=1e-5)


def test_published_weights_are_read_into_their_layers(folder: Path, tmp_path: Path) -> None:
    model = keras.applications.VGG16(weights=None, include_top=False)
    file = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.weights.h5"
    model.save_weights(file)

    described, _ = add("vgg16", file, folder=folder)

    layer = described.find_layer("block4_conv3")
    assert (layer.receptive_field, layer.stride, layer.overhang_left, layer.overhang_right) == (92, 8, 42, 42)
    picture = drawn(64, 64)
    found = load("vgg16", folder=folder).activations(tf.constant(picture[None]), ["block2_conv2"])["block2_conv2"]
    expected = keras.Model(model.input, model.get_layer("block2_conv2").output)(
        keras.applications.vgg16.preprocess_input(picture[None].copy())
    )
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("my model", b"", "is no name for a model"),
        ("model", None, "there is no file"),
        ("model.keras", b"not a model", "cannot be read as a Keras model"),
        ("model.pb", b"\xff\xff\xff\xff", "is not a frozen TensorFlow graph"),
        ("model.onnx", b"", "neither a Keras model"),
    ],
)
def test_files_that_hold_no_network_are_refused(
    folder: Path, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadModel, match=message):
        add(name if " " in name else "mine", file, folder=folder)
    with pytest.raises(UnknownModel):
        card("mine")


def test_names_never_lead_out_of_the_folder(folder: Path) -> None:
    for name in ("../mine", "a/b", ".."):
        with pytest.raises(UnknownModel):
            card(name)
        with pytest.raises(BadModel):
            add(name, folder, folder=folder)
