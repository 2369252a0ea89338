"""Where the farm is, and the key that opens it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from api.remote.errors import BadAddress, BadKey

#: Where `dreamfarm up` listens unless told otherwise.
DEFAULT_URL = "http://127.0.0.1:8560"


@dataclass(frozen=True)
class Address:
    """A farm's base URL (without a slash at its end) and an API key, or None where there is none."""

    url: str
    key: str | None


def find(url: str | None = None, key: str | None = None) -> Address:
    """The given address; what is missing comes from DREAMFARM_URL and DREAMFARM_KEY, then from this machine's farm.

    The local farm's key is used for the local farm only: it is never sent to another address.
    """
    url, key = url or os.environ.get("DREAMFARM_URL") or None, key or os.environ.get("DREAMFARM_KEY") or None
    if url is None or key is None:
        local = _local()
        if url is None or url.rstrip("/") == local.url:
            url, key = local.url, key or local.key
    _check(url)
    if key is not None and not re.fullmatch("[!-~]+", key):
        raise BadKey
    return Address(url.rstrip("/"), key)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        usable = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
        usable = usable and not parts.query and not parts.fragment and not re.search(r"\s", url)
        host.encode("idna")  # an empty or too long part of a name cannot be asked for
        url.encode()
    except ValueError:
        usable = False
    if not usable:
        raise BadAddress(url)


def _local() -> Address:
    """The farm that `dreamfarm up` started with this user's data folder, as it wrote itself down."""
    from shared.settings import settings  # only here: it takes a tenth of a second, and an explicit address needs none

    folder = settings().data
    url = DEFAULT_URL
    written = _text(folder / "farm.json")
    if written is not None:
        try:
            url = str(json.loads(written)["api"])
        except (ValueError, LookupError, TypeError):
            url = DEFAULT_URL  # half written by a farm that is starting: it will be found the next time
    return Address(url.rstrip("/"), _text(folder / "key"))


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
