"""Downloads over HTTP: whole and true, or an error that says what happened.

What has arrived when a connection breaks is kept beside the file, and the next attempt, of this process or of a later
one, asks for the rest. The file itself appears only when its digest is right.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

#: Attempts in a row that bring nothing new, and the first pause between them in seconds.
ATTEMPTS, FIRST_PAUSE = 4, 1.0
#: A server that sends nothing for so long is taken for dead.
SILENCE_SECONDS = 30.0
#: Answers that may be different in a moment: too many requests, and what is wrong with a server itself.
_FOR_THE_MOMENT = (408, 425, 429, 500, 502, 503, 504)

#: Told the bytes so far and, where the server says it, of all.
Watch = Callable[[int, int | None], None]


class DownloadFailed(Exception):
    """A file could not be downloaded; the message says why and what to do."""


def fetch(
    url: str, into: Path, algorithm: str, digests: Sequence[str], watch: Watch = lambda _done, _all: None
) -> None:
    """Downloads `url` to the file `into`, which appears only when it has one of the digests. Raises DownloadFailed."""
    part = _Part(into)
    resumed = _download(url, part, watch)
    found = digest_of(part.file, algorithm)
    if found not in digests and resumed:
        # What there was may have been of another file.
        part.forget()
        _download(url, part, watch)
        found = digest_of(part.file, algorithm)
    if found not in digests:
        part.forget()
        raise DownloadFailed(
            f"what {url} sends is not the published file: its {algorithm} is {found}, expected {' or '.join(digests)}"
        )
    part.file.replace(into)
    part.forget()


def digest_of(file: Path, algorithm: str) -> str:
    """The digest of a file's content, hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


@dataclass(frozen=True)
class _Part:
    """The beginning of a file, and what tells whether the server still has the same one."""

    into: Path

    @property
    def file(self) -> Path:
        return self.into.with_name(f"{self.into.name}.part")

    @property
    def _validator(self) -> Path:
        return self.into.with_name(f"{self.into.name}.etag")

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def conditions(self) -> dict[str, str]:
        """The headers that ask for the rest, if the file is still the same."""
        if not self.size:
            return {}
        known = self._validator.read_text() if self._validator.exists() else ""
        return {"Range": f"bytes={self.size}-"} | ({"If-Range": known} if known else {})

    def begin(self, headers: httpx.Headers) -> None:
        """Starts from nothing, with what tells the server's file from a later one."""
        self.file.write_bytes(b"")
        etag = headers.get("etag", "")
        # Weak tags say that two files mean the same, not that they are the same.
        self._validator.write_text(headers.get("last-modified", "") if etag[:2] in ("", "W/") else etag)


def _download(url: str, part: _Part, watch: Watch) -> bool:
    """Brings the part to its full length; whether some of it was there before. Raises DownloadFailed."""
    resumed, furthest, fruitless = part.size > 0, part.size, 0
    while True:
        try:
            _attempt(url, part, watch)
            return resumed
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            resumed = resumed or part.size > 0
            fruitless = 0 if part.size > furthest else fruitless + 1
            furthest = max(furthest, part.size)
            if fruitless >= ATTEMPTS or not _passes(error):
                raise DownloadFailed(_explained(url, error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:
            raise DownloadFailed(f"{url} cannot be downloaded: {error}") from error
        except OSError as error:
            raise DownloadFailed(_about_the_disk(part.file, error)) from error
        time.sleep(FIRST_PAUSE * 2 ** max(fruitless - 1, 0))


def _attempt(url: str, part: _Part, watch: Watch) -> None:
    """Asks once for what is missing."""
    # Digests are of the file as it is published, not as it is packed for the way.
    headers = {"Accept-Encoding": "identity"} | part.conditions()
    with httpx.stream("GET", url, headers=headers, timeout=SILENCE_SECONDS, follow_redirects=True) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and part.size:
            if response.headers.get("content-range", "").endswith(f"/{part.size}"):
                return
            part.forget()
            raise httpx.RemoteProtocolError("the server has less than what was downloaded before")
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            part.begin(response.headers)
        elif not response.headers.get("content-range", "").startswith(f"bytes {part.size}-"):
            part.forget()
            raise httpx.RemoteProtocolError("the server sends another part than it was asked for")
        _take(response, part, watch)


def _take(response: httpx.Response, part: _Part, watch: Watch) -> None:
    done = part.size
    length = response.headers.get("content-length")
    whole = None if length is None else done + int(length)
    if whole is not None and whole - done > (free := shutil.disk_usage(part.file.parent).free):
        raise OSError(errno.ENOSPC, f"{(whole - done) / 1e6:,.0f} MB are missing, and {free / 1e6:,.0f} MB are free")
    with part.file.open("ab") as file:
        # In pieces as they come: what was collected into larger ones would be lost with the connection.
        for chunk in response.iter_raw():
            file.write(chunk)
            done += len(chunk)
            watch(done, whole)


def _passes(error: httpx.HTTPError) -> bool:
    """Whether another attempt may go better."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _FOR_THE_MOMENT
    return not isinstance(error, httpx.UnsupportedProtocol | httpx.ProxyError)


def _explained(url: str, error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{url} answers {error.response.status_code} {error.response.reason_phrase}"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy does not let {url} through ({error}): check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    if isinstance(error, httpx.TimeoutException):
        return f"{url} cannot be downloaded: nothing came for {SILENCE_SECONDS:.0f} seconds"
    return f"{url} cannot be downloaded: {error or type(error).__name__}"


def _about_the_disk(file: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return (
            f"{file.parent} is full ({error.strerror}): make room, or set DREAMFARM_DATA to a folder on a larger disk"
        )
    return f"{file} cannot be written: {error.strerror or error}"
