"""Normalisation of gradients: the recipes' formulas at any size, in place, with little memory besides."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.reference import recipes
from worker.networks import load
from worker.render.normalise import Normalise, blur, by_bands, by_mean_abs, by_std, correlate, unit_of
from worker.render.recipe import never

Array = NDArray[np.float32]


def drawn(height: int, width: int) -> Array:
    return np.random.default_rng(height + width).normal(0.1, 1, (height, width, 3)).astype(np.float32) * 1e-4


def normalised(by: Normalise, gradient: Array) -> Array:
    gradient = gradient.copy()
    by(gradient, never)
    return gradient


@pytest.mark.parametrize("size", [(1, 7), (33, 32), (64, 95), (211, 3), (301, 700)])
@pytest.mark.parametrize("levels", [1, 4, 6])
def test_bands_are_those_of_tensorflows_pyramid(size: tuple[int, int], levels: int) -> None:
    gradient = drawn(*size)
    expected = recipes.laplacian_normalised(gradient, levels)
    assert np.abs(normalised(by_bands(levels), gradient) - expected).max() <= 1e-4


@pytest.mark.parametrize(
    ("by", "formula"),
    [(by_std(), lambda g: g / (g.std() + 1e-8)), (by_mean_abs(), lambda g: g / (np.abs(g).mean() + 1e-7))],
    ids=["std", "mean_abs"],
)
def test_sums_are_over_the_whole_picture(by: Normalise, formula: Callable[[Array], Array]) -> None:
    gradient = drawn(500, 333)
    assert np.allclose(normalised(by, gradient), formula(gradient.astype(np.float64)), rtol=1e-6, atol=0)


@pytest.mark.parametrize("by", [by_std(), by_mean_abs(), by_bands(3)], ids=["std", "mean_abs", "bands"])
def test_steps_are_as_strong_on_large_pictures(by: Normalise) -> None:
    """The gradient of a mean over four times the cells is a quarter, and the step the same."""
    small = drawn(512, 512) * np.float32(1e-3)
    large = np.concatenate([np.concatenate([small, small[:, ::-1]], 1)] * 2) / 4
    inner = (slice(100, 400), slice(100, 400))
    assert np.allclose(normalised(by, large)[inner], normalised(by, small)[inner], rtol=1e-2, atol=2e-2)


@pytest.mark.parametrize("by", [by_std(), by_mean_abs(), by_bands(2)], ids=["std", "mean_abs", "bands"])
def test_without_a_gradient_there_is_no_step(by: Normalise) -> None:
    assert (normalised(by, np.zeros((40, 50, 3), np.float32)) == 0).all()


@pytest.mark.parametrize("scale", [-1 / 255, -1.0, 1 / 255, 1.0])
@pytest.mark.parametrize("by", [by_std, by_mean_abs, partial(by_bands, 2)], ids=["std", "mean_abs", "bands"])
def test_networks_that_invert_their_pictures_are_guarded_as_others(
    by: Callable[[float], Normalise], scale: float
) -> None:
    network = replace(load("motifnet", folder=Path()), scale=scale)
    assert unit_of(network) == abs(scale)
    assert (normalised(by(unit_of(network)), np.zeros((40, 50, 3), np.float32)) == 0).all()


@pytest.mark.parametrize("sigma", [0.5, 3.0, 20.0])
def test_smoothing_is_a_gaussian(sigma: float) -> None:
    gradient = drawn(57, 130)
    found = gradient.copy()
    blur(found, sigma, never)
    assert np.abs(found - recipes.blurred(gradient, sigma)).max() <= 1e-6 * np.abs(gradient).max()


@pytest.mark.parametrize("power", [0.3, 1.0])
def test_colours_that_photographs_hardly_know_lose_their_strength(power: float) -> None:
    grey, garish = np.ones((4, 5, 3), np.float32), np.zeros((4, 5, 3), np.float32)
    garish[...] = 1, -2, 1
    before = np.linalg.norm(grey), np.linalg.norm(garish)
    correlate(grey, power)
    correlate(garish, power)
    assert np.linalg.norm(grey) >= 0.95 * before[0]
    assert np.linalg.norm(garish) <= 0.04**power * before[1]


def test_colours_are_mixed_alike_however_rows_are_cut() -> None:
    gradient = drawn(700, 301)
    whole, first = gradient.copy(), gradient[:5].copy()
    correlate(whole, 0.5)
    correlate(first, 0.5)
    assert np.abs(whole - recipes.decorrelated(gradient, 0.5)).max() <= 1e-6 * np.abs(gradient).max()
    assert np.array_equal(whole[:5], first)


@pytest.mark.parametrize(
    ("work", "share"),
    [
        (by_std(), 0.0),
        (by_mean_abs(), 0.0),
        # The levels of a quarter, a sixteenth … of the size.
        (by_bands(5), 1 / 3),
        (lambda gradient, interrupt: blur(gradient, 4.0, interrupt), 0.0),
        (lambda gradient, _interrupt: correlate(gradient, 0.5), 0.0),
    ],
    ids=["std", "mean_abs", "bands", "blur", "colours"],
)
def test_little_memory_is_taken_besides(work: Normalise, share: float) -> None:
    gradient = drawn(3000, 2500)
    work(gradient[:64], never)
    tracemalloc.start()
    work(gradient, never)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Up to four threads work on bands of 0.75 MiB, with a few arrays each.
    assert peak <= share * gradient.nbytes + 24 * 2**20
