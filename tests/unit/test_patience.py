"""How long a slice waits for a database that is away once it shall stop: it must be done before it is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from deploy.services import WORKER_GRACE
from shared.store import Store
from shared.store.tables import Job
from worker import patience
from worker.heart import Heart, Stopped
from worker.patience import LAST_SECONDS, committed


@pytest.fixture
def away(tmp_path: Path) -> Store:
    """A database that cannot be opened."""
    return Store(f"sqlite:///{tmp_path}/none/farm.db")


def waited(store: Store, since: float) -> float:
    """For how many seconds a change was tried, by a slice that shall stop since then."""

    def check() -> None:
        raise Stopped("interrupted", since)

    began = time.monotonic()
    with pytest.raises(DBAPIError):
        committed(store, lambda session: session.execute(text("SELECT 1")), "job j", check)
    return time.monotonic() - began


def test_the_last_wait_counts_from_the_wish_to_stop(away: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a slice that took a while to end, one change after the other has no more time than all together."""
    monkeypatch.setattr(patience, "LAST_SECONDS", 3.0)
    monkeypatch.setattr(patience, "_HURRY_SECONDS", 0.1)
    since = time.monotonic() - 2.0
    assert 0.5 < waited(away, since) < 2.5
    assert waited(away, since) < 1.0


def test_a_slice_remembers_when_it_was_first_asked_to_stop(away: Store) -> None:
    """Given a worker that is asked twice, and a slice that looks after a while, the first time counts."""
    heart = Heart(away, Job(id="j", token="t"), beat_seconds=60, lease_seconds=60)
    heard = []
    with heart.beating():
        asked = time.monotonic()
        for number in (signal.SIGUSR1, signal.SIGTERM):
            os.kill(os.getpid(), number)
            time.sleep(0.2)
            with pytest.raises(Stopped) as stopped:
                heart.check()
            heard.append(stopped.value.since - asked)
    assert heard[0] == heard[1]
    assert heard[0] >= 0


def test_a_worker_gives_up_before_it_is_killed() -> None:
    assert LAST_SECONDS + 2 * patience._HURRY_SECONDS < WORKER_GRACE
