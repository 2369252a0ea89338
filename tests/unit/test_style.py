"""Optimisers, masks and what else style transfers are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from shared.cards import card
from shared.plan import plan
from shared.problems import SpecError
from shared.specs import SPEC, Optimizer, StyleSpec
from tests.reference.pictures import drawn, psnr, resampling
from tests.reference.style import variation
from worker.networks import load
from worker.networks.network import Network
from worker.render import NotFinite, Rendering, banded, begin, resume
from worker.render.gradients import Engine
from worker.render.lbfgs import LBFGS
from worker.render.masks import on_cells, on_octave
from worker.render.optimizers import Adam
from worker.render.targets import measured_size
from worker.render.variation import add_variation

ASSET = "sha256:" + "0" * 64
CONTENT, STYLE_PICTURE, OTHER = drawn(90, 120), drawn(80, 64, 1), drawn(70, 90, 2)
PICTURES = {"content": CONTENT, "styles.0.asset": STYLE_PICTURE, "styles.1.asset": OTHER}
SMALL: dict[str, Any] = {"kind": "style", "content": ASSET, "styles": [{"asset": ASSET}], "octaves": {"count": 1}}
LBFGS_SPEC: dict[str, Any] = {"optimizer": {"method": "lbfgs", "history": 3}}

Picture = NDArray[np.float32]


@pytest.fixture(scope="module")
def network() -> Network:
    return load("motifnet", folder=Path())


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The loss of every gradient that is computed."""
    losses: list[float] = []
    compute = Engine.gradient

    def counted(*args: Any, **options: Any) -> Any:
        found = compute(*args, **options)
        losses.append(found[0])
        return found

    monkeypatch.setattr(Engine, "gradient", counted)
    return losses


def begun(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Any] = PICTURES) -> Rendering:
    spec = SPEC.validate_python(SMALL | dict(fields))
    height, width = pictures["content"].shape[:2]
    return begin(spec, plan(spec, card=card(spec.model), width=width, height=height), network, pictures)


def finished(rendering: Rendering) -> Picture:
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    return rendering.finish()


def test_lbfgs_beats_adam_with_as_many_gradients(network: Network, evaluations: list[float]) -> None:
    lowest = {}
    for method, iterations in (("lbfgs", 20), ("adam", 22)):
        evaluations.clear()
        fields = {"optimizer": {"method": method}, "iterations": iterations, "tv_weight": 0.0}
        losses = []
        rendering = begun(network, fields)
        while not rendering.progress.finished:
            losses.append(rendering.advance(lambda: None).score)
        lowest[method] = min(evaluations[:21])
        assert len(evaluations) >= 21
        if method == "lbfgs":
            assert losses == sorted(losses, reverse=True)
            # One gradient is enough for nearly every step.
            assert len(evaluations) <= 28
    assert lowest["lbfgs"] < lowest["adam"]


def test_lbfgs_goes_on_with_the_next_octave(network: Network) -> None:
    rendering = begun(network, LBFGS_SPEC | {"octaves": {"count": 2, "scale": 1.5}, "iterations": 6})
    losses = []
    while not rendering.progress.finished:
        losses.append(rendering.advance(lambda: None).score)
        assert {f"step_{i}" in rendering.state() for i in range(3, 6)} == {False}
    assert losses[:6] == sorted(losses[:6], reverse=True)
    assert losses[6:] == sorted(losses[6:], reverse=True)
    assert losses[11] < losses[6]


MASKED: dict[str, Any] = {"styles": [{"asset": ASSET, "mask": ASSET}, {"asset": ASSET}]}
BOTH_MASKED: dict[str, Any] = {"styles": [{"asset": ASSET, "mask": ASSET}, {"asset": ASSET, "mask": ASSET}]}
DREAMT: dict[str, Any] = {"objective": [{"layer": "mixed4a", "weight": 0.1}]}


