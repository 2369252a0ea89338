"""The Celery tasks and what Celery's signals mean for jobs. Thin: the work is in `worker.slice`."""

from __future__ import annotations

import logging
import signal
from functools import lru_cache
from typing import Any

from billiard.exceptions import WorkerLostError
from celery import Task, shared_task, signals
from celery.exceptions import Ignore
from sqlalchemy.exc import SQLAlchemyError

from shared.queue import RESUME, SLICE, announce
from shared.store.jobs import schedule, steering
from shared.store.tables import Job
from worker.attempt import Ended, run_attempt
from worker.context import context
from worker.heart import Heart
from worker.lack import cannot_render
from worker.networks import import_tensorflow

log = logging.getLogger(__name__)


class SliceFailed(Exception):
    """A slice failed; the job's state and reason are in SQL. Raised so that Flower shows the slice as failed."""


@lru_cache(maxsize=1)
def _bench() -> Any:
    from worker.workbench import Bench

    return Bench(context())


@shared_task(bind=True, name=SLICE, throws=(SliceFailed,))
def render_slice(self: Task, job: str) -> str:
    """Render one slice of a job."""
    # For good: between slices a wish to stop comes too late, and the exception that billiard raises by itself would strike
    # anywhere, also where the process holds a lock for its next message.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    farm, worker = context(), str(self.request.hostname)

    def render(claimed: Job, heart: Heart) -> Ended:
        # In the child process, at its first slice.
        try:
            import_tensorflow()
            from worker.slice import Slice

            bench = _bench()
        except Exception as error:  # noqa: BLE001 - without TensorFlow, whatever the reason, no job can be rendered here
            return cannot_render(farm, worker, claimed, heart, error)
        return Slice(farm, bench, worker, claimed, heart).run()

    ended = run_attempt(farm, worker, job, str(self.request.id), render)
    try:
        announce(farm.store, self.app, ahead=farm.settings.announce_ahead)
    except SQLAlchemyError as error:  # the slice is safe; the sweeper announces what comes next
        log.warning("the database is away, nothing was announced: %s", error)
    if ended.outcome == "failed":
        raise SliceFailed(ended.reason)
    if ended.outcome in ("stopped", "stale"):
        self.send_event("task-revoked", terminated=ended.outcome == "stopped", signum=None, expired=False)
        raise Ignore
    return ended.outcome


@shared_task(bind=True, name=RESUME)
def resume(self: Task, job: str) -> str:
    """Resume a paused or failed job, or all such jobs of a batch: for Flower, which can send tasks but not retry them."""
    farm = context()
    job_id, batch_id = (None, job) if job.startswith("b") else (job, None)
    with farm.store.write() as session:
        steered = steering.steer(session, "resume", job_id=job_id, batch_id=batch_id, reason="resumed from Flower")
    announce(farm.store, self.app, ahead=farm.settings.announce_ahead)
    return f"{len(steered.job_ids)} resumed"


@signals.task_failure.connect
def _on_task_failure(task_id: str | None = None, exception: Exception | None = None, **_: Any) -> None:
    """In the main process: the child died under a slice. Resume at once, without waiting for the lease to run out."""
    if task_id is None or not isinstance(exception, WorkerLostError):
        return
    farm = context()
    with farm.store.write() as session:
        schedule.lose_task(
            session,
            task_id,
            retry_seconds=farm.settings.retry_seconds,
            attempts=farm.settings.fruitless_attempts,
        )


@signals.task_revoked.connect
def _on_task_revoked(request: Any, terminated: bool, signum: int | None, **_: Any) -> None:
    """In the main process: somebody pressed Terminate or Revoke in Flower, which means the job.

    The farm's own revocations come with SIGUSR1 and after the change in SQL; they need nothing done.
    """
    if signum == signal.SIGUSR1:
        return
    farm = context()
    with farm.store.write() as session:
        steered = steering.cancel_task(session, request.id, "terminated in Flower", running=terminated)
    for job_id in steered.job_ids:
        log.info("job %s was terminated in Flower", job_id)
