"""Pictures that are read, held against Pillow, files put together byte by byte, and plain arithmetic."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from shared.picture_reading import in_srgb, load, open_picture, viewable
from shared.pictures import Limits, PictureError, decode, probe, read_manifest
from tests.reference.files import chunk, grey_profile, noise, png_by_hand, saved, swapped_profile, tiff_by_hand

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


class TestViewing:
    """What is looked at has the colours that the profile means, whatever colours the file has."""

    def shown(self, data: bytes) -> np.ndarray:
        image = open_picture(data, Limits())
        load(image)
        picture, icc = viewable(image)
        return np.asarray(in_srgb(picture, icc), int)[0, 0]

    @pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff"])
    def test_of_rgb(self, kind: str) -> None:
        data = saved(Image.new("RGB", (8, 8), (250, 20, 20)), kind, icc_profile=swapped_profile())
        assert self.shown(data) == pytest.approx([20, 250, 20], abs=4)
        plain = saved(Image.new("RGB", (8, 8), (250, 20, 20)), kind)
        assert self.shown(plain) == pytest.approx([250, 20, 20], abs=4)

    def test_with_transparency(self) -> None:
        data = saved(Image.new("RGBA", (8, 8), (250, 20, 20, 77)), "png", icc_profile=swapped_profile())
        assert self.shown(data) == pytest.approx([20, 250, 20, 77], abs=2)
        table = Image.new("RGB", (8, 8), (250, 20, 20)).quantize(4)
        assert self.shown(saved(table, "png", icc_profile=swapped_profile())) == pytest.approx([20, 250, 20], abs=2)

    @pytest.mark.parametrize(
        ("mode", "colour"),
        [("L", 100), ("LA", (100, 77)), ("I;16", 25_700), ("RGB", (9, 90, 99)), ("CMYK", (9, 9, 9, 9))],
    )
    def test_is_what_is_rendered_from(self, mode: str, colour: Any) -> None:
        """Given profiles of greys, and one that does not fit, both readers make the same of them."""
        data = saved(Image.new(mode, (8, 8), colour), "tiff", icc_profile=grey_profile([round(1.4 * 256)]))
        found = decode(data)
        expected = (found.rgb[0, 0] / (257 if found.rgb.dtype == np.uint16 else 1)).tolist()
        assert self.shown(data)[:3] == pytest.approx(expected, abs=1)
        if mode == "LA":
            assert self.shown(data)[3] == 77

    def test_a_damaged_profile_is_none(self) -> None:
        data = saved(Image.new("RGB", (8, 8), (250, 20, 20)), "png", icc_profile=swapped_profile()[:300])
        assert self.shown(data).tolist() == [250, 20, 20]


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
    @given(st.sampled_from(["png", "jpeg", "webp", "tiff", "gif", "tiff in planes"]), st.data())
    def test_damage_anywhere_is_refused_or_survived_but_never_crashes(self, kind: str, data: st.DataObject) -> None:
        if kind == "tiff in planes":
            whole = bytearray(tiff_by_hand(noise(2, 2, 4).astype(np.uint16), planes=True, extra=2))
        else:
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


class TestTooLittleMemory:
    """A picture that does not fit into memory is not damaged: a worker with more may read it."""

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is not kept to")
    @pytest.mark.parametrize("read", ["probe", "decode"])
    def test_decoding(self, read: str, tmp_path: Path) -> None:
        (tmp_path / "large.png").write_bytes(saved(Image.new("RGB", (6000, 6000)), "png"))
        program = f"""
import resource
from pathlib import Path
from shared.pictures import {read}
data = Path("large.png").read_bytes()
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**25, resource.RLIM_INFINITY))
try:
    {read}(data)
except MemoryError:
    print("no memory")
