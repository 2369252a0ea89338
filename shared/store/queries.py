"""What is read for people: jobs, batches, frames, workers and numbers. `owner` None means: everybody's.

IDs may be shortened to any prefix that fits one row only. What is in the trash is found by its ID and in the trash's
lists, and nowhere else; what is being purged, nowhere at all. A batch shows those of its jobs that are not deleted; a
deleted batch shows all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.store.jobs import others
from shared.store.tables import STATES, Asset, AssetOwner, Attempt, Batch, Event, Frame, Job, State, Worker

#: How many IDs are named when a prefix fits several.
_CANDIDATES = 5
#: Different notes that are shown of one batch.
_NOTES = 20
#: The last letter that IDs consist of: `prefix + this` is above everything that starts with the prefix.
_LAST = "z" * 12

Row = TypeVar("Row", Job, Batch, Asset)


class Unknown(LookupError):
    """There is no such row, or it is somebody else's; the message says what was looked for."""


class Ambiguous(LookupError):
    """A prefix fits several rows; `candidates` names some."""

    def __init__(self, what: str, prefix: str, candidates: Sequence[str]) -> None:
        self.candidates = tuple(candidates)
        more = ", …" if len(candidates) > _CANDIDATES else ""
        super().__init__(f"{prefix!r} fits several {what}: {', '.join(candidates[:_CANDIDATES])}{more}")


def find_job(session: Session, prefix: str, owner: str | None) -> Job:
    """The job of an ID or prefix. Raises Unknown, Ambiguous."""
    where = (Job.purging_since.is_(None), *_owned(Job.owner, owner))
    return _find(session, select(Job), Job.id, prefix.lower(), "job", "jobs", where)


def find_batch(session: Session, prefix: str, owner: str | None) -> Batch:
    """The batch of an ID or prefix. Raises Unknown, Ambiguous."""
    where = (Batch.purging_since.is_(None), *_owned(Batch.owner, owner))
    return _find(session, select(Batch), Batch.id, prefix.lower(), "batch", "batches", where)


def find_asset(session: Session, prefix: str, owner: str | None) -> Asset:
    """The asset of an ID or prefix, with or without its `sha256:`. Raises Unknown, Ambiguous."""
    query = select(Asset)
    if owner is not None:
        query = query.join(AssetOwner, AssetOwner.asset_id == Asset.id).where(AssetOwner.owner == owner)
    full = "sha256:" + prefix.lower().removeprefix("sha256:")
    return _find(session, query, Asset.id, full, "asset", "assets", (Asset.purging_since.is_(None),))


def _find(
    session: Session,
    query: Select[Row],
    column: InstrumentedAttribute[str],
    prefix: str,
    one: str,
    many: str,
    where: Iterable[ColumnElement[bool]],
) -> Row:
    if not re.fullmatch(r"(sha256:)?[0-9a-z]+", prefix):
        raise Unknown(f"there is no {one} {prefix!r}")
    # A range can use the index, whatever the collation.
    near = query.where(column.between(prefix, prefix + _LAST), *where).order_by(column).limit(_CANDIDATES + 1)
    rows = [row for row in session.scalars(near) if row.id.startswith(prefix)]
    exact = [row for row in rows if row.id == prefix]
    if not rows:
        raise Unknown(f"there is no {one} {prefix!r}")
    if len(rows) > 1 and not exact:
        raise Ambiguous(many, prefix, [row.id for row in rows])
    return (exact or rows)[0]


