"""L-BFGS on functions whose lowest point is known."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.reference.pictures import cosine
from worker.render import NotFinite
from worker.render.lbfgs import LBFGS
from worker.render.optimizers import Evaluate

Picture = NDArray[np.float32]


def bowl(seed: int, condition: float = 100.0) -> tuple[Evaluate, NDArray[np.float64], NDArray[np.float64]]:
    """A convex quadratic of pictures (4, 5, 3), its Hessian and its lowest point."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    hessian = axes @ np.diag(np.geomspace(1, condition, 60)) @ axes.T
    lowest = rng.uniform(-100, 355, 60)

    def evaluate(picture: Picture) -> tuple[float, Picture]:
        away = picture.ravel().astype(np.float64) - lowest
        return float(away @ hessian @ away / 2), (hessian @ away).reshape(4, 5, 3).astype(np.float32)

    return evaluate, hessian, lowest


def descended(optimizer: LBFGS, evaluate: Evaluate, steps: int) -> tuple[list[float], Mapping[str, Any]]:
    slots, losses = optimizer.begin(np.full((4, 5, 3), 128, np.float32)), []
    for count in range(1, steps + 1):
        loss, slots = optimizer.step(slots, evaluate, count)
        losses.append(loss)
    return losses, slots


def test_lbfgs_directions_are_those_of_the_matrix_it_stands_for() -> None:
    evaluate, _, _ = bowl(0)
    optimizer = LBFGS(history=4, rate=5.0, clip=False)
    slots = descended(optimizer, evaluate, 7)[1]
    steps, changes = (
        [slots[f"{name}_{i}"].ravel().astype(np.float64) for i in range(4)] for name in ("step", "change")
    )
    inverse = np.eye(60) * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y in zip(steps, changes, strict=True):
        projector = np.eye(60) - np.outer(s, y) / (s @ y)
        inverse = projector @ inverse @ projector.T + np.outer(s, s) / (s @ y)

    before, slope = slots["picture"].copy(), slots["gradient"].ravel().astype(np.float64)
    after = optimizer.step(slots, evaluate, 8)[1]["picture"]

    assert cosine(after - before, -inverse @ slope) >= 0.99999


@settings(deadline=None, derandomize=True, max_examples=12)
@given(seed=st.integers(0, 1000), condition=st.floats(2, 1e4), clip=st.booleans(), history=st.integers(1, 12))
def test_lbfgs_never_goes_up(seed: int, condition: float, clip: bool, history: int) -> None:
    losses, slots = descended(LBFGS(history, 5.0, clip), bowl(seed, condition)[0], 25)
    assert all(b <= a for a, b in itertools.pairwise(losses))
    assert losses[-1] < 0.5 * losses[0]
    assert sum(name.startswith("step_") for name in slots) <= history
    if clip:
        assert (slots["picture"].min() >= 0, slots["picture"].max() <= 255) == (True, True)


@pytest.mark.parametrize("clip", [False, True])
def test_lbfgs_finds_what_scipy_finds(clip: bool) -> None:
    evaluate, _, lowest = bowl(3)

    def in_float64(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        loss, gradient = evaluate(x.reshape(4, 5, 3).astype(np.float32))
        return loss, gradient.ravel().astype(np.float64)

    bounds = [(0, 255)] * 60 if clip else None
    expected = scipy.optimize.minimize(in_float64, np.full(60, 128.0), jac=True, method="L-BFGS-B", bounds=bounds).x

    losses, slots = descended(LBFGS(10, 5.0, clip), evaluate, 120)

    assert np.abs(slots["picture"].ravel() - expected).max() < 0.5
    if not clip:
        assert np.abs(slots["picture"].ravel() - lowest).max() < 0.5
    assert losses[-1] <= losses[0]


def test_lbfgs_stays_where_nothing_is_lower() -> None:
    evaluate, _, lowest = bowl(1)
    optimizer = LBFGS(5, 5.0, clip=False)
    slots = optimizer.begin(lowest.reshape(4, 5, 3).astype(np.float32))
    for count in range(1, 60):
        before = slots["picture"].copy()
        loss, slots = optimizer.step(slots, evaluate, count)
    assert "converged" in slots
    assert np.array_equal(slots["picture"], before)
    assert loss == pytest.approx(0, abs=1e-3)


def test_lbfgs_steps_back_from_where_there_are_no_numbers() -> None:
    evaluate, _, _ = bowl(0)
    calls: list[float] = []

    def walled(picture: Picture) -> tuple[float, Picture]:
        calls.append(float(np.abs(picture - 128).max()))
        if calls[-1] > 10 and len(calls) < 12:
            raise NotFinite("gradient", 1, 1)
        return evaluate(picture)

    losses, _ = descended(LBFGS(5, 50.0, clip=False), walled, 30)
    assert max(calls[:3]) > 10
    assert all(b <= a for a, b in itertools.pairwise(losses))
    assert losses[-1] < 0.01 * losses[0]
