"""What the routes of jobs and batches have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime

from api.auth import Caller
from api.bodies import idempotency_key
from shared.store.jobs.steering import ActionName

Key = Annotated[str | None, Depends(idempotency_key)]
#: The digits of the largest number that a database has for rows.
_DIGITS = 18


def _known_cursor(cursor: str) -> str:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _DIGITS):
        raise ValueError(
            f"{cursor[:60]!r} is no cursor; one is the `next` of the page before, given as it is: leave it out for the "
            "first page"
        )
    return cursor


Cursor = Annotated[Annotated[str, AfterValidator(_known_cursor)] | None, Query(description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Since = Annotated[
    AwareDatetime | None,
    Query(
        description="Only jobs that were cancelled, failed or deleted at this time or later: `at` of what is undone. "
        "Jobs that were paused before they were cancelled are paused again"
    ),
]
Deleted = Annotated[bool, Query(description="What is in the trash, instead of what is not")]

_DONE: dict[ActionName, str] = {
    "cancel": "cancelled",
    "pause": "paused",
    "resume": "resumed",
    "retry": "sent again",
}


def reason_of(action: ActionName, who: Caller) -> str:
    """Why a job is in its new state."""
    return f"{_DONE[action]} by {who.owner}"


def position(cursor: str | None) -> int | None:
    """The number that a page starts after."""
    return None if cursor is None else int(cursor)


def seconds(at: datetime | None) -> float | None:
    """A time as the store has it."""
    return None if at is None else at.timestamp()