def _owned(column: InstrumentedAttribute[str], owner: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if owner is None else (column == owner,)


def _listed(table: type[Job] | type[Batch], deleted: bool) -> tuple[ColumnElement[bool], ...]:
    """The rows that a list has, or those of the trash."""
    if not deleted:
        return (table.deleted_at.is_(None),)
    return (table.deleted_at.is_not(None), table.purging_since.is_(None))


def jobs_page(
    session: Session,
    owner: str | None,
    *,
    states: Sequence[State],
    batch_id: str | None,
    before: int | None,
    limit: int,
    deleted: bool = False,
) -> Sequence[Job]:
    """Up to `limit` jobs, newest first, older than the one numbered `before`; `batch_id` is of the owner's.

    With `deleted` those of the trash, where all jobs of a deleted batch are.
    """
    deleted = deleted or (batch_id is not None and _is_deleted(session, batch_id))
    # Numbers first: an index has all that is asked of a large batch, and its long rows need not be sorted.
    chosen = select(Job.seq).where(*_listed(Job, deleted)).order_by(Job.seq.desc()).limit(limit)
    chosen = chosen.where(Job.batch_id == batch_id) if batch_id else chosen.where(*_owned(Job.owner, owner))
    if states:
        chosen = chosen.where(Job.state.in_(states))
    if before is not None:
        chosen = chosen.where(Job.seq < before)
    return session.scalars(select(Job).where(Job.seq.in_(chosen)).order_by(Job.seq.desc())).all()


def _is_deleted(session: Session, batch_id: str) -> bool:
    return session.scalar(select(Batch.deleted_at).where(Batch.id == batch_id)) is not None


def batches_page(
    session: Session, owner: str | None, *, before: int | None, limit: int, deleted: bool = False
) -> Sequence[Batch]:
    """Up to `limit` batches, newest first, older than the one numbered `before`; with `deleted` those of the trash."""
    query = select(Batch).where(*_owned(Batch.owner, owner), *_listed(Batch, deleted))
    query = query.order_by(Batch.seq.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(Batch.seq < before)).all()


@dataclass(frozen=True)
class Counts:
    """How far a batch has come: jobs by state, MP·it done and in all, frames saved, seconds rendered."""

    states: Mapping[State, int]
    mpit: float
    mpit_total: float
    flops_left: float
    frames: int
    seconds: float


def _shown() -> ColumnElement[bool]:
    """The jobs that a batch shows; in queries that join jobs with their batch."""
    return or_(Job.deleted_at.is_(None), and_(Batch.deleted_at.is_not(None), Job.purging_since.is_(None)))


def counts(session: Session, batch_ids: Sequence[str]) -> dict[str, Counts]:
    """How far each of the batches has come."""
    share_left = 1.0 - Job.mpit / func.nullif(Job.mpit_total, 0.0)
    waiting = Job.state.in_(("queued", "running", "paused"))
    rows = session.execute(
        select(
            Job.batch_id,
            Job.state,
            func.count().label("jobs"),
            func.sum(Job.mpit).label("mpit"),
            func.sum(Job.mpit_total).label("mpit_total"),
            func.sum(Job.flops_total * share_left).filter(waiting).label("flops_left"),
            func.sum(Job.frames).label("frames"),
            func.sum(Job.seconds).label("seconds"),
        )
        .join(Batch, Batch.id == Job.batch_id)
        .where(Job.batch_id.in_(batch_ids), _shown())
        .group_by(Job.batch_id, Job.state)
    ).all()
    return {batch_id: _counts([row for row in rows if row.batch_id == batch_id]) for batch_id in batch_ids}


def _counts(rows: Sequence[Any]) -> Counts:
    numbers = {row.state: row.jobs for row in rows}
    return Counts(
        states={state: numbers.get(state, 0) for state in STATES},
        mpit=sum(row.mpit for row in rows),
        mpit_total=sum(row.mpit_total for row in rows),
        flops_left=sum(row.flops_left or 0.0 for row in rows),
        frames=sum(int(row.frames) for row in rows),
        seconds=sum(row.seconds for row in rows),
    )


def attempts(session: Session, job_id: str) -> Sequence[Attempt]:
    """A job's attempts, oldest first."""
    return session.scalars(select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)).all()


def events_of(session: Session, job_id: str, batch_id: str) -> Sequence[Event]:
    """What happened to a job, oldest first, from the submission of its batch on."""
    submitted = (Event.batch_id == batch_id) & (Event.type == "batch.submitted")
    query = select(Event).where((Event.job_id == job_id) | submitted).order_by(Event.seq)
    return session.scalars(query).all()


def frames_page(session: Session, job_id: str, *, after: int, limit: int) -> Sequence[Frame]:
    """Up to `limit` frames of a job, oldest first, with numbers above `after`."""
    query = select(Frame).where(Frame.job_id == job_id, Frame.number > after).order_by(Frame.number).limit(limit)
    return session.scalars(query).all()


