"""Hands for store tests: submit planned jobs, announce and claim as the farm does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select

from shared.cards import card
from shared.plan import plan
from shared.specs import SPEC
from shared.store import Store, workers
from shared.store.jobs import claims, schedule, submission
from shared.store.tables import Job
from shared.store.workers import Identity


@dataclass(frozen=True)
class Submitted:
    """A batch's ID and its jobs' IDs in order."""

    id: str
    jobs: list[str]


def submit(store: Store, owner: str, *, jobs: int = 1, priority: int = 5) -> Submitted:
    """Submit a batch of small dreams from noise."""
    spec = SPEC.validate_python({"kind": "dream", "size": {"long_edge": 96}, "priority": priority})
    planned = plan(spec, card=card(spec.model), width=None, height=None)
    new = [submission.NewJob(spec=spec, name=f"dream {i}", plan=planned) for i in range(jobs)]
    with store.write() as session:
        batch = submission.create_batch(session, owner, "a batch", new)
        ids = session.scalars(select(Job.id).where(Job.batch_id == batch.id).order_by(Job.position)).all()
    return Submitted(batch.id, list(ids))


@contextmanager
def meanwhile(happens: Callable[[], None]) -> Iterator[None]:
    """Beside what is done within the block, this happens; it has happened when the block ends."""
    thread = threading.Thread(target=happens)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def claim_next(store: Store, job_id: str | None = None, *, worker: str = "w") -> Job | None:
    """Announce one job and claim what was announced, or the named job."""
    with store.write() as session:
        announced = schedule.announce_next(session, ahead=1 if job_id is None else 100)
    chosen = [a for a in announced if job_id is None or a.job_id == job_id]
    if not chosen:
        return None
    with store.write() as session:
        return claims.claim(session, chosen[0].job_id, task_id=chosen[0].task_id, worker=worker, lease_seconds=9)


def living(store: Store, *names: str) -> None:
    """So many workers tell of themselves."""
    with store.write() as session:
        for name in names:
            workers.seen(session, Identity(name=name, host="here", pid=1, device="cpu"))


def told(job: Job, step: int) -> claims.Told:
    """Progress of a job at a step."""
    return claims.Told(
        octave=1,
        octaves=job.octaves,
        iteration=step,
        iterations=job.iterations,
        step=step,
        steps=job.steps,
        mpit=job.mpit_total * step / job.steps,
        mpit_total=job.mpit_total,
        score=None,
    )
