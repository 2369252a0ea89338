"""Request bodies, read within limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Request
from pydantic_core import from_json
from starlette.types import Message

from api.errors import ApiError, Mistake, invalid, too_large

_KEY = re.compile(r"[!-~]{1,200}")


def idempotency_key(idempotency_key: Annotated[str | None, Header()] = None) -> str | None:
    """The header Idempotency-Key: a request that is repeated with it creates nothing anew."""
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise invalid("an Idempotency-Key is 1 to 200 printable ASCII characters without spaces")
    return idempotency_key


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises ApiError 413 beyond `limit` bytes, as soon as that is known."""
    with limited(request, limit) as bounded:
        return await bounded.body()


@contextmanager
def limited(request: Request, limit: int) -> Iterator[Request]:
    """The request, whose body raises ApiError 413 beyond `limit` bytes."""
    told = request.headers.get("content-length", "0")
    message = f"the body is larger than the {limit:,} bytes that are taken at once"
    if told.isdecimal() and int(told) > limit:
        raise too_large(message)
    received = 0

    async def receive() -> Message:
        nonlocal received
        part = await request.receive()
        received += len(part.get("body", b""))
        if received > limit:
            raise too_large(message)
        return part

    yield Request(request.scope, receive)


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
