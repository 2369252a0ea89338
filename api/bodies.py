"""Request bodies, read within limits."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Request
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from api.errors import ApiError, Mistake, invalid

#: What a body may hold that its route does not read itself, in bytes.
_SMALL = 64 * 1024
_KEY = re.compile(r"[!-~]{1,200}")


def idempotency_key(idempotency_key: Annotated[str | None, Header()] = None) -> str | None:
    """The header Idempotency-Key: a request that is repeated with it creates nothing anew."""
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise invalid("an Idempotency-Key is 1 to 200 printable ASCII characters without spaces")
    return idempotency_key


class Bounded:
    """A request's body, of which no more than `limit` bytes are received: beyond it, 413."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._received = receive, 0
        #: Until a route says how much it takes: bodies are read before anybody asks who sent them.
        self.limit = _SMALL

    async def __call__(self) -> Message:
        """The next part. Raises HTTPException, which FastAPI lets through when it reads a body by itself."""
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self.limit:
            raise _beyond(self.limit)
        return message


def allow(request: Request, limit: int) -> None:
    """From here on the request's body may have up to `limit` bytes. HTTPException 413 when it says that it has more."""
    bounded: Bounded = request.scope["body"]
    bounded.limit = limit
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > limit:
        raise _beyond(limit)


def _beyond(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is larger than the {limit:,} bytes that are taken at once")


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. HTTPException 413 beyond `limit` bytes, as soon as that is known."""
    allow(request, limit)
    return await request.body()


def media_type(request: Request) -> str:
    """The body's media type, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def unsupported(request: Request, *known: str) -> ApiError:
    """A body of a type that is not taken."""
    got = media_type(request) or "none"
    detail = f"the Content-Type is {got}; this address takes {' or '.join(known)}"
    return ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)


def parse_json(body: bytes) -> Any:
    """A JSON body. NaN and infinities are let through, so that the field that has them can be named."""
    try:
        return from_json(body, allow_inf_nan=True)
    except ValueError as error:
        raise malformed(f"the body is not JSON: {error}") from None


def malformed(detail: str, errors: list[Mistake] | None = None) -> ApiError:
    """A body that cannot be read at all."""
    return ApiError(HTTPStatus.BAD_REQUEST, "malformed", detail, errors=errors or [])
