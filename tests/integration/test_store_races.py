"""What two do at once, on both databases, when one of them is between looking at jobs and changing them.

On PostgreSQL the other gets through in between, or waits for a locked row. On SQLite, where who writes holds the only
lock, it waits for the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, select, text, update

from shared.store import Store
from shared.store.jobs import schedule, submission
from shared.store.tables import Batch, Idempotency, Job
from tests.conftest import wait_until
from tests.integration.farmhand import claim_next, submit
from tests.integration.test_store import event_types, fail, get, save
from tests.integration.test_trash import cancelled, forget, mark, put, restore, rows, steer

_WAITS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)  # fmt: skip


@contextmanager
def meanwhile(store: Store, action: Callable[[Store], object]) -> Iterator[None]:
    """Within the block, `action` is done by somebody else as soon as jobs were looked at to be changed."""
    other = Store(store.engine.url.render_as_string(hide_password=False))
    sqlite = store.engine.dialect.name == "sqlite"
    threads: list[threading.Thread] = []

    def waits() -> bool:
        with other.read() as session:
            return bool(session.scalar(_WAITS))

    def looked(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if threads or "FROM jobs" not in statement or not (sqlite or "FOR UPDATE" in statement):
            return
        threads.append(threading.Thread(target=action, args=(other,)))
        threads[0].start()
        if not sqlite:
            wait_until(lambda: not threads[0].is_alive() or waits(), what="the other's change, or its waiting")

    event.listen(store.engine, "after_cursor_execute", looked)
    try:
        yield
    finally:
        event.remove(store.engine, "after_cursor_execute", looked)
        for thread in threads:
            thread.join()
        other.dispose()
    assert threads, "nobody looked at jobs"


def is_open(store: Store, batch_id: str) -> bool:
    with store.read() as session:
        return session.scalars(select(Batch.open).where(Batch.id == batch_id)).one()


def test_a_job_that_fails_while_its_batch_is_retried_does_not_wait_for_ever(store: Store) -> None:
    batch = submit(store, "ada")
    job = claim_next(store)
    assert job is not None
    with meanwhile(store, lambda other: fail(other, job, "bad_input")):
        assert steer(store, "retry", batch_id=batch.id) == ()
    assert get(store, job.id).state == "failed"
    assert event_types(store, job.id)[-1] == "job.failed"
    assert steer(store, "retry", batch_id=batch.id) == (job.id,)
    assert claim_next(store, job.id) is not None


def test_nobody_hears_that_a_failed_job_cannot_be_retried(store: Store) -> None:
    """Given a job that fails while somebody retries it, it is told of by the state in which it was looked at."""
    submit(store, "ada")
    job = claim_next(store)
    assert job is not None
    with meanwhile(store, lambda other: fail(other, job, "bad_input")):
        assert steer(store, "retry", job_id=job.id) == (), "it runs, which is as good"
    assert get(store, job.id).state == "failed"


def test_a_job_that_is_restored_while_its_batch_is_deleted_is_not_deleted_again(store: Store) -> None:
    batch = cancelled(store, jobs=2)
    first, second = batch.jobs
    put(store, job_id=first)

    def wants_it_back(other: Store) -> None:
        restore(other, job_id=first)
        steer(other, "retry", job_id=first)

    with meanwhile(store, wants_it_back):
        assert put(store, batch_id=batch.id) == (second,)
    assert [(job.state, job.deleted_at is not None) for job in (get(store, first), get(store, second))] == [
        ("queued", False),
        ("cancelled", True),
    ]
    assert is_open(store, batch.id)
    assert claim_next(store, first) is not None


def test_what_becomes_due_while_others_are_marked_is_marked_with_its_batch(store: Store) -> None:
    """Given a deleted job that its worker lets go of while the trash is looked at, its batch is purged as well."""
    first, batch = cancelled(store), submit(store, "ada")
    job = claim_next(store, batch.jobs[0])
    assert job is not None
    steer(store, "cancel", batch_id=batch.id)
    with store.write() as session:
        submission.remember(session, "ada", "key", "request", batch.id)
    for deleted in (first, batch):
        put(store, batch_id=deleted.id)
    with meanwhile(store, lambda other: save(other, job, 2)):
        assert mark(store) == 1
    assert mark(store) == 1
    for job_id in (*first.jobs, *batch.jobs):
        forget(store, job_id)
    assert [rows(store, table) for table in (Job, Batch, Idempotency)] == [0, 0, 0]


def test_a_batch_that_was_left_closed_is_opened(store: Store) -> None:
    left, other = submit(store, "ada", jobs=2), cancelled(store)
    with store.write() as session:
        session.execute(update(Batch).values(open=False))
    assert claim_next(store) is None
    for opened in (1, 0):
        with store.write() as session:
            assert schedule.open_left_closed(session) == opened
    assert (is_open(store, left.id), is_open(store, other.id)) == (True, False)
    assert claim_next(store) is not None
