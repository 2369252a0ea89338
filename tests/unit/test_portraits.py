"""Portraits of layers and channels: they show what they should, are kept once, and go with their network."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from shared.cards import card
from shared.portraits import Album, Portrait, album
from tests.unit.test_cli import run
from worker.networks import classify, load

SMALL = ("--size", "64", "--iterations", "6", "--layer", "mixed3a", "--channels", "3")


def test_a_portrait_excites_what_it_is_of(networks: Path) -> None:
    """Each portrait of a channel excites this channel more than the portraits of the others do."""
    made = run("models", "portray", "motifnet", *SMALL, "--iterations", "12")
    assert made.exit_code == 0, made.output

    kept = [p for p in album(card("motifnet")).portraits if p.layer == "mixed3a"]
    last = card("motifnet").find_layer("mixed3a").channels - 1
    assert [p.channel for p in kept] == [None, 0, round(last / 2), last]
    network = load("motifnet", folder=networks)
    pictures = np.stack([np.asarray(Image.open(album(card("motifnet")).path(p)), np.float32) for p in kept[1:]])
    means = np.mean(network.activations(tf.constant(pictures), ["mixed3a"])["mixed3a"], axis=(1, 2))
    excited = means[:, [p.channel for p in kept[1:]]]
    assert excited.argmax(axis=0).tolist() == [0, 1, 2]


def test_bundled_portraits_show_what_they_are_called(networks: Path) -> None:
    """motifnet itself names its motifs in their portraits; two of the weakest are something else (its README says so)."""
    own, network = card("motifnet"), load("motifnet", folder=networks)
    motifs = own.find_layer(own.logits or "").channel_names or ()
    shown = {motifs[p.channel]: p for p in album(own).portraits if p.layer == own.logits and p.channel is not None}
    assert tuple(shown) == motifs
    pictures = {name: np.asarray(Image.open(album(own).path(p)), np.float32) for name, p in shown.items()}
    wrong = [name for name, picture in pictures.items() if classify(network, picture, 1)[0][0] != name]
    assert len(wrong) <= 2, wrong


def test_what_is_there_is_not_made_again(networks: Path) -> None:
    out = networks.parent / "album"
    first = json.loads(run("models", "portray", "motifnet", *SMALL[:-1], "1", "--out", str(out), "--json").stdout)
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("*.jpg")}
    more = run("models", "portray", "motifnet", *SMALL, "--out", str(out))

    assert [entry["channel"] for entry in first] == [None, 0]
    assert "motifnet: 2 made, 4 in all" in more.stdout
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept
    assert run("models", "portray", "motifnet", *SMALL, "--out", str(out)).stdout.startswith(
        "motifnet: 0 made, 4 in all"
    )


@pytest.mark.usefixtures("networks")
def test_a_network_shows_its_portraits_on_a_page(tmp_path: Path) -> None:
    run("models", "portray", "motifnet", *SMALL)
    page = tmp_path / "page.jpg"
    shown = run("models", "show", "motifnet", "--sheet", str(page))

    assert shown.exit_code == 0, shown.output
    assert f"portraits  {len(album(card('motifnet')).portraits)}, on {page}" in shown.stdout
    assert "classes    logits: " in shown.stdout
    with Image.open(page) as image:
        assert image.format == "JPEG"
        assert image.width > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mofitnet"], "did you mean 'motifnet'"),
        (["motifnet", "--layer", "mixed4x"], "no layer 'mixed4x' (did you mean"),
    ],
)
@pytest.mark.usefixtures("networks")
def test_mistakes_are_told(arguments: list[str], message: str) -> None:
    refused = run("models", "portray", *arguments)

    assert refused.exit_code == 2
    assert message in refused.output


def jpeg(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (level, level, level)).save(file, "JPEG")
    return file.getvalue()


def test_portraits_of_other_weights_do_not_count(tmp_path: Path) -> None:
    Album(tmp_path, "a" * 64).add(Portrait(layer="x", channel=1), jpeg(1))

    assert Album(tmp_path, "b" * 64).portraits == ()
    Album(tmp_path, "b" * 64).add(Portrait(layer="x", channel=2), jpeg(2))
    assert [p.channel for p in Album(tmp_path, "b" * 64).portraits] == [2]
    (tmp_path / "portraits.json").write_text("{")
    assert Album(tmp_path, "b" * 64).portraits == ()


def test_ones_own_portraits_lie_over_the_bundled_ones(tmp_path: Path) -> None:
    bundled, own = tmp_path / "bundled", tmp_path / "own"
    for level in (1, 2):
        Album(bundled, "a").add(Portrait(layer="x", channel=level), jpeg(level))
    both = Album(own, "a", bundled)
    both.add(Portrait(layer="x", channel=2), jpeg(200))
    both.add(Portrait(layer="x", channel=3), jpeg(3))
    both = Album(own, "a", bundled)

    assert [p.channel for p in both.portraits] == [1, 2, 3]
    assert [both.path(p).parent for p in both.portraits] == [bundled, own, own]
    assert [p.channel for p in Album(bundled, "a").portraits] == [1, 2]


def test_layers_of_any_name_have_files_of_their_own() -> None:
    layers = ["a/b", "a-b", "a%2Fb", "../x", "ü b"]
    files = [Portrait(layer=layer, channel=7).file for layer in layers]

    assert len(set(files)) == len(layers)
    assert not any("/" in file for file in files)
    assert [unquote(file) for file in files] == [f"{layer}@7.jpg" for layer in layers]
    assert Portrait(layer="a@7", channel=None).file != Portrait(layer="a", channel=7).file


@pytest.mark.usefixtures("networks")
def test_a_channel_that_does_not_stir_is_tried_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Given a network whose channels all stay still, nothing is kept, and nothing tried again."""
    monkeypatch.setattr("deploy.portraying._STILL", 1e9)
    command = ("models", "portray", "motifnet", "--data", str(tmp_path / "other"), *SMALL)
    first, second = run(*command), run(*command)

    assert first.exit_code == second.exit_code == 0
    assert first.output.count("of mixed3a does not stir") == 4
    assert "does not stir" not in second.output
    assert (tmp_path / "other" / "networks" / "motifnet" / "portraits" / "portraits.json").exists()


@pytest.mark.usefixtures("networks")
def test_the_bundled_network_comes_with_a_portrait_of_each_motif() -> None:
    known = card("motifnet")
    kept = album(known)
    motifs = [p.name(known.find_layer("logits")) for p in kept.portraits if p.layer == "logits"]
    assert motifs == list(known.find_layer("logits").channel_names or ())
    for portrait in kept.portraits:
        with Image.open(kept.path(portrait)) as image:
            assert image.size == (128, 128)
