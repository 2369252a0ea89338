"""Frames, thumbnails and animations, read back with Pillow and the video decoder."""

from __future__ import annotations

import io
from typing import Literal

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.reference.files import swapped_profile
from worker.frames import FRAMES_PER_SECOND, animate, animation_of, frame_bytes, frame_files, shrunk, thinned

KINDS: list[Literal["mp4", "webp", "gif"]] = ["mp4", "webp", "gif"]


def flat(colour: tuple[float, float, float], height: int = 60, width: int = 90) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.float32), (height, width, 3))


def seen(data: bytes, kind: str) -> list[np.ndarray]:
    """Every frame as RGB, in order; in GIF and WebP as often as it is shown."""
    if kind == "mp4":
        with av.open(io.BytesIO(data)) as container:
            return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for frame in ImageSequence.Iterator(image):
            rgb = np.asarray(frame.convert("RGB"))
            frames += [rgb] * max(1, round(frame.info["duration"] * FRAMES_PER_SECOND / 1000))
        return frames


def test_frame_is_a_jpeg_close_to_the_picture() -> None:
    y, x = np.mgrid[0:64, 0:96].astype(np.float32)
    rgb = np.stack([x * 2, y * 3, 255 - x], axis=2)
    with Image.open(io.BytesIO(frame_bytes(rgb))) as image:
        assert (image.format, image.size) == ("JPEG", (96, 64))
        np.testing.assert_allclose(np.asarray(image), rgb, atol=14)


def test_frame_clips_values_beyond_the_range() -> None:
    with Image.open(io.BytesIO(frame_bytes(flat((-400, 128, 900))))) as image:
        assert np.asarray(image, int)[30, 30] == pytest.approx([0, 128, 255], abs=3)


def test_frames_and_animations_show_the_colours_that_the_profile_means() -> None:
    """Given a profile whose red is green, what is looked at is green, and so is the output's last picture."""
    rgb, icc = flat((250, 20, 20), 400, 400), swapped_profile()
    for data in (frame_bytes(rgb, icc), *frame_files(rgb, icc)):
        with Image.open(io.BytesIO(data)) as image:
            assert np.asarray(image, int)[30, 30] == pytest.approx([20, 250, 20], abs=6)
            assert "icc_profile" not in image.info
    shown = seen(animation_of([frame_bytes(rgb, icc)], lambda frame: frame, rgb, "webp", icc), "webp")
    for picture in (shown[0], shown[-1]):
        assert picture[30, 30].astype(int) == pytest.approx([20, 250, 20], abs=9)


