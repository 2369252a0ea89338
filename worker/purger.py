"""What is done to the blob store every now and then: what was in the trash for long enough is removed for good, and what
crashes left behind. One or several may run.

It runs beside the sweeper, in a thread of its own: a blob store that is slow or silent must not keep lost leases waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from obstore.exceptions import BaseError as BlobStoreError
from sqlalchemy.exc import SQLAlchemyError

from shared.blobs import Blobs
from shared.leftovers import mark_pictures, purge, purge_picture, tidy_recent
from shared.settings import Settings
from shared.storage_mark import lay
from shared.store import Store, assets
from shared.store.jobs import trash

log = logging.getLogger(__name__)

Place = TypeVar("Place", int, str)

#: Jobs, or pictures, removed between two pauses, however short.
_AT_ONCE = 20
#: The pause while there are more: long enough for whoever waits to write to SQLite, and a twentieth of a page's time on S3.
_BREATH_SECONDS = 0.05
#: Leftovers are looked for once in this many sweeps.
_RARELY = 300
#: How often unused pictures are looked for, in the time that they are kept. Each look goes through all jobs.
_LOOKS = 14


class _Rounds(ABC, Generic[Place]):
    """Removes what is marked, a few at a time. All have their turn: one whose files cannot be removed must not keep the
    others waiting.
    """

    _first: Place

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store, self._blobs = store, blobs
        #: The place of the last one that was tried.
        self._tried: Place = self._first

    @abstractmethod
    def _marked(self, after: Place) -> Sequence[tuple[Place, str]]:
        """Places and IDs of the next marked ones."""

    @abstractmethod
    def _purge(self, id_: str) -> None:
        """Remove one."""

    @abstractmethod
    def _mark(self) -> int:
        """Mark what is due; how many."""

    def purge_some(self, stop: threading.Event) -> int:
        """Remove a few marked ones, and mark what is due when there are no more; how many were removed.

        Marking comes second, as it needs room that a full disk has only after files were removed. Raises what went wrong
        with one, and goes on after it the next time.
        """
        purged = self._purge_page(stop)
        if purged < _AT_ONCE and not stop.is_set() and self._mark():
            purged += self._purge_page(stop)
        return purged

    def _purge_page(self, stop: threading.Event) -> int:
        page = self._marked(self._tried)
        purged = 0
        for self._tried, id_ in page:
            if stop.is_set():
                return purged
            self._purge(id_)
            purged += 1
        if len(page) < _AT_ONCE:
            self._tried = self._first
        return purged


class Purger(_Rounds[int]):
    """Removes jobs whose time in the trash is over."""

    _first = 0

    def __init__(self, store: Store, blobs: Blobs, *, trash_seconds: float) -> None:
        super().__init__(store, blobs)
        self._trash_seconds = trash_seconds

    def _marked(self, after: int) -> Sequence[tuple[int, str]]:
        with self._store.read() as session:
            return trash.marked(session, after=after, limit=_AT_ONCE)

    def _purge(self, id_: str) -> None:
        purge(self._store, self._blobs, id_)

    def _mark(self) -> int:
        with self._store.write() as session:
            return trash.mark(session, seconds=self._trash_seconds)


class PicturePurger(_Rounds[str]):
    """Removes uploaded pictures that nobody has used for some time and no job begins with."""

    _first = ""

    def __init__(self, store: Store, blobs: Blobs, *, seconds: float) -> None:
        super().__init__(store, blobs)
        self._seconds = seconds
        self._looked: float | None = None

    def _marked(self, after: str) -> Sequence[tuple[str, str]]:
        with self._store.read() as session:
            return [(id_, id_) for id_ in assets.marked(session, after=after, limit=_AT_ONCE)]

    def _purge(self, id_: str) -> None:
        purge_picture(self._store, self._blobs, id_)

    def _mark(self) -> int:
        at = time.monotonic()
        if self._looked is not None and at - self._looked < self._seconds / _LOOKS:
            return 0
        found = mark_pictures(self._store, seconds=self._seconds)
        self._looked = at
        return found


class Tidier:
    """Marks the blob store as the farm's, and removes what crashes left in it."""

    def __init__(self, store: Store, blobs: Blobs, *, every: float) -> None:
        self._store, self._blobs, self._every = store, blobs, every
        #: When it last began, and when it last began what it could finish.
        self._began = self._done = time.monotonic() - every

    def tidy_if_due(self) -> int:
        """Look for leftovers if the last time is long enough ago; how many there were."""
        at = time.monotonic()
        if at - self._began < self._every:
            return 0
        self._began = at
        tidied = self._blobs.sweep()
        # A while longer than since the last time: who had just finished a job may have died when about to tidy up.
        tidied += tidy_recent(self._store, self._blobs, seconds=at - self._done + self._every)
        self._done = at
        lay(self._store, self._blobs)  # last: on a full disk, it fails
        return tidied


def run_purger(settings: Settings, store: Store, blobs: Blobs, stop: threading.Event) -> None:
    """Purge and tidy up until `stop` is set. A database or blob store that is away is reported and waited for."""
    purger = Purger(store, blobs, trash_seconds=settings.trash_seconds)
    tidier = Tidier(store, blobs, every=_RARELY * settings.sweep_seconds)
    pictures = PicturePurger(store, blobs, seconds=settings.uploads_seconds)
    while not stop.is_set():
        _patiently(tidier.tidy_if_due, "the blob store cannot be tidied")
        purged = _patiently(lambda: purger.purge_some(stop), "a deleted job's files cannot be removed")
        if purged:
            log.info("%d deleted jobs were removed for good", purged)
        removed = _patiently(lambda: pictures.purge_some(stop), "an unused picture cannot be removed")
        if removed:
            log.info("%d uploaded pictures that no job needs were removed", removed)
        stop.wait(_BREATH_SECONDS if max(purged, removed) >= _AT_ONCE else settings.sweep_seconds)


def _patiently(action: Callable[[], int], trouble: str) -> int:
    """What the action answers; 0 if it failed, which is reported."""
    try:
        return action()
    except SQLAlchemyError as error:
        log.warning("%s, as the database does not answer: %s", trouble, error)
    except (OSError, BlobStoreError) as error:
        log.warning("%s: %s", trouble, error)
    except Exception:
        log.exception("%s; it goes on with the next", trouble)
    return 0
