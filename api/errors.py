"""Every error as problem details (RFC 9457), with a field path for each mistake and no traceback."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import obstore.exceptions
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from shared.blobs import BlobMissing
from shared.cards import UnknownModel
from shared.pictures import PictureError
from shared.store import is_away
from shared.store.jobs.steering import CannotDo
from shared.store.jobs.submission import DifferentRequest
from shared.store.queries import Ambiguous, Unknown

log = logging.getLogger(__name__)

#: What a client is asked to wait when the database or the blob store is away: a restart takes about this long.
_RETRY_AFTER_SECONDS = 5
#: What PostgreSQL calls it (`disk_full`).
_DISK_FULL = "53100"
#: What obstore, which has no exception of its own for it, says of a folder on a full disk, or beyond a quota.
_NO_ROOM = tuple(f"(os error {number})" for number in (errno.ENOSPC, errno.EDQUOT))


class Mistake(BaseModel):
    """One mistake in a request."""

    field: str = Field(description="Path of the field, as `octaves.scale` or `jobs.7.input`; empty for the whole")
    line: int | None = Field(default=None, description="Line of an NDJSON body, from 1")
    message: str

    def __str__(self) -> str:
        """With its place in front."""
        return (
            "".join([f"line {self.line}, " if self.line else "", f"{self.field}: " if self.field else ""])
            + self.message
        )


class ProblemDetails(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str = Field(examples=["urn:dreamfarm:problem:invalid"])
    title: str
    status: int
    detail: str
    errors: list[Mistake] = Field(default_factory=list)
    errors_total: int | None = Field(default=None, description="How many mistakes there are, where not all are listed")
    candidates: list[str] | None = Field(default=None, description="IDs that an ambiguous prefix fits")
    request_id: str | None = Field(default=None, description="Names the request in the log")


class ApiError(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: HTTPStatus,
        problem: str,
        detail: str,
        *,
        errors: Sequence[Mistake] = (),
        errors_total: int | None = None,
        candidates: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = problem
        self.detail = detail
        self.errors = list(errors)
        self.errors_total = errors_total
        self.candidates = None if candidates is None else list(candidates)
        self.headers = dict(headers or {})

    def response(self, request_id: str | None) -> JSONResponse:
        """The answer."""
        body = ProblemDetails(
            type=f"urn:dreamfarm:problem:{self.problem}",
            title=self.status.phrase,
            status=self.status,
            detail=self.detail,
            errors=self.errors,
            errors_total=self.errors_total,
            candidates=self.candidates,
            request_id=request_id,
        )
        return JSONResponse(
            body.model_dump(exclude_none=True),
            self.status,
            headers=self.headers,
            media_type="application/problem+json",
        )


def invalid(detail: str, errors: Sequence[Mistake] = (), total: int | None = None) -> ApiError:
    """A request that is understood and wrong."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, errors=errors, errors_total=total)


def not_found(detail: str) -> ApiError:
    """Something that does not exist, or not yet, or not for this caller."""
    return ApiError(HTTPStatus.NOT_FOUND, "not-found", detail)


def too_large(detail: str) -> ApiError:
    """A body beyond the limit."""
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)


def unexpected() -> ApiError:
    """A fault of the farm's own; the log has the details."""
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "the farm made a mistake; its log names this request's ID"
    )


def unavailable(what: str) -> ApiError:
    """A part that is away for the moment."""
    return busy(f"{what} cannot be reached; nothing was changed, try again in a moment")


def busy(detail: str) -> ApiError:
    """Something that works again in a moment."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)}
    )


def install(app: FastAPI) -> None:
    """Answer the exceptions of the wings below with problem details."""
    translate: dict[type[Exception], Any] = {
        ApiError: lambda error: error,
        RequestValidationError: _of_validation,
        HTTPException: _of_http,
        Unknown: lambda error: not_found(str(error)),
        UnknownModel: lambda error: not_found(str(error.args[0])),
        BlobMissing: lambda error: not_found(str(error)),
        Ambiguous: lambda error: ApiError(HTTPStatus.CONFLICT, "ambiguous-id", str(error), candidates=error.candidates),
        CannotDo: lambda error: ApiError(HTTPStatus.CONFLICT, "wrong-state", str(error)),
        DifferentRequest: lambda error: invalid(
            f"the Idempotency-Key {str(error)!r} was used before, for another request; use a new key for a new request"
        ),
        PictureError: lambda error: invalid(str(error), [Mistake(field="file", message=str(error))]),
        OperationalError: _of_operation,
        InterfaceError: lambda error: _away("the database", error),
        PoolTimeout: lambda error: _away("the database", error),
        DataError: _of_data,
        DBAPIError: _of_database,
        obstore.exceptions.BaseError: _of_blobs,
    }
    for kind, translation in translate.items():
        app.add_exception_handler(kind, _handler(translation))


def _handler(translation: Any) -> Any:
    async def handle(request: Request, error: Exception) -> JSONResponse:
        problem: ApiError = translation(error)
        return problem.response(request.scope.get("request_id"))

    return handle


def _away(what: str, error: Exception) -> ApiError:
    log.warning("%s cannot be reached: %s", what, error)
    return unavailable(what)


def _of_operation(error: OperationalError) -> ApiError:
    if not _is_full(error):
        return _away("the database", error)
    log.error("the database has no room left: %s", error.orig)
    return _full("database")


def _of_blobs(error: obstore.exceptions.BaseError) -> ApiError:
    if not any(words in str(error) for words in _NO_ROOM):
        return _away("the blob store", error)
    log.error("the blob store has no room left: %s", error)
    return _full("pictures")


def _full(held: str) -> ApiError:
    detail = f"the disk that holds the farm's {held} is full; nothing was changed: make room on it, then try again"
    return ApiError(HTTPStatus.INSUFFICIENT_STORAGE, "storage-full", detail)


def _is_full(error: OperationalError) -> bool:
    sqlite, postgresql = (getattr(error.orig, name, None) for name in ("sqlite_errorcode", "sqlstate"))
    return sqlite == sqlite3.SQLITE_FULL or postgresql == _DISK_FULL


def _of_database(error: DBAPIError) -> ApiError:
    if error.connection_invalidated or is_away(error):
        return _away("the database", error)
    log.error("the database refused a statement", exc_info=error)
    return unexpected()


def _of_data(error: DataError) -> ApiError:
    """A value that went through every check and that the database cannot hold: a number or a character out of range."""
    if error.connection_invalidated:
        return _away("the database", error)
    log.warning("the database refused a value: %s", error)
    reason = (str(error.orig).splitlines() or ["it is out of range"])[0]
    return invalid(f"the database does not take a value of this request: {reason}; nothing was changed")


def _of_validation(error: RequestValidationError) -> ApiError:
    mistakes = [
        Mistake(field=_field(e["loc"]), message=str(e["msg"]).removeprefix("Value error, ")) for e in error.errors()
    ]
    return invalid("; ".join(map(str, mistakes)), mistakes)


def _field(place: Sequence[str | int]) -> str:
    """The path of a field, from where it is: in the address, the query, the body, and where in there."""
    where, *parts = place
    # A part of an address is one value; what comes after its name are the types that it could have had.
    return ".".join(map(str, parts[:1] if where == "path" else parts))


def _of_http(error: HTTPException) -> ApiError:
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return too_large(str(error.detail))
    detail = {404: "there is nothing at this address", 405: "this address does not take this method"}.get(
        status, str(error.detail)
    )
    return ApiError(status, status.phrase.lower().replace(" ", "-"), detail, headers=error.headers)