"""
        root = Path(__file__).parents[2]
        told = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout == "no memory\n"

    def test_reading_the_header(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise MemoryError

        data = saved(Image.fromarray(noise(4, 4)), "png")
        monkeypatch.setattr(Image, "open", full)
        with pytest.raises(MemoryError):
            probe(data)


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

    @pytest.mark.parametrize(
        ("bits", "row", "transparent", "values"),
        [
            (1, 0b0100_0000, 1, [0, 255]),
            (2, 0b0110_0000, 1, [85, 170]),
            (2, 0b0011_0000, 3, [0, 255]),
            (4, 0b0001_1111, 1, [17, 255]),
            (4, 0b0011_1111, 15, [51, 255]),
        ],
    )
    def test_transparent_grey_of_few_bits(self, bits: int, row: int, transparent: int, values: list[int]) -> None:
        """PNG (Third Edition), section 11.3.1.1: the grey is told in as many bits as the pixels have."""
        data = png_by_hand(2, 1, bytes([0, row]), bits, 0, chunk(b"tRNS", transparent.to_bytes(2, "big")))
        opacity = [0 if value == transparent * 255 // (2**bits - 1) else 255 for value in values]
        picture = decode(data)
        assert picture.rgb[0, :, 0].tolist() == values
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [opacity]
        image = open_picture(data, Limits())
        load(image)
        assert np.asarray(viewable(image)[0])[0, :, 3].tolist() == opacity

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

    def test_grey_png_with_transparency(self) -> None:
        values = np.ascontiguousarray(self.values[..., :2])
        rows = b"".join(b"\0" + row.tobytes() for row in values)
        picture = decode(png_by_hand(7, 5, rows, 16, 4))
        assert picture.rgb.dtype == np.uint16
        np.testing.assert_array_equal(picture.rgb, np.repeat(values[..., :1], 3, axis=2))
        np.testing.assert_array_equal(picture.alpha, values[..., 1])

    def test_transparent_colour(self) -> None:
        values = np.ascontiguousarray(self.values[..., :3])
        rows = b"".join(b"\0" + row.tobytes() for row in values)
        picture = decode(png_by_hand(7, 5, rows, 16, 2, chunk(b"tRNS", values[2, 3].tobytes())))
        assert picture.alpha is not None
        assert np.argwhere(picture.alpha == 0).tolist() == [[2, 3]]

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_uncompressed_tiff_of_either_byte_order(self, order: str) -> None:
        values = self.values[..., :3]
        np.testing.assert_array_equal(decode(tiff_by_hand(values, order=order)).rgb, values)

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize(("channels", "strips", "orientation"), [(3, 1, 1), (4, 1, 1), (4, 2, 1), (3, 1, 6)])
    def test_uncompressed_planes(self, order: str, channels: int, strips: int, orientation: int) -> None:
        """TIFF's other order of channels, "per channel": first all reds, then all greens, then all blues."""
        values = self.values[..., :channels]
        extra = 2 if channels == 4 else None
        picture = decode(
            tiff_by_hand(values, planes=True, order=order, extra=extra, strips=strips, orientation=orientation)
        )
        upright = np.rot90(values, -1) if orientation == 6 else values
        assert picture.rgb.dtype == np.uint16
        np.testing.assert_array_equal(picture.rgb, upright[..., :3])
        if channels == 4:
            np.testing.assert_array_equal(picture.alpha, upright[..., 3])

    def test_a_plane_that_is_no_colour_is_left_out(self) -> None:
        data = tiff_by_hand(self.values, planes=True, extra=0)
        np.testing.assert_array_equal(decode(data).rgb, self.values[..., :3])

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_compressed_planes_have_8_bits(self, order: str) -> None:
        picture = decode(tiff_by_hand(self.values, planes=True, order=order, extra=2, deflated=True))
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.rgb, self.values[..., :3] >> 8)
        np.testing.assert_array_equal(picture.alpha, self.values[..., 3] >> 8)


class TestPlanesOfEightBits:
    @pytest.mark.parametrize("deflated", [False, True])
    @pytest.mark.parametrize(("channels", "extra"), [(3, None), (4, 2)])
    def test_are_read_as_they_are(self, channels: int, extra: int | None, deflated: bool) -> None:
        values = noise(5, 7, channels)
        picture = decode(tiff_by_hand(values, planes=True, deflated=deflated, extra=extra))
        np.testing.assert_array_equal(picture.rgb, values[..., :3])
        if channels == 4:
            np.testing.assert_array_equal(picture.alpha, values[..., 3])


