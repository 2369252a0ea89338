"""The sweeper: finds what was lost, every few seconds. One or several may run."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from celery import Celery
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared.blobs import open_blobs
from shared.queue import UNREACHABLE, announce, celery_app, waiting
from shared.settings import Settings
from shared.store import Store, now, sign_ins, workers
from shared.store.jobs import schedule, submission
from worker.purger import run_purger

log = logging.getLogger(__name__)

#: What is looked after once in so many sweeps, each in a transaction of its own.
_RARELY = 300
_HOUSEKEEPING: Sequence[Callable[[Session], object]] = (
    schedule.close_left_open,
    schedule.open_left_closed,
    workers.forget_the_lost,
    submission.forget_requests,
    sign_ins.forget,
)
#: How long the end waits for the job that is being purged; what is interrupted is done again.
_PURGER_SECONDS = 5.0


def run_sweeper(settings: Settings, stop: threading.Event) -> None:
    """Sweep until `stop` is set. A database or Redis that is away is reported and waited for."""
    store, app, blobs = Store(settings.database), celery_app(settings.broker), open_blobs(settings)
    purger = threading.Thread(target=run_purger, args=(settings, store, blobs, stop), name="purger", daemon=True)
    purger.start()
    leases = Leases(store, settings)
    messages = Messages(store, app, grace_seconds=settings.message_grace_seconds)
    sweeps = 0
    while not stop.is_set():
        _patiently(_sweep, settings, store, app, leases, messages)
        if sweeps % _RARELY == 0:
            for change in _HOUSEKEEPING:
                _patiently(_in_transaction, store, change)
        sweeps += 1
        stop.wait(settings.sweep_seconds)
    purger.join(_PURGER_SECONDS)
    store.dispose()


def _patiently(part: Callable[..., object], *arguments: object) -> None:
    """Do a part of the sweeper's work. Without the database it is left for the next time, and the other parts are done."""
    try:
        part(*arguments)
    except SQLAlchemyError as error:
        log.warning("the database cannot be reached: %s", error)


def _sweep(settings: Settings, store: Store, app: Celery, leases: Leases, messages: Messages) -> None:
    lost = leases.expire() + messages.find_lost()
    if lost:
        log.info("%d lost leases or messages found", lost)
    if messages.reachable:
        announce(store, app, ahead=settings.announce_ahead)


def _in_transaction(store: Store, change: Callable[[Session], object]) -> None:
    with store.write() as session:
        change(session)


class Leases:
    """Takes jobs back from workers that fell silent, unless everybody did: the database was away, or the machine slept.

    After either all leases are over. Workers that live have renewed theirs when the database has been there for as
    long as a lease without a gap; that is waited for, also at the start.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        #: Since when the database answers.
        self._since: float | None = None
        #: When leases were last looked at, by the database's clock.
        self._looked = math.inf

    def expire(self) -> int:
        """Take back the jobs whose leases are over; how many there were. Raises SQLAlchemyError: the database is away."""
        settings, asked = self._settings, time.monotonic()
        try:
            with self._store.write() as session:
                at = session.scalar(select(now())) or 0.0
                answered = time.monotonic()
                # One that hangs does not answer the workers either. Who has not looked for so long was suspended, and
                # its machine's workers with it; or the clock was set.
                late = at - self._looked > max(settings.lease_seconds, 2 * settings.sweep_seconds)
                if self._since is None or late or answered - asked > settings.lease_seconds / 2:
                    self._since = answered
                self._looked = at
                if answered - self._since < settings.lease_seconds:
                    return 0
                return schedule.expire_leases(
                    session, retry_seconds=settings.retry_seconds, attempts=settings.fruitless_attempts
                )
        except SQLAlchemyError:
            self._since = None
            raise


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
