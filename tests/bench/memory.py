"""What a worker's memory grows by with the picture: whole jobs, each in a process of its own, from its input to its output.

    python -m tests.bench.memory          dreams of 16 and 49 megapixels, a style transfer of 16
    python -m tests.bench.memory --long   dreams of 16 and 144 megapixels, a style transfer of 64 (needs 8 GB)

The worker's own code claims a job, decodes the pictures, renders, saves frames, a checkpoint after each iteration, and the
output, all in a folder. Before each slice it forgets the job, so that every checkpoint is read again. Few iterations on a
shallow layer are rendered: how many there are, and how deep, changes the time and not the memory beyond a tile's.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import select

from shared.blobs import open_blobs
from shared.cards import card
from shared.pictures import write
from shared.pixels import Pixels, each_band
from shared.plan import plan
from shared.resampling import Resampled
from shared.samples import sample
from shared.settings import Settings
from shared.specs import SPEC, Output, assets_of
from shared.store import Store
from shared.store.assets import blob_key
from shared.store.jobs import schedule, submission
from shared.store.schema import upgrade
from shared.store.tables import Job
from tests.bench.figures import Figure

#: Megapixels of the dreams that are compared, and of the style transfer. Smaller ones have smaller tiles.
SHORT, LONG = ((16, 49), 16), ((16, 144), 64)
#: Bytes per pixel that a worker's peak may grow by.
PROMISE = 40.0

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """A job's kind, the side of its square pictures in pixels, and the bits of its inputs and its output."""

    kind: str
    side: int
    bits: int = 8

    @property
    def name(self) -> str:
        """For people."""
        return f"a {self.kind} of {self.side**2 / 1e6:.0f} megapixels, {self.bits} bits"


@dataclass(frozen=True)
class Measured:
    """A job's cost in a process of its own: the largest resident memory in bytes, and the seconds it took."""

    peak: int
    seconds: float


def figures(folder: Path, sizes: tuple[Sequence[int], int] = SHORT) -> Iterator[Figure]:
    """Dreams of two sizes, in 8 and in 16 bits, and a style transfer. `sizes` in megapixels."""
    dreams, style = sizes
    for bits in (8, 16):
        cases = [Case("dream", _side(megapixels), bits) for megapixels in dreams]
        measured = [_in_a_process(_measure, case, folder / f"{case.kind}-{case.side}-{bits}") for case in cases]
        for case, found in zip(cases, measured, strict=True):
            yield from _told(case, found)
        growth = (measured[1].peak - measured[0].peak) / (cases[1].side ** 2 - cases[0].side ** 2)
        yield Figure(f"a dream's growth per pixel, {bits} bits", growth, "bytes", PROMISE)
    case = Case("style transfer", _side(style))
    yield from _told(case, _in_a_process(_measure, case, folder / "style"))


def _told(case: Case, measured: Measured) -> Iterator[Figure]:
    yield Figure(f"{case.name}: peak memory", measured.peak / 2**30, "GiB")
    yield Figure(f"{case.name}: time", measured.seconds, "s")


def _side(megapixels: int) -> int:
    return round((megapixels * 1e6) ** 0.5)


def _in_a_process(function: Callable[..., T], *arguments: Any) -> T:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _measure(case: Case, folder: Path) -> Measured:
    """Render the case with a worker's code. To be called in a fresh process."""
    folder.mkdir()
    # Slices of one iteration each, and leases that nobody else will want.
    settings = Settings(data=folder, slice_seconds=0.001, checkpoint_share=0.999, lease_seconds=3600)
    store = Store(settings.database)
    upgrade(store)
    pictures = {field: _in_a_process(_store_input, case, name, settings) for field, name in _inputs(case).items()}
    job = _submit(case, pictures, store)
    before = time.perf_counter()
    _render(job, settings, store)
    seconds = time.perf_counter() - before
    store.dispose()
    return Measured(_peak(), seconds)


def _inputs(case: Case) -> Mapping[str, str]:
    """The bundled pictures that the job needs, by field."""
    return {"input": "lake"} if case.kind == "dream" else {"content": "lake", "style": "swirls"}


def _store_input(case: Case, name: str, settings: Settings) -> str:
    """Store a bundled picture, enlarged to the case's size, as an upload would; its ID."""
    from PIL import Image

    with Image.open(sample(name)) as image:
        small = Resampled(np.asarray(image.convert("RGB")), case.side, case.side)
    pixels: Pixels = np.empty(small.shape, np.uint16 if case.bits == 16 else np.uint8)
    top = np.iinfo(pixels.dtype).max

    def band(first: int, last: int) -> None:
        pixels[first:last] = np.clip(small.rows(first, last) * (top / 255), 0, top)

    each_band(case.side, small.band, band, lambda: None)
    with tempfile.TemporaryFile() as file:
        write(file, pixels, Output(format="png", bits=16) if case.bits == 16 else Output(format="jpeg"))
        file.seek(0)
        asset = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        file.seek(0)
        open_blobs(settings).put(blob_key(asset), file)
    return asset


def _submit(case: Case, pictures: Mapping[str, str], store: Store) -> str:
    """The ID of the case's job."""
    fields: dict[str, Any] = {"frames": {"every": 1}, "output": {"format": "png", "bits": case.bits}}
    if case.kind == "dream":
        fields |= {"kind": "dream", "input": pictures["input"], "octaves": {"count": 2}, "iterations": 1}
        fields |= {"objective": [{"layer": "conv2d2"}]}
    else:
        fields |= {"kind": "style", "content": pictures["content"], "styles": [{"asset": pictures["style"]}]}
        fields |= {"octaves": {"count": 2, "scale": 2}, "iterations": 1}
    spec = SPEC.validate_python(fields)
    assert set(assets_of(spec).values()) == set(pictures.values())
    planned = plan(spec, card=card(spec.model), width=case.side, height=case.side)
    with store.write() as session:
        batch = submission.create_batch(
            session, "bench", "", [submission.NewJob(spec=spec, name=case.name, plan=planned)]
        )
        return session.scalars(select(Job.id).where(Job.batch_id == batch.id)).one()


def _render(job_id: str, settings: Settings, store: Store) -> None:
    """Slice after slice, until the job has succeeded."""
    from worker.attempt import run_attempt
    from worker.context import Context
    from worker.slice import Slice
    from worker.workbench import Bench

    farm = Context(settings, store, open_blobs(settings))
    bench = Bench(farm)
    while True:
        bench.clear()
        with store.write() as session:
            (announcement,) = schedule.announce_next(session, ahead=1)
        ended = run_attempt(
            farm,
            "bench",
            job_id,
            announcement.task_id,
            lambda claimed, heart: Slice(farm, bench, "bench", claimed, heart).run(),
        )
        if ended.outcome == "succeeded":
            return
        if ended.outcome != "saved":
            raise RuntimeError(f"the slice ended as {ended.outcome}: {ended.reason}")


def _peak() -> int:
    """The largest resident memory of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux lets a new program's usage begin with that of the process that started it; this does not.
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage if sys.platform == "darwin" else 1024 * usage


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory", description=__doc__)
    parser.add_argument("--long", action="store_true", help="the sizes that are promised")
    sizes = LONG if parser.parse_args().long else SHORT
    with tempfile.TemporaryDirectory(prefix="dreamfarm-bench-") as folder:
        for figure in figures(Path(folder), sizes):
            print(f"  {figure}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
