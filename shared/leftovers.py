"""What nobody needs any more: files that interrupted attempts left behind, jobs whose time in the trash is over, and
uploaded pictures that no job begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import select

from shared.blobs import Blobs
from shared.storage_mark import require_mounted
from shared.store import Store, assets, now
from shared.store.jobs import trash
from shared.store.tables import Frame, Job

#: Pictures that are marked or kept in one transaction.
_AT_ONCE = 500


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

    Raises:
        OSError: something cannot be removed, or the folder of all files is not mounted.
    """
    with store.read() as session:
        wrote = trash.has_files(session, job_id)
    if wrote:
        require_mounted(store, blobs, "jobs")
    blobs.delete_below(_folder(job_id))
    with store.write() as session:
        trash.forget(session, job_id)


def mark_pictures(store: Store, *, seconds: float) -> int:
    """Mark the uploaded pictures that nobody has used for so long and no job begins with; how many.

    `seconds` are more than `assets.NOTED_SECONDS`.
    """
    with store.read() as session:
        unused = assets.unused(session, seconds=seconds)
        needed = assets.needed(session, unused)
    marked = 0
    for some in _portions(unused - needed):
        with store.write() as session:
            marked += assets.mark(session, some, seconds=seconds)
    for some in _portions(needed):
        # A use like any other: they need not be looked for in all jobs again before the time is over once more.
        with store.write() as session:
            assets.keep(session, some)
    return marked


def purge_picture(store: Store, blobs: Blobs, asset_id: str) -> None:
    """Remove a picture that `mark_pictures` has marked: its bytes first. Whoever is interrupted just does it again."""
    with store.read() as session:
        if not assets.is_marked(session, asset_id):
            return  # another purger was faster, and it may have been uploaded again since
    require_mounted(store, blobs, "assets")
    for key in assets.blob_keys(asset_id):
        blobs.delete(key)
    with store.write() as session:
        assets.forget(session, asset_id)


def _portions(ids: Iterable[str]) -> Iterator[Sequence[str]]:
    """So many at a time that who else writes waits no longer than for them."""
    ordered = sorted(ids)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))


def _folder(job_id: str) -> str:
    """Where all attempts of a job write, and nobody else."""
    return f"jobs/{job_id}"
