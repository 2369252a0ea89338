"""Where owners and batches stand in the order of being served when their work begins, or begins again, to wait.

Who has been away neither waits for nor overtakes the others: they start at the least served of those who have work on
the farm (start-time fair queueing, Goyal et al. 1996).
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.orm import Session

from shared.store.jobs.outcomes import lock_batches
from shared.store.tables import Batch, Job, Owner

_OPTIONS = {"synchronize_session": False}


def lift_owner(session: Session, owner: str) -> None:
    """Lift an owner without active batches to the least served of the active owners; call it before work is added."""
    if session.scalar(select(Batch.seq).where(_active(), Batch.owner == owner).limit(1)) is not None:
        return
    others = select(func.min(Owner.served)).where(Owner.name.in_(select(Batch.owner).where(_active())))
    floor = session.scalar(others) or 0.0
    session.execute(
        update(Owner).where(Owner.name == owner, Owner.served < floor).values(served=floor), execution_options=_OPTIONS
    )


def least_served_batch(session: Session, owner: str) -> float:
    """What the least served of an owner's active batches was served; where a new one starts."""
    return session.scalar(select(func.min(Batch.served)).where(_active(), Batch.owner == owner)) or 0.0


def lift(session: Session, owner: str, batch_id: str) -> None:
    """Lift a batch whose jobs are about to wait again, and its owner, as if it were submitted anew."""
    lock_batches(session, [batch_id])
    # A batch that is active is among those compared, and not below the least of them.
    floor = least_served_batch(session, owner)
    session.execute(
        update(Batch).where(Batch.id == batch_id, Batch.served < floor).values(served=floor), execution_options=_OPTIONS
    )
    lift_owner(session, owner)


def _active() -> ColumnElement[bool]:
    """Batches that take part. A batch that is paused altogether is as good as away, however long it stays open."""
    return and_(Batch.open, exists().where(Job.batch_id == Batch.id, Job.state.in_(("queued", "running"))))
