"""What nobody needs any more: files that interrupted attempts left behind, jobs whose time in the trash is over, and
uploaded pictures that no job begins with.
"""

from __future__ import annotations

import threading

from obstore.exceptions import BaseError as BlobStoreError
from sqlalchemy import select

from shared.blobs import Blobs
from shared.store import Store, assets, now
from shared.store.jobs import trash
from shared.store.tables import Frame, Job


def tidy(store: Store, blobs: Blobs, job_id: str) -> None:
    """Delete the blobs of a finished job that SQL does not know of."""
    with store.read() as session:
        job = session.scalars(select(Job).where(Job.id == job_id, Job.state == "succeeded")).one_or_none()
        if job is None:
            return
        frames = session.execute(select(Frame.picture, Frame.thumbnail).where(Frame.job_id == job_id))
        wanted = {key for pair in frames for key in pair} | {job.output, job.manifest, job.animation}
    for key in blobs.keys(_folder(job_id)):
        if key not in wanted:
            blobs.delete(key)


def tidy_recent(store: Store, blobs: Blobs, *, seconds: float) -> int:
    """Tidy up after the interrupted jobs that finished within the last `seconds`; how many there were.

    A worker tidies up itself when it has finished a job, unless it dies at that very moment, or another that was thought
    dead still writes.
    """
    with store.read() as session:
        recent = select(Job.id).where(Job.state == "succeeded", Job.attempt > 1, Job.finished_at > now() - seconds)
        ids = session.scalars(recent).all()
    for job_id in ids:
        tidy(store, blobs, job_id)
    return len(ids)


def purge(store: Store, blobs: Blobs, job_id: str) -> None:
    """Remove a job that `trash.mark` has marked: its files first, so that rows tell of all files that are left.

    Uploaded pictures stay: other jobs may have begun with them. Whoever is interrupted just does it again.
    """
    blobs.delete_below(_folder(job_id))
    with store.write() as session:
        trash.forget(session, job_id)


def purge_pictures(store: Store, blobs: Blobs, stop: threading.Event, *, seconds: float) -> int:
    """Remove the uploaded pictures that nobody has used for so long and no job begins with; how many.

    `seconds` are more than `assets.NOTED_SECONDS`. All have their turn, then what went wrong with one is raised.
    """
    with store.read() as session:
        unused = assets.unused(session, seconds=seconds)
        needed = assets.needed(session, unused)
    with store.write() as session:
        # A use like any other: they need not be looked for in all jobs again before the time is over once more.
        assets.keep(session, needed)
    removed, trouble = 0, None
    for asset_id in sorted(unused - needed):
        if stop.is_set():
            break
        try:
            removed += _purge_picture(store, blobs, asset_id, seconds)
        except (OSError, BlobStoreError) as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return removed


def _purge_picture(store: Store, blobs: Blobs, asset_id: str, seconds: float) -> bool:
    """Remove a picture, unless somebody has begun to use it; whether it did.

    Whoever uploads it again at this moment waits for the end of the transaction and then looks whether its bytes are
    there. Whoever is interrupted leaves rows without bytes, which the next one removes; or an upload brings the bytes.
    """
    with store.write() as session:
        if not assets.forget(session, asset_id, seconds=seconds):
            return False
        for key in assets.blob_keys(asset_id):
            blobs.delete(key)
    return True


def _folder(job_id: str) -> str:
    """Where all attempts of a job write, and nobody else."""
    return f"jobs/{job_id}"
