"""What happens on the farm, as it happens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError

from api.auth import Caller, Viewer, bearer, caller
from api.errors import ApiError, invalid
from api.services import Farm, Services
from api.tail import Interest
from shared.store import queries

router = APIRouter(prefix="/v1/events", tags=["events"])

_HEADERS = {
    "Cache-Control": "no-store",
    # Proxies (nginx) must not collect the stream.
    "X-Accel-Buffering": "no",
}
#: How long a revoked key may go on listening.
_ASK_SECONDS = 5.0


class _EventStream(StreamingResponse):
    media_type = "text/event-stream"


@router.get("", response_class=_EventStream)
async def listen(
    request: Request,
    farm: Farm,
    who: Viewer,
    key: Annotated[str | None, Depends(bearer)],
    batch: Annotated[str | None, Query(description="Only this batch; an ID or prefix")] = None,
    job: Annotated[str | None, Query(description="Only this job; an ID or prefix")] = None,
    last_event_id: Annotated[str | None, Query(description="As the header, for clients that cannot set it")] = None,
    last_event_id_header: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> StreamingResponse:
    """Server-sent events, numbered: a listener that comes back with Last-Event-ID misses nothing (0: from the start).

    In between come `job.progress` messages of running jobs, which have no number and are not repeated.
    """
    interest = await anyio.to_thread.run_sync(_interest, farm, who, batch, job)
    # A browser that reconnects sends the header; what the address said is older then.
    stream = await farm.tail.listen(interest, _number(last_event_id_header or last_event_id))
    return _EventStream(_while_allowed(stream, lambda: _knows(farm, request, key, who)), headers=_HEADERS)


async def _while_allowed(stream: AsyncIterator[bytes], allowed: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The stream, until its listener's key is revoked; asked every few seconds, as keep-alives come at least."""
    asked = time.monotonic()
    async for part in stream:
        if time.monotonic() - asked > _ASK_SECONDS:
            if not await anyio.to_thread.run_sync(allowed):
                return
            asked = time.monotonic()
        yield part


def _knows(farm: Services, request: Request, key: str | None, who: Caller) -> bool:
    """Whether the request would still be answered, and alike."""
    try:
        return caller(request, farm, key) == who
    except ApiError:
        return False
    except SQLAlchemyError:
        return True  # nothing can be read from the database meanwhile, and the next question follows


def _interest(farm: Services, who: Caller, batch: str | None, job: str | None) -> Interest:
    with farm.store.read() as session:
        batch_id = None if batch is None else queries.find_batch(session, batch, who.sees).id
        job_id = None if job is None else queries.find_job(session, job, who.sees).id
    return Interest(owner=who.sees, batch_id=batch_id, job_id=job_id)


def _number(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise invalid(f"Last-Event-ID is {text!r}; it is the `id` of an event, a number")
    return int(text)
