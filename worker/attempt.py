"""An attempt: claim the job that a message names, and keep its lease while a slice of it is rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from shared.store import workers
from shared.store.jobs import claims
from shared.store.tables import Job
from worker.context import Context
from worker.heart import Heart

#: How a slice ended. `stale`: the message was outdated or the job was taken away; nothing was changed.
Outcome = Literal["saved", "succeeded", "failed", "stopped", "stale"]


@dataclass(frozen=True)
class Ended:
    """A slice's end, and for a failure its reason."""

    outcome: Outcome
    reason: str = ""


def run_attempt(
    context: Context, worker: str, job_id: str, task_id: str, render: Callable[[Job, Heart], Ended]
) -> Ended:
    """Claim the job and `render` a slice of it; a message that is outdated changes nothing.

    The job is claimed before TensorFlow is loaded: a message that was taken but not claimed would count as lost.
    """
    lease = context.settings.lease_seconds
    with context.store.write() as session:
        job = claims.claim(session, job_id, task_id=task_id, worker=worker, lease_seconds=lease)
        if job is None:
            return Ended("stale")
        workers.holds(session, worker, job.id)
    heart = Heart(context.store, job, beat_seconds=context.settings.heartbeat_seconds, lease_seconds=lease)
    with heart.beating():
        ended = render(job, heart)
    with context.store.write() as session:
        workers.holds(session, worker, None)
    return ended
