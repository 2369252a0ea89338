"""What nobody needs any more: files that interrupted attempts left behind, and jobs whose time in the trash is over."""

from __future__ import annotations

from sqlalchemy import select

from shared.blobs import Blobs
from shared.store import Store, now
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


def _folder(job_id: str) -> str:
    """Where all attempts of a job write, and nobody else."""
    return f"jobs/{job_id}"
