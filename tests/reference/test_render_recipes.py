"""Dreams against the plain recipes: same gradients, same pictures, for every recipe and on every network it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from shared.cards import card
from shared.plan import plan
from shared.specs import SPEC
from tests.reference import networks, recipes
from tests.reference.pictures import canvas, cosine, drawn, psnr, resize, sizes
from worker.networks.network import Network
from worker.render import Rendering, begin

ASSET = "sha256:" + "0" * 64
PREDATOR = "mixed4d_3x3_bottleneck_pre_relu"
Array = NDArray[np.float32]


def begun(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Array]) -> Rendering:
    # The recipes take the gradient in RGB as it is; on motifnet some presets do not.
    gradient = {"decorrelate": 0, "blur": 0} | fields.get("gradient", {})
    spec = SPEC.validate_python({"kind": "dream", **dict.fromkeys(pictures, ASSET), **fields, "gradient": gradient})
    height, width = pictures["input"].shape[:2] if "input" in pictures else (None, None)
    return begin(spec, plan(spec, card=network.card, width=width, height=height), network, pictures)


def rendered(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Array]) -> Array:
    rendering = begun(network, fields, pictures)
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    return rendering.finish()


def follow(
    network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Array], recipe: recipes.Pictures
) -> None:
    """Every iteration does to a picture what the recipe's does to the same, from the start to the end."""
    rendering, expected, likeness = begun(network, fields, pictures), next(recipe), []
    while True:
        progress = rendering.advance(lambda: None)
        found = rendering.state()["picture"]
        height, width = rendering.picture().shape[:2]
        likeness.append(psnr(found[:height, :width], expected[:height, :width]))
        if progress.finished:
            break
        expected = recipe.send(found)
    with pytest.raises(StopIteration):
        next(recipe)
    # Of the many thousands of decisions that a network takes for a gradient, rounding may turn one.
    assert min(likeness) >= 65
    assert np.median(likeness) >= 90


def ends_alike(
    network: Network,
    fields: Mapping[str, Any],
    pictures: Mapping[str, Array],
    recipe: Callable[[Array], recipes.Pictures],
    start: Array,
) -> None:
    """The output is that of the recipe left to itself, to 40 dB; where the recipe cannot repeat that, to what it can.

    Each step of these recipes overshoots, and so doubles, more than once, what two pictures differ by. A recipe that begins
    with the next numbers that float32 has above `start` says how near another program can come.
    """
    found = rendered(network, fields, pictures)
    height, width = found.shape[:2]
    expected = recipes.last(recipe(start), height, width)
    again = recipes.last(recipe(np.nextafter(start, np.float32(np.inf))), height, width)
    assert psnr(found, expected) >= min(40, psnr(again, expected) - 0.5)


def direction(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Array]) -> Array:
    """The first step of a dream at one scale, on its canvas: a normalised gradient."""
    once = {"octaves": {"count": 1}, "detail": "none", "jitter": 0, "clip": False, "step": 1.0}
    rendering = begun(network, once | fields, pictures)
    before = rendering.state()["picture"].copy()
    rendering.advance(lambda: None)
    return rendering.state()["picture"] - before


