"""Waiting for a database that is away for a moment, where work hangs on what it is told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.store import Store

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: How long a finished slice waits for a database that is away, and how often it tries.
_PATIENCE_SECONDS = 60.0
_RETRY_SECONDS = 0.5


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
