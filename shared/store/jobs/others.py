"""Which other workers a job may go to, when the one that had it cannot render it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from shared.store.session import now
from shared.store.tables import Attempt, Job, Worker

#: A worker not seen for this many seconds is not counted on.
WORKER_SILENCE = 15.0
#: What an attempt's outcome is called whose worker lacked something that the job needs.
DECLINED = "declined"
#: What a worker lacked this many seconds ago, somebody may have brought to it since.
_REMEMBERED_SECONDS = 300.0


def live() -> ColumnElement[bool]:
    """Whether a worker is counted on."""
    return Worker.seen_at > now() - WORKER_SILENCE


def able(session: Session, job: Job) -> set[str]:
    """The living workers but the job's own that have not just declined it."""
    living = set(session.scalars(select(Worker.name).where(live())))
    return living - declined_by(session, job.id) - {job.worker or ""}


def declined_by(session: Session, job_id: str) -> set[str]:
    """The workers that lacked something for the job a short while ago."""
    recent = Attempt.ended_at > now() - _REMEMBERED_SECONDS
    query = select(Attempt.worker).where(Attempt.job_id == job_id, Attempt.outcome == DECLINED, recent)
    return set(session.scalars(query))
