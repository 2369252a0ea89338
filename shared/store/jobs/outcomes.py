"""What follows from a slice's end: failure classes, served work, attempts, open batches. Helpers of the state changes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.store.events import NewEvent
from shared.store.jobs import others
from shared.store.session import now
from shared.store.tables import Attempt, Batch, Failure, Job, Owner

#: Longest back-off after internal errors and without storage, in seconds: a broken disk or network is tried again at
#: least this often.
_LONGEST_BACKOFF = 120.0
#: Failures that a worker may be to blame for: a broken disk, a driver that takes the process with it.
_PERHAPS_THE_WORKERS = ("internal", "worker_lost")
#: While one worker alone fails a job, and others live, the job is left to them for so many times as many attempts.
_PATIENCE_WITH_OTHERS = 4
#: What an attempt's outcome is called whose worker died, or seemed to.
LOST = "lost"
#: What an attempt's outcome is called for which files could not be stored or fetched.
_UNSTORED = "unstored"
#: An outage of the storage that lasts so long counts as an attempt: what befalls the files of one job only shall end, too.
_OUTAGE_SECONDS = 86_400.0


def settle_failure(
    session: Session, job: Job, failure: Failure, reason: str, *, retry_seconds: float, attempts: int
) -> list[NewEvent]:
    """Requeue or fail a running job, and say so.

    `bad_input` fails at once. `out_of_memory` and `worker_lost` go on from the checkpoint. `not_finite` is tried once more
    from there. `internal` is tried again after a back-off that doubles. All end as failed after `attempts` attempts without
    a new checkpoint; `internal` and `worker_lost` only when two workers have failed the job, or no other can take it: a
    worker that is sick itself fails whatever it is given, or dies of it.
    """
    end_attempt(session, job.id, job.attempt, outcome=LOST if failure == "worker_lost" else "failed", reason=reason)
    job.fruitless += 1
    repeated = failure == "not_finite" and job.failure == "not_finite" and job.fruitless > 1
    final = failure == "bad_input" or repeated or _tried_enough(session, job, failure, attempts)
    at = _let_go(session, job, failure)
    if final:
        job.state, job.finished_at = "failed", at
        tried = "" if job.fruitless == 1 else f" ({job.fruitless} attempts without progress)"
        job.reason = reason + tried
        return [NewEvent.of(job, "job.failed", job.reason, failure=failure)]
    if failure in ("internal", "storage"):
        job.not_before = at + min(_LONGEST_BACKOFF, retry_seconds * 2 ** (job.fruitless - 1))
    return _requeue(job, failure, reason)


def try_again(session: Session, job: Job, failure: Failure, reason: str) -> list[NewEvent]:
    """Requeue a running job, and say so; the attempt is not counted, as the next one will be another."""
    end_attempt(session, job.id, job.attempt, outcome="failed", reason=reason)
    _let_go(session, job, failure)
    return _requeue(job, failure, reason)


def wait_for_storage(
    session: Session, job: Job, reason: str, *, retry_seconds: float, attempts: int
) -> list[NewEvent]:  # fmt: skip
    """Requeue a running job whose files could not be stored or fetched, with a back-off that doubles; tell it once.

    It is not the job's fault, and not counted, for a day.
    """
    tried, since = _outage(session, job)
    if since < (session.scalar(select(now())) or 0.0) - _OUTAGE_SECONDS:
        return settle_failure(session, job, "storage", reason, retry_seconds=retry_seconds, attempts=attempts)
    end_attempt(session, job.id, job.attempt, outcome=_UNSTORED, reason=reason)
    at = _let_go(session, job, "storage")
    job.not_before = at + min(_LONGEST_BACKOFF, retry_seconds * 2 ** min(tried, 16))
    news = _requeue(job, "storage", reason)
    return [] if tried else news


def _requeue(job: Job, failure: Failure, reason: str) -> list[NewEvent]:
    job.state, job.reason = "queued", f"tried again: {reason}"
    return [NewEvent.of(job, "job.requeued", reason, failure=failure, fruitless=job.fruitless)]


def _outage(session: Session, job: Job) -> tuple[int, float]:
    """How many attempts in a row before the current one had no storage, and when the first of them began."""
    own = (Attempt.job_id == job.id, Attempt.number < job.attempt)
    last_other = select(func.coalesce(func.max(Attempt.number), 0)).where(*own, Attempt.outcome != _UNSTORED)
    since = select(func.count(), func.min(Attempt.started_at)).where(
        *own, Attempt.number > last_other.scalar_subquery()
    )
    count, first = session.execute(since).one()
    return count, math.inf if first is None else first


def _let_go(session: Session, job: Job, failure: Failure) -> float:
    """Take a failed job from its worker, back to its checkpoint; when that was."""
    job.token = job.lease_until = job.worker = job.task_id = job.announced_at = None
    job.failure, job.changed_at = failure, session.scalar(select(now())) or 0.0
    job.step, job.mpit = job.checkpoint_step, job.checkpoint_mpit
    return job.changed_at


def _tried_enough(session: Session, job: Job, failure: Failure, attempts: int) -> bool:
    """Whether the attempts without progress, the last of which has just ended so, blame the job."""
    if job.fruitless < attempts:
        return False
    if failure not in _PERHAPS_THE_WORKERS or job.fruitless >= attempts * _PATIENCE_WITH_OTHERS:
        return True
    failed = select(Attempt.worker).where(Attempt.job_id == job.id, Attempt.outcome.in_(("failed", LOST)))
    latest = session.scalars(failed.order_by(Attempt.number.desc()).limit(job.fruitless))
    return len(set(latest)) > 1 or not others.able(session, job)


def end_attempt(
    session: Session, job_id: str, number: int, *, outcome: str, reason: str = "", to_step: int | None = None,
    seconds: float = 0.0,
) -> None:  # fmt: skip
    """Write down how an attempt ended."""
    values = {"ended_at": now(), "outcome": outcome, "reason": reason, "seconds": seconds}
    if to_step is not None:
        values["to_step"] = to_step
    change_attempt(session, job_id, number, **values)


def reopen_attempt(session: Session, job_id: str, number: int) -> None:
    """The attempt was not over after all."""
    change_attempt(session, job_id, number, ended_at=None, outcome="running", reason="")


def change_attempt(session: Session, job_id: str, number: int, **values: Any) -> None:
    """Write down something else about an attempt: columns by name."""
    attempt = (Attempt.job_id == job_id) & (Attempt.number == number)
    session.execute(update(Attempt).where(attempt).values(**values), execution_options={"synchronize_session": False})


def serve(session: Session, job: Job, mpit: float) -> None:
    """Count work that was rendered for a job towards its batch and owner."""
    options = {"synchronize_session": False}
    if mpit > 0:
        session.execute(
            update(Batch).where(Batch.id == job.batch_id).values(served=Batch.served + mpit), execution_options=options
        )
        session.execute(
            update(Owner).where(Owner.name == job.owner).values(served=Owner.served + mpit), execution_options=options
        )


def lock_batches(session: Session, batch_ids: Iterable[str]) -> Sequence[Batch]:
    """The batches, locked until the transaction ends.

    Everybody locks in the order of assets, jobs, batches, owners, and within each in the order of their numbers or IDs.
    """
    batches = select(Batch).where(Batch.id.in_(set(batch_ids))).order_by(Batch.id)
    # No stronger lock than that of an UPDATE: whoever has counted served work has that already, and it need not grow.
    locked = batches.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalars(locked).all()


def update_open(session: Session, batch_ids: Iterable[str]) -> list[NewEvent]:
    """Close batches without unfinished jobs, open the others; an event for each that closed.

    The batches are locked before their jobs are looked at: of two transactions that end a batch's last two jobs at once,
    each would see the other's job as unfinished still, and nobody would close the batch.
    """
    news = []
    for batch in lock_batches(session, batch_ids):
        is_open = session.scalar(select(has_unfinished(batch.id))) or False
        if batch.open and not is_open:
            shown = select(Job.state, func.count()).where(Job.batch_id == batch.id, Job.deleted_at.is_(None))
            counts = dict(session.execute(shown.group_by(Job.state)).all())
            reason = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
            news.append(
                NewEvent(type="batch.finished", owner=batch.owner, batch_id=batch.id, reason=reason, data=counts)
            )
        batch.open = is_open
    session.flush()
    return news


def has_unfinished(batch_id: str | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether a batch has jobs that may still run."""
    return exists().where(Job.batch_id == batch_id, Job.state.in_(("queued", "running", "paused")))
