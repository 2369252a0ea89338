"""Giving a job back for want of something that this worker lacks."""

from __future__ import annotations

import logging

from shared.store.jobs import declining
from shared.store.jobs.declining import Declined
from shared.store.tables import Job
from worker.attempt import Ended
from worker.context import Context
from worker.heart import Heart
from worker.patience import committed

log = logging.getLogger(__name__)


def cannot_render(context: Context, worker: str, job: Job, heart: Heart, error: Exception) -> Ended:
    """The worker can render nothing at all: TensorFlow, or a library that it needs, cannot be loaded.

    It rests longer each time, also when there is no other worker: who mends it shall find jobs that have not failed yet.
    """
    reason = f"worker {worker} cannot render: {type(error).__name__}: {error} (run `dreamfarm doctor` there)"
    log.error("job %s: %s", job.id, reason, exc_info=error)
    if decline(context, job, heart, reason) == "stale":
        return Ended("stale")
    settings = context.settings
    heart.rest(context.health.failed(settings.retry_seconds) + 2 * settings.sweep_seconds)
    return Ended("failed", reason)


def decline(context: Context, job: Job, heart: Heart, reason: str) -> Declined:
    """Leave the claimed job to workers that have what this one lacks; see `declining.decline`."""
    settings = context.settings
    return committed(
        context.store,
        lambda session: declining.decline(
            session,
            job.id,
            job.token or "",
            reason,
            retry_seconds=settings.retry_seconds,
            attempts=settings.fruitless_attempts,
        ),
        f"job {job.id}",
        heart.check,
    )
