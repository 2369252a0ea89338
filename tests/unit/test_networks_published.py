"""Published networks, from their publisher's server to a picture: files of true names and shapes, random weights."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deploy.main import build
from shared import cards
from shared.cards import UnknownModel, card
from shared.plan import plan
from shared.presets import DREAM_PRESETS, STYLE_PRESETS
from shared.settings import settings as current
from shared.specs import SPEC
from tests import topologies
from tests.reference.pictures import drawn
from tests.unit.http_server import Answer, failing, sending, serving
from worker.networks import downloads, fetching, load
from worker.networks.collect import BadModel
from worker.networks.downloads import pull
from worker.networks.fetching import DownloadFailed
from worker.networks.keras_files import KERAS_LAYERS_OF
from worker.networks.published import PUBLISHED, Member, Published, Remote
from worker.networks.unpacking import LARGEST_FILE
from worker.render import begin

ASSET = "sha256:" + "0" * 64
NAMES = json.dumps({str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}).encode()


def written(name: str, folder: Path) -> Path:
    """A network's file, as published but for its weights; inception5h and matconvnet's are an eighth as wide, too."""
    file = folder / PUBLISHED[name].file.file_name
    match name:
        case "inception5h":
            topologies.write_inception5h_zip(file, width=0.125)
        case "vgg19_matconvnet":
            topologies.write_mat(file, width=0.125, top=True)
        case "inception_v3":
            topologies.write_h5(topologies.keras_model("InceptionV3", top=True), file)
        case _:
            topologies.write_h5(topologies.keras_model(name.upper()), file)
    return file


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Files by name of the network, each made once."""
    made: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("published")

    def get(name: str) -> Path:
        if name not in made:
            made[name] = written(name, folder)
        return made[name]

    return get


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Publishes a file on a server of this machine, under the name of a network; its address."""
    monkeypatch.setattr(fetching, "FIRST_PAUSE", 0.01)
    for variable in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with ExitStack() as servers:

        def start(name: str, file: Path, answer: Answer | None = None, index: Answer | None = None) -> str:
            original, body = PUBLISHED[name], file.read_bytes()
            path = f"/{original.file.file_name}"
            served = servers.enter_context(serving(answer or sending(body), path))
            parts: dict[str, Any] = {"file": remote(served.url, body)}
            if original.class_index is not None:
                parts["class_index"] = remote(
                    servers.enter_context(serving(index or sending(NAMES), "/index.json")).url, NAMES
                )
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    for key in ("member", "labels"):
                        member = archive.read(getattr(original, key).name)
                        parts[key] = Member(getattr(original, key).name, hashlib.sha256(member).hexdigest())
            published = dataclasses.replace(original, **parts)
            monkeypatch.setattr(downloads, "PUBLISHED", {name: published})
            return served.url

        yield start


def remote(url: str, body: bytes) -> Remote:
    return Remote((url,), "sha256", (hashlib.sha256(body).hexdigest(),))


def rendered(spec: dict[str, Any], model: str, networks: Path) -> float:
    """How much a job of few iterations changes its picture, on average over all values in 0–255."""
    picture, style = drawn(112, 96), drawn(80, 96, seed=1)
    few = {"model": model, "iterations": 2, "octaves": {"count": 2, "scale": 1.2}, "seed": 1}
    job = SPEC.validate_python(spec | few)
    planned = plan(job, card=card(model), width=96, height=112)
    pictures = {"input": picture} if job.kind == "dream" else {"content": picture, "styles.0.asset": style}
    rendering = begin(job, planned, load(model, folder=networks), pictures)
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    return float(np.abs(np.asarray(rendering.finish(), np.float32) - picture).mean())


DREAM = {"kind": "dream", "input": ASSET}
STYLE = {"kind": "style", "content": ASSET, "styles": [{"asset": ASSET}]}
JOBS = {
    "inception5h": DREAM | {"objective": [{"layer": "mixed4d_3x3_bottleneck_pre_relu", "channel": 13}]},
    "inception_v3": DREAM,
    "vgg19": STYLE | {"preset": "gatys_tv"},
    "vgg19_matconvnet": STYLE,
}


@pytest.mark.parametrize("name", JOBS)
def test_a_published_network_is_pulled_and_renders(
    networks: Path, publish: Callable[..., str], files: Callable[[str], Path], name: str
) -> None:
    publish(name, files(name))
    # Keras counts nameless layers through a process, which may have made others before.
    keras.Sequential([keras.Input((8, 8, 3)), *(keras.layers.Activation("relu") for _ in range(7))])
    described, notes = pull(name, folder=networks, cache=networks.parent / "downloads")
    assert [note for note in notes if "classes" in note] == []
    assert described == card(name)
    assert list((networks.parent / "downloads").glob("[!.]*.[!l]*")) == []
    assert rendered(JOBS[name], name, networks) > 0.5
    if name == "inception_v3":
        assert_counted_from_the_start(name, networks)
    if described.logits is not None:
        logits = described.find_layer(described.logits)
        assert (
            logits.find_channel({"softmax2_pre_activation": "thing 17", "predictions": "thing_17"}[logits.name]) == 17
        )


def assert_counted_from_the_start(name: str, networks: Path) -> None:
    """`activation_40` is what Keras calls the layer in a fresh process; its convolution has the same number."""
    names = {layer.name for layer in card(name).layers if layer.kind == "relu"}
    assert names == {"activation", *(f"activation_{i}" for i in range(1, 94))}
    network = load(name, folder=networks)
    assert network.graph.by_name["activation_40"].inputs == ("conv2d_40",)
    # Normalisation is folded into it: the kernel of the file, times factors.
    kernel = network.weights["conv2d_40/kernel"]
    factors = kernel / topologies.drawn_weights("conv2d_40", kernel.shape)[0]
    assert np.allclose(factors, factors[:1, :1, :1], rtol=1e-3)


def test_a_network_works_without_its_classes_names(
    networks: Path, publish: Callable[..., str], files: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("inception5h", files("inception5h"))
    with serving(failing(404)) as gone:
        published = dataclasses.replace(
            downloads.PUBLISHED["inception5h"], labels=None, class_index=remote(gone.url, NAMES)
        )
        monkeypatch.setattr(downloads, "PUBLISHED", {"inception5h": published})
        described, notes = pull("inception5h", folder=networks, cache=networks.parent)
    assert notes[0].startswith("classes are numbers, because their names could not be had: http")
    assert described.find_layer("softmax2_pre_activation").find_channel("17") == 17


def test_the_next_address_is_taken_when_one_does_not_answer(
    networks: Path, publish: Callable[..., str], files: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = publish("vgg19_matconvnet", files("vgg19_matconvnet"))
    published = downloads.PUBLISHED["vgg19_matconvnet"]
    with serving(failing(404), "/imagenet-vgg-verydeep-19.mat") as gone:
        both = dataclasses.replace(published.file, urls=(gone.url, url))
        monkeypatch.setattr(downloads, "PUBLISHED", {"vgg19_matconvnet": dataclasses.replace(published, file=both)})
        pull("vgg19_matconvnet", folder=networks, cache=networks.parent)
    kinds = {op.kind for op in load("vgg19_matconvnet", folder=networks).graph.ops}
    assert kinds == {"conv", "relu", "avg_pool"}


def test_a_file_that_is_here_needs_no_connection(
    networks: Path, publish: Callable[..., str], files: Callable[[str], Path], tmp_path: Path
) -> None:
    archive = files("inception5h")
    publish("inception5h", archive, failing(500))
    described, notes = pull("inception5h", folder=networks, cache=networks.parent, source=str(archive))
    assert notes == []
    with zipfile.ZipFile(archive) as packed:
        graph = packed.extract("tensorflow_inception_graph.pb", tmp_path)
    bare, notes = pull("inception5h", folder=networks, cache=networks.parent, source=graph)
    assert bare.digest == described.digest
    assert notes == ["the classes' names are in inception5h.zip only: without it, classes are numbers"]
    assert archive.exists()


def damaged(data: bytes) -> bytes:
    return data[:5000] + b"damaged" + data[5007:]


@pytest.mark.parametrize("name", ["inception5h", "vgg19_matconvnet"])
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda data: sending(damaged(data)), "is not the published file: its sha256 is"),
        (lambda data: sending(data[:-1]), "is not the published file: its sha256 is"),
        (lambda data: sending(data, upto=0), "peer closed connection"),
        (lambda _: failing(404), "answers 404"),
    ],
    ids=["corrupted", "short", "cut off", "missing"],
)
def test_downloads_that_fail_leave_no_network_and_tell_what_to_do(
    networks: Path,
    publish: Callable[..., str],
    files: Callable[[str], Path],
    name: str,
    harm: Callable[[bytes], Answer],
    message: str,
) -> None:
    publish(name, files(name), harm(files(name).read_bytes()))
    with pytest.raises(DownloadFailed, match=rf"{message}.*`dreamfarm models pull {name} --from FILE`"):
        pull(name, folder=networks, cache=networks.parent)
    with pytest.raises(UnknownModel):
        card(name)


def test_a_file_that_is_not_the_published_one_is_refused(
    networks: Path, publish: Callable[..., str], files: Callable[[str], Path], tmp_path: Path
) -> None:
    publish("vgg19_matconvnet", files("vgg19_matconvnet"))
    (tmp_path / "other.mat").write_bytes(damaged(files("vgg19_matconvnet").read_bytes()))
    for file, message in (("other.mat", "is not the published imagenet-vgg-verydeep-19.mat"), ("x", "is no file")):
        with pytest.raises(DownloadFailed, match=message):
            pull("vgg19_matconvnet", folder=networks, cache=tmp_path, source=str(tmp_path / file))


def test_an_archive_must_hold_the_published_graph(
    networks: Path, publish: Callable[..., str], files: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("inception5h", files("inception5h"))
    published: Published = downloads.PUBLISHED["inception5h"]
    graph = published.member
    assert graph is not None
    for member, message in (
        (Member(graph.name, "0" * 64), "is not the published file"),
        (Member("other.pb", "0" * 64), "not an archive with other.pb"),
    ):
        monkeypatch.setattr(downloads, "PUBLISHED", {"inception5h": dataclasses.replace(published, member=member)})
        with pytest.raises(BadModel, match=message):
            pull("inception5h", folder=networks, cache=networks.parent)


def test_only_one_process_pulls_a_network(networks: Path, publish: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "vgg16").write_bytes(b"")
    publish("vgg16", tmp_path / "vgg16")
    with (tmp_path / "vgg16.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DownloadFailed, match="vgg16 is being pulled by another process already"):
            pull("vgg16", folder=networks, cache=tmp_path)


def test_published_networks_have_presets_and_fit_into_memory() -> None:
    assert set(PUBLISHED) <= set(DREAM_PRESETS["deepdream"].models)
    assert {"vgg19", "vgg19_matconvnet"} <= set(STYLE_PRESETS["gatys"].models)
    assert set(PUBLISHED) == set(cards.PUBLISHED)
    assert set(KERAS_LAYERS_OF) < set(PUBLISHED)
    assert all(published.megabytes * 1e6 < LARGEST_FILE for published in PUBLISHED.values())


def test_the_commands_pull_list_and_classify(
    networks: Path, publish: Callable[..., str], files: Callable[[str], Path], tmp_path: Path
) -> None:
    url = publish("inception5h", files("inception5h"))

    def run(*arguments: str, code: int = 0) -> str:
        environment = {"DREAMFARM_URL": "http://127.0.0.1:9", "NO_COLOR": "1", "COLUMNS": "200"}
        result = CliRunner().invoke(build(), arguments, env=environment, prog_name="dreamfarm")
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.stderr

    assert "did you mean 'inception5h'" in run("models", "pull", "inception5", code=2)
    assert "there is no file nothing.zip" in run("models", "pull", "inception5h", "--from", "nothing.zip", code=1)
    assert json.loads(run("models", "pull", "inception5h", "--from", url, "--json"))["name"] == "inception5h"
    layers = {layer["name"]: layer for layer in json.loads(run("layers", "inception5h", "--json"))}
    assert layers["mixed4d_3x3_bottleneck_pre_relu"]["channels"] == 18
    assert "thing 999" in run("layers", "inception5h", "--channels", "softmax2_pre_activation")
    Image.fromarray(drawn(224, 224).astype(np.uint8)).save(tmp_path / "picture.png")
    classes = json.loads(run("classify", "inception5h", str(tmp_path / "picture.png"), "--json"))
    assert len(classes) == 5
    assert set(classes[0]) == {"class", "probability"}

    (tmp_path / "file").touch()
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv("DREAMFARM_DATA", str(tmp_path / "file"))
        current.cache_clear()
        assert "inception5h cannot be kept: " in run("models", "pull", "inception5h", code=1)
    current.cache_clear()

    mat = files("vgg19_matconvnet")
    run("models", "add", "gatys", str(mat), "--pooling", "average", "--licence", "CC-BY-4.0")
    assert "gatys has no classes" in run("classify", "gatys", str(tmp_path / "picture.png"), code=2)
    assert {op.kind for op in load("gatys", folder=networks).graph.ops} == {"conv", "relu", "avg_pool"}
