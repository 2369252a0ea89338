"""Jobs that a transaction has locked, and changes of exactly these.

On PostgreSQL a statement sees all that was committed before it began. A change with the condition by which jobs were
locked would therefore also take those that began to fulfil it since: nobody would hear of them, and their batches would
stay as they were. So conditions are for locking; what follows names the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.store.events import NewEvent
from shared.store.tables import Job

#: Rows per statement; databases bound the number of parameters.
_ROWS = 5_000
#: People are told times in microseconds.
_ROUNDING_SECONDS = 5e-6


class LockedJob(NamedTuple):
    """What changes of state go by. Of a large batch only this is read: specifications would be most of the bytes."""

    seq: int
    id: str
    owner: str
    batch_id: str
    state: str
    priority: int
    attempt: int
    task_id: str | None
    deleted_at: float | None

    def event(self, type_: str, reason: str = "", **data: Any) -> NewEvent:
        """An event of the job."""
        return NewEvent(
            type=type_, owner=self.owner, batch_id=self.batch_id, job_id=self.id, reason=reason, data=data
        )  # fmt: skip


_READ = [getattr(Job, name) for name in LockedJob._fields]


def lock_jobs(session: Session, *where: ColumnElement[bool], limit: int | None = None) -> Sequence[LockedJob]:
    """The jobs for which the conditions hold, as they are, locked until the transaction ends.

    Everybody locks in the order of their numbers, or two changes of one batch could wait for each other.
    """
    query = select(*_READ).where(*where).order_by(Job.seq).limit(limit).with_for_update()
    return [LockedJob._make(row) for row in session.execute(query)]


def not_before(column: InstrumentedAttribute[float | None], since: float | None) -> tuple[ColumnElement[bool], ...]:
    """The condition that something happened to a job at a time that people were told, or later; None: whenever."""
    return () if since is None else (column >= since - _ROUNDING_SECONDS,)


def change_jobs(session: Session, jobs: Sequence[LockedJob], **values: Any) -> None:
    """Set columns of locked jobs."""
    for these in numbered(jobs):
        session.execute(update(Job).where(these).values(**values), execution_options={"synchronize_session": False})


def numbered(jobs: Sequence[LockedJob]) -> Iterator[ColumnElement[bool]]:
    """Conditions that hold for these jobs and no others; several, if they are many."""
    for start in range(0, len(jobs), _ROWS):
        yield Job.seq.in_([job.seq for job in jobs[start : start + _ROWS]])
