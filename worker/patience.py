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

#: How long a slice waits for a blob store that is away, how long once it shall stop, and how often it tries.
_PATIENCE_SECONDS = 60.0
_HURRY_SECONDS = 5.0
_RETRY_SECONDS = 0.5
#: The same for the database. A server that is restarted or moved is back by then.
_OUTAGE_SECONDS = 300.0
#: Since the wish to stop, whatever the slice did meanwhile: the supervisor's grace, after which it kills, follows from it.
LAST_SECONDS = 30.0


class _Patience:
    """Ends after `seconds`, or once `check` has said to stop: then `last` seconds after it was wished, and no sooner than
    a moment after it was heard.
    """

    def __init__(self, seconds: float, last: float, check: Callable[[], None]) -> None:
        self._end, self._last, self._check = time.monotonic() + seconds, last, check
        self._hurrying = False

    def has_ended(self) -> bool:
        if not self._hurrying:
            self._listen()
        return time.monotonic() > self._end

    def _listen(self) -> None:
        try:
            self._check()
        except Stopped as stopped:
            end = max(stopped.since + self._last, time.monotonic() + _HURRY_SECONDS)
            self._hurrying, self._end = True, min(self._end, end)


def committed(
    store: Store, change: Callable[[Session], Result], what: str, check: Callable[[], None]
) -> Result:  # fmt: skip
    """The result of a change that was committed; tried again for minutes while the database is away.

    `check` raises Stopped when the slice is to end: then until LAST_SECONDS after that was wished. When the answer to a
    commit was lost, the repetition finds the token gone, and the slice counts as stale although it was saved: that costs
    a warm start, no work. Raises DBAPIError when patience ends.
    """
    patience = _Patience(_OUTAGE_SECONDS, LAST_SECONDS, check)
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
