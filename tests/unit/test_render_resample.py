"""Canvases, the detail that shrinking takes, and colours: the pictures between the octaves."""

from __future__ import annotations

import numpy as np
import pytest

from shared.cards import card
from shared.pixels import floats
from shared.plan import OctavePlan, plan
from shared.specs import DreamSpec
from tests.reference import pictures
from worker.render.color import Distribution, Matching, luminance, recoloured
from worker.render.recipe import never
from worker.render.resample import (
    add_detail,
    cropped,
    empty_canvas,
    extend,
    fill_margin,
    resize,
    resize_positive,
)


def octave(height: int, width: int) -> OctavePlan:
    return plan(DreamSpec(), card=card("motifnet"), width=width, height=height).octaves[-1]


@pytest.mark.parametrize("size", [(60, 45), (137, 211), (300, 90)])
def test_pictures_are_resampled_as_the_filters_say(size: tuple[int, int]) -> None:
    picture = pictures.drawn(120, 160)
    assert np.abs(resize(picture, *size, never) - pictures.resize(picture, *size)).max() < 1e-3
    assert np.abs(resize_positive(picture, *size, never) - pictures.resize(picture, *size, "tent")).max() < 1e-3


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


@pytest.mark.parametrize("size", [(1, 5), (3, 40), (40, 3), (16, 16)])
def test_thin_pictures_are_mirrored_again_and_again(size: tuple[int, int]) -> None:
    picture = pictures.drawn(40, 40)[: size[0], : size[1]]
    expected = np.pad(picture, ((0, 48 - size[0]), (0, 48 - size[1]), (0, 0)), mode="symmetric")
    assert np.array_equal(extend(picture, 48, 48), expected)


def test_a_canvas_can_be_filled_where_it_lies() -> None:
    now = octave(90, 121)
    picture = pictures.drawn(50, 60)
    canvas = empty_canvas(now)
    resize(picture, now.height, now.width, never, out=cropped(canvas, now))
    fill_margin(canvas, now)
    assert canvas.shape[:2] != (90, 121)
    assert np.array_equal(canvas, extend(resize(picture, 90, 121, never), now.canvas_height, now.canvas_width))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("size", [(120, 160), (200, 240), (90, 80)])
def test_lost_detail_is_what_shrinking_takes(dtype: type, size: tuple[int, int]) -> None:
    original = (pictures.drawn(*size) * (257 if dtype is np.uint16 else 1)).astype(dtype)
    picture = pictures.drawn(120, 160, seed=1)
    base = pictures.resize(floats(original), 120, 160)
    shrunk = pictures.resize(base, 75, 100)
    lost = base - pictures.resize(shrunk, 120, 160)
    expected = picture + lost
    add_detail(picture, original, shrunk, never)
    assert np.abs(lost).max() > 5
    assert np.abs(picture - expected).max() < 2e-3


def test_lost_detail_can_be_interrupted() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_detail(pictures.drawn(20, 20), pictures.drawn(20, 20), pictures.drawn(10, 10), interrupt)


class TestColours:
    picture, content = pictures.drawn(40, 50), pictures.drawn(40, 50, 1)

    def test_luminance_is_rec_601(self) -> None:
        red, green, blue = np.moveaxis(self.picture, 2, 0)
        grey = luminance(self.picture)
        assert grey.shape == self.picture.shape
        np.testing.assert_allclose(grey[..., 1], 0.299 * red + 0.587 * green + 0.114 * blue, atol=1e-3)
        assert np.array_equal(grey[..., 0], grey[..., 2])

    def test_decoded_pictures_are_in_the_same_range(self) -> None:
        values = self.picture.round()
        assert np.array_equal(luminance(values.astype(np.uint8)), luminance(values))
        np.testing.assert_allclose(luminance((values * 257).astype(np.uint16)), luminance(values), atol=1e-4)

    def test_a_matched_style_has_the_contents_brightness_and_contrast(self) -> None:
        found, wanted = self._matched(self.picture), luminance(self.content)
        assert found.mean() == pytest.approx(wanted.mean(), rel=1e-4)
        assert found.std() == pytest.approx(wanted.std(), rel=1e-4)
        assert pictures.cosine(found - found.mean(), luminance(self.picture) - luminance(self.picture).mean()) > 0.9999

    @pytest.mark.parametrize("size", [(13, 17), (95, 80)])
    def test_matching_commutes_with_resizing(self, size: tuple[int, int]) -> None:
        """Styles are matched at the size that they are measured at, as if they had been before."""
        matching = Matching(Distribution.of(self.picture), Distribution.of(self.content))
        found = resize(self.picture, *size, never)
        matching.apply(found)
        np.testing.assert_allclose(found, resize(self._matched(self.picture), *size, never), atol=1e-3)

    @pytest.mark.parametrize("size", [(8, 8), (5, 11), (30, 30)])
    def test_a_flat_style_has_the_contents_brightness_and_no_contrast(self, size: tuple[int, int]) -> None:
        flat = np.full((8, 8, 3), (77, 31, 205), np.uint8)
        found = resize(flat, *size, never)
        Matching(Distribution.of(flat), Distribution.of(self.content)).apply(found)
        assert found.std() < 0.01
        assert found.mean() == pytest.approx(luminance(self.content).mean(), abs=0.1)

    def _matched(self, style: np.ndarray) -> np.ndarray:
        found = style.copy()
        Matching(Distribution.of(style), Distribution.of(self.content)).apply(found)
        return found

    @pytest.mark.parametrize("size", [(40, 50), (80, 100)])
    def test_recoloured_pictures_have_their_own_luminance_and_the_contents_colours(self, size: tuple[int, int]) -> None:
        content = resize(self.content, *size, never)
        found = recoloured(self.picture, content)
        same_size = resize(content, 40, 50, never)
        np.testing.assert_allclose(luminance(found), luminance(self.picture), atol=2e-3)
        np.testing.assert_allclose(found - luminance(found), same_size - luminance(same_size), atol=2e-3)
