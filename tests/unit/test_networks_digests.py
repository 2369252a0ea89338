"""What names a network: all that its results depend on, so that nobody goes on with another one by mistake."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from deploy.main import build
from shared.cards import card
from shared.outputs import manifest_in
from shared.plan import plan
from shared.specs import SPEC
from tests.reference.pictures import drawn
from worker.networks import BadWeights, file_names, load
from worker.networks.adding import add
from worker.render import Mismatch, begin, resume

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ASSET = "sha256:" + "0" * 64


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A Keras model with a pool."""
    keras.utils.set_random_seed(3)
    layers = [keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3, padding="same"), keras.layers.MaxPooling2D(2)]
    keras.Sequential([*layers, keras.layers.Conv2D(4, 3, padding="same", name="deep")]).save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def as_once_registered(place: Path, names: tuple[str, str] | None = None) -> str:
    """Makes of a registered network what earlier versions wrote, whose digest was of the weights alone; that digest."""
    known = json.loads((place / "card.json").read_text())
    operations, weights = (place / name for name in file_names(known["digest"]))
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    names = names or file_names(digest)
    (place / names[0]).write_text(json.dumps(json.loads(operations.read_text()) | {"digest": digest}))
    operations.unlink()
    weights.rename(place / names[1])
    (place / "card.json").write_text(json.dumps(known | {"digest": digest}))
    return digest


def test_the_same_file_registered_otherwise_is_another_network(networks: Path, file: Path) -> None:
    ways: list[dict[str, Any]] = [{"preprocessing": "unit"}, {"preprocessing": "signed"}, {"pooling": "average"}, {}]
    digests = [add("mine", file, folder=networks, **way)[0].digest for way in ways]
    assert len(set(digests)) == 4
    assert add("other", file, folder=networks, classes=["a"], licence="MIT")[0].digest == digests[-1]
    assert len(list((networks / "mine").iterdir())) == 3


def test_a_job_does_not_go_on_with_the_same_weights_otherwise(networks: Path, file: Path) -> None:
    fields = {"kind": "dream", "model": "mine", "input": ASSET, "objective": [{"layer": "deep"}], "iterations": 2}
    spec, pictures = SPEC.validate_python(fields | {"octaves": {"count": 1}}), {"input": drawn(48, 48)}

    def state(way: Any) -> Any:
        known, _ = add("mine", file, folder=networks, pooling=way)
        planned, network = plan(spec, card=known, width=48, height=48), load("mine", folder=networks)
        rendering = begin(spec, planned, network, pictures)
        rendering.advance(lambda: None)
        return planned, network, rendering.state()

    planned, own, begun = state("own")
    resume(spec, planned, own, pictures, begun)
    _, average, _ = state("average")
    with pytest.raises(Mismatch, match="was made with another network"):
        resume(spec, planned, average, pictures, begun)


@pytest.mark.parametrize("part", ["topology", "card"])
def test_a_network_whose_files_were_changed_is_not_used(networks: Path, file: Path, part: str) -> None:
    add("mine", file, folder=networks)
    (changed,) = (networks / "mine").glob(f"{part}*.json")
    content = changed.read_text()
    other = content.replace('"max_pool"', '"avg_pool"') if part == "topology" else content.replace(":1.0", ":0.5")
    assert other != content
    changed.write_text(other)
    with pytest.raises(BadWeights, match="the files of 'mine' have SHA-256"):
        load("mine", folder=networks)


@pytest.mark.parametrize("names", [("topology.json", "mine.safetensors"), None], ids=["0.1.0", "later"])
def test_networks_that_an_earlier_version_registered_are_read_and_replaced(
    networks: Path, file: Path, names: tuple[str, str] | None
) -> None:
    now = add("mine", file, folder=networks)[0].digest
    before = as_once_registered(networks / "mine", names)
    assert load("mine", folder=networks).digest == before != now

    assert add("mine", file, folder=networks)[0].digest == now
    assert load("mine", folder=networks).digest == now
    assert {path.name for path in (networks / "mine").iterdir()} == {*file_names(now), "card.json"}


def test_outputs_tell_which_network_made_them(networks: Path, file: Path, tmp_path: Path) -> None:
    """Those of earlier versions by the weights alone: they are verified with any network that has these."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(build(), list(map(str, arguments)), env={"COLUMNS": "200"}, prog_name="dreamfarm")

    options = "--model mine --layer deep --size 48 --octaves 1 --iterations 2 --out"
    render = ("render", "dream", *options.split(), tmp_path)
    add("mine", file, folder=networks)
    before = as_once_registered(networks / "mine")
    rendered = run(*render)
    assert rendered.exit_code == 0, rendered.output
    (output,) = tmp_path.glob("*.png")
    assert manifest_in(output.read_bytes()).model.sha256 == before == card("mine").digest

    add("mine", file, folder=networks)
    assert "same" in run("verify", output).output
    add("mine", file, folder=networks, pooling="average")
    assert "different" in run("verify", output).output  # by its output, this may have been its network

    assert run(*render, "--overwrite").exit_code == 0
    (output,) = tmp_path.glob("*.png")
    assert "same" in run("verify", output).output
    add("mine", file, folder=networks)
    told = run("verify", output)
    assert told.exit_code == 1
    assert "was made with another mine (SHA-256" in " ".join(told.output.split())


def test_weights_are_told_apart_to_the_last_bit(networks: Path, tmp_path: Path) -> None:
    digests = []
    for last in (1.0, np.nextafter(np.float32(1), np.float32(2))):
        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
        model.set_weights([np.full((3, 3, 3, 2), last, np.float32), np.zeros(2, np.float32)])
        model.save(tmp_path / "mine.keras")
        digests.append(add("mine", tmp_path / "mine.keras", folder=networks)[0].digest)
    assert digests[0] != digests[1]
