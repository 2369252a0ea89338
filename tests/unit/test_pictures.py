"""Pictures as files, held against Pillow, against files put together byte by byte, and against plain arithmetic."""

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
from shared.pictures import Limits, PictureError, decode, encode, probe, read_manifest, write
from shared.plan import plan
from shared.problems import SpecError
from shared.specs import DreamSpec, Output

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_by_hand(width: int, height: int, rows: bytes = b"", bits: int = 8, colour: int = 2, *extra: bytes) -> bytes:
    """A PNG without interlacing; `rows` as they come before compression, each with its filter byte."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class TestProbe:
    @pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "gif", "bmp", "avif"])
    def test_tells_size_and_format(self, kind: str) -> None:
        info = probe(saved(Image.fromarray(noise(20, 30)), kind))
        assert (info.width, info.height, info.format) == (30, 20, kind)

    @pytest.mark.parametrize(("orientation", "size"), [(1, (30, 20)), (3, (30, 20)), (6, (20, 30)), (8, (20, 30))])
    @pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
    def test_size_is_the_upright_one(self, kind: str, orientation: int, size: tuple[int, int]) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        info = probe(saved(Image.fromarray(noise(20, 30)), kind, exif=exif))
        assert (info.width, info.height) == size


class TestRefusals:
    """What cannot be used is refused in words that say what to do."""

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "the file is empty"),
            (b"a shopping list:\n- eggs\n", "text file.*a shopping list.*use png"),
            ("žluťoučký kůň ".encode() * 1000, "text file"),
            (b"%PDF-1.7\n\x00", "PDF"),
            (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
            (b"\0\x01\x02\x03" * 50, "not a picture"),
        ],
    )
    def test_no_picture(self, data: bytes, words: str) -> None:
        with pytest.raises(PictureError, match=words):
            probe(data)

    @pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff", "gif", "bmp"])
    @pytest.mark.parametrize("read", [probe, decode])
    def test_cut_short(self, kind: str, read: Any) -> None:
        whole = saved(Image.fromarray(noise(200, 200)), kind)
        with pytest.raises(PictureError, match=r"damaged|cut short"):
            read(whole[: len(whole) * 2 // 3])

    def test_progressive_jpeg_cut_short(self) -> None:
        whole = saved(Image.fromarray(noise(200, 200)), "jpeg", progressive=True)
        with pytest.raises(PictureError, match="cut short"):
            probe(whole[: len(whole) // 2])

    def test_flipped_bits_in_the_pixels(self) -> None:
        whole = bytearray(saved(Image.fromarray(noise(50, 50)), "png"))
        whole[len(whole) // 2] ^= 0xFF
        with pytest.raises(PictureError, match="damaged"):
            probe(bytes(whole))

    @pytest.mark.parametrize("size", [(0, 10), (10, 0), (0, 0)])
    def test_no_pixels(self, size: tuple[int, int]) -> None:
        with pytest.raises(PictureError, match=r"no pixels|damaged|not a picture"):
            probe(png_by_hand(*size))

    def test_too_wide(self) -> None:
        with pytest.raises(PictureError, match=r"100000×10; its sides may have up to 50000"):
            probe(png_by_hand(100_000, 10))

    def test_a_bomb_is_refused_from_its_header(self) -> None:
        """40,000 × 40,000 pixels of zeros are 5 MB deflated and 4.8 GB decoded; here even the data is missing."""
        with pytest.raises(PictureError, match=r"40000×40000 = 1600.0 megapixels, more than the 200.0 allowed"):
            probe(png_by_hand(40_000, 40_000))

    def test_limits_are_settable_and_inclusive(self) -> None:
        data = saved(Image.fromarray(noise(10, 20)), "png")
        assert probe(data, Limits(max_pixels=200, max_side=20, max_bytes=len(data))).width == 20
        for limits in [Limits(max_pixels=199), Limits(max_side=19), Limits(max_bytes=len(data) - 1)]:
            with pytest.raises(PictureError):
                probe(data, limits)

    @pytest.mark.parametrize("mode", ["F", "I", "LAB"])
    def test_modes_without_a_clear_meaning(self, mode: str) -> None:
        with pytest.raises(PictureError, match="save it as RGB"):
            decode(saved(Image.new(mode, (4, 4)), "tiff"))

    @pytest.mark.filterwarnings("ignore")  # Pillow warns of odd metadata on its way to refusing it
    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(["png", "jpeg", "webp", "tiff", "gif"]), st.data())
    def test_damage_anywhere_is_refused_or_survived_but_never_crashes(self, kind: str, data: st.DataObject) -> None:
        whole = bytearray(saved(Image.fromarray(noise(16, 16)), kind))
        for _ in range(data.draw(st.integers(1, 4))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        try:
            picture = decode(bytes(whole), Limits(max_pixels=1_000_000))
        except PictureError:
            pass
        else:
            assert picture.rgb.dtype in (np.uint8, np.uint16)
            assert picture.rgb.ndim == 3
            assert picture.rgb.shape[2] == 3


class TestDecode:
    def test_rgb_values_are_the_files(self) -> None:
        pixels = noise(7, 9)
        picture = decode(saved(Image.fromarray(pixels), "png"))
        assert picture.rgb.dtype == np.uint8
        assert picture.alpha is None
        np.testing.assert_array_equal(picture.rgb, pixels)

    @pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation(self, kind: str, orientation: int) -> None:
        """EXIF 2.3, 4.6.4: where the stored row 0 and column 0 belong in the upright picture."""
        upright = np.zeros((16, 32, 3), np.uint8)
        upright[:8, :16] = 255  # white in the upper left corner, black elsewhere
        stored = {
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: upright.transpose(1, 0, 2),
            6: np.rot90(upright),
            7: upright.transpose(1, 0, 2)[::-1, ::-1],
            8: np.rot90(upright, -1),
        }[orientation]
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = decode(saved(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif))
        np.testing.assert_allclose(picture.rgb, upright, atol=4)

    def test_alpha_is_kept(self) -> None:
        pixels = noise(5, 6, 4)
        picture = decode(saved(Image.fromarray(pixels), "png"))
        np.testing.assert_array_equal(picture.rgb, pixels[..., :3])
        np.testing.assert_array_equal(picture.alpha, pixels[..., 3])

    def test_grey_and_grey_with_alpha(self) -> None:
        grey = noise(5, 6, 2)
        picture = decode(saved(Image.fromarray(grey[..., 0]), "png"))
        np.testing.assert_array_equal(picture.rgb, np.repeat(grey[..., :1], 3, axis=2))
        picture = decode(saved(Image.fromarray(grey), "png"))
        np.testing.assert_array_equal(picture.rgb, np.repeat(grey[..., :1], 3, axis=2))
        np.testing.assert_array_equal(picture.alpha, grey[..., 1])

    def test_one_bit(self) -> None:
        image = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
        assert decode(saved(image, "png")).rgb[..., 0].tolist() == [[0, 255], [255, 0]]

    def test_palette_and_its_transparency(self) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 200, 100, 50])
        image.putpixel((1, 0), 1)
        picture = decode(saved(image, "png"))
        assert picture.rgb.tolist() == [[[10, 20, 30], [200, 100, 50]]]
        assert picture.alpha is None
        picture = decode(saved(image, "png", transparency=1))
        assert picture.rgb[0, 0].tolist() == [10, 20, 30]
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[255, 0]]

    def test_transparent_colour(self) -> None:
        pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
        picture = decode(saved(Image.fromarray(pixels), "png", transparency=(4, 5, 6)))
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[255, 0]]

    def test_cmyk(self) -> None:
        image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
        rgb = decode(saved(image, "tiff")).rgb
        assert rgb[0, 0].tolist() == [255, 0, 0]
        assert decode(saved(image, "jpeg")).rgb[0, 0].tolist() == pytest.approx([255, 0, 0], abs=6)

    def test_animation_gives_its_first_picture(self) -> None:
        first, second = (Image.new("RGB", (4, 4), colour) for colour in ["red", "blue"])
        for kind in ["gif", "webp", "png"]:
            data = saved(first, kind, save_all=True, append_images=[second])
            assert decode(data).rgb[0, 0].tolist() == pytest.approx([255, 0, 0], abs=4)

    def test_rgb_profile_is_kept_and_others_are_not(self) -> None:
        assert decode(saved(Image.fromarray(noise(4, 4)), "png", icc_profile=SRGB)).icc == SRGB
        grey = decode(saved(Image.fromarray(noise(4, 4, 1)[..., 0]), "png", icc_profile=SRGB))
        assert grey.rgb.shape == (4, 4, 3)
        foreign = SRGB[:16] + b"CMYK" + SRGB[20:]
        assert decode(saved(Image.fromarray(noise(4, 4)), "png", icc_profile=foreign)).icc is None


class TestSixteenBits:
    values = np.random.default_rng(1).integers(0, 65_536, (5, 7, 4)).astype(">u2")

    @pytest.mark.parametrize(("channels", "colour"), [(3, 2), (4, 6)])
    def test_png_keeps_every_bit(self, channels: int, colour: int) -> None:
        values = np.ascontiguousarray(self.values[..., :channels])
        rows = b"".join(b"\0" + row.tobytes() for row in values)
        picture = decode(png_by_hand(7, 5, rows, 16, colour))
        assert picture.rgb.dtype == np.uint16
        np.testing.assert_array_equal(picture.rgb, values[..., :3])
        if channels == 4:
            np.testing.assert_array_equal(picture.alpha, values[..., 3])

    def test_grey_png(self) -> None:
        values = np.ascontiguousarray(self.values[..., 0])
        rows = b"".join(b"\0" + row.tobytes() for row in values)
        rgb = decode(png_by_hand(7, 5, rows, 16, 0)).rgb
        for channel in range(3):
            np.testing.assert_array_equal(rgb[..., channel], values)

    def test_transparent_colour(self) -> None:
        values = np.ascontiguousarray(self.values[..., :3])
        rows = b"".join(b"\0" + row.tobytes() for row in values)
        picture = decode(png_by_hand(7, 5, rows, 16, 2, chunk(b"tRNS", values[2, 3].tobytes())))
        assert picture.alpha is not None
        assert np.argwhere(picture.alpha == 0).tolist() == [[2, 3]]

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_uncompressed_tiff_of_either_byte_order(self, order: str) -> None:
        values = np.ascontiguousarray(self.values[..., :3])
        entries = [
            (256, 3, 1, 7),
            (257, 3, 1, 5),
            (258, 3, 3, 8 + 2 + 9 * 12 + 4),
            (259, 3, 1, 1),
            (262, 3, 1, 2),
            (273, 4, 1, 8 + 2 + 9 * 12 + 4 + 6),
            (277, 3, 1, 3),
            (278, 3, 1, 5),
            (279, 4, 1, 5 * 7 * 6),
        ]
        data = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(entries))
        for tag, kind, count, value in entries:
            small = kind == 3 and count == 1
            data += struct.pack(f"{order}HHI", tag, kind, count)
            data += struct.pack(f"{order}HH", value, 0) if small else struct.pack(f"{order}I", value)
        data += struct.pack(f"{order}IHHH", 0, 16, 16, 16) + values.astype(f"{order}u2").tobytes()
        np.testing.assert_array_equal(decode(data).rgb, values)


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


def test_read_manifest_of_other_pictures_and_no_pictures() -> None:
    for kind in ["png", "jpeg", "webp", "tiff", "gif", "bmp"]:
        assert read_manifest(saved(Image.new("RGB", (4, 4)), kind)) is None
    with pytest.raises(PictureError):
        read_manifest(b"no picture")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_damaged_exif_is_no_damaged_picture(kind: str, orientation: int) -> None:
    """Given a picture whose EXIF data were cut short or say nonsense, it is read, upright as far as that is known."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    whole = exif.tobytes()
    plain = Image.fromarray(noise(20, 30))
    for spoilt in (whole[:-3], b"Exif\x00\x00" + b"nonsense", whole.replace(b"\x01\x12", b"\x92\x86")):
        data = saved(plain, kind, exif=spoilt)
        info, picture = probe(data), decode(data)
        assert (info.height, info.width) == picture.rgb.shape[:2]
        assert sorted(picture.rgb.shape[:2]) == [20, 30]


def test_16_bit_grey_may_have_white_as_zero() -> None:
    values = np.linspace(0, 65535, 20 * 30).astype(np.uint16).reshape(20, 30)
    white, black = (saved(Image.fromarray(values), "tiff", tiffinfo={262: zero}) for zero in (0, 1))
    assert np.array_equal(decode(white).rgb, 65535 - decode(black).rgb)