def frame(session: Session, job_id: str, number: int | None) -> Frame:
    """A job's frame of that number; None: the latest. Raises Unknown."""
    query = select(Frame).where(Frame.job_id == job_id).order_by(Frame.number.desc()).limit(1)
    found = session.scalar(query if number is None else query.where(Frame.number == number))
    if found is None:
        which = "no frame yet" if number is None else f"no frame {number}"
        raise Unknown(f"job {job_id} has {which}")
    return found


def latest_frames(session: Session, batch_id: str, *, limit: int) -> list[tuple[Job, Frame]]:
    """The first `limit` jobs of a batch that have frames, in order, each with its latest frame."""
    newest = select(func.max(Frame.number)).where(Frame.job_id == Job.id).correlate(Job).scalar_subquery()
    query = (
        select(Job, Frame)
        .join(Frame, (Frame.job_id == Job.id) & (Frame.number == newest))
        .join(Batch, Batch.id == Job.batch_id)
        .where(Job.batch_id == batch_id, _shown())
        .order_by(Job.position)
        .limit(limit)
    )
    return list(session.execute(query))


def outputs(session: Session, batch_id: str) -> Sequence[tuple[int, str, str]]:
    """Position, name and blob key of every output of a batch, in order."""
    query = select(Job.position, Job.name, Job.output).join(Batch, Batch.id == Job.batch_id)
    query = query.where(Job.batch_id == batch_id, Job.output.is_not(None), _shown())
    rows = session.execute(query.order_by(Job.position))
    return [(position, name, key) for position, name, key in rows if key is not None]


def job_ids(session: Session, batch_id: str, *, limit: int) -> Sequence[str]:
    """The first job IDs of a batch, in order."""
    return session.scalars(select(Job.id).where(Job.batch_id == batch_id).order_by(Job.position).limit(limit)).all()


def notes(session: Session, batch_id: str) -> list[tuple[str, int]]:
    """The planner's most frequent notes in a batch, each with the number of its jobs."""
    query = select(Job.notes, func.count()).where(Job.batch_id == batch_id, Job.notes != "").group_by(Job.notes)
    counted: Counter[str] = Counter()
    for text, jobs in session.execute(query):
        for note in text.splitlines():
            counted[note] += jobs
    return counted.most_common(_NOTES)


def running_jobs(session: Session) -> Sequence[Job]:
    """The jobs that are being rendered now: at most as many as there are workers."""
    return session.scalars(select(Job).where(Job.state == "running").order_by(Job.seq)).all()


def workers(session: Session) -> list[tuple[Worker, bool]]:
    """The workers that are known (see `workers.forget_the_lost`), and whether each still tells of itself."""
    query = select(Worker, others.live()).order_by(Worker.name)
    return [(worker, bool(live)) for worker, live in session.execute(query)]


@dataclass(frozen=True)
class Speed:
    """What estimates rest on: a usual worker's floating-point operations per second, and how many workers live."""

    flops_per_second: float | None
    workers: int

    def seconds(self, flops: float, jobs: int = 1) -> float | None:
        """Estimated seconds of work that consists of `jobs` jobs; None until a first slice was rendered."""
        if self.flops_per_second is None:
            return None
        return flops / self.flops_per_second / max(1, min(self.workers, jobs))


def speed(session: Session) -> Speed:
    """The farm's speed, by its living workers, or else by those it had."""
    known = workers(session)
    learnt = [(worker.flops_per_second, live) for worker, live in known if worker.flops_per_second]
    values = [value for value, live in learnt if live] or [value for value, _ in learnt]
    return Speed(median(values) if values else None, sum(live for _, live in known))


@dataclass(frozen=True)
class Totals:
    """The farm in numbers."""

    jobs: Mapping[State, int]
    queued_mpit: float
    workers: int
    last_event: int


def totals(session: Session) -> Totals:
    """The farm in numbers, for monitoring and autoscaling."""
    shown = select(Job.state, func.count()).where(Job.deleted_at.is_(None))
    by_state = dict(session.execute(shown.group_by(Job.state)).all())
    left = select(func.sum(Job.mpit_total - Job.checkpoint_mpit)).where(Job.state.in_(("queued", "running")))
    return Totals(
        jobs={state: by_state.get(state, 0) for state in STATES},
        queued_mpit=float(session.scalar(left) or 0.0),
        workers=sum(live for _, live in workers(session)),
        last_event=session.scalar(select(func.max(Event.seq))) or 0,
    )
