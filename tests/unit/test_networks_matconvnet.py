"""Gatys' network from matconvnet's files: names, kernels, means and average pools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import tensorflow as tf

from tests import topologies
from tests.reference.pictures import drawn
from worker.networks import load
from worker.networks.adding import add
from worker.networks.collect import BadModel

#: Of the published chain of layers, the places of its convolutions.
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


@pytest.mark.parametrize("beta16", [False, True], ids=["now", "beta16"])
def test_vgg19_is_gatys(networks: Path, tmp_path: Path, beta16: bool) -> None:
    topologies.write_mat(tmp_path / "vgg19.mat", beta16=beta16, width=0.125, top=True)
    described, _ = add("vgg19_matconvnet", tmp_path / "vgg19.mat", folder=networks, pooling="average")

    assert np.allclose(described.mean, (123.68, 116.779, 103.939), atol=1e-4)
    layer = described.find_layer("relu4_2")
    assert (layer.receptive_field, layer.stride, layer.overhang_left, layer.overhang_right) == (84, 8, 38, 38)
    network, picture = load("vgg19_matconvnet", folder=networks), drawn(64, 96)
    found = network.activations(tf.constant(picture[None]), ["conv1_1", "relu4_2", "relu5_1"])
    for name, values in gatys(tmp_path / "vgg19.mat", picture, weights_at=0 if beta16 else 2).items():
        assert np.abs(found[name] - values).max() <= 1e-4 * np.abs(values).max(), name


def gatys(file: Path, picture: topologies.FloatArray, weights_at: int) -> dict[str, topologies.FloatArray]:
    """The recipe by itself: kernels by their places in the file, padded convolutions, ReLU, average pools."""
    layers = scipy.io.loadmat(file)["layers"]
    x = tf.constant(picture[None] - np.array([123.68, 116.779, 103.939], np.float32))
    found, block, depth = {}, 1, 1
    for place in range(36):
        if place in CONVOLUTIONS:
            kernel, bias = (layers[0][place][0][0][weights_at][0][i] for i in (0, 1))
            x = tf.nn.conv2d(x, kernel, 1, "SAME") + bias.reshape(-1)
            found[f"conv{block}_{depth}"] = x.numpy()
        elif place - 1 in CONVOLUTIONS:
            x = tf.nn.relu(x)
            found[f"relu{block}_{depth}"] = x.numpy()
            depth += 1
        else:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
            block, depth = block + 1, 1
    return {name: found[name] for name in ("conv1_1", "relu4_2", "relu5_1")}


def test_fully_connected_layers_are_left_out_for_their_size(
    networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.networks.from_matconvnet.LARGEST_KERNEL", 3 * 3 * 64 * 64)
    topologies.write_mat(tmp_path / "vgg19.mat", width=0.125, top=True)
    described, notes = add("mine", tmp_path / "vgg19.mat", folder=networks)
    assert notes == ["layers behind 'fc6' (conv) are left out"]
    assert described.layers[-1].name == "relu5_4"
    assert load("mine", folder=networks).graph.by_name["pool1"].kind == "max_pool"


def chain(file: Path, *layers: dict[str, object]) -> Path:
    cells = np.empty((1, len(layers)), object)
    cells[0] = layers
    scipy.io.savemat(file, {"layers": cells})
    return file


KERNEL = {"type": "conv", "name": "conv", "filters": np.ones((3, 3, 3, 2)), "biases": np.ones((1, 2))}


def test_other_strides_paddings_and_names_of_weights_are_understood(networks: Path, tmp_path: Path) -> None:
    pool = {"type": "pool", "name": "pool", "method": "max", "pool": 3.0, "stride": 2.0, "pad": [0.0, 1.0, 0.0, 1.0]}
    norm = {"type": "normalize", "name": "norm", "param": [5.0, 1.0, 2e-5, 0.75]}
    conv = KERNEL | {"stride": 2.0, "pad": 1.0}
    last = {"type": "conv", "name": "last", "weights": topologies._cell(np.ones((1, 1, 2)), np.zeros((1, 1)))}
    file = chain(tmp_path / "mine.mat", conv, norm, {"type": "relu", "name": "relu"}, pool, last)
    described, notes = add("mine", file, folder=networks, preprocessing="raw")
    assert notes == []
    assert described.find_layer("last").stride == 4
    picture = drawn(32, 36)
    found = load("mine", folder=networks).activations(tf.constant(picture[None]), ["last"])["last"]
    x = tf.nn.conv2d(tf.pad(picture[None], ((0, 0), (1, 1), (1, 1), (0, 0))), np.ones((3, 3, 3, 2), "f4"), 2, "VALID")
    x = tf.nn.relu(tf.nn.local_response_normalization(x + 1.0, 2, 1.0, 2e-5, 0.75))
    x = tf.nn.max_pool2d(tf.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0))), 3, 2, "VALID")
    expected = tf.reduce_sum(x, -1, keepdims=True)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_leaks_are_computed_and_dilated_convolutions_left_out(networks: Path, tmp_path: Path) -> None:
    leaky = {"type": "relu", "name": "leaky", "leak": 0.1}
    weights = topologies._cell(np.ones((3, 3, 2)), np.zeros((1, 1)))
    dilated = {"type": "conv", "name": "wide", "weights": weights, "pad": 2.0, "dilate": 2.0}
    plain = {"type": "relu", "name": "relu", "leak": 0.0}
    first = KERNEL | {"filters": np.full((3, 3, 3, 2), [0.1, -0.1]), "dilate": [1.0, 1.0]}
    file = chain(tmp_path / "mine.mat", first, leaky, dilated, plain)
    described, notes = add("mine", file, folder=networks, preprocessing="raw")
    assert notes == ["layers behind 'wide' (conv, dilate [2, 2]) are left out"]
    assert [layer.name for layer in described.layers] == ["conv", "leaky"]
    found = load("mine", folder=networks).activations(tf.constant(drawn(32, 36)[None]), ["conv", "leaky"])
    before = found["conv"].numpy()
    assert before.min() < 0 < before.max()
    assert np.allclose(found["leaky"], np.where(before > 0, before, 0.1 * before))


def test_layers_that_cut_off_instead_of_padding_are_left_out(networks: Path, tmp_path: Path) -> None:
    pool = {"type": "pool", "name": "pool", "method": "max", "pool": 2.0, "stride": 2.0, "pad": -1.0}
    described, notes = add("mine", chain(tmp_path / "mine.mat", KERNEL, pool), folder=networks)
    assert notes == ["layers behind 'pool' (pool) are left out"]
    assert described.layers[-1].name == "conv"


def test_padded_average_pools_are_left_out(networks: Path, tmp_path: Path) -> None:
    """matconvnet divides by the cells that lie inside the picture; with zeros around it, its border would be darker."""
    pool = {"type": "pool", "name": "pool", "method": "avg", "pool": 3.0, "stride": 2.0, "pad": [0.0, 1.0, 0.0, 1.0]}
    described, notes = add("mine", chain(tmp_path / "mine.mat", KERNEL, pool), folder=networks)
    assert notes == ["layers behind 'pool' (pool, avg, pad [0, 1, 0, 1]) are left out"]
    assert described.layers[-1].name == "conv"
    chain(
        tmp_path / "mine.mat", KERNEL, pool | {"pad": 0.0}, KERNEL | {"name": "next", "filters": np.ones((3, 3, 2, 2))}
    )
    assert add("mine", tmp_path / "mine.mat", folder=networks)[1] == []
    assert load("mine", folder=networks).graph.by_name["pool"].kind == "avg_pool"


def truncated(file: Path) -> Path:
    topologies.write_mat(file, width=0.05)
    file.write_bytes(file.read_bytes()[:20_000])
    return file


def flattened(file: Path) -> Path:
    scipy.io.savemat(file, {"layers": np.ones((1, 3))})
    return file


DAMAGED = {
    "truncated": (truncated, "no MATLAB file that can be read: it was cut off"),
    "other": (flattened, "holds no chain of layers"),
    "no weights": (lambda file: chain(file, {"type": "conv", "name": "conv"}), "layer 'conv' has no weights"),
    "misfit": (lambda file: chain(file, KERNEL, KERNEL | {"name": "next"}), "the kernel of 'next' has the shape"),
    "twice": (lambda file: chain(file, {"type": "relu", "name": "a"}, {"type": "relu", "name": "a"}), "are called 'a'"),
}


@pytest.mark.parametrize(("write", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused(networks: Path, tmp_path: Path, write: object, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        add("mine", write(tmp_path / "mine.mat"), folder=networks)  # type: ignore[operator]
