"""Creating jobs: a batch, whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.plan import Plan
from shared.specs import DreamSpec, StyleSpec
from shared.store import events
from shared.store.events import NewEvent
from shared.store.ids import new_id
from shared.store.jobs.fairness import least_served_batch, lift_owner
from shared.store.session import now
from shared.store.tables import Batch, Idempotency, Job, Owner

#: Rows per INSERT: keeps memory and statement size small without costing time.
_ROWS = 2_000


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A validated and planned job."""

    spec: DreamSpec | StyleSpec
    name: str
    plan: Plan


#: A client that repeats a request does so within seconds; a week is for those who repeat scripts by hand.
_REMEMBERED_SECONDS = 7 * 86_400.0


class DifferentRequest(Exception):
    """The idempotency key was used before, for another request."""


def ensure_owner(session: Session, owner: str) -> None:
    """Make sure that an owner exists."""
    if session.get(Owner, owner) is None:
        # Somebody else may be faster, which is as good.
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(Owner(name=owner, served=0.0))


def remembered(session: Session, owner: str, key: str | None, request: str) -> str | None:
    """What the same request with this idempotency key created before.

    Raises:
        DifferentRequest: the key belongs to another request.
    """
    if key is None:
        return None
    mine = (Idempotency.owner == owner, Idempotency.key == key)
    row = session.scalar(select(Idempotency).where(*mine, ~_gone()))
    if row is None:
        return None
    if row.request != request:
        raise DifferentRequest(key)
    return row.resource


def remember(session: Session, owner: str, key: str | None, request: str, resource: str) -> None:
    """Keep what a request created, so that its repetition finds it. Raises IntegrityError: another was faster."""
    if key is None:
        return
    mine = (Idempotency.owner == owner, Idempotency.key == key)
    session.execute(delete(Idempotency).where(*mine, _gone()), execution_options={"synchronize_session": False})
    row = {"owner": owner, "key": key, "request": request, "resource": resource}
    session.execute(insert(Idempotency).values(**row, created_at=now()))


def _gone() -> ColumnElement[bool]:
    """What the request created was a batch that is purged, or about to be. API keys are never removed."""
    kept = exists().where(Batch.id == Idempotency.resource, Batch.purging_since.is_(None))
    return and_(Idempotency.resource.startswith("b"), ~kept)


def forget_requests(session: Session) -> None:
    """Forget idempotency keys that nobody repeats any more."""
    session.execute(delete(Idempotency).where(Idempotency.created_at < now() - _REMEMBERED_SECONDS))


def create_batch(session: Session, owner: str, name: str, jobs: Sequence[NewJob]) -> Batch:
    """Store a batch of queued jobs; announce them after the commit."""
    ensure_owner(session, owner)
    at = session.scalar(select(now())) or 0.0
    lift_owner(session, owner)
    served = least_served_batch(session, owner)
    batch = Batch(id=new_id("b"), owner=owner, name=name, jobs=len(jobs), served=served, created_at=at)
    session.add(batch)
    session.flush()
    rows = rows_of(batch, jobs)
    for start in range(0, len(rows), _ROWS):
        session.execute(insert(Job), rows[start : start + _ROWS])
    mpit = sum(job.plan.mpit for job in jobs)
    event = NewEvent(
        type="batch.submitted",
        owner=owner,
        batch_id=batch.id,
        reason=f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}, {mpit:.1f} MP·it",
        data={"jobs": len(jobs), "mpit": mpit},
    )
    events.append(session, [event])
    return batch


def rows_of(batch: Batch, jobs: Sequence[NewJob]) -> list[dict[str, object]]:
    """The rows of a batch's jobs."""
    return [_row(batch, position, job, batch.created_at) for position, job in enumerate(jobs)]


def _row(batch: Batch, position: int, job: NewJob, at: float) -> dict[str, object]:
    spec, plan = job.spec, job.plan
    return {
        "id": new_id("j"),
        "batch_id": batch.id,
        "position": position,
        "owner": batch.owner,
        "kind": spec.kind,
        "name": job.name,
        "model": spec.model,
        "preset": spec.preset,
        "spec": spec.model_dump_json(),
        "notes": "\n".join(plan.notes),
        "priority": spec.priority,
        "created_at": at,
        "changed_at": at,
        "octaves": len(plan.octaves),
        "iterations": plan.octaves[0].iterations,
        "steps": plan.steps,
        "mpit_total": plan.mpit,
        "flops_total": plan.flops,
        "width": plan.width,
        "height": plan.height,
    }
