"""The doorbell over a real Redis: order, bounds, and a broker that is down or hangs."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from shared.queue import QUEUE, Announcer, announce, celery_app, waiting
from shared.store import Store
from shared.store.schema import upgrade
from tests.conftest import RedisServer, wait_until
from tests.integration.farmhand import submit
from worker.sweeper import Messages


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A fresh SQLite database: which database it is makes no difference to the queue."""
    store = Store(f"sqlite:///{tmp_path / 'farm.db'}")
    upgrade(store)
    yield store
    store.dispose()


@pytest.fixture
def app(redis_server: RedisServer) -> Iterator[Celery]:
    app = celery_app(redis_server.url)
    yield app
    app.close()


def take(app: Celery) -> str | None:
    """The next message's job, as a worker would take it."""
    with app.connection_for_read() as connection, connection.SimpleQueue(QUEUE) as queue:
        try:
            message = queue.get(block=False)
        except queue.Empty:
            return None
        message.ack()
        return str(message.headers["id"]).rpartition("-")[0]


def test_messages_leave_in_the_order_of_priorities(store: Store, app: Celery) -> None:
    jobs = {priority: submit(store, f"owner {priority}", priority=priority).jobs[0] for priority in (9, 5, 0, 7, 1)}
    assert announce(store, app, ahead=10) == 5
    assert [take(app) for _ in range(5)] == [jobs[p] for p in (0, 1, 5, 7, 9)]


def test_a_crowd_keeps_few_messages_in_redis(store: Store, app: Celery) -> None:
    submit(store, "ada", jobs=300)
    for _ in range(5):
        announce(store, app, ahead=2)
    assert len(waiting(app)) == 2
    urgent = submit(store, "eve", priority=0).jobs[0]
    announce(store, app, ahead=2)
    assert take(app) == urgent


def test_a_message_says_what_it_is_about(store: Store, app: Celery) -> None:
    submit(store, "ada")
    announce(store, app, ahead=1)
    with app.connection_for_read() as connection, connection.SimpleQueue(QUEUE) as queue:
        message = queue.get(block=False)
        message.ack()
    assert message.headers["shadow"] == message.headers["argsrepr"] == "dream 0 · octave 1/4 · 0 %"


def test_announcing_while_redis_is_down_is_quick_and_loses_nothing(
    store: Store, app: Celery, redis_server: RedisServer
) -> None:
    job_id = submit(store, "ada").jobs[0]
    redis_server.kill()
    began = time.monotonic()
    assert announce(store, app, ahead=1) == 0
    assert time.monotonic() - began < 2
    redis_server.start()
    # Whoever announces next does it, without waiting for the sweeper to find a loss.
    assert announce(store, app, ahead=1) == 1
    assert take(app) == job_id


def test_a_lost_message_does_not_hide_behind_fresh_ones(store: Store, app: Celery) -> None:
    urgent = submit(store, "eve", priority=0).jobs[0]
    announce(store, app, ahead=1)
    assert take(app) == urgent  # by nobody who would claim it
    submit(store, "ada", jobs=5)
    announce(store, app, ahead=4)
    messages = Messages(store, app, grace_seconds=0.1)
    assert messages.find_lost() == 0, "a worker may have taken it just now"
    wait_until(lambda: messages.find_lost() == 1, what="the loss being found")
    assert messages.find_lost() == 0
    announce(store, app, ahead=4)
    assert take(app) == urgent


def test_messages_that_wait_for_long_are_not_lost(store: Store, app: Celery) -> None:
    submit(store, "ada", jobs=3)
    announce(store, app, ahead=3)
    there = waiting(app)
    messages = Messages(store, app, grace_seconds=0.0)
    assert [messages.find_lost() for _ in range(3)] == [0, 0, 0]
    assert waiting(app) == there
    assert len(there) == 3


def test_whatever_else_lies_in_the_queue_does_not_stop_the_search(store: Store, app: Celery) -> None:
    submit(store, "ada", jobs=3)
    announce(store, app, ahead=2)
    there = waiting(app)
    with app.connection_for_write() as connection:
        for odd in (b"no JSON", b"[]", b"{}", b'{"headers": null}', b"\xff"):
            connection.default_channel.client.lpush(QUEUE, odd)
    assert Messages(store, app, grace_seconds=0).find_lost() == 0
    assert waiting(app) - {""} == there


def test_a_redis_that_hangs_does_not_hold_up_whoever_submits(
    store: Store, app: Celery, redis_server: RedisServer
) -> None:
    submit(store, "ada")
    done: list[int] = []
    announcer = Announcer(lambda: done.append(announce(store, app, ahead=1)))
    assert redis_server.process is not None
    redis_server.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        announcer.soon()
        assert time.monotonic() - began < 0.1
        wait_until(lambda: done, seconds=15, what="the announcer giving up")
    finally:
        redis_server.process.send_signal(signal.SIGCONT)
        announcer.close()


def test_the_settings_that_keep_jobs_safe_stay_together(app: Celery) -> None:
    """Each line of this block was found the hard way; a change of one wants the others to be thought of."""
    expected = {
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_pool": "prefork",
        "worker_pool_start_method": "spawn",
        "worker_concurrency": 1,
        "worker_proc_alive_timeout": 120.0,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_send_sent_event": True,
        "task_ignore_result": True,
        "accept_content": ["json"],
    }
    assert {name: app.conf[name] for name in expected} == expected
