"""Frozen TensorFlow graphs: read as TensorFlow computes them, and refused when they do more than compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from shared.cards import UnknownModel, card
from tests import topologies
from tests.reference.pictures import drawn
from worker.networks import classify, load
from worker.networks.adding import add
from worker.networks.collect import BadModel


def frozen(graph: Any, file: Path) -> Path:
    file.write_bytes(graph.as_graph_def().SerializeToString())
    return file


def run(graph: Any, names: list[str], picture: Any) -> list[Any]:
    with tf.compat.v1.Session(graph=graph) as session:
        found: list[Any] = session.run([f"{name}:0" for name in names], {"input:0": picture})
    return found


@pytest.fixture(scope="module")
def narrow() -> Any:
    return topologies.inception5h_graph(width=0.125)


def test_inception5h_is_computed_as_tensorflow_computes_it(networks: Path, tmp_path: Path, narrow: Any) -> None:
    labels = topologies.label_strings()
    file = frozen(narrow, tmp_path / "tensorflow_inception_graph.pb")
    described, notes = add("inception5h", file, folder=networks, classes=labels, licence="Apache-2.0")

    assert notes == []
    layer = described.find_layer("mixed4a")
    assert (layer.receptive_field, layer.stride, layer.overhang_left, layer.overhang_right) == (171, 16, 70, 85)
    network, picture = load("inception5h", folder=networks), drawn(224, 224)
    names = ["conv2d0", "conv2d2_pre_relu", "mixed3b", "mixed4d_3x3_bottleneck_pre_relu", "mixed5b"]
    names += ["head0_bottleneck", "nn1", "softmax0_pre_activation"]
    found = network.activations(tf.constant(picture[None]), names)
    for name, values in zip(names, run(narrow, names, picture[None] - 117.0), strict=True):
        assert np.abs(found[name] - values).mean() <= 1e-5 * np.abs(values).mean(), name

    # Published classes are of pictures of 224 pixels; there, they are the same.
    (probabilities,) = run(narrow, ["softmax2"], picture[None] - 117.0)
    expected = np.argsort(-probabilities[0])[:5]
    told = classify(network, picture)
    logits = described.find_layer("softmax2_pre_activation")
    assert [logits.find_channel(name) for name, _ in told] == expected.tolist()
    assert np.allclose([p for _, p in told], probabilities[0][expected], rtol=1e-3)


def test_inception5h_has_its_59_convolutions_and_classes_by_name(networks: Path, tmp_path: Path) -> None:
    topologies.write_inception5h(tmp_path / "inception5h.pb")
    described, _ = add("inception5h", tmp_path / "inception5h.pb", folder=networks, classes=topologies.label_strings())
    convolutions = [layer for layer in described.layers if layer.kind == "conv" and "softmax" not in layer.name]
    assert len([layer for layer in convolutions if not layer.name.startswith("nn")]) == 59
    assert described.find_layer("mixed4d_3x3_bottleneck_pre_relu").channels == 144
    assert described.find_layer("mixed4a").channels == 508
    assert described.logits == "softmax2_pre_activation"
    logits = described.find_layer("softmax2_pre_activation")
    assert logits.channels == len(logits.channel_names or ()) == 1008
    assert [logits.find_channel(name) for name in ("dummy", "crane", "crane 518", "thing 1000", "1007")] == [
        0, 135, 518, 1000, 1007,
    ]  # fmt: skip


def little(build: Callable[[Any], Any]) -> Any:
    """A graph of one convolution and what `build` makes of its result (n, h, w, 4)."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "input")
        kernel = topologies.drawn_weights("first", (3, 3, 3, 4))[0]
        build(tf.nn.conv2d(x, tf.constant(kernel), 1, "SAME", name="first"))
    return graph


def normalised(x: Any) -> Any:
    rng = np.random.default_rng(2)
    gamma, beta, mean, variance = (tf.constant(rng.uniform(0.5, 1.5, 4), tf.float32) for _ in range(4))
    return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, is_training=False, name="norm")[0]


