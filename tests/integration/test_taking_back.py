"""Pausing and resuming, cancelling and retrying, while a worker still holds the job: nothing that it rendered is lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from shared.settings import Settings
from shared.store import Store
from shared.store.jobs import claims, schedule, steering
from shared.store.session import now
from shared.store.tables import Attempt, Job
from tests.conftest import wait_until
from tests.integration.farmhand import claim_next, submit, told
from tests.integration.test_slice import Farmhand, stopped
from tests.integration.test_store import get, save
from worker.heart import Heart, verdict

both_ways = pytest.mark.parametrize(("action", "back"), [("pause", "resume"), ("cancel", "retry")])


def steer(store: Store, action: steering.ActionName, **of: str) -> None:
    with store.write() as session:
        steering.steer(session, action, reason="by ada", **of)


def claimed(store: Store) -> Job:
    job = claim_next(store, submit(store, "ada").jobs[0])
    assert job is not None
    return job


def outlast_leases(store: Store) -> None:
    """All workers have been silent for longer than their leases."""
    with store.write() as session:
        session.execute(update(Job).values(lease_until=now() - 1))


def outcomes(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(Attempt.outcome).order_by(Attempt.started_at)))


@both_ways
def test_a_worker_that_has_not_heard_of_it_goes_on(
    store: Store, action: steering.ActionName, back: steering.ActionName
) -> None:
    job = claimed(store)
    steer(store, action, job_id=job.id)
    steer(store, back, job_id=job.id)
    row = get(store, job.id)
    assert (row.state, row.token, row.finished_at) == ("running", job.token, None)
    assert outcomes(store) == ["running"]
    with store.write() as session:
        assert claims.beat(session, job.id, job.token or "", told(job, 3), lease_seconds=9)
        assert schedule.announce_next(session, ahead=100) == [], "nobody else may have it meanwhile"
    assert save(store, job, 3, "kept")
    assert outcomes(store) == ["saved"]
    again = claim_next(store, job.id)
    assert again is not None
    assert (again.checkpoint, again.checkpoint_step, again.fruitless) == ("kept", 3, 0)


@both_ways
def test_a_worker_that_stops_saves_and_the_job_waits_for_its_next_turn(
    store: Store, action: steering.ActionName, back: steering.ActionName
) -> None:
    job = claimed(store)
    heart = Heart(store, job, beat_seconds=0.05, lease_seconds=1.0)
    with heart.beating():
        heart.tell(told(job, 3))
        steer(store, action, job_id=job.id)
        wait_until(lambda: stopped(heart), what="the heart's word")
        steer(store, back, job_id=job.id)
        lease = get(store, job.id).lease_until
        assert lease is not None
        wait_until(lambda: (get(store, job.id).lease_until or 0) > lease + 1.5, what="the lease's renewal")
        with store.write() as session:
            assert schedule.expire_leases(session, retry_seconds=0, attempts=3) == 0
            assert schedule.announce_next(session, ahead=100) == [], "nobody else may have it meanwhile"
        assert save(store, job, 3, "kept")
    row = get(store, job.id)
    assert (row.state, row.checkpoint, row.token) == ("queued", "kept", None)
    assert claim_next(store, job.id) is not None


def test_a_wish_taken_back_between_two_looks_at_the_job_stops_nobody() -> None:
    assert verdict("running", mine=True) is None
    assert verdict("running", mine=False) == "taken"


@both_ways
def test_a_worker_that_dies_meanwhile_is_noticed(
    store: Store, action: steering.ActionName, back: steering.ActionName
) -> None:
    job = claimed(store)
    steer(store, action, job_id=job.id)
    steer(store, back, job_id=job.id)
    outlast_leases(store)
    with store.write() as session:
        assert schedule.expire_leases(session, retry_seconds=0, attempts=3) == 1
    assert claim_next(store, job.id) is not None
    assert not save(store, job, 3)


@both_ways
def test_a_job_whose_lease_is_over_is_queued_at_once(
    store: Store, action: steering.ActionName, back: steering.ActionName
) -> None:
    job = claimed(store)
    steer(store, action, job_id=job.id)
    outlast_leases(store)
    steer(store, back, job_id=job.id)
    assert claim_next(store, job.id) is not None
    assert not save(store, job, 3)


@both_ways
def test_of_a_batch_the_jobs_that_are_held_go_on_and_the_others_wait(
    store: Store, action: steering.ActionName, back: steering.ActionName
) -> None:
    batch = submit(store, "ada", jobs=3)
    held = claim_next(store)
    assert held is not None
    steer(store, action, batch_id=batch.id)
    steer(store, back, batch_id=batch.id)
    assert {job_id: get(store, job_id).state for job_id in batch.jobs} == {
        job_id: "running" if job_id == held.id else "queued" for job_id in batch.jobs
    }


@pytest.fixture
def hand(settings: Settings, store: Store) -> Farmhand:
    return Farmhand(settings.model_copy(update={"slice_seconds": 60.0}), store)


def paused_before(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Somebody pauses the job right before the worker commits this."""
    commit = getattr(claims, name)

    def later(session: Any, job_id: str, *args: Any, **options: Any) -> bool:
        steering.steer(session, "pause", job_id=job_id, reason="by ada")
        return bool(commit(session, job_id, *args, **options))

    monkeypatch.setattr(claims, name, later)


def test_a_pause_at_the_very_end_keeps_all_iterations(
    hand: Farmhand, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = hand.submit(iterations=3)
    with monkeypatch.context() as patch:
        paused_before(patch, "succeed")
        hand.slice(job_id)
    job = get(store, job_id)
    assert (job.state, job.checkpoint_step, job.token) == ("paused", job.steps, None)
    steer(store, "resume", job_id=job_id)
    assert hand.slice(job_id).outcome == "succeeded"


def test_a_slice_that_fails_as_its_job_is_paused_lets_go_of_it(
    hand: Farmhand, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = hand.submit(model="motifnet", input="sha256:" + "0" * 64)
    with monkeypatch.context() as patch:
        paused_before(patch, "fail")
        hand.slice(job_id)
    assert (get(store, job_id).state, get(store, job_id).token) == ("paused", None)
    steer(store, "resume", job_id=job_id)
    assert hand.slice(job_id).outcome == "failed"
