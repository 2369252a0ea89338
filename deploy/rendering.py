"""Rendering for the commands of `deploy.local`: with progress, and with mistakes told as the command line tells them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from api.cli import words
from api.cli.command import Failed, Misused
from api.cli.progress import Snapshot, display
from shared.specs import DreamSpec, StyleSpec

if TYPE_CHECKING:
    from deploy.inprocess import Bench, Rendered
    from shared.outputs import TilingMark
    from shared.pictures import Picture
    from shared.pixels import FloatArray, Pixels
    from worker.render import Progress


def open_bench(model: str) -> Bench:
    from shared.cards import UnknownModel
    from shared.settings import settings

    try:
        from worker.devices import AS_NVIDIA_SMI, ORDER
        from worker.networks import import_tensorflow

        os.environ.setdefault(ORDER, AS_NVIDIA_SMI)
        with _hushed():
            import_tensorflow()
            from deploy.inprocess import Bench
    except ModuleNotFoundError as error:
        raise Failed(f"rendering here needs {error.name}: pip install 'dreamfarm[worker]'") from None
    from worker.networks import BadWeights

    try:
        return Bench.of(model, settings())
    except UnknownModel as error:
        raise Misused(str(error.args[0])) from None
    except BadWeights as error:
        raise Failed(str(error)) from None


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep TensorFlow's greetings off the terminal. Some are written before its log level counts, so standard error is
    turned away meanwhile; what goes wrong is raised. Who sets the level sees everything."""
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def rendered(
    bench: Bench, spec: DreamSpec | StyleSpec, inputs: Mapping[str, Picture], name: str, *, keep_frames: bool = False,
    like: TilingMark | None = None,
) -> Rendered:  # fmt: skip
    """Render with a progress bar."""
    from shared.pictures import PictureError
    from worker.render import RenderError

    with display() as shown:

        def show(progress: Progress) -> None:
            shown.update(_snapshot(name, progress))

        try:
            rendered = bench.render(spec, inputs, show=show, keep_frames=keep_frames, like=like)
        except PictureError as error:
            raise Misused(str(error)) from None
        except RenderError as error:
            raise Failed(f"{name}: {error}") from None
        height, width = rendered.rgb.shape[:2]
        line = words.state("succeeded").append(f"  {name}", style="default")
        shown.say(line.append(f"  {width}×{height} · {words.duration(rendered.seconds)}", style="dim default"))
        if rendered.note:
            shown.say(Text(f"note: {rendered.note}", style="yellow"))
    return rendered


def _snapshot(name: str, progress: Progress) -> Snapshot:
    return Snapshot(
        id=name,
        name=name,
        state="succeeded" if progress.finished else "running",
        octave=progress.octave,
        octaves=progress.octaves,
        iteration=progress.iteration,
        iterations=progress.iterations,
        mpit=progress.mpit,
        mpit_total=progress.mpit_total,
    )


def decoded(data: bytes, name: str) -> Picture:
    from shared.pictures import PictureError, decode
    from shared.settings import settings

    try:
        return decode(data, settings().limits)
    except PictureError as error:
        raise Misused(f"{name}: {error}") from None


def shrunk(rgb: Pixels, long_edge: int, smallest: int) -> FloatArray:
    """A picture (H, W, 3) with a longer side of at most `long_edge`; the shorter stays at least `smallest`."""
    from shared.pixels import floats
    from shared.resampling import resize

    factor = long_edge / max(rgb.shape[:2])
    if factor >= 1:
        return floats(rgb)
    return resize(rgb, *(max(round(side * factor), smallest) for side in rgb.shape[:2]))
