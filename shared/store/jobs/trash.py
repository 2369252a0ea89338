"""Deleting finished jobs: into the trash, back from it, and in the end for good.

A deleted job keeps its state, rows and files, and is shown nowhere but in the trash. A batch is deleted when the last of
its jobs is, and is back with the first that is restored. Once a job was in the trash for long enough, it is *marked*:
from then on it cannot be restored. Its files go after that (`shared.leftovers.purge`), its rows last, so that whatever
is interrupted is found by its mark and done again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from shared.states import TERMINAL
from shared.store import events
from shared.store.events import NewEvent
from shared.store.jobs.locked import LockedJob, change_jobs, lock_jobs, not_before
from shared.store.jobs.outcomes import lock_batches
from shared.store.jobs.steering import CannotDo
from shared.store.session import now
from shared.store.tables import Attempt, Batch, Event, Frame, Idempotency, Job

#: Jobs marked in one transaction.
_MARKED_AT_ONCE = 500
_OPTIONS = {"synchronize_session": False}


def put(
    session: Session, *, job_id: str | None = None, batch_id: str | None = None, reason: str
) -> tuple[str, ...]:  # fmt: skip
    """Delete a finished job, or a batch whose jobs are all finished; the jobs that were not deleted before.

    Raises:
        CannotDo: the job, or one of the batch's, is not finished.
    """
    jobs = lock_jobs(session, _of(job_id, batch_id), Job.deleted_at.is_(None))
    unfinished = [job for job in jobs if job.state not in TERMINAL]
    if unfinished:
        raise CannotDo(_unfinished(unfinished, batch_id))
    return _moved(session, jobs, to=session.scalar(select(now())), event="deleted", reason=reason)


def restore(
    session: Session, *, job_id: str | None = None, batch_id: str | None = None, reason: str, since: float | None = None
) -> tuple[str, ...]:  # fmt: skip
    """Bring a job, or all deleted jobs of a batch, back from the trash; the jobs that came back.

    `since` restricts it to jobs that were deleted then or later.

    Raises:
        CannotDo: what was deleted is being purged.
    """
    of = _of(job_id, batch_id)
    there = (of, Job.deleted_at.is_not(None), Job.purging_since.is_(None))
    jobs = lock_jobs(session, *there, *not_before(Job.deleted_at, since))
    if not jobs and session.scalar(select(Job.id).where(of, Job.purging_since.is_not(None)).limit(1)) is not None:
        what = f"job {job_id}" if job_id is not None else f"batch {batch_id}"
        raise CannotDo(f"{what} was in the trash for so long that it is being removed for good; it cannot be restored")
    return _moved(session, jobs, to=None, event="restored", reason=reason)


def mark(session: Session, *, seconds: float) -> int:
    """Mark jobs that were deleted `seconds` ago or longer, so that they can only be purged; how many.

    There may be more: call it again until it finds none. Who else writes waits no longer than for some hundred jobs.
    A cancelled job that a worker has not let go of yet is left: its worker may still write files.
    """
    at = session.scalar(select(now())) or 0.0
    due = (Job.deleted_at <= at - seconds, Job.purging_since.is_(None), Job.token.is_(None))
    # In the order in which they are restored: of two who want a whole batch of usual size, one gets all of it.
    jobs = lock_jobs(session, *due, limit=_MARKED_AT_ONCE)
    change_jobs(session, jobs, purging_since=at)
    _mark_batches(session, {job.batch_id for job in jobs}, at)
    return len(jobs)


def _mark_batches(session: Session, batch_ids: Collection[str], at: float) -> None:
    """Mark those of the batches that have only marked jobs left."""
    lock_batches(session, batch_ids)
    left = exists().where(Job.batch_id == Batch.id, Job.purging_since.is_(None))
    gone = session.scalars(select(Batch.id).where(Batch.id.in_(batch_ids), ~left)).all()
    session.execute(update(Batch).where(Batch.id.in_(gone)).values(purging_since=at), execution_options=_OPTIONS)
    # Whoever repeats the request that made a batch must not be led to what is gone.
    session.execute(delete(Idempotency).where(Idempotency.resource.in_(gone)), execution_options=_OPTIONS)


def marked(session: Session, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
    """Numbers and IDs of up to `limit` jobs to be purged, in order, with numbers above `after`."""
    query = select(Job.seq, Job.id).where(Job.deleted_at.is_not(None), Job.purging_since.is_not(None), Job.seq > after)
    return [(seq, id_) for seq, id_ in session.execute(query.order_by(Job.seq).limit(limit))]


def has_files(session: Session, job_id: str) -> bool:
    """Whether SQL knows of files of the job's; interrupted attempts may have left others."""
    known = or_(Job.frames > 0, Job.output.is_not(None), Job.checkpoint.is_not(None))
    return session.scalar(select(Job.id).where(Job.id == job_id, known)) is not None