def around(x: Any) -> Any:
    padded = tf.pad(x, tf.constant([[0, 0], [1, 2], [1, 2], [0, 0]]))
    return tf.nn.depthwise_conv2d(
        padded, topologies.drawn_weights("depthwise", (3, 3, 4, 1))[0], (1, 2, 2, 1), "VALID", name="depthwise"
    )


BUILDS: dict[str, Callable[[Any], Any]] = {
    "batch normalisation": lambda x: tf.nn.relu6(normalised(x)),
    "depthwise": lambda x: tf.nn.elu(around(x)),
    "residual": lambda x: tf.nn.leaky_relu(tf.add(tf.sigmoid(x), tf.nn.relu(x) * tf.constant([1.0, 2.0, 3.0, 4.0]))),
    "used twice": lambda x: tf.concat([tf.nn.relu(x), tf.nn.bias_add(x, tf.constant([1.0, 2.0, 3.0, 4.0]))], 3),
}


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_common_operations_are_computed_as_tensorflow_computes_them(
    networks: Path, tmp_path: Path, build: Callable[[Any], Any]
) -> None:
    graph = little(lambda x: tf.identity(build(x), name="end"))
    described, notes = add("mine", frozen(graph, tmp_path / "mine.pb"), folder=networks, preprocessing="raw")
    assert notes == []
    last, picture = described.layers[-1].name, drawn(32, 40)[None] / 100
    found = load("mine", folder=networks).activations(tf.constant(picture), [last])[last]
    (expected,) = run(graph, ["end"], picture)
    assert np.allclose(found, expected, atol=1e-5)


def test_what_is_harmless_but_unknown_is_left_out_by_name(networks: Path, tmp_path: Path) -> None:
    graph = little(lambda x: tf.nn.relu(tf.transpose(tf.nn.relu(x, name="kept"), (0, 2, 1, 3), name="turned")))
    described, notes = add("mine", frozen(graph, tmp_path / "mine.pb"), folder=networks)
    assert notes == ["layers behind 'turned' (Transpose) are left out"]
    assert [layer.name for layer in described.layers] == ["first", "kept"]


def test_dense_layers_that_two_biases_are_added_to(networks: Path, tmp_path: Path) -> None:
    """Also where one of them is added to the same numbers in another shape."""
    bias = np.arange(5, dtype=np.float32)

    def heads(x: Any) -> None:
        product = tf.linalg.matmul(tf.reduce_mean(x, (1, 2)), topologies.drawn_weights("dense", (4, 5))[0])
        for name, numbers in (("a", product), ("b", tf.reshape(product, (-1, 5))), ("c", product)):
            tf.nn.softmax(tf.nn.bias_add(numbers, tf.constant(bias * (ord(name) - 96)), name=name))

    graph = little(heads)
    described, notes = add("mine", frozen(graph, tmp_path / "mine.pb"), folder=networks, preprocessing="raw")
    assert notes == []
    assert described.logits in ("a", "b", "c")
    picture = drawn(32, 32)
    found = load("mine", folder=networks).activations(tf.constant(picture[None]), ["a", "b", "c"])
    for name, expected in zip("abc", run(graph, ["a", "b", "c"], picture[None]), strict=True):
        assert np.allclose(tf.reduce_mean(found[name], (1, 2)), expected, rtol=1e-4), name


def reshaped(x: Any, shape: Any) -> Any:
    """The numbers of one channel in a row."""
    one = tf.nn.conv2d(x, topologies.drawn_weights("one", (3, 3, 4, 1))[0], 1, "SAME", name="one")
    return tf.reshape(one, shape, name="odd")


def cut_off() -> Any:
    """A padding by less than nothing, which TensorFlow's own functions do not write."""
    graph = little(lambda x: tf.pad(x, tf.constant([[0, 0], [1, 1], [1, 1], [0, 0]]), name="odd")).as_graph_def()
    amounts = next(node for node in graph.node if node.name == "odd").input[1]
    constant = next(node for node in graph.node if node.name == amounts)
    sides = np.array([[0, 0], [-1, -1], [-1, -1], [0, 0]], np.int32)
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(sides))
    return graph


