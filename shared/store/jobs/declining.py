"""What follows when a worker cannot render a job for want of something of its own, such as a network's files
or a library.

The job is unharmed, and a worker that has what it needs shall get it. It fails only when no living worker does, after
the usual number of attempts.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.store import events
from shared.store.events import NewEvent
from shared.store.jobs import others
from shared.store.jobs.claims import release
from shared.store.jobs.outcomes import end_attempt, settle_failure, update_open
from shared.store.session import now
from shared.store.tables import Job

#: What no worker has, people must bring: that takes longer than most of what is tried again.
_PEOPLES_PATIENCE = 8.0

#: `stale`: the job was taken away before. `left`: to other workers, who may have what it needs. `counted`: as an attempt
#: without progress, because none has it.
Declined = Literal["stale", "left", "counted"]


def decline(
    session: Session, job_id: str, token: str, reason: str, *, retry_seconds: float, attempts: int
) -> Declined:  # fmt: skip
    """Give a job back that its worker lacks something for; `reason` says what, where, and what to do there.

    `retry_seconds` is the back-off for as long as other workers may take the job; after attempts that count it is
    longer, and doubles. `attempts` caps those that count.
    """
    job = session.scalar(select(Job).where(Job.id == job_id, Job.token == token).with_for_update())
    if job is None:
        return "stale"
    worker, number = job.worker or "", job.attempt
    if job.state != "running":
        release(session, job_id, token, reason)
        return "left"
    before, able = others.declined_by(session, job_id), others.able(session, job)
    if able:
        release(session, job_id, token, reason)
        job.not_before = (session.scalar(select(now())) or 0.0) + retry_seconds
        # It may be asked again and again while the others are busy; once is enough to tell.
        news = [] if worker in before else [NewEvent.of(job, "job.requeued", reason)]
    else:
        reason = f"{reason}; no other worker can render it"
        patience = retry_seconds * _PEOPLES_PATIENCE
        news = settle_failure(session, job, "internal", reason, retry_seconds=patience, attempts=attempts)
    end_attempt(session, job_id, number, outcome=others.DECLINED, reason=reason)
    session.flush()
    events.append(session, news + update_open(session, [job.batch_id]))
    return "left" if able else "counted"
