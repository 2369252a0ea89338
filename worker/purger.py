"""The purger: removes for good what was in the trash for long enough. One or several may run.

It runs beside the sweeper, in a thread of its own: a blob store that is slow or silent must not keep lost leases waiting.
"""

from __future__ import annotations

import logging
import threading

from obstore.exceptions import BaseError as BlobStoreError
from sqlalchemy.exc import SQLAlchemyError

from shared.blobs import Blobs
from shared.leftovers import purge
from shared.settings import Settings
from shared.store import Store
from shared.store.jobs import trash

log = logging.getLogger(__name__)

#: Jobs removed between two pauses: some thousand files, so that a large batch in the trash is no storm of requests.
_AT_ONCE = 20


class Purger:
    """Removes jobs whose time in the trash is over, a few at a time."""

    def __init__(self, store: Store, blobs: Blobs, *, trash_seconds: float) -> None:
        self._store, self._blobs, self._trash_seconds = store, blobs, trash_seconds
        #: The number of the last job that was tried. All have their turn: one whose files cannot be removed must not
        #: keep the others waiting.
        self._tried = 0

    def purge_some(self, stop: threading.Event) -> int:
        """Mark what is due, and remove a few marked jobs; how many. Raises what went wrong with one, and goes on after it
        the next time."""
        with self._store.write() as session:
            trash.mark(session, seconds=self._trash_seconds)
        with self._store.read() as session:
            jobs = trash.marked(session, after=self._tried, limit=_AT_ONCE)
        purged = 0
        for self._tried, job_id in jobs:
            if stop.is_set():
                return purged
            purge(self._store, self._blobs, job_id)
            purged += 1
        if len(jobs) < _AT_ONCE:
            self._tried = 0
        return purged


def run_purger(settings: Settings, store: Store, blobs: Blobs, stop: threading.Event) -> None:
    """Purge until `stop` is set. A database or blob store that is away is reported and waited for."""
    purger = Purger(store, blobs, trash_seconds=settings.trash_seconds)
    while not stop.is_set():
        try:
            purged = purger.purge_some(stop)
            if purged:
                log.info("%d deleted jobs were removed for good", purged)
        except SQLAlchemyError as error:
            log.warning("the trash cannot be looked at: %s", error)
        except (OSError, BlobStoreError) as error:
            log.warning("a deleted job's files cannot be removed: %s", error)
        except Exception:
            log.exception("purging failed; it goes on with the next job")
        stop.wait(settings.sweep_seconds)
