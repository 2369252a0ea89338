"""The sweeper: finds what was lost, every few seconds. One or several may run."""

from __future__ import annotations

import logging
import threading
import time

from celery import Celery
from obstore.exceptions import BaseError as BlobStoreError
from sqlalchemy.exc import SQLAlchemyError

from shared.blobs import open_blobs
from shared.leftovers import tidy_recent
from shared.queue import UNREACHABLE, announce, celery_app, waiting
from shared.settings import Settings
from shared.store import Store, workers
from shared.store.jobs import schedule, submission
from worker.purger import run_purger

log = logging.getLogger(__name__)

#: Half-written blobs, batches left open, forgotten workers and old requests are looked for once in this many sweeps.
_RARELY = 300
#: How long the end waits for the job that is being purged; what is interrupted is done again.
_PURGER_SECONDS = 5.0


def run_sweeper(settings: Settings, stop: threading.Event) -> None:
    """Sweep until `stop` is set. A database or Redis that is away is reported and waited for."""
    store, app, blobs = Store(settings.database), celery_app(settings.broker), open_blobs(settings)
    purger = threading.Thread(target=run_purger, args=(settings, store, blobs, stop), name="purger", daemon=True)
    purger.start()
    messages = Messages(store, app, grace_seconds=settings.message_grace_seconds)
    sweeps = 0
    while not stop.is_set():
        try:
            lost = _expire(store, settings) + messages.find_lost()
            if lost:
                log.info("%d lost leases or messages found", lost)
            if messages.reachable:
                announce(store, app, ahead=settings.announce_ahead)
            if sweeps % _RARELY == 0:
                blobs.sweep()
                tidy_recent(store, blobs, seconds=2 * _RARELY * settings.sweep_seconds)
                with store.write() as session:
                    schedule.close_left_open(session)
                    schedule.open_left_closed(session)
                with store.write() as session:
                    workers.forget_the_lost(session)
                    submission.forget_requests(session)
        except SQLAlchemyError as error:
            log.warning("the database cannot be reached: %s", error)
        except (OSError, BlobStoreError) as error:
            log.warning("the blob store cannot be tidied: %s", error)
        sweeps += 1
        stop.wait(settings.sweep_seconds)
    purger.join(_PURGER_SECONDS)
    store.dispose()


def _expire(store: Store, settings: Settings) -> int:
    with store.write() as session:
        return schedule.expire_leases(
            session, retry_seconds=settings.retry_seconds, attempts=settings.fruitless_attempts
        )


class Messages:
    """Finds announcements whose messages Redis lost: each message by itself, as a fresh one must not hide a lost one."""

    def __init__(self, store: Store, app: Celery, *, grace_seconds: float) -> None:
        self._store, self._app, self._grace_seconds = store, app, grace_seconds
        #: Since when messages are missing. Those are not lost yet that are about to be published, or that a worker has
        #: taken and not claimed.
        self._missing: dict[str, float] = {}
        #: Whether Redis answered the last time.
        self.reachable = True

    def find_lost(self) -> int:
        """Make the jobs announceable again whose messages are missing for longer than a moment; how many there were."""
        try:
            there = waiting(self._app)
            self.reachable = True
        except UNREACHABLE as error:
            self.reachable = False
            log.warning("Redis cannot be reached, jobs wait in SQL: %s", error)
            return 0
        with self._store.read() as session:
            missing = schedule.announced(session) - there
        at = time.monotonic()
        self._missing = {task_id: self._missing.get(task_id, at) for task_id in missing}
        lost = [task_id for task_id, since in self._missing.items() if at - since >= self._grace_seconds]
        if not lost:
            return 0
        with self._store.write() as session:
            return schedule.unannounce(session, lost)