def drawn_by(seed: int, octave: int, iteration: int) -> np.random.Generator:
    """What the farm draws from, as it is documented: octave and iteration count from 1, octave 0 is the start."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, octave, iteration))))


def noise(height: int, width: int, seed: int) -> Array:
    return drawn_by(seed, 0, 0).random((height, width, 3), np.float32) + 100


def jitters(seed: int, jitter: int) -> recipes.Shifts:
    def shift(octave: int, iteration: int) -> tuple[int, int]:
        draw = drawn_by(seed, octave + 1, iteration + 1)
        return int(draw.integers(-jitter, jitter + 1)), int(draw.integers(-jitter, jitter + 1))

    return shift


def channel_of(name: str) -> int:
    return card("motifnet").find_layer("logits").find_channel(name)


def test_every_layer_is_what_the_plain_network_computes() -> None:
    pair, picture = networks.motifnet(), tf.constant(drawn(96, 128)[None])
    expected = pair.layers(picture)
    names = [layer.name for layer in pair.network.card.layers]
    assert set(names) == set(expected)
    for name, activations in pair.network.activations(picture, names).items():
        assert np.abs(activations - expected[name]).mean() <= 1e-5 * np.abs(expected[name]).mean(), name


class TestInception5h:
    """The recipes as published, with their own parameters, but for fewer iterations."""

    # All channels, because the recipe's is the 139th.
    pair = property(lambda _: networks.inception5h(width=1.0))

    def test_naive(self) -> None:
        fields = {"model": "inception5h", "preset": "naive", "size": {"long_edge": 96}, "seed": 3, "iterations": 8}
        score, start = recipes.mean_of_channels(PREDATOR, [139]), noise(96, 96, 3)
        recipe = recipes.multiscale(start, [(96, 96)], score, 16, iterations=8, step=1.0, layers=self.pair.layers)
        follow(self.pair.network, fields, {}, recipe)

    def test_naive_ends_as_published(self) -> None:
        fields = {"model": "inception5h", "preset": "naive", "size": {"long_edge": 96}, "seed": 3}
        recipe = partial(
            recipes.multiscale,
            steps=[(96, 96)],
            score=recipes.mean_of_channels(PREDATOR, [139]),
            stride=16,
            iterations=20,
            step=1.0,
            layers=self.pair.layers,
        )
        ends_alike(self.pair.network, fields, {}, recipe, noise(96, 96, 3))

    @pytest.mark.parametrize("preset", ["multiscale", "lapnorm"])
    def test_growing(self, preset: str) -> None:
        steps = sizes(101, 150, 3, 1.4)
        fields = {"model": "inception5h", "preset": preset, "seed": 4, "size": {"long_edge": 150, "aspect": 150 / 101}}
        fields["iterations"] = 4
        recipe = partial(
            getattr(recipes, preset),
            steps=steps,
            score=recipes.mean_of_channels(PREDATOR, [139]),
            stride=16,
            iterations=4,
            step=1.0,
            layers=self.pair.layers,
        )
        start = noise(*steps[0], 4)
        follow(self.pair.network, fields, {}, recipe(start))
        ends_alike(self.pair.network, fields, {}, recipe, start)

    def test_deepdream(self) -> None:
        picture, score = drawn(130, 171), recipes.means_of_squares({"mixed4c": 1.0})
        fields = {"model": "inception5h", "preset": "deepdream", "iterations": 2}
        arguments = {"count": 4, "iterations": 2, "step": 1.5, "layers": self.pair.layers}
        follow(self.pair.network, fields, {"input": picture}, recipes.deepdream(picture, score, 16, **arguments))
        expected = recipes.last(recipes.deepdream(picture, score, 16, **arguments), 130, 171)
        assert psnr(rendered(self.pair.network, fields, {"input": picture}), expected) >= 40

    @pytest.mark.parametrize("normalise", ["std", "mean_abs", "laplacian"])
    def test_gradients(self, normalise: str) -> None:
        picture = drawn(96, 112, seed=1)
        for objective, score in (
            ({"layer": PREDATOR, "channel": 139}, recipes.mean_of_channels(PREDATOR, [139])),
            ({"layer": "mixed4c"}, recipes.means_of_squares({"mixed4c": 1.0})),
        ):
            fields = {"model": "inception5h", "objective": [objective], "gradient": {"normalise": normalise}}
            expected = recipes.gradient(picture, score, self.pair.layers)[1]
            if normalise == "laplacian":
                expected = recipes.laplacian_normalised(expected)
            assert cosine(direction(self.pair.network, fields, {"input": picture}), expected) >= 0.9999


class TestInceptionV3:
    """Keras' recipes, on Keras' own model by way of the importer."""

    pair = property(lambda _: networks.inception_v3())

    def test_layers(self) -> None:
        picture = drawn(165, 190)
        fields = {"model": "inception_v3", "preset": "layers", "octaves": {"count": 2}, "iterations": 2}
        weights = {"mixed4": 1.0, "mixed5": 1.5, "mixed6": 2.0, "mixed7": 2.5}

        def recipe(start: Array) -> recipes.Pictures:
            return recipes.several_layers(start, weights, self.pair.layers, 16, count=2, iterations=2, max_loss=15.0)

        follow(self.pair.network, fields, {"input": picture}, recipe(picture))
        ends_alike(self.pair.network, fields, {"input": picture}, recipe, picture)

    # The second one stops early.
    @pytest.mark.parametrize("most", [20.0, 0.14])
    def test_stimulate(self, most: float) -> None:
        picture = drawn(190, 165)
        fields = {"model": "inception_v3", "preset": "stimulate", "octaves": {"count": 2}, "iterations": 2}
        arguments = {"count": 2, "iterations": 2, "max_loss": most}
        recipe = recipes.stimulate(picture, "activation_40", self.pair.layers, 16, **arguments)
        follow(self.pair.network, fields | {"max_score": most}, {"input": picture}, recipe)
        recipe = recipes.stimulate(picture, "activation_40", self.pair.layers, 16, **arguments)
        found = rendered(self.pair.network, fields | {"max_score": most}, {"input": picture})
        assert psnr(found, recipes.last(recipe, 190, 165)) >= 40

    def test_gradients(self) -> None:
        picture = drawn(160, 176)
        names = {"mixed4": 1.0, "mixed5": 1.5, "mixed6": 2.0, "mixed7": 2.5}

        def score(found: Mapping[str, Any]) -> Any:
            return tf.add_n([weight * recipes._inner(found[name]) for name, weight in names.items()])

        found = direction(self.pair.network, {"model": "inception_v3", "preset": "layers"}, {"input": picture})
        assert cosine(found, recipes.gradient(picture, score, self.pair.layers)[1]) >= 0.9999


class TestMotifnet:
    """The bundled network's own version of each recipe, and every option of dreams."""

    pair = property(lambda _: networks.motifnet())

    def test_deepdream_shifts_the_picture_as_it_says(self) -> None:
        picture = drawn(150, 205)
        fields = {
            "objective": [{"layer": "mixed4c"}],
            "iterations": 4,
            "step": 1.5,
            "jitter": 9,
            "seed": 5,
            "octaves": {"count": 3, "scale": 1.4},
        }
        score, arguments = recipes.means_of_squares({"mixed4c": 1.0}), {"count": 3, "iterations": 4, "step": 1.5}
        recipe = recipes.deepdream(picture, score, 16, shifts=jitters(5, 9), **arguments)
        follow(self.pair.network, fields, {"input": picture}, recipe)
        recipe = recipes.deepdream(picture, score, 16, shifts=jitters(5, 9), **arguments)
        assert psnr(rendered(self.pair.network, fields, {"input": picture}), recipes.last(recipe, 150, 205)) >= 40

    @pytest.mark.parametrize("preset", ["multiscale", "lapnorm"])
    def test_dreams_of_one_channel(self, preset: str) -> None:
        picture = drawn(170, 130, seed=1)
        fields = {"preset": preset, "iterations": 2, "step": 0.5, "jitter": 0, "octaves": {"count": 3, "scale": 1.4}}
        fields |= {"objective": [{"layer": "logits", "channel": "eye"}], "gradient": {"levels": 4}}
        score = recipes.mean_of_channels("logits", [channel_of("eye")])
        steps = sizes(170, 130, 3, 1.4)
        recipe = getattr(recipes, preset)(picture, steps, score, 32, iterations=2, step=0.5)
        assert psnr(rendered(self.pair.network, fields, {"input": picture}), recipes.last(recipe, 170, 130)) >= 40

    def test_lost_detail_comes_back_after_each_octave(self) -> None:
        picture = drawn(140, 180, seed=2)
        weights = {"mixed3b": 1.0, "mixed4a": 1.5, "mixed4c": 2.0, "mixed5a": 2.5}
        fields = {"preset": "layers", "iterations": 2, "step": 1.275, "jitter": 0, "octaves": {"count": 3}}
        fields |= {"objective": [{"layer": name, "weight": w, "border": 2} for name, w in weights.items()]}
        arguments = {"count": 3, "iterations": 2, "max_loss": float("inf")}
        recipe = recipes.several_layers(picture, weights, self.pair.layers, 32, **arguments)
        assert psnr(rendered(self.pair.network, fields, {"input": picture}), recipes.last(recipe, 140, 180)) >= 40

    @pytest.mark.parametrize(
        ("objective", "score"),
        [
            ([{"layer": "mixed3b", "statistic": "mean"}], lambda a: tf.reduce_mean(a["mixed3b"])),
            ([{"layer": "mixed3b"}], lambda a: tf.reduce_mean(a["mixed3b"] ** 2)),
            (
                [{"layer": "mixed3a", "channel": 7, "statistic": "mean_square", "border": 1}],
                lambda a: tf.reduce_sum(a["mixed3a"][:, 1:-1, 1:-1, 7] ** 2) / np.prod(a["mixed3a"].shape[1:3]),
            ),
            (
                [{"layer": "mixed4a"}, {"layer": "conv2d2", "weight": -0.3}, {"layer": "mixed5a", "weight": 0.5}],
                recipes.means_of_squares({"mixed4a": 1.0, "conv2d2": -0.3, "mixed5a": 0.5}),
            ),
            (
                [{"layer": "logits", "channel": "eye"}, {"layer": "logits", "channel": "peacock"}],
                recipes.mean_of_channels("logits", [channel_of("eye"), channel_of("peacock")]),
            ),
        ],
        ids=["mean", "mean of squares", "channel", "several layers, one avoided", "classes by name"],
    )
    def test_objectives(self, objective: list[dict[str, Any]], score: recipes.Score) -> None:
        picture = drawn(160, 192, seed=6)
        found = direction(self.pair.network, {"objective": objective}, {"input": picture})
        assert cosine(found, recipes.gradient(picture, score)[1]) >= 0.9999

    @pytest.mark.parametrize("size", [(90, 120), (300, 410)])
    def test_guides(self, size: tuple[int, int]) -> None:
        picture, guide = drawn(160, 192, seed=6), drawn(*size, seed=7)
        terms = {"mixed3b": 1.0, "mixed4a": -0.5}
        longest = min(256, max(size))
        looked_at = canvas(resize(guide, *(round(side * longest / max(size)) for side in size)), 16)
        known = self.pair.layers(tf.constant(looked_at[None]))

        def score(found: Mapping[str, Any]) -> Any:
            return tf.add_n([w * recipes.guided(found[n], known[n]) / found[n].shape[-1] for n, w in terms.items()])

        objective = [{"layer": name, "weight": weight, "statistic": "guided"} for name, weight in terms.items()]
        found = direction(self.pair.network, {"objective": objective}, {"input": picture, "guide": guide})
        assert cosine(found, recipes.gradient(picture, score)[1]) >= 0.9999

    @pytest.mark.parametrize(
        ("gradient", "change"),
        [
            ({"blur": 0.8}, lambda g: recipes.blurred(g, 0.8)),
            ({"blur": 5.0}, lambda g: recipes.blurred(g, 5.0)),
            ({"decorrelate": 0.5}, lambda g: recipes.decorrelated(g, 0.5)),
            ({"decorrelate": 1.0}, lambda g: recipes.decorrelated(g, 1.0)),
        ],
    )
    @pytest.mark.parametrize("normalise", ["mean_abs", "laplacian"])
    def test_smoothed_gradients_and_decorrelated_colours(
        self, gradient: Mapping[str, float], change: Callable[[Array], Array], normalise: str
    ) -> None:
        picture = drawn(96, 128, seed=8)
        fields = {"objective": [{"layer": "mixed3b"}], "gradient": {**gradient, "normalise": normalise}}
        expected = change(recipes.gradient(picture, recipes.means_of_squares({"mixed3b": 1.0}))[1])
        if normalise == "laplacian":
            expected = recipes.laplacian_normalised(expected)
        assert cosine(direction(self.pair.network, fields, {"input": picture}), expected) >= 0.9999


