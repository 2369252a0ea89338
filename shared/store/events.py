"""The event table: what happened, in order, with a reason a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from shared.store.session import EVENTS, lock, now
from shared.store.tables import Event, Job


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """An event to append. Types: `batch.` + submitted, finished, deleted, restored; `job.` + started, frame, saved,
    requeued, succeeded, failed, cancelled, paused, resumed, retried, priority, deleted, restored."""

    type: str
    owner: str
    batch_id: str
    job_id: str | None = None
    reason: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, type_: str, reason: str = "", **data: Any) -> NewEvent:
        """An event of a job."""
        return cls(type=type_, owner=job.owner, batch_id=job.batch_id, job_id=job.id, reason=reason, data=data)


def append(session: Session, events: Iterable[NewEvent]) -> None:
    """Append events. Call it as the last write of a transaction: on PostgreSQL it takes a lock until the commit."""
    rows = [
        {
            "type": e.type,
            "owner": e.owner,
            "batch_id": e.batch_id,
            "job_id": e.job_id,
            "reason": e.reason,
            "data": json.dumps(e.data),
        }
        for e in events
    ]
    if not rows:
        return
    lock(session, EVENTS)
    at = session.scalar(select(now()))
    session.execute(insert(Event), [row | {"at": at} for row in rows])


def after(
    session: Session,
    seq: int,
    *,
    limit: int,
    owner: str | None = None,
    batch_id: str | None = None,
    job_id: str | None = None,
) -> Sequence[Event]:
    """Up to `limit` events with a number above `seq`, oldest first, of an owner, batch or job where one is given."""
    query = select(Event).where(Event.seq > seq).order_by(Event.seq).limit(limit)
    if owner is not None:
        query = query.where(Event.owner == owner)
    if batch_id is not None:
        query = query.where(Event.batch_id == batch_id)
    if job_id is not None:
        query = query.where(Event.job_id == job_id)
    return session.scalars(query).all()


def last(session: Session) -> int:
    """The number of the newest event, 0 when there is none."""
    return session.scalar(select(func.max(Event.seq))) or 0