@pytest.mark.parametrize(
    ("channels", "photometric", "extra", "deflated", "dtype"),
    [
        (2, 1, 2, True, np.uint8),
        (4, 5, None, False, np.uint16),
        (4, 2, 1, False, np.uint8),
        (4, 2, 1, True, np.uint8),
        (4, 2, 1, False, np.uint16),
    ],
    ids=["grey and transparency", "cmyk", "premultiplied", "premultiplied, deflated", "premultiplied, 16 bits"],
)
@pytest.mark.parametrize("read", [probe, decode])
def test_planes_that_cannot_be_read_are_refused_and_no_noise(
    read: Any, channels: int, photometric: int, extra: int | None, deflated: bool, dtype: type
) -> None:
    values = np.arange(35 * channels, dtype=dtype).reshape(5, 7, channels)
    data = tiff_by_hand(values, planes=True, deflated=deflated, photometric=photometric, extra=extra)
    with pytest.raises(PictureError, match="save it with interleaved channels"):
        read(data)


class TestGreyProfiles:
    """Greys with a profile of their own are converted to sRGB: by the profile's curve to light, and by sRGB's back."""

    gamma = grey_profile([round(1.8 * 256)])
    #: Darker than its gamma by what paper swallows, as in profiles of print.
    dots = np.rint(np.linspace(0, 1, 64) ** 1.75 * 65_000).astype(int)
    deep = np.random.default_rng(2).integers(0, 65_536, (6, 8, 2)).astype(">u2")

    def test_8_bits(self) -> None:
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        picture = decode(saved(Image.fromarray(grey), "tiff", icc_profile=self.gamma))
        self._assert_light(picture.rgb, (grey / 255) ** 1.8)
        assert picture.icc is None

    def test_jpeg_with_a_dot_gain(self) -> None:
        grey = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (16, 1))
        data = saved(Image.fromarray(grey), "jpeg", quality=100, icc_profile=grey_profile(self.dots.tolist()))
        with Image.open(io.BytesIO(data)) as image:
            stored = np.asarray(image)
        self._assert_light(decode(data).rgb, np.interp(stored / 255, np.linspace(0, 1, 64), self.dots / 65_535))

    def test_8_bits_with_transparency(self) -> None:
        pairs = noise(6, 8, 2)
        picture = decode(saved(Image.fromarray(pairs), "png", icc_profile=self.gamma))
        self._assert_light(picture.rgb, (pairs[..., 0] / 255) ** 1.8)
        np.testing.assert_array_equal(picture.alpha, pairs[..., 1])

    def test_a_transparent_grey(self) -> None:
        grey = np.uint8([[10, 90, 200]])
        picture = decode(saved(Image.fromarray(grey), "png", icc_profile=self.gamma, transparency=90))
        self._assert_light(picture.rgb, (grey / 255) ** 1.8)
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[255, 0, 255]]

    @pytest.mark.parametrize("channels", [1, 2])
    def test_16_bits(self, channels: int) -> None:
        rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(self.deep[..., :channels]))
        profile = chunk(b"iCCP", b"grey\0\0" + zlib.compress(self.gamma))
        picture = decode(png_by_hand(8, 6, rows, 16, 0 if channels == 1 else 4, profile))
        assert picture.rgb.dtype == np.uint16
        self._assert_light(picture.rgb, (self.deep[..., 0] / 65_535) ** (461 / 256))
        if channels == 2:
            np.testing.assert_array_equal(picture.alpha, self.deep[..., 1])

    @pytest.mark.parametrize("spoilt", [b"", gamma[:140], gamma[:16] + b"CMYK" + gamma[20:], b"nonsense" * 40])
    def test_what_is_no_profile_of_greys_is_left_out(self, spoilt: bytes) -> None:
        grey = noise(6, 8, 1)
        picture = decode(saved(Image.fromarray(grey[..., 0]), "tiff", icc_profile=spoilt))
        np.testing.assert_array_equal(picture.rgb, np.repeat(grey, 3, axis=2))
        assert picture.icc is None

    def _assert_light(self, rgb: np.ndarray, light: np.ndarray) -> None:
        """`rgb` shows so much light (H, W), in 0–1, in sRGB (IEC 61966-2-1)."""
        values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        most = np.iinfo(rgb.dtype).max
        # Besides rounding, profiles hold their numbers in 16 bits.
        assert np.abs(rgb - values[..., None] * most).max() <= 0.5 + most / 5000


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
