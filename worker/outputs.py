"""Finishing a job: the output, its manifest and its animation."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from shared.outputs import manifest_of, write_output
from shared.store.jobs.claims import Finished
from shared.store.tables import Frame, Job
from worker.context import Context
from worker.frames import animation_of
from worker.heart import Stopped
from worker.patience import stored
from worker.workbench import Work

log = logging.getLogger(__name__)


def finish(context: Context, job: Job, work: Work, check: Callable[[], None]) -> Finished:
    """Write output, manifest and animation into the attempt's folder.

    `check` is called every now and then; what it raises passes through. StorageAway: what was rendered can be written
    later.
    """
    rgb = work.rendering.finish()
    error = work.rendering.tiling_error(check)
    cuts = work.rendering.cuts
    manifest = manifest_of(
        work.spec,
        work.plan,
        rgb,
        model_digest=work.network.digest,
        cuts=cuts.each,
        changed=cuts.changed,
        tiling_error=error,
    )
    folder = attempt_folder(job)
    output = f"{folder}/output.{work.spec.output.suffix}"
    with tempfile.TemporaryFile(prefix="dreamfarm-") as file:
        write_output(file, rgb, manifest, work.original, check)
        size = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        check()

        def put() -> None:
            file.seek(0)
            context.blobs.put(output, file)
            context.blobs.put(f"{folder}/manifest.json", manifest.model_dump_json(indent=1).encode())

        stored(put, f"job {job.id}", check)
    animation, note = _animation(context, job, work, rgb, check)
    return Finished(
        output=output,
        digest=f"sha256:{digest}",
        bytes=size,
        width=rgb.shape[1],
        height=rgb.shape[0],
        manifest=f"{folder}/manifest.json",
        animation=animation,
        note=note,
    )


def attempt_folder(job: Job) -> str:
    """Where an attempt writes: a worker that was thought dead cannot overwrite what its successor wrote."""
    return f"jobs/{job.id}/{job.attempt}"


def _animation(
    context: Context, job: Job, work: Work, rgb: NDArray[np.float32], check: Callable[[], None]
) -> tuple[str | None, str]:
    """The animation's key, if one is wished and can be made, and a note if it cannot: the output is worth more."""
    kind = work.spec.animation
    if kind is None:
        return None, ""
    with context.store.read() as session:
        keys = session.scalars(select(Frame.picture).where(Frame.job_id == job.id).order_by(Frame.number)).all()

    def read(key: str) -> bytes:
        check()
        return context.blobs.get(key)

    key = f"{attempt_folder(job)}/animation.{kind}"
    try:
        data = animation_of(keys, read, rgb, kind, work.icc)
        stored(lambda: context.blobs.put(key, data), f"job {job.id}", check)
    except Stopped:
        raise
    except Exception as error:
        log.warning("job %s has no animation", job.id, exc_info=True)
        return None, f"the animation could not be made ({type(error).__name__}; the worker's log says more)"
    return key, ""