@pytest.mark.parametrize(
    "fields", [LBFGS_SPEC, BOTH_MASKED | LBFGS_SPEC, MASKED | DREAMT], ids=["lbfgs", "masked lbfgs", "masked dream"]
)
def test_resumed_at_any_iteration_the_same_bits_come_out(network: Network, fields: Mapping[str, Any]) -> None:
    pictures = PICTURES | {"styles.0.mask": halves()[0], "styles.1.mask": halves()[1] // 2}
    spec = SPEC.validate_python(SMALL | {"octaves": {"count": 2}, "iterations": 2, "noise": 0.2} | dict(fields))
    planned = plan(spec, card=card(spec.model), width=120, height=90)
    through, states = begin(spec, planned, network, pictures), []
    while not through.progress.finished:
        states.append({name: array.copy() for name, array in through.state().items()})
        through.advance(lambda: None)
    for state in states:
        assert np.array_equal(finished(resume(spec, planned, network, pictures, state)), through.finish())


def halves() -> list[NDArray[np.uint8]]:
    """The left half of the content, and the right one."""
    left = np.zeros((90, 120, 3), np.uint8)
    left[:, :60] = 255
    return [left, 255 - left]


def test_each_style_shows_in_its_own_place(network: Network) -> None:
    colours = [(220, 30, 30), (30, 30, 220)]
    styles = [np.full((64, 64, 3), colour, np.uint8) for colour in colours]
    pictures = PICTURES | {f"styles.{i}.mask": half for i, half in enumerate(halves())}

    def mean_colours(fields: Mapping[str, Any], *used: Any) -> NDArray[np.float32]:
        """Of the left and the right half of the result."""
        given = pictures | {f"styles.{i}.asset": style for i, style in enumerate(used)}
        common = {"iterations": 30, "content_weight": 0.05}
        return finished(begun(network, dict(fields) | common, given)).reshape(90, 2, 60, 3).mean((0, 2))

    red, blue = (mean_colours({}, style) for style in styles)
    both = mean_colours(BOTH_MASKED, *styles)

    for half, (own, other) in enumerate(((red, blue), (blue, red))):
        assert np.linalg.norm(both[half] - own[half]) < 0.4 * np.linalg.norm(both[half] - other[half])


def test_a_white_mask_is_none_and_a_black_one_leaves_the_content(network: Network) -> None:
    fields = {"iterations": 8, "noise": 0.3}
    masked = {"styles": [{"asset": ASSET, "mask": ASSET}]}
    white = PICTURES | {"styles.0.mask": np.full((40, 40, 3), 255, np.uint8)}
    black = PICTURES | {"styles.0.mask": np.zeros((40, 40, 3), np.uint8)}
    assert psnr(finished(begun(network, masked | fields, white)), finished(begun(network, fields))) >= 40
    rendering = begun(network, masked | fields, black)
    assert np.array_equal(rendering.picture(), CONTENT)
    assert np.array_equal(finished(rendering), CONTENT)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    height=st.integers(1, 40), width=st.integers(1, 40), stride=st.sampled_from([1, 2, 4, 8]), seed=st.integers(0, 99)
)
def test_masks_on_cells_are_means_over_their_pixels(height: int, width: int, stride: int, seed: int) -> None:
    drawing = np.random.default_rng(seed).integers(0, 256, (height, width, 1)).repeat(3, axis=2).astype(np.uint8)
    spec = SPEC.validate_python(SMALL | {"size": {"long_edge": 100}})
    (octave,) = plan(spec, card=card("motifnet"), width=100, height=73).octaves
    mask = on_octave(drawing, octave, lambda: None)

    cells = on_cells(mask, stride, mask.shape[0] // stride, mask.shape[1] // stride)[0, :, :, 0]

    rows, columns = resampling(height, 73, "tent"), resampling(width, 100, "tent")
    expected = np.pad(rows @ drawing[..., 0] @ columns.T / 255, ((0, 7), (0, 12)), "symmetric")
    assert np.abs(mask[..., 0] - expected).max() < 1e-5
    if expected.mean() > 1e-3:
        row, column = (expected.shape[0] // stride) // 2, (expected.shape[1] // stride) // 3
        here = expected[row * stride : (row + 1) * stride, column * stride : (column + 1) * stride].mean()
        assert cells[row, column] == pytest.approx(here / expected.mean(), rel=1e-4, abs=1e-5)
        assert cells.mean() == pytest.approx(1, rel=1e-5)


def test_what_is_dreamt_into_a_picture_grows(network: Network) -> None:
    found = []
    for weight in (0.0, 0.3, 1.0):
        fields = {"objective": [{"layer": "mixed4a", "weight": weight}], "iterations": 12}
        picture = finished(begun(network, fields))
        found.append(float(tf.reduce_mean(network.activations(picture[None], ["mixed4a"])["mixed4a"] ** 2)))
    without, little, much = found
    assert little > 1.3 * without
    assert much > 1.3 * little


def test_every_formula_takes_dreams_alike(network: Network) -> None:
    """A weight stands beside `style_weight`, whatever the loss's own units are."""
    shares = []
    for loss in ("energy", "gatys", "sums"):
        fields = {"loss": loss, "objective": [{"layer": "mixed4a"}], "iterations": 1}
        fields |= {"content_weight": 0.0, "tv_weight": 0.0}
        dreamt, alone = (
            begun(network, fields | {"style_weight": weight}).advance(lambda: None).score for weight in (0.0, 1.0)
        )
        shares.append(dreamt / (alone - dreamt))
    assert all(share < 0 for share in shares)
    assert max(shares) / min(shares) > 0.01


def test_a_dream_of_what_the_content_does_not_have_stays_in_bounds(network: Network) -> None:
    pictures = PICTURES | {"content": np.full((90, 120, 3), 117, np.uint8)}
    fields = {"objective": [{"layer": "logits", "channel": "eye", "weight": 0.05}], "iterations": 5}
    rendering = begun(network, fields, pictures)
    picture = finished(rendering)
    assert np.isfinite(picture).all()
    assert np.isfinite(rendering.progress.score)


def _pictures_in_bands(rows: int, work: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(banded, "_BAND", 61 * rows)
        return work()


@pytest.mark.parametrize("rows", [1, 2, 7, 46, 47, 100])
def test_bits_do_not_depend_on_bands(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, gradient = drawn(47, 61, 1), drawn(47, 61, 2) - 128

    def varied() -> Any:
        slope = gradient.copy()
        return add_variation(picture, 0.3, slope), slope

    def stepped() -> Any:
        adam = Adam(Optimizer(), 5.0, clip=True, averaged=True)
        slots = adam.begin(picture.copy())
        for count in (1, 2, 3):
            _, slots = adam.step(slots, lambda x: (0.0, gradient + x / 8), count)
        return slots["picture"], slots["second_moment"]

    def searched() -> Any:
        slots = LBFGS(3, 5.0, clip=True).begin(picture.copy())
        for count in range(1, 6):
            loss, slots = LBFGS(3, 5.0, clip=True).step(
                slots, lambda x: (float(np.square(x - 99).sum(dtype=np.float64)), 2 * (x - 99) + gradient / 50), count
            )
        return loss, slots["picture"]

    for work in (varied, stepped, searched):
        expected, found = work(), _pictures_in_bands(rows, work, monkeypatch)
        assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True)), work.__name__


@settings(deadline=None, derandomize=True, max_examples=20)
@given(height=st.integers(1, 30), width=st.integers(1, 30), seed=st.integers(0, 99))
def test_variation_is_that_of_the_formula(height: int, width: int, seed: int) -> None:
    picture = np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)
    slope = np.zeros_like(picture)
    value = add_variation(picture, 2.0, slope)
    x = tf.constant(picture[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = 2 * variation(x) / (height * width)
    assert value == pytest.approx(float(expected), rel=1e-5)
    np.testing.assert_allclose(slope, tape.gradient(expected, x)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", ["vgg19", "vgg19_matconvnet"])
def test_presets_of_vgg_are_the_recipes(model: str) -> None:
    spec = SPEC.validate_python(SMALL | {"preset": "gatys", "model": model})
    assert isinstance(spec, StyleSpec)
    assert (spec.loss, spec.content_weight, spec.style_weight, spec.noise) == ("gatys", 5, 100, 0.6)
    assert (spec.learning_rate, spec.optimizer, spec.clip, spec.frames.every) == (2.0, Optimizer(), False, 100)
    assert [item.weight for item in spec.style_layers] == [0.5, 1.0, 1.5, 3.0, 4.0]


def test_steps_are_as_long_on_large_pictures_as_on_small_ones() -> None:
    """The gradient of a mean falls with the number of pixels; Adam's epsilon must not take over."""

    def first_step(side: int, loss: str) -> float:
        adam = Adam(Optimizer(), 5.0, clip=False, averaged=loss != "sums")
        slots = adam.begin(np.zeros((side, side, 3), np.float32))
        gradient = np.full((side, side, 3), 5e-6 * 512**2 / side**2, np.float32)
        return float(np.abs(adam.step(slots, lambda _: (0.0, gradient), 1)[1]["picture"]).mean())

    assert first_step(2048, "energy") == pytest.approx(first_step(512, "energy"), rel=1e-3)
    assert first_step(2048, "sums") < 0.8 * first_step(512, "sums")


@pytest.mark.parametrize(("loss", "share"), [("energy", 0.25), ("gatys", 0.25), ("sums", 1.0)])
def test_moments_go_on_as_the_next_octaves_gradients_are(loss: str, share: float) -> None:
    """Four times as many pixels have a quarter of the gradient of a mean each, and the same of a sum."""
    spec = SPEC.validate_python(SMALL | {"loss": loss, "octaves": {"count": 2, "scale": 2.0}})
    before, now = plan(spec, card=card(spec.model), width=192, height=128).octaves
    zeros = np.zeros((before.canvas_height, before.canvas_width, 3), np.float32)
    slots = {"picture": zeros, "first_moment": zeros + 3, "second_moment": zeros + 5}
    adam = Adam(Optimizer(), 5.0, clip=True, averaged=loss != "sums")
    found = adam.enlarge(slots, before, now, lambda: None)
    assert found["first_moment"].shape == (now.canvas_height, now.canvas_width, 3)
    np.testing.assert_allclose(found["first_moment"], 3 * share, rtol=1e-5)
    np.testing.assert_allclose(found["second_moment"], 5 * share**2, rtol=1e-5)


def test_adam_stays_where_the_gradient_is_zero() -> None:
    """As it is where no style is laid, however small epsilon becomes on a large picture."""
    zeros = np.zeros((32, 32, 3), np.float32)
    adam = Adam(Optimizer().model_copy(update={"epsilon": 1e-60}), 4.0, clip=True, averaged=True)
    _, slots = adam.step(adam.begin(zeros + 100), lambda _: (0.0, zeros), 1)
    np.testing.assert_array_equal(slots["picture"], 100)
    with pytest.raises(ValidationError, match="greater than or equal to"):
        Optimizer(epsilon=1e-17)


def test_a_picture_that_the_last_step_spoils_is_no_output(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients that are finite, and whose moments are not."""
    compute = Engine.gradient

    def steep(*args: Any, **options: Any) -> Any:
        loss, gradient = compute(*args, **options)
        return loss, np.full_like(gradient, 1e38)

    monkeypatch.setattr(Engine, "gradient", steep)
    rendering = begun(network, {"iterations": 1, "learning_rate": 1000.0})
    with (
        np.errstate(all="ignore"),
        pytest.raises(NotFinite, match="the picture was not finite in octave 1, iteration 1"),
    ):
        rendering.advance(lambda: None)


@pytest.mark.parametrize("tiling", [{"tile": 320}, {"tile": 64, "halo": 0}, {"tile": 256, "halo": 64}])
def test_fast_tiles_measure_the_style_exactly(network: Network, tiling: dict[str, Any]) -> None:
    """Tiles that are too short for exact halos still measure a style picture, and exactly so."""
    content, style = drawn(400, 500), drawn(420, 700, 3)
    fields = {"iterations": 2, "size": {"long_edge": 500}}
    pictures = {"content": content, "styles.0.asset": style}
    exact = begun(network, fields, pictures)
    fast = begun(network, fields | {"tiling": {"mode": "fast", **tiling}}, pictures)
    assert finished(fast).shape == content.shape
    exact.advance(lambda: None)
    fast_again = begun(network, fields | {"tiling": {"mode": "fast", **tiling}}, pictures)
    fast_again.advance(lambda: None)
    targets = [rendering._recipe._targets_of(0, lambda: None) for rendering in (exact, fast_again)]  # type: ignore[attr-defined]
    for a, b in zip(*(found.parameters[:12] for found in targets), strict=True):
        assert np.allclose(a, b, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "style", "expected"),
    [
        # Ordinary pictures: as long as the octave.
        ((3000, 4000), (500, 500), (4000, 4000)),
        ((4000, 6000), (900, 600), (6000, 4000)),
        ((2160, 5120), (700, 700), (5120, 5120)),
        ((90, 1000), (64, 64), (1000, 1000)),
        # A panorama beside a square.
        ((300, 30_000), (2000, 2000), (4743, 4743)),
        # Strips: enlarged until there is a cell of them, and squeezed where that is too long.
        ((512, 512), (10, 1000), (32, 3200)),
        ((512, 512), (50_000, 1), (31_250, 32)),
    ],
)
def test_styles_are_as_long_as_the_octave_but_never_far_larger(
    content: tuple[int, int], style: tuple[int, int], expected: tuple[int, int]
) -> None:
    spec = SPEC.validate_python(SMALL)
    planned = plan(spec, card=card("motifnet"), width=content[1], height=content[0])
    octave = planned.octaves[-1]
    size = measured_size(*style, octave, 32)
    assert size == expected
    assert size[0] * size[1] <= octave.style_pixels
    assert planned.peak_bytes >= 24 * size[0] * size[1]


def test_a_content_layer_may_be_named_twice(network: Network) -> None:
    once = begun(network, {"content_layers": [{"layer": "mixed3a", "weight": 2}], "iterations": 1})
    layers = [{"layer": "mixed3a"}, {"layer": "mixed3a"}]
    twice = begun(network, {"content_layers": layers, "iterations": 1})
    assert np.abs(finished(twice) - finished(once)).max() < 0.1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"style_weight": 0, "content_weight": 0, "tv_weight": 0}, "style_weight"),
        ({"model": "other"}, "content_layers"),
        ({"model": "other", "content_layers": [{"layer": "mixed3a"}]}, "style_layers"),
        ({"objective": [{"layer": "mixed4c", "border": 4}]}, "objective.0.border"),
    ],
)
def test_a_style_transfer_without_a_goal_is_refused(fields: dict[str, Any], field: str) -> None:
    known = card("motifnet").model_copy(update={"name": "other"})
    with pytest.raises(SpecError) as refused:
        plan(SPEC.validate_python(SMALL | fields), card=known, width=100, height=100)
    assert field in [problem.field for problem in refused.value.problems]


def test_who_is_short_of_memory_keeps_less_not_more() -> None:
    spec = SPEC.validate_python(SMALL | {"octaves": {"count": 1}})
    whole = plan(spec, card=card("motifnet"), width=1024, height=768)
    halved = [plan(spec, card=card("motifnet"), width=1024, height=768, tile_limit=limit) for limit in (1024, 512, 256)]
    assert whole.octaves[-1].keep
    peaks = [planned.peak_bytes for planned in (whole, *halved)]
    assert peaks == sorted(peaks, reverse=True)
