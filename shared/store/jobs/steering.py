"""What people do to jobs: cancel, pause, resume, retry, change the priority. Of one job or of a whole batch.

Each action takes the jobs that it can take and leaves the others; asked of a single job that it cannot take, it says why.
Repeating an action changes nothing. Checkpoints are kept throughout, so a cancelled job can be retried where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from shared.store import events
from shared.store.events import NewEvent
from shared.store.jobs.fairness import lift
from shared.store.jobs.locked import LockedJob, change_jobs, lock_jobs, not_before, numbered
from shared.store.jobs.outcomes import end_attempt, reopen_attempt, update_open
from shared.store.jobs.schedule import job_of
from shared.store.session import now
from shared.store.tables import TERMINAL, Batch, Event, Job, State

ActionName = Literal["cancel", "pause", "resume", "retry"]


class CannotDo(Exception):
    """A job is in a state from which the wish cannot be fulfilled; the message says which, and what would work."""


@dataclass(frozen=True, kw_only=True)
class _Action:
    """A change of state that a person may ask for."""

    takes: tuple[State, ...]
    to: State
    event: str
    values: dict[str, Any] = field(default_factory=dict)


#: A job that waits again starts with a clean record: its failure, back-off and counted attempts are forgotten.
_AFRESH: dict[str, Any] = {
    "failure": None, "fruitless": 0, "not_before": None, "finished_at": None, "task_id": None, "announced_at": None,
    "token": None, "lease_until": None, "worker": None,
}  # fmt: skip

_ACTIONS: dict[ActionName, _Action] = {
    # Token and lease stay: the worker that renders may still save its checkpoint, or go on (see `_go_on`).
    "cancel": _Action(takes=("queued", "running", "paused"), to="cancelled", event="job.cancelled"),
    "pause": _Action(takes=("queued", "running"), to="paused", event="job.paused"),
    "resume": _Action(takes=("paused", "failed"), to="queued", event="job.resumed", values=_AFRESH),
    "retry": _Action(takes=("failed", "cancelled"), to="queued", event="job.retried", values=_AFRESH),
}


@dataclass(frozen=True, kw_only=True)
class Steered:
    """The jobs that an action changed, and the messages whose slices are to be interrupted."""

    job_ids: tuple[str, ...]
    task_ids: tuple[str, ...]
    #: When: all jobs that a cancellation took ended then.
    at: float = 0.0


def steer(
    session: Session, action: ActionName, *, job_id: str | None = None, batch_id: str | None = None, reason: str,
    only: Sequence[State] | None = None, since: float | None = None,
) -> Steered:  # fmt: skip
    """Do `action` to a job or to all jobs of a batch that it can take.

    Of a batch, `only` restricts it to jobs in these states. `since` restricts it to jobs that ended then or later:
    retrying those undoes a cancellation, so those that had been paused are paused again.

    Raises:
        CannotDo: a single job is in another state, and not yet where the action leads; or the job or batch is deleted.
    """
    what = _ACTIONS[action]
    takes = [state for state in what.takes if only is None or state in only]
    before = _locked(session, action, takes, job_id, batch_id, since)
    at = session.scalar(select(now())) or 0.0
    # The messages of jobs that are taken off the farm.
    tasks = tuple(job.task_id for job in before if job.task_id is not None and what.to != "queued")
    paused = _pause_again(session, before, reason) if since is not None else {}
    news = [paused.get(job.seq) or job.event(what.event, reason, **_in_mind(job, action)) for job in before]
    changed = [job for job in before if job.seq not in paused]
    if what.to == "queued" and changed:
        lift(session, changed[0].owner, changed[0].batch_id)
        went_on = _go_on(session, changed)
        changed = [job for job in changed if job.seq not in went_on]
    finished = {"finished_at": at} if what.to == "cancelled" else {}
    values = {**what.values, **finished, "state": what.to, "reason": reason, "changed_at": at}
    change_jobs(session, changed, **values)
    for job in before:
        if job.state == "running":
            end_attempt(session, job.id, job.attempt, outcome=what.to, reason=reason)
    events.append(session, news + update_open(session, {job.batch_id for job in before}))
    return Steered(job_ids=tuple(job.id for job in before), task_ids=tasks, at=at)


def _locked(
    session: Session, action: ActionName, takes: Sequence[State], job_id: str | None, batch_id: str | None,
    since: float | None,
) -> Sequence[LockedJob]:  # fmt: skip
    """Lock the job, or the jobs of the batch, that an action takes. Raises CannotDo."""
    if job_id is None:
        able = (Job.batch_id == batch_id, Job.state.in_(takes), Job.deleted_at.is_(None))
        jobs = lock_jobs(session, *able, *not_before(Job.finished_at, since))
        if not jobs and session.scalar(select(Batch.id).where(Batch.id == batch_id, Batch.deleted_at.is_not(None))):
            raise _deleted("batch", batch_id, action)
        return jobs
    # In whatever state it is: a message must tell of the state that the job was refused for.
    jobs = lock_jobs(session, Job.id == job_id, *not_before(Job.finished_at, since))
    for job in jobs:
        if job.deleted_at is not None:
            raise _deleted("job", job_id, action)
        if job.state not in takes:
            _explain(job, action)
            return []
    return jobs


def _in_mind(job: LockedJob, action: ActionName) -> dict[str, str]:
    """What undoing the action needs to know."""
    return {"was": "paused"} if action == "cancel" and job.state == "paused" else {}


def _pause_again(session: Session, jobs: Sequence[LockedJob], reason: str) -> dict[int, NewEvent]:
    """Pause those of the cancelled jobs that had been paused; their numbers, with an event for each.

    Token and lease stay, as with any pause.
    """
    were: dict[str | None, Any] = {}
    for these in numbered(jobs):
        cancelled = select(Event.job_id, Event.data).join(Job, Job.id == Event.job_id).where(these)
        rows = session.execute(cancelled.where(Event.type == _ACTIONS["cancel"].event).order_by(Event.seq))
        were |= {job_id: json.loads(data).get("was") for job_id, data in rows}
    again = [job for job in jobs if job.state == "cancelled" and were.get(job.id) == "paused"]
    reason = f"paused before it was cancelled; {reason}"
    change_jobs(session, again, state="paused", reason=reason, finished_at=None, changed_at=now())
    return {job.seq: job.event(_ACTIONS["pause"].event, reason) for job in again}


def _go_on(session: Session, jobs: Sequence[LockedJob]) -> set[int]:
    """Take back the pause or cancellation of jobs that a worker still holds: they are running again, with their tokens.

    Were they queued, another worker could begin at the last checkpoint what this one is about to save. Instead:

    - The worker has not heard of the pause yet (neither its heart nor SIGUSR1 told it): it just goes on.
    - It has heard, and renders its last tile or saves: the token is good for that save still, which finds a running job
      and queues it. The same if SIGUSR1 comes only now. Until then the job is nobody else's.
    - It had saved: it let go of the token, so the job is not among these and is queued, with the new checkpoint.
    - It dies before it saves: the lease runs out (or its main process notices), as for any running job.
    - It was dead already: the same; the job waits for the rest of the lease. With the lease over, the job is queued at
      once, and the old token is good for nothing.
    """
    went_on = set()
    for these in numbered(jobs):
        held = session.execute(
            update(Job)
            .where(these, Job.token.is_not(None), Job.lease_until >= now())
            .values(state="running", failure=None, fruitless=0, finished_at=None, reason="", changed_at=now())
            .returning(Job.seq, Job.id, Job.attempt),
            execution_options={"synchronize_session": False},
        )
        for seq, job_id, number in held.all():
            reopen_attempt(session, job_id, number)
            went_on.add(seq)
    return went_on


def cancel_task(session: Session, task_id: str, reason: str, *, running: bool) -> Steered:
    """Cancel the job that a message stands for: somebody pressed Terminate or Revoke in Flower.

    The slice that is terminated may have let go of its job already, and the next message may be on its way: of a
    `running` slice the job is meant, whatever its message. A message that still waits must be the latest of a job that
    waits, too: pausing a queued job revokes its message as well, and must not end as a cancellation.
    """
    message: tuple[ColumnElement[bool], ...] = (Job.task_id == task_id, Job.state == "queued")
    if running:
        message = (Job.id == job_of(task_id), Job.state.in_(("queued", "running", "paused")))
    job_id = session.scalar(select(Job.id).where(*message))
    if job_id is None:
        return Steered(job_ids=(), task_ids=())
    return steer(session, "cancel", job_id=job_id, reason=reason)


def set_priority(
    session: Session, priority: int, *, job_id: str | None = None, batch_id: str | None = None
) -> tuple[str, ...]:
    """Change the priority (0 to 9, 0 first) of unfinished jobs; they are announced anew with it.

    Raises:
        CannotDo: a single job is finished.
    """
    if job_id is not None:
        jobs = lock_jobs(session, Job.id == job_id)
    else:
        jobs = lock_jobs(session, Job.batch_id == batch_id, Job.state.not_in(TERMINAL))
    for job in jobs:
        if job.state in TERMINAL:
            raise CannotDo(f"job {job.id} is {job.state}; only unfinished jobs have a priority to change")
    changed = [job for job in jobs if job.priority != priority]
    change_jobs(session, changed, priority=priority, changed_at=now())
    # A waiting message carries the old priority: it is forgotten, and finds nothing to claim.
    change_jobs(session, [job for job in changed if job.state == "queued"], task_id=None, announced_at=None)
    news = [job.event("job.priority", f"priority {priority}", priority=priority) for job in changed]
    events.append(session, news)
    return tuple(job.id for job in changed)


def _deleted(what: str, id_: str | None, action: ActionName) -> CannotDo:
    return CannotDo(f"{what} {id_} is deleted; to {action} it, restore it first (dreamfarm restore {id_})")


def _explain(job: LockedJob, action: ActionName) -> None:
    what = _ACTIONS[action]
    if job.state == what.to or (what.to == "queued" and job.state == "running"):
        return
    able = " or ".join(what.takes)
    hint = "; to render it again, submit it anew (dreamfarm rerun)" if job.state == "succeeded" else ""
    raise CannotDo(f"job {job.id} is {job.state}; {action} works on a job that is {able}{hint}")
