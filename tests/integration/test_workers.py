"""What the farm knows of workers that have left."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from shared.store import Store, queries, workers
from shared.store.session import now
from shared.store.tables import Worker
from tests.integration.conftest import RunningApi

DAY = 86_400.0


def say(store: Store, name: str, pid: int = 1) -> None:
    with store.write() as session:
        workers.seen(session, workers.Identity(name=name, host="h", pid=pid, device="cpu"))


def learn(store: Store, name: str) -> None:
    with store.write() as session:
        workers.learn(session, name, 1e12, 10.0)


def sign_off(store: Store, name: str) -> None:
    with store.write() as session:
        workers.gone(session, name)


def forget(store: Store) -> None:
    with store.write() as session:
        workers.forget_the_lost(session)


def known(store: Store) -> list[tuple[str, bool]]:
    with store.read() as session:
        return [(worker.name, live) for worker, live in queries.workers(session)]


def speed(store: Store) -> float | None:
    with store.read() as session:
        return queries.speed(session).flops_per_second


def test_a_worker_that_signed_off_is_not_counted_on_and_keeps_its_speed(store: Store) -> None:
    say(store, "cpu@h")
    learn(store, "cpu@h")
    sign_off(store, "cpu@h")
    forget(store)
    assert known(store) == [("cpu@h", False)]
    assert speed(store) == 1e11
    say(store, "cpu@h", pid=2)
    assert known(store) == [("cpu@h", True)]
    assert speed(store) == 1e11


def test_a_farm_that_was_down_for_long_forgets_nothing(store: Store) -> None:
    say(store, "cpu@h")
    learn(store, "cpu@h")
    sign_off(store, "cpu@h")
    with store.write() as session:
        session.execute(update(Worker).values(seen_at=Worker.seen_at - 3 * DAY))
    forget(store)
    assert speed(store) == 1e11


def test_a_worker_that_stays_away_while_others_work_is_forgotten(store: Store) -> None:
    say(store, "pod-1@h")
    sign_off(store, "pod-1@h")
    with store.write() as session:
        session.execute(update(Worker).values(seen_at=now() - 1.1 * DAY))
    say(store, "pod-2@h")
    forget(store)
    assert known(store) == [("pod-2@h", True)]


def test_when_a_worker_was_last_seen_is_never_long_ago_by_mistake(one_api: RunningApi) -> None:
    """Neither right after it signed off nor when 0.1.0 wrote down that it had."""
    client, began = one_api.client(), time.time()
    say(one_api.store, "cpu@h")
    sign_off(one_api.store, "cpu@h")
    for seen_at in (Worker.seen_at, 0.0):
        with one_api.store.write() as session:
            session.execute(update(Worker).values(seen_at=seen_at))
        (worker,) = client.get("/v1/workers").json()
        assert not worker["live"]
        assert datetime.fromisoformat(worker["seen_at"]) >= datetime.fromtimestamp(began, UTC) - timedelta(seconds=1)
