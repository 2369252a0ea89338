"""A database that is away for longer than a lease: who lives keeps the job, who does not loses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from sqlalchemy.exc import SQLAlchemyError

from shared.settings import Settings
from shared.store import Store
from shared.store.jobs import claims
from shared.store.schema import upgrade
from shared.store.tables import Job
from tests.conftest import wait_until
from tests.integration.farmhand import claim_next, meanwhile, submit, told
from tests.integration.flaky import read_only
from tests.integration.test_slice import Farmhand
from tests.integration.test_store import get, save
from worker import heart as hearts
from worker.heart import Heart, Stopped
from worker.sweeper import Leases

LEASE = 1.5
Outage = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def server(postgres_url: str) -> Iterator[Store]:
    """A database on PostgreSQL."""
    store = Store(postgres_url)
    upgrade(store)
    yield store
    store.dispose()


@pytest.fixture
def outage(postgres: str, server: Store) -> Outage:
    """Within its block, the server refuses and cuts all connections to the database."""
    name = server.engine.url.database

    @contextmanager
    def away() -> Iterator[None]:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            try:
                yield
            finally:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    return away


@pytest.fixture
def standby(postgres_url: str) -> Outage:
    """Within its block, the database takes no changes."""
    return lambda: read_only(postgres_url)


def beating(store: Store, job: Job) -> Heart:
    heart = Heart(store, job, beat_seconds=0.1, lease_seconds=LEASE)
    heart.tell(told(job, 1))
    return heart


def taken(store: Store) -> Job:
    """The next job, claimed."""
    job = claim_next(store)
    assert job is not None
    with store.write() as session:
        assert claims.renew(session, job.id, job.token or "", lease_seconds=LEASE)
    return job


def after_a_lease(began: float) -> None:
    wait_until(lambda: time.monotonic() - began > LEASE, what="the lease's end")


def test_after_an_outage_workers_that_live_keep_their_jobs(server: Store, settings: Settings, outage: Outage) -> None:
    """Given two workers of which one dies during the outage, the sweeper takes the job of that one only."""
    leases = Leases(server, settings.model_copy(update={"lease_seconds": LEASE}))
    submit(server, "ada", jobs=2)
    alive, dead = taken(server), taken(server)
    heart = beating(server, alive)
    with heart.beating():
        assert leases.expire() == 0
        began = time.monotonic()
        with outage():
            with pytest.raises(SQLAlchemyError):
                leases.expire()
            after_a_lease(began)
        assert leases.expire() == 0
        back = time.monotonic()
        assert wait_until(leases.expire, what="the dead worker's loss") == 1
        assert time.monotonic() - back > LEASE / 2
        heart.check()
        assert get(server, dead.id).state == "queued"
        assert get(server, alive.id).token == alive.token
        assert save(server, alive, 3, "kept")
    assert (get(server, alive.id).checkpoint, get(server, alive.id).fruitless) == ("kept", 0)


def test_workers_that_slept_with_their_machine_keep_their_jobs(store: Store, settings: Settings) -> None:
    """Given a machine that was suspended for longer than a lease, and whose sweeper wakes before its workers."""
    leases = Leases(store, settings.model_copy(update={"lease_seconds": LEASE, "sweep_seconds": 0.1}))
    submit(store, "ada", jobs=2)
    alive, began = taken(store), time.monotonic()
    with beating(store, alive).beating():
        wait_until(lambda: leases.expire() == 0 and time.monotonic() - began > 2 * LEASE, what="a watchful sweeper")
        dead = taken(store)
    after_a_lease(time.monotonic())
    assert leases.expire() == 0
    with beating(store, alive).beating():
        assert wait_until(leases.expire, what="the dead worker's loss") == 1
        assert get(store, dead.id).state == "queued"
        assert save(store, alive, 3, "kept")
    assert (get(store, alive.id).checkpoint, get(store, alive.id).fruitless) == ("kept", 0)


def test_who_is_cut_off_loses_its_job_to_another(server: Store, settings: Settings) -> None:
    """Given a worker that cannot reach a database which is there for others."""
    leases = Leases(server, settings.model_copy(update={"lease_seconds": LEASE}))
    submit(server, "ada")
    job = taken(server)
    assert wait_until(leases.expire, what="the lease's end") == 1
    other = taken(server)
    assert not save(server, job, 3, "too late")
    assert save(server, other, 2, "kept")
    assert get(server, job.id).checkpoint == "kept"


def test_nobody_renders_for_hours_without_a_database(
    server: Store, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an outage that is too long, the slice ends, and what it has may still be saved when the database is back."""
    monkeypatch.setattr(hearts, "_SILENT_SECONDS", 0.5)
    submit(server, "ada")
    job = taken(server)
    heart = beating(server, job)
    with heart.beating():
        with outage():
            wait_until(lambda: reason_to_stop(heart) == "silent", what="the slice's end")
        assert save(server, job, 3, "kept")
    assert get(server, job.id).checkpoint == "kept"


@pytest.mark.parametrize(("kind", "says"), [("outage", ""), ("standby", "in a read-only transaction")])
def test_a_slice_that_ends_during_an_outage_is_saved_after_it(
    server: Store, settings: Settings, kind: str, says: str, request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    outage: Outage = request.getfixturevalue(kind)
    hand = Farmhand(settings.model_copy(update={"slice_seconds": 2.0}), server)
    job_id = hand.submit(frames={"every": 1})

    def waits() -> bool:
        return any("waits to be told" in line and says in line for line in caplog.messages)

    def cut() -> None:
        wait_until(lambda: get(server, job_id).step > 0, what="a step")
        with outage():
            wait_until(waits, seconds=60, what="the slice's end")

    with meanwhile(cut):
        ended = hand.slice(job_id)
    job = get(server, job_id)
    assert (ended.outcome, job.fruitless, job.checkpoint_step) == ("saved", 0, hand.steps[-1])
    assert job.frames == job.checkpoint_step


def reason_to_stop(heart: Heart) -> str | None:
    try:
        heart.check()
    except Stopped as stopped:
        return stopped.why
    return None
