"""Workers, as they tell of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from shared.store.jobs.others import WORKER_SILENCE
from shared.store.jobs.outcomes import LOST
from shared.store.session import now
from shared.store.tables import Attempt, Worker

#: A worker not seen for a day in which others were is not coming back under that name.
_FORGOTTEN_AFTER_SECONDS = 86_400.0
#: Share of the newest slice in the learnt speed: smooths over small and large jobs, follows a changed machine.
_LEARNING = 0.2

#: More deaths in a row are not told apart.
_DEATHS = 10


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which worker this is."""

    name: str
    host: str
    pid: int
    #: `cpu` or `gpu:N`.
    device: str


def seen(session: Session, who: Identity) -> None:
    """The worker is there."""
    worker = session.get(Worker, who.name)
    at = session.scalar(select(now())) or 0.0
    if worker is None:
        session.add(Worker(**vars(who), started_at=at, seen_at=at))
        return
    if worker.pid != who.pid or worker.host != who.host:
        worker.started_at, worker.pid, worker.host, worker.device = at, who.pid, who.host, who.device
    worker.seen_at = at


def gone(session: Session, name: str) -> None:
    """The worker has stopped, and was polite enough to say so: it counts as silent from now on."""
    worker = session.get(Worker, name)
    at = session.scalar(select(now())) or 0.0
    if worker is not None:
        worker.seen_at, worker.job_id = min(worker.seen_at, at - WORKER_SILENCE), None


def holds(session: Session, name: str, job_id: str | None) -> None:
    """The worker took a job, or let it go."""
    session.execute(update(Worker).where(Worker.name == name).values(job_id=job_id))


def lost_in_a_row(session: Session, name: str) -> int:
    """How often in a row the worker has died under the job that it took last; 0 if it has let go of it."""
    attempts = (
        select(Attempt.worker, Attempt.outcome)
        .join(Worker, Worker.job_id == Attempt.job_id)
        .where(Worker.name == name)
        .order_by(Attempt.number.desc())
        .limit(_DEATHS)
    )
    return sum(1 for _ in takewhile(lambda attempt: attempt == (name, LOST), map(tuple, session.execute(attempts))))


def learn(session: Session, name: str, flops: float, seconds: float) -> None:
    """A slice did `flops` floating-point operations in `seconds`: what estimates of later jobs rest on."""
    worker = session.get(Worker, name)
    if worker is not None and seconds > 0 and flops > 0:
        speed, old = flops / seconds, worker.flops_per_second
        worker.flops_per_second = speed if old is None else old + _LEARNING * (speed - old)


def forget_the_lost(session: Session) -> None:
    """Remove workers that have not been seen for a day in which others were.

    When the whole farm was down, all are kept, with the speed they have learnt.
    """
    newest = select(func.max(Worker.seen_at)).scalar_subquery()
    session.execute(
        delete(Worker).where(Worker.seen_at < newest - _FORGOTTEN_AFTER_SECONDS),
        execution_options={"synchronize_session": False},
    )
