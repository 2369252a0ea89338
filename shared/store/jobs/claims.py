"""What a worker does to a job it holds: claim, heartbeat, frame, save, succeed, fail, release, start over.

Every function but `claim` takes the attempt's token, and changes nothing when the token is no longer the job's: a worker
that was thought dead and wakes up learns that the job is not its own any more (`False`), and can do no harm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.store import events
from shared.store.events import NewEvent
from shared.store.ids import new_token
from shared.store.jobs.outcomes import (
    change_attempt,
    end_attempt,
    serve,
    settle_failure,
    try_again,
    update_open,
    wait_for_storage,
)
from shared.store.session import now
from shared.store.tables import Attempt, Failure, Frame, Job

#: Tiles below this side cost more in halos than they save in memory.
_SMALLEST_TILE = 64


@dataclass(frozen=True, kw_only=True)
class Told:
    """A job's progress as its worker tells it. Octaves and iterations count from 1, steps are iterations done."""

    octave: int
    octaves: int
    iteration: int
    iterations: int
    step: int
    steps: int
    mpit: float
    mpit_total: float
    score: float | None


@dataclass(frozen=True, kw_only=True)
class NewFrame:
    """A frame to record; `picture` and `thumbnail` are blob keys."""

    number: int
    step: int
    octave: int
    iteration: int
    width: int
    height: int
    score: float | None
    picture: str
    thumbnail: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished job's blobs and the output's digest (`sha256:…` of the file)."""

    output: str
    digest: str
    bytes: int
    width: int
    height: int
    manifest: str
    animation: str | None
    #: What did not become as it was wished, for people; empty if all did.
    note: str = ""


def claim(session: Session, job_id: str, *, task_id: str, worker: str, lease_seconds: float) -> Job | None:
    """Take a queued job whose latest announcement is `task_id`; None when it is not to be had (any more)."""
    job = _change(
        session,
        Job.id == job_id,
        Job.state == "queued",
        Job.task_id == task_id,
        or_(Job.not_before.is_(None), Job.not_before <= now()),
        values={
            "state": "running",
            "attempt": Job.attempt + 1,
            "token": new_token(),
            "worker": worker,
            "lease_until": now() + lease_seconds,
            "announced_at": None,
            "not_before": None,
            "reason": "",
        },
    )
    if job is None:
        return None
    first = job.started_at is None
    if first:
        job.started_at = job.changed_at
    session.add(
        Attempt(
            job_id=job.id,
            number=job.attempt,
            worker=worker,
            task_id=task_id,
            started_at=job.changed_at,
            from_step=job.checkpoint_step,
            to_step=job.checkpoint_step,
        )
    )
    session.flush()
    if first:
        events.append(session, [NewEvent.of(job, "job.started", f"taken by {worker}", worker=worker)])
    return job


def beat(session: Session, job_id: str, token: str, told: Told, *, lease_seconds: float) -> bool:
    """Renew the lease and tell the progress. False: the job was cancelled, paused or taken away; stop."""
    values = _told(told) | {"lease_until": now() + lease_seconds}
    return _change(session, *_held(job_id, token), values=values) is not None


def renew(session: Session, job_id: str, token: str, *, lease_seconds: float) -> bool:
    """Renew the lease alone: the job is still being loaded. False as for `beat`."""
    return _change(session, *_held(job_id, token), values={"lease_until": now() + lease_seconds}) is not None


def hold(session: Session, job_id: str, token: str, *, lease_seconds: float) -> bool:
    """Renew the lease of a job that was paused or cancelled while its worker still saves what it has."""
    statement = update(Job).where(Job.id == job_id, Job.token == token).values(lease_until=now() + lease_seconds)
    held = session.execute(statement.returning(Job.id), execution_options={"synchronize_session": False})
    return held.first() is not None


def add_frames(session: Session, job_id: str, token: str, frames: Sequence[NewFrame]) -> bool:
    """Record frames, each once: a later attempt that renders the same iteration again changes nothing.

    A job that was paused or cancelled meanwhile takes them, too: its last checkpoint will lie behind them.
    """
    job = session.scalar(select(Job).where(Job.id == job_id, Job.token == token).with_for_update())
    if job is None:
        return False
    at = session.scalar(select(now()))
    rows = [{**vars(frame), "job_id": job_id, "created_at": at} for frame in frames]
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(Frame).values(rows).on_conflict_do_nothing().returning(Frame.number)
    added = set(session.scalars(statement))
    job.frames += len(added)
    session.flush()
    told = ("number", "step", "octave", "iteration", "width", "height", "score")
    new = [frame for frame in frames if frame.number in added]
    events.append(session, [NewEvent.of(job, "job.frame", **{k: getattr(frame, k) for k in told}) for frame in new])
    return True


def save(
    session: Session, job_id: str, token: str, told: Told, *, checkpoint: str, seconds: float, reason: str
) -> bool:
    """End a slice: the checkpoint becomes the job's, and the job waits for its next turn.

    A job that was paused or cancelled meanwhile keeps its state, but takes the checkpoint too: nothing is lost.
    """
    values = _told(told) | {
        "checkpoint": checkpoint,
        "checkpoint_step": told.step,
        "checkpoint_mpit": told.mpit,
        "seconds": Job.seconds + seconds,
        "fruitless": 0,
        **_LET_GO,
    }
    before = session.scalar(select(Job).where(Job.id == job_id, Job.token == token).with_for_update())
    if before is None:
        return False
    state, number, served = before.state, before.attempt, max(0.0, told.mpit - before.checkpoint_mpit)
    if told.step <= before.checkpoint_step:
        del values["fruitless"]
    if state == "running":
        values |= {"state": "queued", "reason": reason}
    job = _change(session, Job.id == job_id, Job.token == token, values=values)
    if job is None:
        return False
    outcome = "saved" if state == "running" else state
    end_attempt(session, job.id, number, outcome=outcome, reason=reason, to_step=told.step, seconds=seconds)
    serve(session, job, served)
    events.append(session, [NewEvent.of(job, "job.saved", reason, step=told.step, steps=told.steps)])
    return True


def succeed(session: Session, job_id: str, token: str, told: Told, done: Finished, *, seconds: float) -> bool:
    """Finish the job: state, output and digest in one compare-and-set."""
    before = session.scalar(select(Job).where(*_held(job_id, token)))
    if before is None:
        return False
    number, served = before.attempt, max(0.0, told.mpit - before.checkpoint_mpit)
    job = _change(
        session,
        *_held(job_id, token),
        values=_told(told)
        | {
            "state": "succeeded",
            "mpit": told.mpit_total,  # all of it: the sum over octaves may differ in the last bit, and show as 99 %
            "reason": "",
            "failure": None,
            "finished_at": now(),
            "seconds": Job.seconds + seconds,
            "output": done.output,
            "output_digest": done.digest,
            "output_bytes": done.bytes,
            "width": done.width,
            "height": done.height,
            "manifest": done.manifest,
            "animation": done.animation,
            "notes": "\n".join(filter(None, [before.notes, done.note])),
            "checkpoint": None,
            "checkpoint_step": 0,
            "checkpoint_mpit": 0.0,
            **_LET_GO,
        },
    )
    if job is None:
        return False
    end_attempt(session, job.id, number, outcome="succeeded", to_step=told.step, seconds=seconds)
    serve(session, job, served)
    news = [NewEvent.of(job, "job.succeeded", digest=done.digest, bytes=done.bytes)]
    events.append(session, news + update_open(session, [job.batch_id]))
    return True


def fail(
    session: Session, job_id: str, token: str, failure: Failure, reason: str, *, retry_seconds: float, attempts: int,
    tile: int | None = None,
) -> bool:  # fmt: skip
    """End an attempt that failed. What follows depends on the class of the failure (see `outcomes.settle_failure`).

    `tile` is the tile side that was too big, for `out_of_memory`; `attempts` caps attempts without progress. A tile that
    can be smaller is progress.
    """
    job = session.scalar(select(Job).where(*_held(job_id, token)).with_for_update())
    if job is None:
        return False
    smaller = tile // 2 if failure == "out_of_memory" and tile is not None else 0
    if _SMALLEST_TILE <= smaller < (job.tile_limit or math.inf):
        job.tile_limit = smaller
        news = try_again(session, job, failure, reason)
    elif failure == "storage":
        news = wait_for_storage(session, job, reason, retry_seconds=retry_seconds, attempts=attempts)
    else:
        news = settle_failure(session, job, failure, reason, retry_seconds=retry_seconds, attempts=attempts)
    session.flush()
    events.append(session, news + update_open(session, [job.batch_id]))
    return True


def release(session: Session, job_id: str, token: str, reason: str) -> bool:
    """Give an unharmed job back without a checkpoint: the worker shuts down, or was interrupted for another's sake."""
    before = session.scalar(select(Job).where(Job.id == job_id, Job.token == token).with_for_update())
    if before is None:
        return False
    number, state = before.attempt, before.state
    values = dict(_LET_GO) | ({"state": "queued", "reason": reason} if state == "running" else {})
    _change(session, Job.id == job_id, Job.token == token, values=values)
    end_attempt(session, job_id, number, outcome="released", reason=reason)
    return True


