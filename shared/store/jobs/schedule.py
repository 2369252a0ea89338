"""Which jobs to announce next, in fair order, and which announcements and leases were lost.

Fair order: priority, then the owner and the batch that have been served least, then age. Only the heads of the open
batches are compared, so that ten thousand waiting jobs cost as much as one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.orm import Session

from shared.store import events
from shared.store.jobs import others
from shared.store.jobs.outcomes import has_unfinished, settle_failure, update_open
from shared.store.session import ANNOUNCING, lock, now
from shared.store.tables import Batch, Job, Owner


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A message to publish: which job may be claimed by it, and what people see of it in Flower."""

    job_id: str
    task_id: str
    priority: int
    #: Goes ahead of others of the same priority.
    front: bool
    label: str


def announce_next(session: Session, *, ahead: int) -> list[Announcement]:
    """Mark the next jobs as announced and say what to publish, after the commit.

    As many messages are kept on their way as there are free workers, and `ahead` more.
    """
    lock(session, ANNOUNCING)
    free = max(0, _count(session, others.live()) - _count(session, Job.state == "running"))
    chosen = _in_fair_order(session, max(1, free + ahead))
    at = session.scalar(select(now()))
    announced = []
    for rank, job in enumerate(chosen):
        if job.announced_at is not None:
            continue
        job.announcements += 1
        job.announced_at = at
        job.task_id = f"{job.id}-{job.announcements}"
        # A job that was begun stays ahead of fresh ones as long as nobody has a better right: finishing comes first.
        front = rank == 0 and (free > 0 or job.step > 0)
        announced.append(
            Announcement(job_id=job.id, task_id=job.task_id, priority=job.priority, front=front, label=label(job))
        )
    return announced


def label(job: Job) -> str:
    """What people see of a slice: `castle.jpg · octave 3/4 · 50 %`."""
    share = job.mpit / job.mpit_total if job.mpit_total else 0.0
    return f"{job.name} · octave {max(1, job.octave)}/{job.octaves} · {share:.0%}".replace("%", " %")


def announced(session: Session) -> set[str]:
    """The messages by which waiting jobs may be claimed: those that should be on their way."""
    waiting = select(Job.task_id).where(Job.state == "queued", Job.announced_at.is_not(None), Job.task_id.is_not(None))
    return {task_id for task_id in session.scalars(waiting) if task_id is not None}


def unannounce(session: Session, task_ids: Collection[str]) -> int:
    """Make jobs announceable again whose messages were lost, or never sent; how many there were.

    A message that was not lost after all finds that its job has another announcement by now, and does nothing.
    """
    jobs = select(Job).where(Job.id.in_({job_of(task_id) for task_id in task_ids}), Job.task_id.in_(task_ids))
    # A job that somebody else is changing at this moment may be claimed just now; otherwise the next sweep finds it.
    waiting = jobs.where(Job.state == "queued").order_by(Job.seq).with_for_update(skip_locked=True)
    lost = session.scalars(waiting).all()
    for job in lost:
        job.announced_at = job.task_id = None
    return len(lost)


def job_of(task_id: str) -> str:
    """The job that a message is about."""
    return task_id.rpartition("-")[0]


def expire_leases(session: Session, *, retry_seconds: float, attempts: int) -> int:
    """Take back the jobs of workers that fell silent; how many there were."""
    expired = select(Job).where(Job.token.is_not(None), Job.lease_until < now()).order_by(Job.seq)
    jobs = session.scalars(expired.with_for_update(skip_locked=True)).all()
    return lose(session, jobs, "silent", retry_seconds=retry_seconds, attempts=attempts)


def lose_task(session: Session, task_id: str, *, retry_seconds: float, attempts: int) -> int:
    """Take back the job whose worker's process died while it held `task_id`."""
    held = select(Job).where(Job.task_id == task_id, Job.token.is_not(None)).with_for_update()
    return lose(session, session.scalars(held).all(), "killed", retry_seconds=retry_seconds, attempts=attempts)


