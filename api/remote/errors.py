"""What the client raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.problems import Problem

if TYPE_CHECKING:
    import httpx


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
        return self.status in (400, 404, 405, 413, 415, 422) or self.kind in ("ambiguous-id", "bad-address", "bad-key")


class BadAddress(FarmError):
    """The given address cannot be a farm's."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is no farm's address; one is like http://127.0.0.1:8560", kind="bad-address")


class BadKey(FarmError):
    """The given key cannot be one. It is not shown, because most of it may be right."""

    def __init__(self) -> None:
        super().__init__("what was given as the API key cannot be one: it has spaces or accents", kind="bad-key")


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
