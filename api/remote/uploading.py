"""Bringing pictures to the farm: known by their digest, so that each is sent once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from api.remote.errors import FarmError, LocalFileError, unreadable
from api.remote.transport import Body, Transport
from api.schemas import AssetView

#: Uploads at a time: enough to keep a connection busy while the farm checks the picture before.
_AT_ONCE = 4


def upload(transport: Transport, picture: Path | bytes) -> AssetView:
    """The picture's asset, after sending it if the farm does not have it. Raises FarmError."""
    if isinstance(picture, bytes):
        return _upload(transport, hashlib.sha256(picture).hexdigest(), lambda: picture)
    try:
        with picture.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise unreadable(picture, error) from None
    return _upload(transport, digest, lambda: _opened(picture))


def _opened(picture: Path) -> Body:
    try:
        return picture.open("rb")
    except OSError as error:
        raise unreadable(picture, error) from None


def upload_all(transport: Transport, pictures: Iterable[str]) -> Iterator[tuple[str, AssetView]]:
    """As `upload`, for many files at a time; yields each path with its asset as they are done."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="upload") as pool:
        running = {pool.submit(_named_upload, transport, path): path for path in pictures}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        finally:
            for future in running:
                future.cancel()


def _named_upload(transport: Transport, path: str) -> AssetView:
    try:
        return upload(transport, Path(path))
    except FarmError as error:
        # Of many pictures, the refused one has to be named.
        if error.caller_erred and not isinstance(error, LocalFileError):
            raise FarmError(f"{path}: {error.message}", kind=error.kind, status=error.status) from None
        raise


def _upload(transport: Transport, digest: str, open_body: Callable[[], Body]) -> AssetView:
    try:
        return AssetView.model_validate(transport.json("GET", f"/v1/assets/sha256:{digest}/info"))
    except FarmError as error:
        if error.status != 404:
            raise
    headers = {"Content-Type": "application/octet-stream"}
    return AssetView.model_validate(transport.json("POST", "/v1/assets", body=open_body, headers=headers))
