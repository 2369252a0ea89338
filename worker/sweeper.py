"""The sweeper: finds what was lost, every few seconds. One or several may run."""

from __future__ import annotations

import logging
import threading

from celery import Celery
from obstore.exceptions import BaseError as BlobStoreError
from sqlalchemy.exc import SQLAlchemyError

from shared.blobs import open_blobs
from shared.leftovers import tidy_recent
from shared.queue import UNREACHABLE, announce, celery_app, waiting
from shared.settings import Settings
from shared.store import Store, workers
from shared.store.jobs import schedule, submission

log = logging.getLogger(__name__)

#: Half-written blobs, batches left open, forgotten workers and old requests are looked for once in this many sweeps.
_RARELY = 300


def run_sweeper(settings: Settings, stop: threading.Event) -> None:
    """Sweep until `stop` is set. A database or Redis that is away is reported and waited for."""
    store, app, blobs = Store(settings.database), celery_app(settings.broker), open_blobs(settings)
    sweeps = 0
    while not stop.is_set():
        try:
            lost = _expire(store, settings)
            lost += _find_messages(store, app, settings)
            if lost:
                log.info("%d lost leases or messages found", lost)
            announce(store, app, ahead=settings.announce_ahead)
            if sweeps % _RARELY == 0:
                blobs.sweep()
                tidy_recent(store, blobs, seconds=2 * _RARELY * settings.sweep_seconds)
                with store.write() as session:
                    schedule.close_left_open(session)
                with store.write() as session:
                    workers.forget_the_lost(session)
                    submission.forget_requests(session)
        except SQLAlchemyError as error:
            log.warning("the database cannot be reached: %s", error)
        except (OSError, BlobStoreError) as error:
            log.warning("the blob store cannot be tidied: %s", error)
        sweeps += 1
        stop.wait(settings.sweep_seconds)
    store.dispose()


def _expire(store: Store, settings: Settings) -> int:
    with store.write() as session:
        return schedule.expire_leases(
            session, retry_seconds=settings.retry_seconds, attempts=settings.fruitless_attempts
        )


def _find_messages(store: Store, app: Celery, settings: Settings) -> int:
    try:
        in_queue = waiting(app)
    except UNREACHABLE as error:
        log.warning("Redis cannot be reached, jobs wait in SQL: %s", error)
        return 0
    with store.write() as session:
        return schedule.forget_lost_messages(session, in_queue=in_queue, grace_seconds=settings.message_grace_seconds)
