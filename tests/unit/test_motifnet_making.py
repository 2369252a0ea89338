"""The making of motifnet: what is drawn, that training learns and resumes, and that the converted network is the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "skia",
    reason="skia-python cannot be imported: pip install 'dreamfarm[motifnet]' (on Linux it needs libEGL and libGL)",
    exc_type=ImportError,
)

import keras
import skia
import tensorflow as tf

from worker.networks import load
from worker.networks.motifnet.convert import converted
from worker.networks.motifnet.making.bundled import bundled_width
from worker.networks.motifnet.making.colours import Mood
from worker.networks.motifnet.making.config import JUDGE, Config
from worker.networks.motifnet.making.corruptions import FAMILIAR, SEVERITIES, UNSEEN
from worker.networks.motifnet.making.curves import curves, joined
from worker.networks.motifnet.making.data import Batch, Drawing, Reader, draw, held_out
from worker.networks.motifnet.making.evaluate import figures
from worker.networks.motifnet.making.judge import Dreamt, dream, verdict
from worker.networks.motifnet.making.motif import MOTIFS, motif
from worker.networks.motifnet.making.naming import Namer
from worker.networks.motifnet.making.network import build
from worker.networks.motifnet.making.pen import Pen
from worker.networks.motifnet.making.scene import picture
from worker.networks.motifnet.making.sheet import page
from worker.networks.motifnet.making.spoiling import blurred, drained, filtered, hidden, lit, noisy, pale
from worker.networks.motifnet.making.spoiling import spoilt as spoilt_in_training
from worker.networks.motifnet.making.step import Trainer
from worker.networks.motifnet.making.styles import JUDGED, LEARNT, STYLES
from worker.networks.motifnet.making.training import Training
from worker.networks.motifnet.making.world import CLASSES, FAMILIES, NAMES

BUNDLED = Path(str(converted.__code__.co_filename)).with_name("motifs.txt").read_text().split()
#: A training small enough for a test: few steps, tiny pictures, a narrow network.
TINY = Config(
    size=32,
    margin=4,
    draws=1,
    width=0.1,
    deepest="mixed3a",
    steps=8,
    batch=16,
    warmup=2,
    every=4,
    watched=1,
    radius=0.5,
    learning_rate=3e-3,
)


def alone(name: str, seed: int = 3, side: int = 96) -> np.ndarray:
    """A motif on nothing, its box filling the middle half of the picture: (side, side, 4), opacity last."""
    pixels = np.zeros((side, side, 4), np.uint8)
    surface = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType)
    canvas = surface.getCanvas()
    canvas.translate(side / 2, side / 2)
    canvas.scale(side / 4, side / 4)
    MOTIFS[name].draw(Pen(canvas, np.random.default_rng(seed), Mood(0.0, 0.0, 1.0, 1.0), STYLES["soft"], -math.pi / 2))
    return pixels


# What is drawn


def test_the_world_has_all_motifs_that_presets_name_and_many_more() -> None:
    assert set(BUNDLED) <= set(CLASSES) <= set(NAMES)
    assert list(CLASSES) == sorted(CLASSES)
    assert len(CLASSES) == len(set(CLASSES)) >= 100
    assert all(family.__doc__ for family in FAMILIES)
    assert all(each.draw.__doc__ for each in MOTIFS.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_motif_is_drawn_the_same_again_and_otherwise_from_another_seed(name: str) -> None:
    first, again, other = (picture(LEARNT, seed, 0, name, 64) for seed in (1, 1, 2))
    assert np.array_equal(first.rgb, again.rgb)
    assert first.labels == again.labels
    assert np.abs(first.rgb.astype(int) - other.rgb).mean() > 8
    assert first.rgb.shape == (64, 64, 3)
    assert max(first.labels, key=first.labels.__getitem__) == name
    assert sum(first.labels.values()) == pytest.approx(1)
    assert set(first.labels) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_motif_covers_a_sensible_part_of_its_box_in_more_than_one_colour(name: str) -> None:
    pixels = alone(name)
    opaque = pixels[..., 3] > 127
    box = opaque[24:72, 24:72].mean()
    if MOTIFS[name].texture:
        assert opaque[8:88, 8:88].all()  # as far as REACH
    else:
        assert 0.1 < box <= 1
        # Little sticks out of the box, and nothing far.
        assert opaque.sum() - opaque[21:75, 21:75].sum() < 0.25 * opaque.sum()
    seen = pixels[opaque][:, :3].astype(float)
    assert seen.std(axis=0).max() > 10


def test_the_index_gives_other_pictures_and_the_other_world_too() -> None:
    pictures = [picture(mix, 1, index, "fish", 48).rgb for mix in (LEARNT, JUDGED) for index in range(3)]
    assert len({p.tobytes() for p in pictures}) == 6


def test_two_motifs_of_one_name_are_refused() -> None:
    def eye(pen: Pen) -> None:
        """Another eye."""

    with pytest.raises(ValueError, match="two motifs 'eye'"):
        motif()(eye)


def test_pictures_hold_other_motifs_and_say_so() -> None:
    labels = [picture(LEARNT, 5, index, "owl", 32).labels for index in range(40)]
    together = [shares for shares in labels if len(shares) > 1]
    assert 4 < len(together) < 36
    assert all(shares["owl"] >= 0.5 for shares in labels)


# Data


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Drawing, Path]:
    """A small set of drawn pictures."""
    what, folder = Drawing(LEARNT, 7, TINY.drawn, 64), tmp_path_factory.mktemp("pictures")
    draw(what, folder, processes=1)
    return what, folder


def test_drawing_goes_on_where_it_was_stopped(drawn: tuple[Drawing, Path]) -> None:
    what, folder = drawn
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    draw(what, folder, processes=1)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    batch = what.shard(0)
    assert np.array_equal(np.load(next(folder.glob("pictures-*.npy"))), batch.pictures)
    assert batch.shares.sum(axis=1) == pytest.approx(1)
    assert [CLASSES[i] for i in batch.shares.argmax(axis=1)] == list(CLASSES[:64])


def test_an_epoch_shows_each_picture_once_and_batches_are_the_same_again(drawn: tuple[Drawing, Path]) -> None:
    reader = Reader(*drawn, TINY)
    epoch = list(reader.batches(0, 4))
    assert sorted(np.concatenate([batch.shares.argmax(axis=1) for batch in epoch])) == list(range(64))
    again = Reader(*drawn, TINY).batch(2)
    assert np.array_equal(again.pictures, epoch[2].pictures)
    # Small ones at first (0.35 of 8 steps), then whole.
    assert again.pictures.shape == (16, 21, 21, 3)
    assert epoch[3].pictures.shape == (16, 32, 32, 3)
    assert not np.array_equal(reader.batch(4 + 3).pictures, epoch[3].pictures)


# Training


def test_steps_lower_the_loss_of_a_batch_even_under_attack() -> None:
    keras.utils.set_random_seed(1)
    trainer = Trainer(build(4, 0.1, "mixed3a"), TINY)
    rng = np.random.default_rng(1)
    colours = rng.uniform(0, 255, (4, 1, 1, 3))
    pictures = (colours[np.arange(16) % 4] * 0.7 + rng.uniform(0, 70, (16, 32, 32, 3))).astype(np.uint8)
    shares = np.eye(4, dtype=np.float32)[np.arange(16) % 4]
    state, losses = trainer.state(), []
    for number in range(1, 21):
        state, loss, accuracy = trainer.step(
            state, pictures, shares, np.float32(30), np.float32(3e-3), np.float32(number)
        )
        losses.append(float(loss))
    assert losses[-1] < 0.6 * losses[0]
    assert float(accuracy) == 1

    moved = trainer.attack(state, pictures, shares, np.float32(30)) - pictures
    norms = np.sqrt(np.square(moved).sum(axis=(1, 2, 3)))
    assert norms == pytest.approx(np.linspace(0.25, 1, 16) * 30, rel=1e-3)


# Keras 3.15 reads TensorFlow's variables in a way that NumPy 2 will drop.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_training_that_was_stopped_ends_at_the_same_weights(drawn: tuple[Drawing, Path], tmp_path: Path) -> None:
    reader, watched = Reader(*drawn, TINY), held_out_few()
    through = Training(TINY, tmp_path / "through")
    through.run(reader, watched)
    Training(TINY, tmp_path / "stopped").run(reader, watched, until=4)
    resumed = Training(TINY, tmp_path / "stopped")
    assert resumed.done == 4
    resumed.run(reader, watched)
    for one, other in zip(through.state, resumed.state, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a.numpy(), b.numpy())
    assert [row["step"] for row in resumed.history] == [4, 8]
    assert (tmp_path / "stopped" / "curves.png").exists()
    with pytest.raises(SystemExit, match="another configuration"):
        Training(JUDGE, tmp_path / "stopped")

    # The saved model is the trained one.
    saved = Namer.of(tmp_path / "stopped").model
    for variable, value in zip(saved.trainable_variables, resumed.state.trainable, strict=True):
        assert np.array_equal(variable.numpy(), value.numpy())


# Keras 3.15 reads TensorFlow's variables in a way that NumPy 2 will drop.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_second_training_starts_from_the_weights_of_the_first(drawn: tuple[Drawing, Path], tmp_path: Path) -> None:
    reader, watched = Reader(*drawn, TINY), held_out_few()
    first = Training(TINY, tmp_path / "first")
    first.run(reader, watched)
    finish = replace(TINY, seed=2, spoiling="strong")
    second = Training(finish, tmp_path / "second", before=tmp_path / "first")
    for group in ("trainable", "frozen"):
        for a, b in zip(getattr(first.state, group), getattr(second.state, group), strict=True):
            assert np.array_equal(a.numpy(), b.numpy())
    second.run(reader, watched, until=4)
    # Going on where it was stopped counts more than where it came from.
    again = Training(finish, tmp_path / "second", before=tmp_path / "first")
    assert again.done == 4
    assert not np.array_equal(again.state.trainable[0].numpy(), first.state.trainable[0].numpy())
    assert Config.read(tmp_path / "second" / "before.json") == TINY

    with pytest.raises(SystemExit, match="another network"):
        Training(replace(TINY, width=0.05), tmp_path / "narrow", before=tmp_path / "first")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_wider_network_starts_as_the_narrow_one_and_uses_its_new_channels(
    drawn: tuple[Drawing, Path], tmp_path: Path
) -> None:
    reader, watched = Reader(*drawn, TINY), held_out_few()
    first = Training(TINY, tmp_path / "first")
    first.run(reader, watched)
    # The second training is of fewer bits, too, but what it saves is not.
    wide = Training(
        replace(TINY, width=0.3, deepest="mixed3a", precision="bfloat16"), tmp_path / "wide", before=tmp_path / "first"
    )
    pictures = watched.pictures.astype(np.float32)
    wanted = first.trainer.logits(first.state, pictures).numpy()
    found = wide.trainer.logits(wide.state, pictures).numpy()
    # bfloat16 has 8 bits.
    assert np.abs(found - wanted).max() <= 0.05 * np.abs(wanted).max()
    assert wide.trainer.model.count_params() > 4 * first.trainer.model.count_params()

    wide.run(reader, watched)
    saved = Namer.of(tmp_path / "wide").model
    assert {layer.compute_dtype for layer in saved.layers} == {"float32"}
    narrow = first.trainer.model.get_layer("conv2d2_conv").kernel.shape
    new = saved.get_layer("conv2d2_conv").kernel.numpy()[..., narrow[2] :, : narrow[3]]
    assert new.size
    assert (new != 0).mean() > 0.9


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_training_goes_on_from_the_bundled_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    width = bundled_width()
    training = Training(Config(seed=4, width=width), tmp_path / "more", before=Path("bundled"))
    pictures = held_out_few().pictures
    network = load("motifnet", folder=tmp_path)
    expected = network.activations(tf.constant(pictures, tf.float32), ["logits"])["logits"].numpy().mean(axis=(1, 2))
    found = training.trainer.logits(training.state, pictures).numpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    # Normalisation is back in its layers: few channels are multiplied by next to nothing or by a lot. Some are that hardly
    # anything stirs: making all channels equally loud has made them loud.
    factors = np.concatenate([v.numpy() for v in training.trainer.model.trainable_variables if "gamma" in v.name])
    assert np.mean((factors > 0.02) & (factors < 100)) > 0.9

    with pytest.raises(SystemExit, match="as wide or narrower"):
        Training(Config(width=width / 2), tmp_path / "narrow", before=Path("bundled"))
    # Equally many motifs, but others.
    monkeypatch.setattr("worker.networks.motifnet.making.bundled.CLASSES", CLASSES[::-1])
    with pytest.raises(SystemExit, match="other motifs"):
        Training(Config(width=width), tmp_path / "others", before=Path("bundled"))


@pytest.fixture(scope="module")
def namer() -> Namer:
    """The network, narrow."""
    return whole()


def whole(**variant: Any) -> Namer:
    """The network, narrow, with averages in its batch normalisation as if it were trained."""
    keras.utils.set_random_seed(3)
    model, rng = build(len(CLASSES), 0.25, **variant), np.random.default_rng(3)
    for variable in model.non_trainable_variables:
        low, high = (0.5, 2.0) if "variance" in variable.name else (-0.3, 0.3)
        variable.assign(rng.uniform(low, high, variable.shape))
    return Namer(model, CLASSES)


@pytest.mark.parametrize("variant", [{}, {"activation": "gelu", "pools": "average"}], ids=["bundled", "smooth"])
def test_the_converted_network_computes_what_the_model_does(variant: dict[str, Any]) -> None:
    namer = whole(**variant)
    network, topology = converted(namer.model, list(namer.names))
    assert f"{len(CLASSES)} drawn motifs" in topology["summary"]
    layers = ["conv2d0", "conv2d2", "mixed3a", "mixed4d", "mixed5a"]
    twin = keras.Model(namer.model.input, [namer.model.get_layer(name).output for name in [*layers, "logits"]])
    rgb = np.random.default_rng(1).uniform(0, 255, (1, 64, 48, 3)).astype(np.float32)
    *wanted, logits = (x.numpy() for x in twin(rgb, training=False))
    found = network.activations(tf.constant(rgb), [*layers, "logits"])
    for name, expected in zip(layers, wanted, strict=True):
        np.testing.assert_allclose(found[name].numpy(), expected, atol=1e-4 * np.abs(expected).max(), err_msg=name)
    # A dense layer behind the global average is a 1×1 convolution, averaged.
    averaged = found["logits"].numpy().mean(axis=(1, 2))
    np.testing.assert_allclose(averaged, logits, atol=1e-4 * np.abs(logits).max())


def test_motifs_are_dreamt_with_the_renderer_and_named(namer: Namer) -> None:
    network, _ = converted(namer.model, list(namer.names))
    # A tiny dream: what matters is that it raises the judge's opinion when the judge is the dreamer.
    dreamt = dream(network, "owl", None, 64, 6)
    assert dreamt.shape == (64, 64, 3)
    assert dreamt.dtype == np.uint8
    grey = np.full_like(dreamt, 100)
    owl = CLASSES.index("owl")
    before, after = (float(namer.model(x[None].astype(np.float32))[0, owl]) for x in (grey, dreamt))
    assert after > before
    assert set(namer.ranked(dreamt)) == set(CLASSES)


def held_out_few() -> Batch:
    """Sixteen pictures to watch a training with."""
    batch = Drawing(LEARNT, 8, TINY.size, 16).shard(0)
    return Batch(batch.pictures, batch.shares)


def test_the_schedules_rise_and_fall() -> None:
    config = Config(steps=1000, warmup=100, learning_rate=1.0, radius=2.0, size=96, radius_from=0.1, radius_to=0.5)
    assert config.rate(0) == pytest.approx(0.01)
    assert config.rate(99) == 1
    assert config.rate(1000) == pytest.approx(0.01)
    # Root mean square 2 over 96×96×3 numbers.
    assert config.norm(1.0) == pytest.approx(2 * math.sqrt(96 * 96 * 3))
    assert config.norm(0.1) == 0
    assert config.norm(0.3) == pytest.approx(config.norm(1.0) / 2)


def test_the_configuration_survives_its_file(tmp_path: Path) -> None:
    JUDGE.save(tmp_path / "config.json")
    assert Config.read(tmp_path / "config.json") == JUDGE


def test_the_network_is_small_enough_to_ship() -> None:
    model = build(len(CLASSES))
    assert model.count_params() * 2 <= 12_000_000
    names = {layer.name for layer in model.layers}
    assert {"conv2d0", "conv2d1", "conv2d2", "mixed3a", "mixed3b", "mixed4a", "mixed4d", "mixed5a", "logits"} <= names


# Judgement


def test_a_picture_of_two_motifs_has_two_right_names() -> None:
    seen = {"owl": 0.6, "moon": 0.4}

    def says(name: str) -> dict[str, float]:
        shares, wanted = (np.zeros((1, len(CLASSES)), np.float32) for _ in range(2))
        for each, share in seen.items():
            shares[0, CLASSES.index(each)] = share
        wanted[0, CLASSES.index(name)] = 1
        namer = Namer(lambda _, **__: tf.constant(wanted), CLASSES)
        return figures(namer, Batch(np.zeros((1, 8, 8, 3), np.uint8), shares))

    assert (says("owl")["first"], says("owl")["first is there"]) == (1, 1)
    assert (says("moon")["first"], says("moon")["first is there"]) == (0, 1)
    assert (says("cat")["first"], says("cat")["first is there"]) == (0, 0)
    # A picture of one motif has one right name.
    assert math.isnan(says("owl")["first of one"])
    seen = {"owl": 1.0}
    assert (says("owl")["first of one"], says("moon")["first of one"]) == (1, 0)


def test_the_network_that_ships_names_what_is_drawn() -> None:
    # The measure is `evaluate bundled`; this catches a file that does not belong to its names.
    batch = held_out(Config(), 1, seed=31)
    assert figures(Namer.bundled(), batch)["first"] > 0.85


@pytest.mark.parametrize("name", UNSEEN | FAMILIAR)
def test_corruptions_change_a_picture_ever_more_and_keep_it_one(name: str) -> None:
    rgb = picture(LEARNT, 1, 0, "cat", 64).rgb
    changes = []
    for severity in SEVERITIES:
        spoilt = (UNSEEN | FAMILIAR)[name](rgb, severity, np.random.default_rng(1))
        assert spoilt.shape == rgb.shape
        assert spoilt.dtype == np.uint8
        changes.append(np.abs(spoilt.astype(int) - rgb).mean())
    assert changes == sorted(changes)
    assert len(changes) == 5
    assert 0 < changes[0] < 0.7 * changes[-1]
    assert changes[-1] > 1


strongly_spoilt = partial(spoilt_in_training, strongly=True)


@pytest.mark.parametrize(
    "spoil", [blurred, drained, filtered, hidden, lit, noisy, pale, spoilt_in_training, strongly_spoilt]
)
def test_pictures_of_the_last_part_are_spoilt_in_place_and_again_the_same(
    spoil: Callable[[np.ndarray, np.random.Generator], np.ndarray],
) -> None:
    rgb = picture(LEARNT, 1, 0, "cat", 64).rgb
    first, again = (np.stack([spoil(rgb, rng) for _ in range(8)]) for rng in map(np.random.default_rng, (2, 2)))
    assert first.shape == (8, *rgb.shape)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != rgb).any()
    # A person still sees the picture: what changes most is a rectangle, at most a fifth of it.
    assert np.mean([np.corrcoef(one.ravel(), rgb.ravel())[0, 1] for one in first]) > 0.7


def test_the_last_part_of_a_training_spoils_one_half_of_a_batch(drawn: tuple[Drawing, Path]) -> None:
    what, folder = drawn
    plain = Reader(what, folder, replace(TINY, coarse=0.0, spoilt_from=1.0)).batch(3)
    half = Reader(what, folder, replace(TINY, coarse=0.0, spoilt_from=0.25)).batch(3)
    np.testing.assert_array_equal(half.pictures[:8], plain.pictures[:8])
    assert (half.pictures[8:] != plain.pictures[8:]).any()
    np.testing.assert_array_equal(half.shares, plain.shares)


def test_the_curves_of_two_trainings_are_drawn_one_behind_the_other() -> None:
    row = {"accuracy": 0.5, "watched": 0.6, "watched_attacked": 0.4, "radius": 1.0}
    whole = joined([[{"step": 5, **row}, {"step": 10, **row}], [{"step": 5, **row}]])
    assert [each["step"] for each in whole] == [5, 10, 15]
    drawn, short = (np.asarray(curves(history)) for history in (whole, whole[:2]))
    assert drawn.shape == short.shape
    assert (drawn != short).any()


def test_the_verdict_counts_by_source() -> None:
    rgb = np.zeros((8, 8, 3), np.uint8)
    dreams = [
        Dreamt("owl", "noise", rgb, ["owl", "cat", "eye", "dog"]),
        Dreamt("cat", "noise", rgb, ["eye", "owl", "cat", "dog"]),
        Dreamt("owl", "lake", rgb, ["eye", "cat", "dog", "owl"]),
    ]
    result = verdict(dreams)
    assert (result["noise"]["first"], result["noise"]["first three"]) == (0.5, 1.0)
    assert (result["lake"]["first"], result["lake"]["first three"]) == (0.0, 0.0)
    assert result["lake"]["motifs"] == {"owl": ["eye", "cat", "dog"]}


def test_a_page_has_a_cell_for_each_picture() -> None:
    cells = [(name, [np.full((20, 30, 3), 200, np.uint8)] * 2) for name in ("a", "b", "c")]
    whole = np.asarray(page(cells, columns=2))
    assert (whole == 200).all(axis=2).sum() == 3 * 2 * 20 * 30
