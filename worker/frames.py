"""Pictures on the way: frames, thumbnails, and animations made of frames."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal, TypeVar

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image

from shared.picture_reading import in_srgb
from shared.pixels import SCREEN_EDGE, THUMBNAIL_EDGE, FloatArray
from shared.resampling import BILINEAR, resize

Kind = Literal["mp4", "webp", "gif"]
T = TypeVar("T")

#: Longest side of an animation: a full HD screen's for video; GIF and WebP hold every pixel of every frame.
LONG_EDGE: dict[Kind, int] = {"mp4": 1920, "webp": 960, "gif": 640}
#: Most frames of an animation, all of which are in memory at once: 1 MB for each of GIF's, 2.7 MB for each of WebP's.
MOST_FRAMES: dict[Kind, int] = {"webp": 200, "gif": 300}
#: Iterations are small steps: at 12 a second they flow.
FRAMES_PER_SECOND = 12
#: The last frame stays for a second and a half before the animation starts again.
_HOLD = 18


def shrunk(rgb: FloatArray) -> FloatArray:
    """The picture (H, W, 3) in 0–255 as a frame, at most SCREEN_EDGE pixels long; a smaller one is returned as it is.

    Frames are for watching; the output is for keeping.
    """
    factor = SCREEN_EDGE / max(rgb.shape[:2])
    if factor >= 1:
        return rgb
    height, width = (max(1, round(side * factor)) for side in rgb.shape[:2])
    return resize(rgb, height, width, BILINEAR)


def frame_bytes(rgb: FloatArray, icc: bytes | None = None) -> bytes:
    """A JPEG of the picture (H, W, 3) in 0–255, shrunk, for looking at, not for going on from.

    `icc` is the profile of its colours, which the output will have; frames are in sRGB.
    """
    return _jpeg(_image(shrunk(rgb), icc))


def frame_files(rgb: FloatArray, icc: bytes | None = None) -> tuple[bytes, bytes]:
    """As `frame_bytes`, and a thumbnail's JPEG, at most THUMBNAIL_EDGE pixels long; of a small one both are the same."""
    image = _image(shrunk(rgb), icc)
    frame = _jpeg(image)
    if max(image.size) <= THUMBNAIL_EDGE:
        return frame, frame
    # WebP would be a tenth smaller and cost thrice; a sharper filter could not be told apart at this size.
    image.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return frame, _save(image, "JPEG", quality=85)


def animation_of(
    frames: Sequence[T], read: Callable[[T], bytes], rgb: FloatArray, kind: Kind, icc: bytes | None = None
) -> bytes:
    """A job's animation: of its frames, each read when it is its turn, and of what it has become, (H, W, 3) in 0–255.

    `icc` is the profile of the latter's colours.
    """

    def pictures() -> Iterator[bytes]:
        yield from map(read, thinned(frames, kind))
        yield _save(_image(shrunk(rgb), icc), "PNG")

    return animate(pictures(), kind, (rgb.shape[1], rgb.shape[0]))


def animate(frames: Iterable[bytes], kind: Kind, size: tuple[int, int]) -> bytes:
    """The frames (picture files, in order, of any sizes) as one animation with the proportions of `size` (W, H).

    Early octaves are enlarged, so that all frames have one size: even sides (video codecs need them), at most
    LONG_EDGE. MP4 is H.264 where the codec is there, else MPEG-4. Reads the frames one at a time; GIF and WebP keep
    the scaled frames in memory: give those that `thinned` leaves. ValueError when there is no frame.
    """
    images = _held(_scaled(frames, _even(size, LONG_EDGE[kind])))
    if kind == "mp4":
        return _mp4(images)
    first = next(images)
    duration = round(1000 / FRAMES_PER_SECOND)
    if kind == "webp":
        return _save(first, "WEBP", save_all=True, append_images=images, duration=duration, loop=0, quality=80)
    return _save(first, "GIF", save_all=True, append_images=images, duration=duration, loop=0)


def thinned(frames: Sequence[T], kind: Kind) -> list[T]:
    """At most MOST_FRAMES of the frames, evenly, the first and the last among them; of MP4 all."""
    most = MOST_FRAMES.get(kind, len(frames))
    if len(frames) <= most:
        return list(frames)
    return [frames[round(i * (len(frames) - 1) / (most - 1))] for i in range(most)]


def _image(rgb: FloatArray, icc: bytes | None) -> Image.Image:
    values = np.clip(rgb, 0, 255)
    return in_srgb(Image.fromarray(np.rint(values, out=values).astype(np.uint8)), icc)


def _jpeg(image: Image.Image) -> bytes:
    return _save(image, "JPEG", quality=92, subsampling=0)


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _even(size: tuple[int, int], long_edge: int) -> tuple[int, int]:
    """`size` scaled down to `long_edge`, with even sides of 16 or more (the smallest that encoders take)."""
    shrink = min(1.0, long_edge / max(size))
    width, height = (max(16, round(side * shrink / 2) * 2) for side in size)
    return width, height


def _scaled(frames: Iterable[bytes], size: tuple[int, int]) -> Iterator[Image.Image]:
    for data in frames:
        with Image.open(io.BytesIO(data)) as image:
            yield image.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _held(images: Iterator[Image.Image]) -> Iterator[Image.Image]:
    """The images, and the last of them again and again for a while."""
    last = None
    for last in images:
        yield last
    if last is None:
        raise ValueError("there are no frames to animate")
    for _ in range(_HOLD):
        yield last


def _mp4(images: Iterator[Image.Image]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="dreamfarm-") as folder:
        # A real file: faststart, which puts the index first so that a browser plays before it has everything,
        # reads the file again under its name.
        path = Path(folder) / "animation.mp4"
        with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
            first = next(images)
            stream = _video_stream(container, first.size)
            for image in chain([first], images):
                frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
                yuv = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
                container.mux(stream.encode(yuv))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _video_stream(container: av.container.OutputContainer, size: tuple[int, int]) -> VideoStream:
    if "libx264" in av.codecs_available:
        stream = container.add_stream("libx264", FRAMES_PER_SECOND, options={"crf": "18", "preset": "medium"})
    else:
        stream = container.add_stream("mpeg4", FRAMES_PER_SECOND, options={"qscale": "3"})
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, FRAMES_PER_SECOND)
    # Tell players what the colours mean: BT.709, limited range. Many guess otherwise for small pictures.
    stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
    stream.codec_context.color_range = 1
    return stream
