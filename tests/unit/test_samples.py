"""The bundled pictures: there, light, colourful, and what their program draws."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from shared.pictures import decode
from shared.samples import SAMPLES, sample
from shared.samples.draw import draw


@pytest.mark.parametrize("name", SAMPLES)
def test_bundled_pictures_are_pictures_of_use(name: str) -> None:
    """Large enough to show detail, small enough to ship, and with colour and texture for dreams to hold on to."""
    data = sample(name).read_bytes()
    rgb = decode(data).rgb
    assert 768 <= max(rgb.shape[:2]) <= 1024
    assert len(data) < 300_000
    assert rgb.std() > 30
    assert np.ptp(rgb, axis=2).mean() > 25
    assert np.abs(np.diff(rgb.mean(axis=2), axis=1)).mean() > 1.5


@pytest.mark.parametrize("name", SAMPLES)
def test_the_program_draws_them_at_any_size(name: str) -> None:
    """A small drawing, made afresh, is the bundled picture seen from afar."""
    small = draw(name, 128)
    with Image.open(io.BytesIO(sample(name).read_bytes())) as bundled:
        assert bundled.width / bundled.height == pytest.approx(small.width / small.height, rel=0.02)
        far, near = (
            np.asarray(picture.convert("RGB").resize((24, 18), Image.Resampling.BOX), float)
            for picture in (bundled, small)
        )
    assert np.abs(far - near).mean() < 12
    assert np.array_equal(np.asarray(draw(name, 64)), np.asarray(draw(name, 64)))


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(KeyError, match="dusk, fruit, lake"):
        sample("dawn")