@pytest.mark.parametrize(
    ("size", "expected"), [((3000, 2000), (1365, 2048)), ((1000, 4096), (2048, 500)), ((2048, 2048), (2048, 2048))]
)
def test_frames_of_large_pictures_are_as_large_as_screens(size: tuple[int, int], expected: tuple[int, int]) -> None:
    rgb = flat((200, 90, 30), *size).copy()
    rgb[: size[0] // 2] = (10, 60, 220)
    frame, thumbnail = frame_files(rgb)
    for data, longest in ((frame, 2048), (thumbnail, 320), (frame_bytes(rgb), 2048)):
        with Image.open(io.BytesIO(data)) as image:
            assert max(image.size) == longest
            seen = np.asarray(image, int)
        assert seen[len(seen) // 4, 9] == pytest.approx([10, 60, 220], abs=5)
        assert seen[len(seen) * 3 // 4, 9] == pytest.approx([200, 90, 30], abs=5)
    with Image.open(io.BytesIO(frame)) as image:
        assert image.size == expected


def test_what_is_shrunk_does_not_hold_the_large_picture() -> None:
    """A frame that waits to be saved must not keep the picture in memory that it was made of."""
    large = flat((200, 90, 30), 4096, 1024).copy()
    small = shrunk(large)
    assert small.shape == (2048, 512, 3)
    assert not np.shares_memory(small, large)
    assert shrunk(small) is small


@pytest.mark.parametrize(
    ("size", "expected"), [((600, 900), (320, 213)), ((900, 600), (213, 320)), ((60, 90), (90, 60))]
)
def test_thumbnail_fits_and_is_never_enlarged(size: tuple[int, int], expected: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(frame_files(flat((200, 90, 30), *size))[1])) as image:
        assert image.size == expected
        assert np.asarray(image, int)[image.height // 2, image.width // 2] == pytest.approx([200, 90, 30], abs=5)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_growing_octaves_become_one_animation(kind: Literal["mp4", "webp", "gif"]) -> None:
    """Given frames of three octaves, each its own colour, the animation shows them in order, at one even size."""
    colours = [(220, 40, 40), (40, 200, 60), (50, 60, 220)]
    frames = [frame_bytes(flat(colour, 40 + 20 * i, 61 + 30 * i)) for i, colour in enumerate(colours)]
    shown = seen(animate(iter(frames), kind, (121, 80)), kind)
    assert {frame.shape for frame in shown} == {(80, 120, 3)}
    assert len(shown) > FRAMES_PER_SECOND  # the last one stays for a while
    for frame, colour in zip([shown[0], shown[1], shown[-1]], colours, strict=True):
        np.testing.assert_allclose(frame[40, 60], colour, atol=8)


@pytest.mark.parametrize(("kind", "width"), [("mp4", 1920), ("webp", 960), ("gif", 640)])
def test_large_outputs_are_scaled_down(kind: Literal["mp4", "webp", "gif"], width: int) -> None:
    shown = seen(animate([frame_bytes(flat((9, 99, 199)))], kind, (8000, 4000)), kind)
    assert shown[0].shape == (width // 2, width, 3)


def test_video_plays_in_browsers() -> None:
    """H.264 or MPEG-4, 4:2:0, with its index before its data."""
    data = animate([frame_bytes(flat((9, 99, 199)))], "mp4", (96, 64))
    with av.open(io.BytesIO(data)) as container:
        context = container.streams.video[0].codec_context
        assert context.name in ("h264", "mpeg4")
        assert context.pix_fmt == "yuv420p"
    assert data.index(b"moov") < data.index(b"mdat")


def test_every_frame_of_a_long_job_is_shown_in_order() -> None:
    frames = (frame_bytes(flat((i * 6, 100, 100), 16, 16)) for i in range(40))
    reds = [frame[8, 8, 0].astype(int) for frame in seen(animate(frames, "mp4", (16, 16)), "mp4")]
    np.testing.assert_allclose(reds[:40], np.arange(40) * 6, atol=8)


@pytest.mark.parametrize(("kind", "most"), [("webp", 200), ("gif", 300)])
def test_long_jobs_are_thinned_out_evenly_where_every_frame_takes_memory(
    kind: Literal["webp", "gif"], most: int
) -> None:
    left = thinned(range(12_000), kind)
    assert (len(left), left[0], left[-1]) == (most, 0, 11_999)
    steps = np.diff(left)
    assert steps.max() - steps.min() <= 1
    assert thinned(range(most), kind) == list(range(most))
    assert thinned([], kind) == []
    assert thinned(range(12_000), "mp4") == list(range(12_000))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (3000, 2)])
def test_tiny_and_thin_pictures(kind: Literal["mp4", "webp", "gif"], size: tuple[int, int]) -> None:
    frames = [frame_bytes(flat((10, 200, 100), size[1], size[0]))] * 2
    assert all(side >= 16 and side % 2 == 0 for side in seen(animate(frames, kind, size), kind)[0].shape[:2])


@pytest.mark.parametrize("kind", KINDS)
def test_no_frames(kind: Literal["mp4", "webp", "gif"]) -> None:
    with pytest.raises(ValueError, match="no frames"):
        animate([], kind, (10, 10))
