"""Files that would fill a machine's memory are refused before they do."""

from __future__ import annotations

import io
import json
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import scipy.io
import tensorflow as tf

from worker.networks.adding import add
from worker.networks.collect import BadModel

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def saved(file: Path, channels: int = 4) -> Path:
    """A model of three convolutions, of which the last two have weights of the same shape."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(channels, 3, name=name) for name in ("first", "second", "third")]
    keras.Sequential([keras.Input((32, 32, 3)), *layers]).save(file)
    return file


def changed(file: Path, member: str, change: Callable[[bytes], bytes]) -> None:
    """Writes an archive anew with another content of one of its files."""
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, change(content) if name == member else content)


def most_used() -> float:
    """The most memory that this process ever took up, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_archives_that_unpack_to_much_more_are_refused(networks: Path, tmp_path: Path) -> None:
    changed(saved(tmp_path / "mine.keras"), "model.weights.h5", lambda _: bytes(10**8))
    with pytest.raises(BadModel, match=r"mine.keras would unpack to 100 MB"):
        add("mine", tmp_path / "mine.keras", folder=networks)


def vast(weights: h5py.File) -> None:
    """Puts 400 MB of zeros in the place of a kernel, which take up nothing in a file."""
    names: list[str] = []
    weights.visititems(lambda name, found: names.append(name) if getattr(found, "ndim", 0) == 4 else None)
    del weights[names[0]]
    weights.create_dataset(names[0], (10**4, 10**4), "f4", chunks=(1000, 1000), compression="gzip")


def vast_inside(content: bytes) -> bytes:
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as weights:
        vast(weights)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_arrays_that_unpack_to_much_more_are_refused(networks: Path, tmp_path: Path, suffix: str) -> None:
    file = saved(tmp_path / f"mine{suffix}")
    if suffix == ".keras":
        changed(file, "model.weights.h5", vast_inside)
    else:
        with h5py.File(file, "r+") as weights:
            vast(weights)
    before = most_used()
    with pytest.raises(BadModel, match="would unpack to 400 MB"):
        add("mine", file, folder=networks)
    assert most_used() < before + 200


def claiming(content: bytes) -> bytes:
    config = json.loads(content)
    config["config"]["layers"][-1]["config"]["filters"] = 10**7
    return json.dumps(config).encode()


def test_layers_take_up_what_the_file_holds_and_not_what_it_claims(networks: Path, tmp_path: Path) -> None:
    changed(saved(tmp_path / "mine.keras"), "config.json", claiming)
    before = most_used()
    with pytest.raises(BadModel, match=r"as a Keras model: .*\(3, 3, 4, 10000000\)"):
        add("mine", tmp_path / "mine.keras", folder=networks)
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])  # nothing of it comes later
    assert most_used() < before + 200


def linked(content: bytes) -> bytes:
    """Weights of one layer that stand for another's, too."""
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as weights:
        second, third = weights["layers"]["conv2d_1"], weights["layers"]["conv2d_2"]
        del third["vars"]
        third["vars"] = second["vars"]
    return file.getvalue()


def test_numbers_count_as_often_as_layers_take_them(
    networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(saved(tmp_path / "mine.keras", channels=64), "model.weights.h5", linked)
    monkeypatch.setattr("worker.networks.unpacking.TIMES", 1)
    assert add("mine", tmp_path / "mine.keras", folder=networks)[0].parameters > 70_000
    monkeypatch.setattr("worker.networks.unpacking.ANY_FILE", 250_000)
    with pytest.raises(BadModel, match="its layers take up more than the file holds"):
        add("mine", tmp_path / "mine.keras", folder=networks)


def test_what_a_graphs_constants_claim_counts_together(networks: Path, tmp_path: Path) -> None:
    """Given constants that each have one number for a million, there is a limit to how many of them are taken."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), "input")
        x = tf.nn.conv2d(x, tf.constant(0.5, shape=(1, 1, 3, 1024)), 1, "SAME")
        for i in range(40):
            x = tf.nn.conv2d(x, tf.constant(0.5, shape=(1, 1, 1024, 1024)), 1, "SAME", name=f"conv{i}")
    described = graph.as_graph_def()
    for constant in (node.attr["value"].tensor for node in described.node if node.op == "Const"):
        constant.tensor_content, constant.float_val[:] = b"", [0.5]
    (tmp_path / "mine.pb").write_bytes(described.SerializeToString())
    assert (tmp_path / "mine.pb").stat().st_size < 20_000
    before = most_used()
    with pytest.raises(BadModel, match="constants take up more than the file holds"):
        add("mine", tmp_path / "mine.pb", folder=networks)
    assert most_used() < before + 200


def test_what_a_matlab_file_unpacks_to_counts_together(
    networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.networks.unpacking.ANY_FILE", 10**6)
    for count, message in ((1, "holds no chain of layers"), (3, "cut off, or is too large")):
        packed = {f"v{i}": np.zeros(60_000) for i in range(count)}
        scipy.io.savemat(tmp_path / "mine.mat", packed, do_compression=True)
        with pytest.raises(BadModel, match=message):
            add("mine", tmp_path / "mine.mat", folder=networks)


def element(kind: int, data: bytes) -> bytes:
    """An element of a MATLAB file."""
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


@pytest.mark.parametrize(
    ("count", "message"), [(50, "holds no chain of layers"), (300_000, "holds more than 262,144 matrices")]
)
def test_matlab_files_of_very_many_matrices_are_refused(
    networks: Path, tmp_path: Path, count: int, message: str
) -> None:
    """Empty ones take up 8 bytes in a file, and far more in memory."""
    header = element(6, struct.pack("<II", 1, 0)) + element(5, struct.pack("<ii", 1, count)) + element(1, b"cells")
    cells = element(14, header + element(14, b"") * count)
    (tmp_path / "mine.mat").write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1IM" + cells)
    with pytest.raises(BadModel, match=message):
        add("mine", tmp_path / "mine.mat", folder=networks)
