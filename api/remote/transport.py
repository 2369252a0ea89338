"""Requests to a farm: repeated when the farm is away for a moment, refused with a FarmError when it says no."""

from __future__ import annotations

import json as json_format
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import IO, Any

import httpx

from api.remote.address import Address
from api.remote.errors import BadAddress, BadRequest, FarmError, NoFarm, error_of

#: A request that the farm cannot serve right now is repeated for this long: a restart takes a few seconds.
PATIENCE_SECONDS = 30.0
#: Waits between repetitions: double from the first to the longest, each shortened at random so that the clients of a
#: farm that comes back do not all knock at once.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
#: A validated batch of 100,000 jobs takes the farm about half a minute.
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_AWAY = (429, 502, 503, 504)

Body = bytes | IO[bytes]


class Transport:
    """HTTP with a farm. Every request it repeats is safe to repeat: it reads, or names what it creates."""

    def __init__(self, address: Address, patience: float) -> None:
        self.address = address
        self._patience = patience
        headers = {} if address.key is None else {"Authorization": f"Bearer {address.key}"}
        try:
            # A proxy that the environment names would take these names for its own machine.
            by_proxy = httpx.URL(address.url).host not in _LOOPBACK
            self.http = httpx.Client(base_url=address.url, headers=headers, timeout=_TIMEOUT, trust_env=by_proxy)
        except (httpx.InvalidURL, UnicodeError):
            raise BadAddress(address.url) from None
        #: A farm that answered before is waited for; one that never did is probably not there at all.
        self._answered = False

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        body: Callable[[], Body] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON of an answer. `body` opens the request's bytes anew for each repetition.

        Raises:
            FarmError: the farm refused; BadRequest: this cannot be sent; NoFarm: it did not answer for as long as the
                client's patience lasts.
        """
        sent = {key: value for key, value in (params or {}).items() if value is not None}
        if json is not None:
            encoded = _encoded(json)
            body, headers = (lambda: encoded), {"Content-Type": "application/json", **(headers or {})}
        deadline = time.monotonic() + self._patience
        for wait in _waits():
            try:
                with ExitStack() as stack:
                    content = None if body is None else body()
                    if content is not None and not isinstance(content, bytes):
                        stack.enter_context(content)
                    request = self._request(method, path, params=sent, content=content, headers=headers)
                    response = self.http.send(request)
                self._answered = True
                if response.status_code in _AWAY and time.monotonic() + wait < deadline:
                    time.sleep(max(wait, _retry_after(response)))
                    continue
                if response.is_error:
                    raise error_of(response)
                return _json_of(response)
            except httpx.TransportError as error:
                if self.nobody_there(error) or time.monotonic() + wait > deadline:
                    raise NoFarm(self.address.url, reason(error)) from None
                time.sleep(wait)
        raise AssertionError("unreachable: the waits do not end")

    def nobody_there(self, error: httpx.TransportError) -> bool:
        """Whether this says that there is no farm at all, rather than one that restarts."""
        return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)) and not self._answered

    @contextmanager
    def answer(
        self,
        path: str,
        *,
        method: str = "GET",
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> Iterator[httpx.Response]:
        """An answer whose body is read bit by bit. Not repeated.

        Raises:
            FarmError: the farm refused; httpx.TransportError: the connection broke.
        """
        request = self._request(method, path, params=params, headers=headers, timeout=timeout)
        with closing(self.http.send(request, stream=True)) as response:
            self._answered = True
            if response.is_error:
                response.read()
                raise error_of(response)
            yield response

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        """What is to be sent. Raises FarmError for what cannot be written into a request."""
        try:
            return self.http.build_request(method, path, **parts)
        except (UnicodeError, httpx.InvalidURL) as error:
            raise BadRequest(f"what was asked for has characters that no request can hold ({error})") from None

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell a broken connection as NoFarm."""
        try:
            yield
        except httpx.TransportError as error:
            raise NoFarm(self.address.url, reason(error)) from None


def _encoded(value: Any) -> bytes:
    """JSON. Numbers that are none (NaN) are left to the farm, which names their field. Raises BadRequest."""
    try:
        return json_format.dumps(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(
            f"this cannot be sent as JSON ({error}); jobs are made of text, numbers, lists and dictionaries, and pictures "
            "in them are the `id`s of their uploads"
        ) from None


def _json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise FarmError(
            f"{response.url.copy_with(path='/')} answers, but not as a farm does: is this its address?"
        ) from None


def reason(error: httpx.TransportError) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, httpx.ConnectError):
        return "nothing listens there" if "refused" in str(error).lower() else str(error)
    return "it does not answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or "it hung up"


def _waits() -> Iterator[float]:
    wait = _FIRST_WAIT
    while True:
        yield wait * random.uniform(0.5, 1.0)
        wait = min(wait * 2, _LONGEST_WAIT)


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), _LONGEST_WAIT) if value.isdecimal() else 0.0
