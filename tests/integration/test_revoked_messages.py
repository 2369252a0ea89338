"""What the revocation of a message means for its job: a person's, in Flower, or the farm's own."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from shared.store import Store
from shared.store.jobs import schedule, steering
from shared.store.tables import Job
from tests.integration.farmhand import submit


def announced(store: Store) -> tuple[str, str]:
    """A job that waits with its message: its ID and the message's."""
    job_id = submit(store, "ada").jobs[0]
    with store.write() as session:
        (message,) = schedule.announce_next(session, ahead=1)
    return job_id, message.task_id


def state(store: Store, job_id: str) -> str:
    with store.read() as session:
        return str(session.scalar(select(Job.state).where(Job.id == job_id)))


def test_revoking_the_message_of_a_waiting_job_cancels_it(store: Store) -> None:
    job_id, task_id = announced(store)

    with store.write() as session:
        steering.cancel_task(session, task_id, "revoked in Flower", running=False)

    assert state(store, job_id) == "cancelled"


@pytest.mark.parametrize("resumed", [False, True])
def test_pausing_revokes_the_message_and_cancels_nothing(store: Store, resumed: bool) -> None:
    job_id, task_id = announced(store)
    with store.write() as session:
        steered = steering.steer(session, "pause", job_id=job_id, reason="paused by ada")
        assert steered.task_ids == (task_id,)
    if resumed:
        with store.write() as session:
            steering.steer(session, "resume", job_id=job_id, reason="resumed by ada")
            schedule.announce_next(session, ahead=1)

    with store.write() as session:  # the worker finds the old message, and that it was revoked
        steering.cancel_task(session, task_id, "revoked in Flower", running=False)

    assert state(store, job_id) == ("queued" if resumed else "paused")
