"""The trash, on both databases: what can be deleted, what comes back, and what is gone for good in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from shared.store import Store, events, queries
from shared.store.jobs import claims, schedule, steering, submission, trash
from shared.store.session import now
from shared.store.tables import Attempt, Batch, Event, Frame, Idempotency, Job, Table
from tests.integration.conftest import brought_along
from tests.integration.farmhand import Submitted, claim_next, submit, told
from tests.integration.test_store import claim_all, event_types, get


def cancelled(store: Store, jobs: int = 1, owner: str = "ada") -> Submitted:
    """A batch whose jobs are all cancelled."""
    batch = submit(store, owner, jobs=jobs)
    steer(store, "cancel", batch_id=batch.id)
    return batch


def steer(store: Store, action: steering.ActionName, **of: str) -> Sequence[str]:
    with store.write() as session:
        return steering.steer(session, action, reason="by ada", **of).job_ids


def put(store: Store, **of: str) -> Sequence[str]:
    with store.write() as session:
        return trash.put(session, reason="deleted by ada", **of)


def restore(store: Store, **of: str) -> Sequence[str]:
    with store.write() as session:
        return trash.restore(session, reason="restored by ada", **of)


def mark(store: Store, seconds: float = 0.0) -> int:
    with store.write() as session:
        return trash.mark(session, seconds=seconds)


def forget(store: Store, job_id: str) -> None:
    with store.write() as session:
        trash.forget(session, job_id)


def listed(store: Store, *, deleted: bool = False, batch_id: str | None = None) -> list[str]:
    with store.read() as session:
        page = queries.jobs_page(
            session, None, states=(), batch_id=batch_id, before=None, limit=100, deleted=deleted
        )  # fmt: skip
        return [job.id for job in page]


def batches(store: Store, *, deleted: bool = False) -> list[str]:
    with store.read() as session:
        return [batch.id for batch in queries.batches_page(session, None, before=None, limit=100, deleted=deleted)]


def batch_events(store: Store, batch_id: str) -> list[str]:
    with store.read() as session:
        heard = events.after(session, 0, limit=1000, batch_id=batch_id)
        return [event.type for event in heard if event.job_id is None]


def rows(store: Store, table: type[Table]) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_deleted_job_is_in_the_trash_only_and_comes_back(store: Store) -> None:
    first, second = cancelled(store, jobs=2).jobs
    assert put(store, job_id=first) == (first,)
    assert put(store, job_id=first) == (), "repeating it changes nothing"
    assert (listed(store), listed(store, deleted=True)) == ([second], [first])
    with store.read() as session:
        assert queries.find_job(session, first[:9], "ada").deleted_at is not None
        assert queries.totals(session).jobs["cancelled"] == 1
    assert restore(store, job_id=first) == (first,)
    assert restore(store, job_id=first) == ()
    assert (listed(store), listed(store, deleted=True)) == ([second, first], [])
    assert get(store, first).state == "cancelled"
    assert event_types(store, first) == ["job.cancelled", "job.deleted", "job.restored"]


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_what_is_not_finished_cannot_be_deleted(store: Store, state: str) -> None:
    batch = submit(store, "ada", jobs=2)
    if state == "paused":
        steer(store, "pause", job_id=batch.jobs[0])
    elif state == "running":
        assert claim_next(store, batch.jobs[0]) is not None
    steer(store, "cancel", job_id=batch.jobs[1])
    with pytest.raises(steering.CannotDo, match=f"is {state}; only finished jobs can be deleted: cancel it first"):
        put(store, job_id=batch.jobs[0])
    with pytest.raises(steering.CannotDo, match=r"has 1 unfinished job; .* cancel the batch first"):
        put(store, batch_id=batch.id)
    assert listed(store, deleted=True) == []


def test_a_batch_goes_and_comes_with_its_jobs(store: Store) -> None:
    batch, other = cancelled(store, jobs=3), cancelled(store)
    assert put(store, batch_id=batch.id) == tuple(batch.jobs)
    assert (batches(store), batches(store, deleted=True)) == ([other.id], [batch.id])
    assert listed(store, batch_id=batch.id, deleted=True) == batch.jobs[::-1]
    with store.read() as session:
        assert queries.find_batch(session, batch.id, "ada").deleted_at is not None
        assert queries.counts(session, [batch.id])[batch.id].states["cancelled"] == 3, "of a deleted batch, all jobs"
    assert restore(store, job_id=batch.jobs[1]) == (batch.jobs[1],)
    assert batches(store) == [other.id, batch.id]
    with store.read() as session:
        assert queries.counts(session, [batch.id])[batch.id].states["cancelled"] == 1
    assert restore(store, batch_id=batch.id) == (batch.jobs[0], batch.jobs[2])
    assert batch_events(store, batch.id) == ["batch.submitted", "batch.finished", "batch.deleted", "batch.restored"]


def test_a_batch_goes_with_the_last_of_its_jobs(store: Store) -> None:
    batch = cancelled(store, jobs=2)
    for job_id, left in zip(batch.jobs, ([batch.id], []), strict=True):
        put(store, job_id=job_id)
        assert batches(store) == left
    assert put(store, batch_id=batch.id) == ()
    assert batch_events(store, batch.id)[-1] == "batch.deleted"


def test_what_is_deleted_cannot_be_steered(store: Store) -> None:
    batch = cancelled(store)
    put(store, batch_id=batch.id)
    for of in ({"job_id": batch.jobs[0]}, {"batch_id": batch.id}):
        with pytest.raises(steering.CannotDo, match=r"is deleted; to retry it, restore it first \(dreamfarm restore"):
            steer(store, "retry", **of)
    restore(store, batch_id=batch.id)
    assert steer(store, "retry", batch_id=batch.id) == tuple(batch.jobs)


def test_deleted_jobs_of_a_batch_stay_deleted_when_the_others_are_sent_again(store: Store) -> None:
    batch = cancelled(store, jobs=3)
    put(store, job_id=batch.jobs[0])
    assert steer(store, "retry", batch_id=batch.id) == tuple(batch.jobs[1:])
    assert get(store, batch.jobs[0]).state == "cancelled"
    steer(store, "cancel", batch_id=batch.id)
    with store.read() as session:
        told = events.after(session, 0, limit=100, batch_id=batch.id)
        assert [event.reason for event in told if event.type == "batch.finished"] == ["3 cancelled", "2 cancelled"]


def in_threads(*actions: Callable[[], object]) -> list[object]:
    """What actions that begin at the same moment answer; a refusal is an answer, too."""
    together, answers = threading.Barrier(len(actions)), [None] * len(actions)

    def act(i: int, action: Callable[[], object]) -> None:
        together.wait()
        try:
            answers[i] = action()
        except steering.CannotDo as refused:
            answers[i] = refused

    threads = [threading.Thread(target=act, args=each) for each in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(answers)


def test_of_deleting_and_retrying_at_once_one_happens(store: Store) -> None:
    for _ in range(8):
        batch = cancelled(store, jobs=5)
        deleted, retried = in_threads(
            lambda batch=batch: put(store, batch_id=batch.id),
            lambda batch=batch: steer(store, "retry", batch_id=batch.id),
        )
        won, lost = (deleted, retried) if retried != tuple(batch.jobs) else (retried, deleted)
        assert won == tuple(batch.jobs)
        assert isinstance(lost, steering.CannotDo)
        found = [get(store, job_id) for job_id in batch.jobs]
        assert {(job.state, job.deleted_at is not None) for job in found} in (
            {("cancelled", True)},
            {("queued", False)},
        )
        if won is retried:
            steer(store, "cancel", batch_id=batch.id)


def test_of_restoring_and_purging_at_once_one_happens(store: Store) -> None:
    for _ in range(8):
        batch = cancelled(store, jobs=5)
        put(store, batch_id=batch.id)
        restored, purged = in_threads(
            lambda batch=batch: restore(store, batch_id=batch.id), lambda: mark(store)
        )  # fmt: skip
        if purged:
            assert purged == 5
            assert isinstance(restored, steering.CannotDo)
            assert "removed for good" in str(restored)
        else:
            assert restored == tuple(batch.jobs)
            assert batch.id in batches(store)


def test_only_what_was_deleted_long_ago_is_purged(store: Store) -> None:
    old, new = cancelled(store), cancelled(store)
    for batch in (old, new):
        put(store, batch_id=batch.id)
    with store.write() as session:
        session.execute(update(Job).where(Job.batch_id == old.id).values(deleted_at=now() - 100))
    assert mark(store, seconds=99) == 1
    assert mark(store, seconds=99) == 0
    with store.read() as session:
        assert [id_ for _, id_ in trash.marked(session, after=0, limit=9)] == old.jobs
        for find, id_ in ((queries.find_job, old.jobs[0]), (queries.find_batch, old.id)):
            with pytest.raises(queries.Unknown, match="there is no"):
                find(session, id_, None)
    assert (batches(store, deleted=True), listed(store, deleted=True)) == ([new.id], new.jobs)


def test_a_large_batch_is_marked_in_parts(store: Store) -> None:
    """Given more jobs than one transaction marks, the batch and its key are kept until the last of them is marked."""
    batch = cancelled(store, jobs=trash._MARKED_AT_ONCE + 1)
    with store.write() as session:
        submission.remember(session, "ada", "key", "request", batch.id)
    put(store, batch_id=batch.id)
    assert mark(store) == trash._MARKED_AT_ONCE
    assert (batches(store, deleted=True), rows(store, Idempotency)) == ([batch.id], 1)
    assert mark(store) == 1
    assert (batches(store, deleted=True), rows(store, Idempotency)) == ([], 0)
    assert mark(store) == 0


def test_a_job_that_a_worker_still_holds_is_not_purged(store: Store) -> None:
    job = claim_next(store, submit(store, "ada").jobs[0])
    assert job is not None
    steer(store, "cancel", job_id=job.id)
    put(store, job_id=job.id)
    assert mark(store) == 0
    with store.write() as session:
        assert claims.save(
            session, job.id, job.token or "", told(job, 2), checkpoint="c", seconds=1.0, reason="next turn"
        )  # fmt: skip
    assert get(store, job.id).deleted_at is not None
    assert mark(store) == 1


def test_purged_rows_are_gone_and_nobody_elses(store: Store) -> None:
    batch, other = submit(store, "ada", jobs=2), submit(store, "ada")
    for job in claim_all(store):
        frame = claims.NewFrame(
            number=1, step=1, octave=1, iteration=1, width=1, height=1, score=None, picture="p", thumbnail="t"
        )
        with store.write() as session:
            assert claims.add_frames(session, job.id, job.token or "", [frame])
            assert claims.release(session, job.id, job.token or "", "enough")
        steer(store, "cancel", job_id=job.id)
    with store.write() as session:
        submission.remember(session, "ada", "k1", "request", batch.id)
        submission.remember(session, "ada", "k2", "request", other.id)
    put(store, batch_id=batch.id)
    mark(store)
    with store.read() as session:
        assert session.scalars(select(Idempotency.resource)).all() == [other.id], "the request may be repeated"
    for i, job_id in enumerate(batch.jobs):
        assert batch_events(store, batch.id) or i == 2
        forget(store, job_id)
        forget(store, job_id)
    assert [rows(store, table) for table in (Job, Batch, Frame, Attempt)] == [1, 1, 1, 1]
    assert get(store, other.jobs[0]).frames == 1
    with store.read() as session:
        left = session.scalars(select(Event).where(Event.batch_id == batch.id)).all()
        assert [event.type for event in left] == ["batch.deleted"], "the newest event keeps its number"


def test_a_request_whose_batch_is_gone_creates_another(store: Store) -> None:
    """Given a key that outlived its batch, as a race could leave one, it is as good as new; keys of other things stay."""
    kept = submit(store, "ada")
    for key, resource in (("lost", "b0000000000a"), ("kept", kept.id), ("key", "k0000000000a")):
        with store.write() as session:
            submission.remember(session, "ada", key, "request", resource)

    def remembered(key: str) -> str | None:
        with store.read() as session:
            return submission.remembered(session, "ada", key, "request")

    assert [remembered(key) for key in ("lost", "kept", "key")] == [None, kept.id, "k0000000000a"]
    with store.write() as session:
        submission.remember(session, "ada", "lost", "request", kept.id)
    assert remembered("lost") == kept.id
    with pytest.raises(IntegrityError), store.write() as session:
        submission.remember(session, "ada", "kept", "request", kept.id)


def test_numbers_of_events_are_not_given_again(store: Store) -> None:
    batch = cancelled(store)
    put(store, batch_id=batch.id)
    with store.read() as session:
        newest = events.last(session)
    mark(store)
    forget(store, batch.jobs[0])
    submit(store, "ada")
    with store.read() as session:
        assert [event.type for event in events.after(session, newest, limit=9)] == ["batch.submitted"]


def test_what_is_forgotten_at_once_leaves_no_empty_batch(store: Store) -> None:
    for _ in range(8):
        batch = cancelled(store, jobs=2)
        put(store, batch_id=batch.id)
        mark(store)
        in_threads(*[lambda job_id=job_id: forget(store, job_id) for job_id in batch.jobs])
    assert (rows(store, Job), rows(store, Batch)) == (0, 0)


def test_a_job_that_is_not_marked_cannot_be_forgotten(store: Store) -> None:
    batch = cancelled(store)
    forget(store, batch.jobs[0])
    put(store, batch_id=batch.id)
    forget(store, batch.jobs[0])
    assert restore(store, batch_id=batch.id) == tuple(batch.jobs)


def test_a_farm_of_the_first_schema_is_brought_along(store: Store) -> None:
    """Given a farm with work on the schema before, its jobs and batches are all there after the migration, undeleted."""
    batch = cancelled(store, jobs=2)
    brought_along(store, "0001")
    assert (listed(store), batches(store)) == (batch.jobs[::-1], [batch.id])
    assert get(store, batch.jobs[0]).deleted_at is None
    with store.write() as session:
        assert schedule.announce_next(session, ahead=9) == []
