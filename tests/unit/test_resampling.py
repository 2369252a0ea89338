"""Resampling, held against matrices, against Pillow, and against itself cut into bands."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared import pixels, resampling
from shared.pixels import Pixels, bands, each_band, floats
from shared.resampling import BICUBIC, BILINEAR, Kernel, Resampled, resize
from tests.reference import pictures

KERNELS = pytest.mark.parametrize("kernel", [BICUBIC, BILINEAR], ids=["cubic", "tent"])
SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * width).uniform(0, 255, (height, width, channels)).astype(np.float32)


class TestFloats:
    def test_one_range_for_all(self) -> None:
        assert floats(np.array([0, 128, 255], np.uint8)).tolist() == [0, 128, 255]
        assert floats(np.array([0, 32_896, 65_535], np.uint16)).tolist() == [0, 128, 255]
        assert floats(np.array([-3.5, 128.25], np.float32)).tolist() == [-3.5, 128.25]

    def test_new_arrays_of_float32(self) -> None:
        for dtype in (np.uint8, np.uint16, np.float32):
            original = np.ones((2, 2), dtype)
            made = floats(original)
            assert made.dtype == np.float32
            assert not np.shares_memory(made, original)

    def test_other_numbers_are_refused(self) -> None:
        with pytest.raises(TypeError, match="float64"):
            floats(np.ones((2, 2)))  # type: ignore[arg-type]


@given(height=st.integers(1, 5000), width=st.integers(1, 3_000_000))
def test_bands_are_all_rows_once_and_small(height: int, width: int) -> None:
    found = list(bands(height, width))
    assert [band.start for band in found] == [0] + [band.stop for band in found[:-1]]
    assert found[-1].stop == height
    assert all((band.stop - band.start) * width <= max(pixels.BAND_PIXELS, width) for band in found)


class TestEachBand:
    def test_every_row_once(self) -> None:
        rows = np.zeros(17, int)

        def work(top: int, bottom: int) -> None:
            rows[top:bottom] += 1

        calls: list[None] = []
        each_band(17, 5, work, lambda: calls.append(None))
        assert rows.tolist() == [1] * 17
        assert len(calls) == 4

    def test_what_the_work_raises_passes_through(self) -> None:
        with pytest.raises(ZeroDivisionError):
            each_band(10, 1, lambda top, _: print(1 // (top - 3)), lambda: None)

    def test_an_interrupt_stops_it(self) -> None:
        done: list[int] = []

        def interrupt() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            each_band(10_000, 1, lambda top, _: done.append(top), interrupt)
        count = len(done)
        assert count < 10_000
        assert len(done) == count  # nothing goes on behind


@KERNELS
@pytest.mark.parametrize("size", [(60, 45), (137, 211), (300, 90), (120, 75), (33, 160)])
def test_pictures_are_resampled_as_the_filter_says(size: tuple[int, int], kernel: Kernel) -> None:
    picture = pictures.drawn(120, 160)
    name = "cubic" if kernel is BICUBIC else "tent"
    assert np.abs(resize(picture, *size, kernel) - pictures.resize(picture, *size, name)).max() < 1e-3


@KERNELS
@settings(deadline=None, max_examples=60)
@given(old=SIZES, new=SIZES)
def test_the_values_are_pillows(kernel: Kernel, old: tuple[int, int], new: tuple[int, int]) -> None:
    """To the last bits: some processors round a product and a sum together."""
    picture = noise(*old, 1)
    expected = np.asarray(Image.fromarray(picture[..., 0]).resize(new[::-1], kernel.pillow))
    np.testing.assert_allclose(resize(picture, *new, kernel)[..., 0], expected, rtol=0, atol=1e-4)


@KERNELS
@settings(deadline=None, max_examples=60)
@given(old=SIZES, new=SIZES, data=st.data())
def test_any_rows_have_the_bits_of_the_whole(
    kernel: Kernel, old: tuple[int, int], new: tuple[int, int], data: st.DataObject
) -> None:
    resampled = Resampled(noise(*old), *new, kernel)
    whole = resampled.rows(0, new[0])
    cuts = sorted(data.draw(st.sets(st.integers(1, max(new[0] - 1, 1)), max_size=5)) | {0, new[0]})
    parts = [resampled.rows(top, bottom) for top, bottom in pairwise(cuts)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(resize(noise(*old), *new, kernel), whole)


@pytest.mark.parametrize("band", [1, 700, 30_000])
def test_the_bits_do_not_depend_on_the_size_of_bands(band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noise(120, 160)
    at_once = [resize(picture, *size) for size in [(60, 45), (137, 211), (9, 400)]]
    monkeypatch.setattr(resampling, "BAND_PIXELS", band)
    assert all(np.array_equal(resize(picture, *found.shape[:2]), found) for found in at_once)


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65_535)])
def test_pictures_as_they_were_decoded(dtype: type, top: int) -> None:
    decoded: Pixels = np.random.default_rng(1).integers(0, top + 1, (50, 70, 3)).astype(dtype)
    for size in [(50, 70), (50, 30), (81, 70), (20, 99)]:
        found = resize(decoded, *size)
        assert found.dtype == np.float32
        assert np.array_equal(found, resize(floats(decoded), *size))
    view = np.broadcast_to(decoded[..., :1], decoded.shape)  # grey pictures are such
    assert np.array_equal(resize(view, 20, 99), resize(np.ascontiguousarray(view), 20, 99))


def test_resampling_of_what_is_resampled() -> None:
    picture = noise(80, 60)
    chained = Resampled(Resampled(picture, 50, 44), 97, 71)
    assert np.array_equal(chained.rows(0, 97), resize(resize(picture, 50, 44), 97, 71))


def test_into_an_array_that_is_there() -> None:
    picture, canvas = noise(40, 30), np.zeros((64, 64, 3), np.float32)
    assert np.array_equal(resize(picture, 50, 20, out=canvas[:50, :20]), resize(picture, 50, 20))
    assert np.array_equal(canvas[:50, :20], resize(picture, 50, 20))
    assert canvas[50:].max() == canvas[:, 20:].max() == 0


def test_the_same_size_is_a_copy() -> None:
    picture = noise(20, 30)
    copy = resize(picture, 20, 30)
    assert np.array_equal(copy, picture)
    assert not np.shares_memory(copy, picture)


@pytest.mark.parametrize(
    ("old", "new"), [((2400, 1600), (3000, 2000)), ((3000, 2000), (2400, 1600)), ((3000, 3000), (40, 60))]
)
def test_memory_is_bounded(old: tuple[int, int], new: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the pictures' size there are the two pictures, and nothing else."""
    monkeypatch.setattr(resampling, "BAND_PIXELS", 2**16)
    picture = np.zeros((*old, 3), np.uint8)
    out = np.empty((*new, 3), np.float32)
    tracemalloc.start()
    try:
        resize(picture, *new, out=out)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
