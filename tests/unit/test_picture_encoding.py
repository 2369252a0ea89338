"""Pictures that are written, held against Pillow, and what writing and reading them costs."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from shared import picture_files
from shared.cards import card
from shared.pictures import PictureError, decode, encode, read_manifest, write
from shared.plan import plan
from shared.problems import SpecError
from shared.specs import DreamSpec, Output
from tests.reference.files import noise

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FORMATS = ["png", "jpeg", "webp", "tiff"]
MANIFEST = '{"spec": {"name": "Häuser <am> \\"See\\" & 日本 ]]>"}}'


class TestEncode:
    @pytest.mark.parametrize(("kind", "bits"), [*((kind, 8) for kind in FORMATS), ("png", 16), ("tiff", 16)])
    def test_pillow_sees_the_same_picture(self, kind: str, bits: int) -> None:
        y, x = np.mgrid[0:90, 0:130]
        rgb = np.stack([x, y, x + y], axis=2).astype(np.float32)
        data = encode(rgb, Output(format=kind, bits=bits), icc=SRGB, manifest=MANIFEST)
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == kind.upper()
            assert image.info["icc_profile"] == SRGB
            seen = np.asarray(image.convert("RGB"))
        if kind in ("png", "tiff"):
            np.testing.assert_array_equal(seen, rgb)
        else:
            np.testing.assert_allclose(seen, rgb, atol=12)

    @pytest.mark.parametrize("kind", FORMATS)
    @pytest.mark.parametrize("manifest", [MANIFEST, None, "{}", "x" * 40_000])
    def test_manifest_comes_back(self, kind: str, manifest: str | None) -> None:
        rgb = np.zeros((8, 8, 3), np.float32)
        assert read_manifest(encode(rgb, Output(format=kind), manifest=manifest)) == manifest
        if kind in ("png", "tiff"):
            assert read_manifest(encode(rgb, Output(format=kind, bits=16), manifest=manifest)) == manifest

    def test_a_jpeg_goes_without_a_manifest_it_cannot_hold(self) -> None:
        data = encode(np.zeros((8, 8, 3), np.float32), Output(format="jpeg"), manifest="x" * 100_000)
        assert read_manifest(data) is None

    @pytest.mark.parametrize("kind", ["png", "tiff"])
    @pytest.mark.parametrize("bits", [8, 16])
    @settings(max_examples=25, deadline=None)
    @given(size=st.tuples(st.integers(1, 150), st.integers(1, 12)), with_alpha=st.booleans(), seed=st.integers(0, 99))
    def test_round_trip_is_exact(
        self, kind: str, bits: int, size: tuple[int, int], with_alpha: bool, seed: int
    ) -> None:
        """Every whole number of the format survives, whatever rows the filters choose."""
        top = 2**bits - 1
        random = np.random.default_rng(seed)
        # Smooth rows beside noisy ones, so that every filter of the PNG writer gets its turn.
        ramp = np.add.outer(np.arange(size[0]) * 37, np.arange(size[1]) * 11)[..., None] % (top + 1)
        values = np.where(random.random((size[0], 1, 1)) < 0.5, ramp, random.integers(0, top + 1, (*size, 4)))
        rgb = (values[..., :3] * (255 / top)).astype(np.float32)
        alpha = (values[..., 3] * (255 / top)).astype(np.float32) if with_alpha else None
        picture = decode(encode(rgb, Output(format=kind, bits=bits), alpha=alpha))
        np.testing.assert_array_equal(picture.rgb, values[..., :3])
        if alpha is None:
            assert picture.alpha is None
        else:
            np.testing.assert_array_equal(picture.alpha, values[..., 3])

    def test_sixteen_bits_are_really_sixteen(self) -> None:
        """A ramp a quarter of an 8-bit step high has many values, told apart by a reader of the raw file."""
        rgb = np.linspace(100, 100.25, 64, dtype=np.float32).reshape(1, 64, 1).repeat(3, axis=2)
        data = encode(rgb, Output(format="png", bits=16))
        start = data.index(b"IDAT") + 4
        length = struct.unpack(">I", data[start - 8 : start - 4])[0]
        assert data[24:26] == b"\x10\x02"  # bit depth 16, colour type RGB
        row = np.frombuffer(zlib.decompress(data[start : start + length]), np.uint8)
        assert row.size == 1 + 64 * 6
        assert row[0] == 1  # Sub: each byte less the one a pixel before
        restored = np.cumsum(row[1:].reshape(64, 6), axis=0, dtype=np.uint8)
        assert len(np.unique(restored.view(">u2")[:, 0])) == 64

    def test_rounds_once_and_clips(self) -> None:
        rgb = np.array([[[-5, 0.49, 0.51], [254.4, 255.7, 1e9]]], np.float32)
        assert decode(encode(rgb, Output())).rgb.tolist() == [[[0, 0, 1], [254, 255, 255]]]

    @pytest.mark.parametrize("kind", ["png", "webp", "tiff"])
    def test_alpha_is_kept(self, kind: str) -> None:
        alpha = np.arange(0, 256, 17, np.uint8).reshape(4, 4)
        picture = decode(encode(np.full((4, 4, 3), 80, np.float32), Output(format=kind), alpha=alpha))
        np.testing.assert_array_equal(picture.alpha, alpha)
        deep = alpha.astype(np.uint16) * 257
        picture = decode(encode(np.full((4, 4, 3), 80, np.float32), Output(format=kind), alpha=deep))
        np.testing.assert_array_equal(picture.alpha, alpha)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_decoded_pictures_are_encoded_as_they_are(self, dtype: type) -> None:
        values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (70, 9, 3)).astype(dtype)
        bits = 8 * values.itemsize
        np.testing.assert_array_equal(decode(encode(values, Output(format="tiff", bits=bits))).rgb, values)

    @pytest.mark.parametrize("size", [(20, 30), (80, 120), (41, 61)])
    def test_alpha_is_scaled_to_the_picture(self, size: tuple[int, int]) -> None:
        alpha = np.zeros(size, np.uint8)
        alpha[:, size[1] // 2 :] = 255
        picture = decode(encode(np.full((40, 60, 3), 80, np.float32), Output(), alpha=alpha))
        assert picture.alpha is not None
        assert picture.alpha.shape == (40, 60)
        assert picture.alpha[:, :27].max() < 12
        assert picture.alpha[:, 33:].min() > 243

    def test_jpeg_lies_on_white(self) -> None:
        black, clear = np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), np.float32)
        assert decode(encode(black, Output(format="jpeg"), alpha=clear)).rgb.min() > 250

    @pytest.mark.parametrize("kind", FORMATS)
    @pytest.mark.parametrize("bits", [8, 16])
    def test_writing_can_be_interrupted(self, kind: str, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(picture_files, "_BAND_BYTES", 2**12)
        output = Output(format=kind, bits=bits if kind in ("png", "tiff") else 8)
        calls: list[None] = []

        def interrupt() -> None:
            calls.append(None)
            if len(calls) == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write(io.BytesIO(), np.zeros((400, 30, 3), np.float32), output, interrupt=interrupt)
        assert len(calls) == 3

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_values_that_are_no_numbers_are_refused(self, bad: float) -> None:
        rgb = np.zeros((300, 3, 3), np.float32)
        rgb[299, 1, 1] = bad
        with pytest.raises(PictureError, match="not finite"):
            encode(rgb, Output())

    @pytest.mark.parametrize(("kind", "side"), [("webp", 16_384), ("jpeg", 65_501)])
    def test_sizes_a_format_cannot_hold(self, kind: str, side: int) -> None:
        with pytest.raises(PictureError, match=f"{side}×1.*choose png"):
            encode(np.zeros((1, side, 3), np.float32), Output(format=kind))

    @pytest.mark.parametrize(
        ("output", "long_edge", "fits"),
        [
            (Output(format="webp"), 16_383, True),
            (Output(format="webp"), 16_384, False),
            (Output(format="jpeg"), 65_500, True),
            (Output(format="jpeg"), 65_501, False),
            (Output(format="tiff"), 32_000, True),
            (Output(format="tiff", bits=16), 65_536, True),
            (Output(format="png", bits=16), 65_536, True),
        ],
    )
    def test_such_a_job_is_refused_before_it_is_rendered(self, output: Output, long_edge: int, fits: bool) -> None:
        spec = DreamSpec.model_validate({"size": {"long_edge": long_edge}, "output": output})
        if fits:
            assert plan(spec, card=card("motifnet"), width=None, height=None).width == long_edge
        else:
            with pytest.raises(SpecError, match=r"output\.format.*choose png"):
                plan(spec, card=card("motifnet"), width=None, height=None)

    def test_lower_quality_is_smaller(self) -> None:
        rgb = noise(100, 100).astype(np.float32)
        for kind in ["jpeg", "webp"]:
            assert len(encode(rgb, Output(format=kind, quality=30))) < len(encode(rgb, Output(format=kind)))


class TestLargeTiffs:
    """Offsets of a TIFF end at 4 GiB; what could be larger is a BigTIFF. The bound is lowered here."""

    rgb = np.random.default_rng(0).uniform(0, 255, (150, 90, 3)).astype(np.float32)

    @pytest.mark.parametrize("bits", [8, 16])
    @pytest.mark.parametrize("with_alpha", [False, True])
    def test_readers_see_the_same_picture(self, bits: int, with_alpha: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        alpha = noise(150, 90, 1)[..., 0] if with_alpha else None
        output = Output(format="tiff", bits=bits)
        small = encode(self.rgb, output, alpha=alpha, icc=SRGB, manifest=MANIFEST)
        monkeypatch.setattr(picture_files, "_TIFF_BYTES", 1000)
        big = encode(self.rgb, output, alpha=alpha, icc=SRGB, manifest=MANIFEST)
        assert (small[:4], big[:4]) == (b"II\x2a\0", b"II\x2b\0")
        first, second = decode(small), decode(big)
        np.testing.assert_array_equal(second.rgb, first.rgb)
        assert first.rgb.dtype == (np.uint16 if bits == 16 else np.uint8)
        assert (first.alpha is not None) == with_alpha
        if first.alpha is not None:
            np.testing.assert_array_equal(second.alpha, first.alpha)
        assert first.icc == second.icc == SRGB
        assert read_manifest(big) == MANIFEST

    def test_one_strip_and_no_metadata(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(picture_files, "_TIFF_BYTES", 0)
        rgb = self.rgb[:3, :2].round()
        np.testing.assert_array_equal(decode(encode(rgb, Output(format="tiff"))).rgb, rgb)

    @pytest.mark.parametrize(("side", "version"), [(26_700, 42), (26_800, 43)])
    def test_the_bound_is_just_below_4_gib(self, side: int, version: int) -> None:
        """Of 6 bytes a pixel. The header is there before the first rows are asked for."""

        def interrupt() -> None:
            raise KeyboardInterrupt

        file = io.BytesIO()
        rgb = np.broadcast_to(np.zeros((), np.uint8), (side, side, 3))
        with pytest.raises(KeyboardInterrupt):
            write(file, rgb, Output(format="tiff", bits=16), interrupt=interrupt)
        assert file.getvalue()[2] == version


class TestMemory:
    """Of the pictures' size there is the picture, and what Pillow needs for its own formats; nothing else."""

    side = 2500

    def traced(self, action: Any) -> int:
        tracemalloc.start()
        try:
            action()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(("kind", "bits"), [("png", 8), ("png", 16), ("tiff", 16), ("jpeg", 8)])
    def test_writing(self, kind: str, bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(picture_files, "_BAND_BYTES", 2**17)
        rgb = np.broadcast_to(np.float32(99), (self.side, self.side, 3))
        alpha = np.broadcast_to(np.uint8(200), (self.side // 2, self.side))
        with (tmp_path / "picture").open("w+b") as file:
            output = Output(format=kind, bits=bits)
            assert self.traced(lambda: write(file, rgb, output, alpha=alpha)) < 3 * self.side**2

    def test_decoding(self) -> None:
        data = encode(np.broadcast_to(np.uint8(7), (self.side, self.side, 3)), Output())
        assert self.traced(lambda: decode(data)) < 5 * self.side**2
        data = encode(np.broadcast_to(np.uint16(7), (self.side, self.side, 3)), Output(bits=16))
        assert self.traced(lambda: decode(data)) < 8 * self.side**2
