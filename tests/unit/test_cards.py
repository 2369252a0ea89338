"""Cards say what the networks are, and name what people might have meant."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from shared.cards import UnknownChannel, UnknownLayer, UnknownModel, card, cards
from worker.networks.describe import describe

MOTIFNET = resources.files("worker.networks.motifnet")


def test_the_card_of_motifnet_describes_the_bundled_network() -> None:
    topology = json.loads(MOTIFNET.joinpath("topology.json").read_text())
    assert describe(topology) == card("motifnet")
    weights = MOTIFNET.joinpath("motifnet.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card("motifnet").digest
    assert len(weights) <= 12_000_000


def test_motifnet_has_121_named_motifs_and_inception_names() -> None:
    motifnet = card("motifnet")
    assert motifnet.find_layer(motifnet.logits).channel_names is not None
    assert len(set(motifnet.find_layer("logits").channel_names or ())) == 121
    for name in ("conv2d0", "conv2d2", "mixed3a", "mixed4a_1x1", "mixed4a_3x3_bottleneck", "mixed4d_5x5_pre_relu"):
        assert motifnet.find_layer(name).name == name
    assert motifnet.find_layer(motifnet.objective).stride == 16
    assert [c.name for c in cards()] == sorted(c.name for c in cards())


def test_channels_go_by_number_or_name() -> None:
    logits = card("motifnet").find_layer("logits")
    assert logits.find_channel("agate") == logits.find_channel(0) == logits.find_channel("0") == 0
    assert (logits.channel_names or ())[logits.find_channel("eye")] == "eye"
    assert card("motifnet").find_layer("mixed4c").find_channel("255") == 255


def test_unknown_names_are_answered_with_the_nearest() -> None:
    motifnet = card("motifnet")
    with pytest.raises(UnknownModel, match="did you mean 'motifnet'"):
        card("motifnets")
    with pytest.raises(UnknownModel, match="dreamfarm models pull inception5h"):
        card("inception5h")
    with pytest.raises(UnknownLayer, match="did you mean 'mixed4c'"):
        motifnet.find_layer("mixd4c")
    with pytest.raises(UnknownChannel, match="did you mean 'peacock'"):
        motifnet.find_layer("logits").find_channel("peacok")
    channels = motifnet.find_layer("mixed4c").channels
    with pytest.raises(UnknownChannel, match=f"numbered 0 to {channels - 1}; there is no channel {channels}"):
        motifnet.find_layer("mixed4c").find_channel(channels)
    with pytest.raises(UnknownChannel, match="there is no channel -1"):
        motifnet.find_layer("mixed4c").find_channel(-1)
    with pytest.raises(UnknownChannel, match="have no names"):
        motifnet.find_layer("mixed4c").find_channel("eye")


@pytest.mark.parametrize(
    ("written", "told"),
    [({"scale": None}, "scale"), ({"invented_later": 1}, "invented_later"), (None, "JSON")],
    ids=["not a number", "newer", "cut off"],
)
def test_a_card_that_cannot_be_read_hides_no_other_network(
    networks: Path, caplog: pytest.LogCaptureFixture, written: dict[str, Any] | None, told: str
) -> None:
    fields = json.loads(card("motifnet").model_dump_json())
    for name, more in (("bad", written), ("good", {})):
        (networks / name).mkdir(parents=True)
        text = "{" if more is None else json.dumps(fields | {"name": name} | more)
        (networks / name / "card.json").write_text(text)

    assert [found.name for found in cards()] == [found.name for found in cards()] == ["good", "motifnet"]
    (said,) = (record.getMessage() for record in caplog.records)
    assert "bad/card.json cannot be read" in said
    assert told in said
    with pytest.raises(UnknownModel, match="did you mean 'motifnet'"):
        card("motifnett")
    with pytest.raises(UnknownModel, match="the card of model 'bad' is damaged, or of a newer dreamfarm: register"):
        card("bad")