class TestRoll:
    """Independent tiles on a shifted picture: the recipes' own tiling, without what it leaves out."""

    score = staticmethod(recipes.means_of_squares({"mixed4a": 1.0}))
    fields: Mapping[str, Any] = {"objective": [{"layer": "mixed4a"}], "tiling": {"mode": "roll", "tile": 96}}

    def found(self, picture: Array, seed: int) -> tuple[Array, tuple[int, int]]:
        """A step's direction, and the shift it was taken at."""
        draw = drawn_by(seed, 1, 1)
        shift = int(draw.integers(picture.shape[0])), int(draw.integers(picture.shape[1]))
        network = networks.motifnet().network
        return direction(network, {**self.fields, "seed": seed}, {"input": picture}), shift

    def test_where_tiles_divide_the_picture_it_is_the_recipes(self) -> None:
        picture = drawn(192, 288)
        found, shift = self.found(picture, seed=1)
        expected = recipes.tile_loop(picture, self.score, networks.motifnet().layers, 96, shift)
        assert cosine(found, expected) >= 0.9999

    def test_where_they_do_not_nothing_is_left_out(self) -> None:
        picture = drawn(128, 240)
        found, shift = self.found(picture, seed=2)
        recipes_own = recipes.tile_loop(picture, self.score, networks.motifnet().layers, 96, shift)
        assert (recipes_own == 0).all(axis=2).mean() > 0.2
        assert (found == 0).all(axis=2).mean() < 0.01
