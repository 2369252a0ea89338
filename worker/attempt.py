"""An attempt: claim the job that a message names, and keep its lease while a slice of it is rendered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from shared.store import workers
from shared.store.jobs import claims
from shared.store.tables import Job
from worker.context import Context
from worker.heart import Heart

log = logging.getLogger(__name__)

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
    _rest_if_sick(context, worker)
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


def _rest_if_sick(context: Context, worker: str) -> None:
    """Leave the message to others for a while, where this worker's processes keep dying: a driver may be broken.

    It is unclaimed meanwhile, and soon counts as lost: the job goes to whoever is free.
    """
    settings = context.settings
    with context.store.read() as session:
        deaths = workers.lost_in_a_row(session, worker)
    rest = context.health.born(deaths, settings.retry_seconds)
    if rest > 0:
        rest += settings.message_grace_seconds + 2 * settings.sweep_seconds
        log.warning("%d processes of worker %s died in a row; it rests for %.0f s", deaths, worker, rest)
        time.sleep(rest)
