"""What the client raises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.problems import Problem

if TYPE_CHECKING:
    import httpx


#: Kinds of mistakes that are the caller's, whatever the farm would say.
_OF_THE_CALLER = frozenset({"ambiguous-id", "bad-address", "bad-key", "bad-file", "bad-request"})


class FarmError(Exception):
    """The farm refused a request, or could not be asked.

    The message says what is wrong and what to do; `problems` names the fields of what was sent that are wrong, `kind`
    is the problem's short name (`invalid`, `not-found`, `wrong-state`, …), `status` the HTTP status (None: no answer).
    """

    def __init__(
        self, message: str, *, kind: str = "", status: int | None = None, problems: tuple[Problem, ...] = ()
    ) -> None:
        self.message, self.kind, self.status, self.problems = message, kind, status, problems
        super().__init__("\n".join([message] + [f"  {p.field}: {p.message}" for p in problems if p.field]))

    @property
    def caller_erred(self) -> bool:
        """Whether what was asked is wrong in itself, so that asking again is no use."""
        return self.status in (400, 404, 405, 413, 415, 422) or self.kind in _OF_THE_CALLER


class BadAddress(FarmError, ValueError):
    """The given address cannot be a farm's."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is no farm's address; one is like http://127.0.0.1:8560", kind="bad-address")


class BadKey(FarmError, ValueError):
    """The given key cannot be one. It is not shown, because most of it may be right."""

    def __init__(self) -> None:
        super().__init__("what was given as the API key cannot be one: it has spaces or accents", kind="bad-key")


class BadRequest(FarmError, ValueError, TypeError):
    """What was asked for cannot be sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="bad-request")


class LocalFileError(FarmError, OSError):
    """A file or folder of this machine cannot be read or written; `errno` and `filename` are the system's."""

    def __init__(self, message: str, cause: Exception, path: object, *, kind: str = "") -> None:
        super().__init__(message, kind=kind)
        self.errno, self.filename = getattr(cause, "errno", None), str(path)

    def __str__(self) -> str:
        return self.message


class MissingFile(LocalFileError, FileNotFoundError):
    """There is no such file on this machine."""


def unreadable(path: Path, cause: Exception) -> LocalFileError:
    """Why a picture's file cannot be sent."""
    if isinstance(cause, FileNotFoundError):
        return MissingFile(f"there is no file {path}; name a picture that is there", cause, path, kind="bad-file")
    if isinstance(cause, IsADirectoryError):
        return LocalFileError(f"{path} is a folder; name a picture in it", cause, path, kind="bad-file")
    reason = getattr(cause, "strerror", None) or cause
    return LocalFileError(
        f"{str(path)!r} cannot be read ({reason}); name a file that can", cause, path, kind="bad-file"
    )


def unwritable(cause: OSError) -> LocalFileError:
    """Why what was fetched cannot be kept."""
    path, reason = cause.filename or "the folder", cause.strerror or cause
    kind = MissingFile if isinstance(cause, FileNotFoundError) else LocalFileError
    return kind(f"{path} cannot be written ({reason}); choose another folder, or make room for it", cause, path)


class NoFarm(FarmError):
    """Nothing answers at the farm's address."""

    def __init__(self, url: str, reason: str) -> None:
        here = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        hint = "start one with `dreamfarm up`" if here else "is that its address?"
        super().__init__(f"no farm answers at {url} ({reason}); {hint}", kind="no-farm")


def error_of(response: httpx.Response) -> FarmError:
    """The error in an answer whose status is 400 or more: RFC 9457 problem details, or whatever a proxy made of it."""
    try:
        body = response.json()
    except ValueError:
        body = None
    status = response.status_code
    if not isinstance(body, Mapping) or "status" not in body:
        text = " ".join(response.text.split())[:200]
        return FarmError(f"{response.url.host} answered {status} {response.reason_phrase}: {text}", status=status)
    return FarmError(
        str(body.get("detail") or body.get("title") or f"the farm answered {status}"),
        kind=str(body.get("type", "")).rpartition(":")[2],
        status=status,
        problems=tuple(_problem(e) for e in body.get("errors") or () if isinstance(e, Mapping)),
    )


def _problem(item: Mapping[str, Any]) -> Problem:
    where = [f"line {item['line']}"] if item.get("line") else []
    where += [str(item["field"])] if item.get("field") else []
    return Problem(": ".join(where), str(item.get("message", "")))