_LET_GO: Mapping[str, Any] = {"token": None, "lease_until": None, "worker": None, "task_id": None, "announced_at": None}


def _held(job_id: str, token: str) -> tuple[ColumnElement[bool], ...]:
    return (Job.id == job_id, Job.token == token, Job.state == "running")


def _told(told: Told) -> dict[str, Any]:
    return dict(vars(told))


def _change(session: Session, *where: ColumnElement[bool], values: Mapping[str, Any]) -> Job | None:
    """One compare-and-set on one job; the changed row, or None when the condition did not hold."""
    statement = update(Job).where(*where).values(**values, changed_at=now()).returning(Job)
    options = {"synchronize_session": False, "populate_existing": True}
    return session.scalar(statement, execution_options=options)


def start_over(session: Session, job_id: str, token: str, reason: str) -> bool:
    """Forget what was rendered of a job whose checkpoint is of no use: its frames may be another network's."""
    at_the_start = {
        "checkpoint": None,
        "checkpoint_step": 0,
        "checkpoint_mpit": 0.0,
        "step": 0,
        "mpit": 0.0,
        "frames": 0,
    }
    job = _change(session, Job.id == job_id, Job.token == token, values=at_the_start)
    if job is None:
        return False
    session.execute(delete(Frame).where(Frame.job_id == job_id), execution_options={"synchronize_session": False})
    change_attempt(session, job_id, job.attempt, from_step=0, to_step=0)
    events.append(session, [NewEvent.of(job, "job.started", reason, worker=job.worker)])
    return True
