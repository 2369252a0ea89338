"""Waiting for a database or a blob store that is away for a moment, where work hangs on what it is told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from obstore.exceptions import BaseError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.store import Store, is_away
from worker.heart import Stopped

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: How long a slice waits for a blob store that is away, how long when it shall stop (less than the supervisor does before
#: it kills), and how often it tries.
_PATIENCE_SECONDS = 60.0
_HURRY_SECONDS = 5.0
_RETRY_SECONDS = 0.5
#: The same for the database. A server that is restarted or moved is back by then.
_OUTAGE_SECONDS = 300.0
_LAST_SECONDS = 60.0


class _Patience:
    """Ends after `seconds`, or `hurried` seconds after `check` first said to stop."""

    def __init__(self, seconds: float, hurried: float, check: Callable[[], None]) -> None:
        self._end, self._hurried, self._check = time.monotonic() + seconds, hurried, check
        self._hurrying = False

    def has_ended(self) -> bool:
        if not self._hurrying and self._shall_stop():
            self._hurrying, self._end = True, min(self._end, time.monotonic() + self._hurried)
        return time.monotonic() > self._end

    def _shall_stop(self) -> bool:
        try:
            self._check()
        except Stopped:
            return True
        return False


def committed(
    store: Store, change: Callable[[Session], Result], what: str, check: Callable[[], None]
) -> Result:  # fmt: skip
    """The result of a change that was committed; tried again for minutes while the database is away.

    `check` raises Stopped when the slice is to end: then for a minute. When the answer to a commit was lost, the
    repetition finds the token gone, and the slice counts as stale although it was saved: that costs a warm start, no
    work. Raises DBAPIError when patience ends.
    """
    patience = _Patience(_OUTAGE_SECONDS, _LAST_SECONDS, check)
    while True:
        try:
            with store.write() as session:
                return change(session)
        except DBAPIError as error:
            if not is_away(error) or patience.has_ended():
                raise
            log.warning("%s: the database is away, what was rendered waits to be told: %s", what, error)
            time.sleep(_RETRY_SECONDS)


class StorageAway(Exception):
    """The blob store neither takes nor gives what it should; the message says what it says."""


@contextmanager
def storage() -> Iterator[None]:
    """To be put around what reads or writes blobs and nothing else: what fails there is the blob store's doing.

    Raises:
        StorageAway: it is away, full, or refuses. A blob that is missing is not meant.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        # What follows the first line is for obstore's developers.
        raise StorageAway(str(error).partition("\n")[0]) from error


def stored(put: Callable[[], None], what: str, check: Callable[[], None]) -> None:
    """`put` blobs; tried again for a minute while the blob store is away, for seconds once `check` says to stop.

    Raises:
        StorageAway: patience has ended.
    """
    patience = _Patience(_PATIENCE_SECONDS, _HURRY_SECONDS, check)
    while True:
        try:
            with storage():
                return put()
        except StorageAway as error:
            if patience.has_ended():
                raise
            log.warning("%s: the storage is away, what was rendered waits to be stored: %s", what, error)
            time.sleep(_RETRY_SECONDS)
