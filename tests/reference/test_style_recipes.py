"""Style transfers against the plain recipes: same gradients, same pictures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.plan import plan
from shared.specs import SPEC
from tests import topologies
from tests.reference import style as recipes
from tests.reference.pictures import cosine, drawn, psnr, resampling, sizes
from worker.networks import load
from worker.networks.network import Network
from worker.render import Rendering, begin
from worker.render.randomness import generator

ASSET = "sha256:" + "0" * 64
STYLE: dict[str, Any] = {"kind": "style", "content": ASSET, "styles": [{"asset": ASSET}]}
#: Of VGG's channels: an eighth take a sixtieth of the time.
WIDTH = 1 / 8


@pytest.fixture(scope="module")
def motifnet() -> Network:
    return load("motifnet", folder=Path())


def begun(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Any]) -> Rendering:
    spec = SPEC.validate_python({**STYLE, "model": network.card.name, **fields})
    height, width = pictures["content"].shape[:2]
    return begin(spec, plan(spec, card=network.card, width=width, height=height), network, pictures)


def rendered(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Any]) -> Any:
    rendering = begun(network, fields, pictures)
    while not rendering.progress.finished:
        rendering.advance(lambda: None)
    return rendering.finish()


def first_gradient(network: Network, fields: Mapping[str, Any], pictures: Mapping[str, Any]) -> Any:
    """Adam's first moment after one step is a tenth of the gradient at the start."""
    rendering = begun(network, fields, pictures)
    loss = rendering.advance(lambda: None).score
    return loss, 10 * rendering.state()["first_moment"]


def test_gatys_is_the_books_recipe() -> None:
    network = topologies.vgg19_matconvnet(width=WIDTH)
    content, style = drawn(112, 144, seed=2), drawn(112, 144, seed=3)
    pictures = {"content": content, "styles.0.asset": style}
    fields = {"preset": "gatys", "octaves": {"count": 1}, "iterations": 6, "seed": 7}
    loss = recipes.gatys_loss(partial(recipes.vgg19_matconvnet, width=WIDTH), content, style)
    noise = np.array([123.68, 116.779, 103.939]) + generator(7, 0, 0).uniform(-20, 20, content.shape)
    start = (0.6 * noise + 0.4 * content).astype(np.float32)

    value, slope = first_gradient(network, fields, pictures)

    expected_value, expected = recipes.gradient(start, loss)
    assert value == pytest.approx(expected_value, rel=1e-4)
    assert cosine(slope, expected) >= 0.9999
    last = recipes.adam(start, loss, iterations=6, rate=2.0)[-1]
    assert psnr(rendered(network, fields, pictures), np.clip(last, 0, 255)) >= 40


def test_gatys_tv_is_keras_example() -> None:
    network = topologies.vgg19(width=WIDTH)
    content, style = drawn(112, 144, seed=4), drawn(112, 144, seed=5)
    pictures = {"content": content, "styles.0.asset": style}
    fields = {"preset": "gatys_tv", "octaves": {"count": 1}, "iterations": 6}
    loss = recipes.gatys_tv_loss(partial(recipes.vgg19, width=WIDTH), content, style)

    value, slope = first_gradient(network, fields, pictures)

    expected_value, expected = recipes.gradient(content, loss)
    assert value == pytest.approx(expected_value, rel=1e-4)
    assert cosine(slope, expected) >= 0.9999
    last = recipes.adam(content, loss, iterations=6, rate=1.0, epsilon=1e-7)[-1]
    assert psnr(rendered(network, fields, pictures), np.clip(last, 0, 255)) >= 40


@pytest.mark.parametrize("preset", ["gatys", "gatys_tv"])
def test_a_literal_loss_does_not_depend_on_the_styles_size(preset: str) -> None:
    """A texture that repeats has the same statistics however much of it there is, but for the border."""
    network = topologies.vgg19(width=WIDTH)
    patch = drawn(32, 32, seed=1)
    content = np.tile(patch, (4, 4, 1))
    slopes = [
        first_gradient(
            network,
            {"preset": preset, "octaves": {"count": 1}, "content_weight": 0.0, "tv_weight": 0.0, "noise": 0.5},
            {"content": content, "styles.0.asset": np.tile(patch[::-1], (rows, 4, 1))},
        )[1]
        for rows in (4, 3)
    ]
    assert cosine(*slopes) >= 0.99
    assert np.linalg.norm(slopes[0]) == pytest.approx(np.linalg.norm(slopes[1]), rel=0.2)


def test_losses_in_energies_on_motifnet(motifnet: Network) -> None:
    content, style = drawn(120, 150, seed=2), drawn(90, 100, seed=3)
    fields = {
        "preset": "gatys",
        "octaves": {"count": 2, "scale": 1.5},
        "iterations": 5,
        "content_weight": 2.0,
        "tv_weight": 1e-6,
        "style_layers": [{"layer": name} for name in recipes.STYLE_LAYERS],
        "content_layers": [{"layer": recipes.CONTENT_LAYER}],
        "learning_rate": 4.0,
    }
    expected = recipes.gatys_in_energies(
        content, style, sizes(120, 150, 2, 1.5), iterations=5, rate=4.0, content_weight=2.0, tv_weight=1e-6
    )
    found = rendered(motifnet, fields, {"content": content, "styles.0.asset": style})
    assert psnr(found, expected) >= 40
    # Adam's first steps follow the gradient's sign, so rounding shows where the gradient is nearly 0.
    assert cosine(found - content, expected - content) >= 0.97


def test_styles_are_laid_where_their_masks_are(motifnet: Network) -> None:
    height, width = 96, 128
    content, styles = drawn(height, width, seed=6), [drawn(height, width, seed=seed) for seed in (7, 8)]
    rng = np.random.default_rng(0)
    # Soft, of another size, and with a part that neither covers.
    small = [rng.integers(0, 256, (12, 16)), np.linspace(0, 255, 16)[None].repeat(12, 0).round()]
    small[0][:, 8:] = small[1][:6] = 0
    drawings = [np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) for mask in small]
    rows, columns = resampling(12, height, "tent"), resampling(16, width, "tent")
    masks = [(rows @ mask @ columns.T / 255).astype(np.float32) for mask in small]
    pictures = {"content": content}
    for i, (style, drawing) in enumerate(zip(styles, drawings, strict=True)):
        pictures |= {f"styles.{i}.asset": style, f"styles.{i}.mask": drawing}
    fields = {
        "styles": [{"asset": ASSET, "mask": ASSET}] * 2,
        "octaves": {"count": 1},
        "iterations": 5,
        "content_weight": 0.5,
        "tv_weight": 0.0,
        "noise": 0.3,
        "seed": 5,
        "clip": False,
    }
    loss = recipes.masked_loss(content, styles, masks, content_weight=0.5)
    noise = generator(5, 0, 0).uniform(-20, 20, content.shape) + 117
    start = (0.3 * noise + 0.7 * content).astype(np.float32)

    value, slope = first_gradient(motifnet, fields, pictures)

    expected_value, expected = recipes.gradient(start, loss)
    assert value == pytest.approx(expected_value, rel=1e-4)
    assert cosine(slope, expected) >= 0.9999
    last = recipes.adam(start, loss, iterations=5, rate=5.0, beta2=0.99)[-1]
    coverage = np.max(masks, axis=0)[..., None]
    found = rendered(motifnet, fields, pictures)
    assert psnr(found, np.clip(content + coverage * (last - content), 0, 255)) >= 40
    assert (coverage[:40, 72:] == 0).all()
    assert np.array_equal(found[:40, 72:], content[:40, 72:])
