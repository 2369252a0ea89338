"""Waiting for a database or a blob store that is away for a moment, where work hangs on what it is told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from obstore.exceptions import BaseError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.store import Store
from worker.heart import Stopped

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: How long a finished slice waits for a database or a blob store that is away, and how often it tries.
_PATIENCE_SECONDS = 60.0
_RETRY_SECONDS = 0.5
#: How long it waits for the blob store when it shall stop: less than the supervisor does before it kills.
_HURRY_SECONDS = 5.0


def committed(store: Store, change: Callable[[Session], Result], what: str) -> Result:
    """The result of a change that was committed; tried again for a minute while the database is away.

    When the answer to a commit was lost, the repetition finds the token gone, and the slice counts as stale although it
    was saved: that costs a warm start, no work. Raises OperationalError when patience ends.
    """
    patience = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with store.write() as session:
                return change(session)
        except OperationalError as error:
            if time.monotonic() > patience:
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
    patience = time.monotonic() + _PATIENCE_SECONDS
    hurrying = False
    while True:
        try:
            with storage():
                return put()
        except StorageAway as error:
            if not hurrying and _stopping(check):
                hurrying, patience = True, min(patience, time.monotonic() + _HURRY_SECONDS)
            if time.monotonic() > patience:
                raise
            log.warning("%s: the storage is away, what was rendered waits to be stored: %s", what, error)
            time.sleep(_RETRY_SECONDS)


def _stopping(check: Callable[[], None]) -> bool:
    try:
        check()
    except Stopped:
        return True
    return False