def forget(session: Session, job_id: str) -> None:
    """Delete all rows of a marked job whose files are gone, and those of its batch when it was the last."""
    own = (Job.id == job_id, Job.purging_since.is_not(None))
    batch_id = session.scalar(select(Job.batch_id).where(*own).with_for_update())
    if batch_id is None:
        return  # another sweeper was faster
    for table in (Frame, Attempt):
        session.execute(delete(table).where(table.job_id == job_id), execution_options=_OPTIONS)
    _forget_events(session, Event.job_id == job_id)
    session.execute(delete(Job).where(*own), execution_options=_OPTIONS)
    # Locked before its jobs are looked at: of two that forget the last two jobs, one must see that it is the last.
    lock_batches(session, [batch_id])
    if not session.scalar(select(exists().where(Job.batch_id == batch_id))):
        _forget_events(session, Event.batch_id == batch_id)
        session.execute(delete(Batch).where(Batch.id == batch_id), execution_options=_OPTIONS)


def _forget_events(session: Session, of: ColumnElement[bool]) -> None:
    # The newest stays: without it SQLite would give its number again, which listeners have heard already.
    newest = select(func.max(Event.seq)).scalar_subquery()
    session.execute(delete(Event).where(of, Event.seq < newest), execution_options=_OPTIONS)


def _of(job_id: str | None, batch_id: str | None) -> ColumnElement[bool]:
    return Job.id == job_id if job_id is not None else Job.batch_id == batch_id


def _unfinished(jobs: Sequence[LockedJob], batch_id: str | None) -> str:
    if batch_id is None:
        (job,) = jobs
        return f"job {job.id} is {job.state}; only finished jobs can be deleted: cancel it first"
    counted = f"{len(jobs):,} unfinished job{'' if len(jobs) == 1 else 's'}"
    return f"batch {batch_id} has {counted}; only finished jobs can be deleted: cancel the batch first"


def _moved(
    session: Session, jobs: Sequence[LockedJob], *, to: float | None, event: str, reason: str
) -> tuple[str, ...]:  # fmt: skip
    """Put locked jobs into the trash at a time, or back (None)."""
    if not jobs:
        return ()
    change_jobs(session, jobs, deleted_at=to, changed_at=now())
    news = [job.event(f"job.{event}", reason) for job in jobs]
    events.append(session, news + _update_batches(session, {job.batch_id for job in jobs}, to, reason))
    return tuple(job.id for job in jobs)


def _update_batches(session: Session, batch_ids: Collection[str], to: float | None, reason: str) -> list[NewEvent]:
    """Delete batches without a job that is shown, bring the others back; an event for each that this changed."""
    news = []
    for batch in lock_batches(session, batch_ids):
        shown = session.scalar(select(exists().where(Job.batch_id == batch.id, Job.deleted_at.is_(None))))
        if shown == (batch.deleted_at is None):
            continue
        batch.deleted_at = None if shown else to
        news.append(
            NewEvent(
                type="batch.restored" if shown else "batch.deleted", owner=batch.owner, batch_id=batch.id, reason=reason
            )
        )
    session.flush()
    return news