def scalar_shape() -> Any:
    graph = little(lambda x: reshaped(x, tf.constant([-1, 25], name="shape"))).as_graph_def()
    constant = next(node for node in graph.node if node.name == "shape")
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.int32(-1)))
    return graph


ODD = {
    "row of unknown length": (lambda: little(lambda x: reshaped(x, (1, -1))).as_graph_def(), "'odd' (Reshape)"),
    "row of no length": (lambda: little(lambda x: reshaped(x, (-1, 0))).as_graph_def(), "'odd' (Reshape)"),
    "shape that is a number": (scalar_shape, "'odd' (Reshape)"),
    "negative padding": (cut_off, "'odd' (Pad)"),
}


@pytest.mark.parametrize(("build", "said"), ODD.values(), ids=ODD)
def test_shapes_and_paddings_that_make_no_layer_are_left_out(
    networks: Path, tmp_path: Path, build: Callable[[], Any], said: str
) -> None:
    (tmp_path / "mine.pb").write_bytes(build().SerializeToString())
    described, notes = add("mine", tmp_path / "mine.pb", folder=networks)
    assert notes == [f"layers behind {said} are left out"]
    assert "first" in described.by_name


def huge_constant() -> Any:
    graph = little(lambda x: tf.nn.bias_add(x, tf.constant(np.ones(4, np.float32), name="bias"))).as_graph_def()
    tensor = next(node for node in graph.node if node.name == "bias").attr["value"].tensor
    tensor.tensor_content, tensor.tensor_shape.dim[0].size = b"", 2**40
    tensor.float_val[:] = [1.0]
    return graph


def circle() -> Any:
    graph = little(lambda x: tf.nn.relu(tf.nn.relu(x, name="a"), name="b")).as_graph_def()
    next(node for node in graph.node if node.name == "a").input[0] = "b"
    return graph


def missing() -> Any:
    graph = little(lambda x: tf.nn.relu(x, name="a")).as_graph_def()
    next(node for node in graph.node if node.name == "a").input[0] = "nowhere"
    return graph


def bereft() -> Any:
    graph = little(lambda x: tf.nn.relu(x, name="a")).as_graph_def()
    del next(node for node in graph.node if node.name == "first").input[1]
    return graph


def with_function() -> Any:
    graph = little(tf.nn.relu).as_graph_def()
    graph.library.function.add().signature.name = "trick"
    return graph


def not_finite() -> Any:
    return little(lambda x: tf.nn.bias_add(x, tf.constant([1.0, np.nan, 1.0, 1.0]), name="biased")).as_graph_def()