def lose(session: Session, jobs: Sequence[Job], how: str, *, retry_seconds: float, attempts: int) -> int:
    """End the attempts of workers that are gone: running jobs resume, paused and cancelled ones stay as they are."""
    news = []
    for job in jobs:
        if job.state == "running":
            what = f"worker {job.worker} was {how} at octave {job.octave}, iteration {job.iteration}"
            news += settle_failure(session, job, "worker_lost", what, retry_seconds=retry_seconds, attempts=attempts)
        else:
            job.token = job.lease_until = job.worker = None
    session.flush()
    events.append(session, news + update_open(session, [job.batch_id for job in jobs if job.state == "failed"]))
    return len(jobs)


def close_left_open(session: Session) -> int:
    """Close batches whose jobs are all finished although they count as open; how many there were.

    On PostgreSQL 0.1.0 left batches open whose last jobs ended in the same moment.
    """
    left = session.scalars(select(Batch.id).where(Batch.open, ~has_unfinished(Batch.id))).all()
    news = update_open(session, left)
    events.append(session, news)
    return len(news)


def open_left_closed(session: Session) -> int:
    """Open batches that count as closed although jobs of theirs wait, which nobody would announce; how many there were.

    Early versions left such batches on PostgreSQL, when a job failed at the moment in which it was retried.
    """
    waiting = select(Job.batch_id).where(Job.state.in_(("queued", "running", "paused")))
    left = session.scalars(select(Batch.id).where(~Batch.open, Batch.id.in_(waiting))).all()
    events.append(session, update_open(session, left))
    return len(left)


def _in_fair_order(session: Session, limit: int) -> list[Job]:
    """The next jobs; those chosen first count as served when the later ones are chosen."""
    owner_of, owner_served, batch_served = _open_heads(session, limit)
    waiting = {batch_id: _Line(session, batch_id) for batch_id in owner_of}

    def place(batch_id: str) -> tuple[int, float, float, int]:
        head = waiting[batch_id].jobs[0]
        return head.priority, owner_served[owner_of[batch_id]], batch_served[batch_id], head.seq

    chosen: list[Job] = []
    while len(chosen) < limit and any(line.jobs for line in waiting.values()):
        batch_id = min((b for b, line in waiting.items() if line.jobs), key=place)
        job = waiting[batch_id].pop()
        chosen.append(job)
        work = job.mpit_total - job.checkpoint_mpit
        owner_served[job.owner] += work
        batch_served[batch_id] += work
    return chosen


def _open_heads(session: Session, limit: int) -> tuple[dict[str, str], dict[str, float], dict[str, float]]:
    """Of the batches whose first runnable jobs come first: their owners, and what owners and batches were served."""
    head = select(Job.seq).where(Job.batch_id == Batch.id, *_runnable()).order_by(Job.priority, Job.seq).limit(1)
    rows = session.execute(
        select(Batch.id, Owner.name, Owner.served, Batch.served)
        .join(Owner, Owner.name == Batch.owner)
        .join(Job, Job.seq == head.correlate(Batch).scalar_subquery())
        .where(Batch.open)
        .order_by(Job.priority, Owner.served, Batch.served, Job.seq)
        .limit(limit)
    )
    heads = rows.all()
    return (
        {batch_id: owner for batch_id, owner, _, _ in heads},
        {owner: served for _, owner, served, _ in heads},
        {batch_id: served for batch_id, _, _, served in heads},
    )


class _Line:
    """The runnable jobs of a batch in their order, read and locked only as far as their turns come: as many workers as
    there are batches would otherwise have each announcement read the square of them.
    """

    def __init__(self, session: Session, batch_id: str) -> None:
        self._session, self._batch_id = session, batch_id
        self._page = 2
        #: Those that were read and not taken; empty: there are no more.
        self.jobs: deque[Job] = deque()
        self._read(())

    def pop(self) -> Job:
        """Take the first."""
        job = self.jobs.popleft()
        if not self.jobs:
            self._page *= 2
            self._read((tuple_(Job.priority, Job.seq) > tuple_(job.priority, job.seq),))
        return job

    def _read(self, where: tuple[ColumnElement[bool], ...]) -> None:
        query = select(Job).where(Job.batch_id == self._batch_id, *_runnable(), *where)
        page = query.order_by(Job.priority, Job.seq).limit(self._page)
        self.jobs.extend(self._session.scalars(page.with_for_update(skip_locked=True)))


def _runnable() -> tuple[ColumnElement[bool], ...]:
    return (Job.state == "queued", or_(Job.not_before.is_(None), Job.not_before <= now()))


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*where)) or 0
