"""Resampling in bands is resampling at once, and what matrices say."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference import pictures
from worker.render import resample
from worker.render.recipe import never
from worker.render.resample import extend, resize, resize_positive


@pytest.mark.parametrize("size", [(60, 45), (137, 211), (300, 90)])
def test_pictures_are_resampled_as_the_filter_says(size: tuple[int, int]) -> None:
    picture = pictures.drawn(120, 160)
    assert np.abs(resize(picture, *size, never) - pictures.resize(picture, *size)).max() < 1e-3
    assert np.abs(resize_positive(picture, *size, never) - pictures.resize(picture, *size, "tent")).max() < 1e-3


@pytest.mark.parametrize("size", [(60, 45), (137, 211)])
def test_bands_fit_together(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    picture = pictures.drawn(120, 160)
    at_once = resize(picture, *size, never)
    monkeypatch.setattr(resample, "BAND_PIXELS", 2000)
    calls: list[None] = []
    in_bands = resize(picture, *size, lambda: calls.append(None))
    assert len(calls) > 3
    assert np.abs(in_bands - at_once).max() < 1e-3


def test_what_is_not_negative_stays_so() -> None:
    spikes = np.zeros((40, 40, 3), np.float32)
    spikes[10, 10] = 1000
    assert resize_positive(spikes, 70, 33, never).min() >= 0


def test_pictures_go_on_as_their_mirror_image() -> None:
    picture = pictures.drawn(10, 7)
    extended = extend(picture, 16, 16)
    assert np.array_equal(extended[:10, :7], picture)
    assert np.array_equal(extended[10], extended[9])
    assert np.array_equal(extended[:10, 7:14], picture[:, ::-1])