def preprocessed(factor: float) -> Any:
    """A graph that begins with a multiplication of the whole picture."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "input") * tf.constant(factor)
        tf.nn.conv2d(x, tf.constant(topologies.drawn_weights("first", (3, 3, 3, 4))[0]), 1, "SAME", name="first")
    return graph


def from_nowhere() -> Any:
    """A node that passes on what it is not given."""
    graph = little(lambda x: tf.nn.relu(tf.identity(x, name="empty"))).as_graph_def()
    del next(node for node in graph.node if node.name == "empty").input[:]
    return graph


def total(xs: list[Any]) -> Any:
    return tf.raw_ops.AddV2(x=xs[0], y=xs[1], name="j")


def joined(join: Callable[[list[Any]], Any], stride: int, padding: str) -> Any:
    """A sum or a row of channels of results that have different sizes, which TensorFlow finds when it computes them."""
    kernel = topologies.drawn_weights("second", (3, 3, 4, 4))[0]
    return little(lambda x: join([x, tf.nn.conv2d(x, tf.constant(kernel), stride, padding)]))


def striding(stride: int, times: int = 1) -> Any:
    def steps(x: Any) -> None:
        for i in range(times):
            x = tf.nn.relu(tf.nn.max_pool2d(x, 1, stride, "SAME", name=f"pool{i}"), name=f"relu{i}")

    return little(steps)


def widening(times: int) -> Any:
    """A row of channels behind itself, again and again: twice as many each time, and no weights."""

    def widen(x: Any) -> None:
        for i in range(times):
            x = tf.concat([x, x], 3, name=f"row{i}")

    return little(widen)


def growing(times: int) -> Any:
    """Padding upon padding: what a single pixel becomes is 10,000 pixels long."""

    def pad(x: Any) -> None:
        for _ in range(times):
            x = tf.pad(x, tf.constant([[0, 0], [10**3] * 2, [10**3] * 2, [0, 0]]))
        tf.nn.relu(x, name="far")

    return little(pad)


HOSTILE = {
    "reads files": (lambda: little(lambda _x: tf.io.read_file("/x", name="spy")), "'spy' is the operation 'ReadFile'"),
    "writes files": (lambda: little(lambda _x: tf.io.write_file("x", "y", name="w")), "'w' is the operation 'WriteFile'"),
    "runs Python": (
        lambda: little(lambda x: tf.compat.v1.py_func(lambda v: v, [x], tf.float32, name="code")),
        "'code' is the operation 'PyFunc'",
    ),
    "functions": (with_function, "brings a function of its own, 'trick'"),
    "claims too much": (huge_constant, "'bias' claims 1,099,511,627,776 numbers that it does not have"),
    "circle": (circle, "runs in a circle"),
    "missing": (missing, "takes 'nowhere', which is not in the graph"),
    "too few inputs": (bereft, "'first' \\(Conv2D\\) has too few inputs"),
    "not finite": (not_finite, "weights of 'biased' are finite"),
    "pictures by nothing finite": (lambda: preprocessed(np.nan), "what it makes of its pictures are no finite numbers"),
    "normalises by nothing finite": (
        lambda: little(lambda x: tf.nn.relu(tf.nn.local_response_normalization(x, alpha=np.nan, name="norm"))),
        "parameters of 'norm' are finite",
    ),
    "passes nothing on": (from_nowhere, "'empty' \\(Identity\\) has too few inputs"),
    "sum of other strides": (lambda: joined(total, 2, "SAME"), "'j' joins"),
    "sum of other lengths": (lambda: joined(total, 1, "VALID"), "'j' joins"),
    "row of other strides": (lambda: joined(lambda xs: tf.concat(xs, 3, name="j"), 2, "SAME"), "'j' joins"),
    "strides by far": (lambda: striding(10**9), "'pool0' has a stride, a kernel or a padding beyond 1024"),
    "strides far together": (lambda: striding(64, 2), "cells of 'pool1' are 4,096 pixels apart"),
    "pads by far": (
        lambda: little(lambda x: tf.nn.relu(tf.pad(x, tf.constant([[0, 0], [10**6] * 2, [10**6] * 2, [0, 0]]), name="p"))),
        "'p' has a stride, a kernel or a padding beyond",
    ),
    "has channels by far": (lambda: widening(40), "'row14' has 131,072 channels, more than 65,536"),
    "grows by far": (lambda: growing(5), "cannot be rendered with: its layers make [0-9,]+ numbers of a picture of 1 × 1"),
}  # fmt: skip


@pytest.mark.parametrize(("build", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_graphs_are_refused_by_name(
    networks: Path, tmp_path: Path, build: Callable[[], Any], message: str
) -> None:
    graph = build()
    file = tmp_path / "mine.pb"
    file.write_bytes((graph if hasattr(graph, "node") else graph.as_graph_def()).SerializeToString())
    with pytest.raises(BadModel, match=message):
        add("mine", file, folder=networks)
    with pytest.raises(UnknownModel):
        card("mine")


def test_a_graph_that_was_cut_off_is_refused(networks: Path, tmp_path: Path, narrow: Any) -> None:
    data = narrow.as_graph_def().SerializeToString()
    (tmp_path / "half.pb").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadModel, match="not a frozen TensorFlow graph, or was cut off"):
        add("mine", tmp_path / "half.pb", folder=networks)
