"""Inputs, frames, checkpoints and outputs: a folder or an S3 bucket behind obstore.

Keys are paths without a leading slash: `assets/<sha256>`, `jobs/<job>/<attempt>/frames/00012.jpg`. Puts are
atomic: a reader sees all of a blob or none of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, S3Store

from shared.settings import Settings

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import ReadableFile, WritableFile
    from obstore.store import ClientConfig, RetryConfig, S3Config
    from typing_extensions import Buffer

#: Local puts that were cut off by a crash leave `name#1` files; older than this they are nobody's any more.
_ABANDONED_AFTER_SECONDS = 3600.0
#: Read and written at a time: large enough that asking a store far away hardly counts.
_PIECE = 2**22
#: A writer keeps what it has not stored yet in memory: with obstore's twelve parts, a whole checkpoint. And a part must get
#: through in time, also where they share a narrow line.
_PARTS_UNDER_WAY = 2
#: How long one answer of a bucket may take in all: a picture of a gigabyte on its way to somebody with a slow line.
_WHOLE_ANSWER = timedelta(days=1)


class BlobMissing(KeyError):
    """There is no blob of that name."""

    def __str__(self) -> str:
        return f"blob {self.args[0]} is missing from the blob store"


class Blobs:
    """A blob store."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        #: The folder, where the store is one.
        self.folder = folder

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Store a blob, replacing one of the same name. A file is read in pieces, from where it stands."""
        obstore.put(self._store, key, data, max_concurrency=_PARTS_UNDER_WAY)

    @contextlib.contextmanager
    def writing(self, key: str) -> Iterator[io.RawIOBase]:
        """A file that becomes the blob, and cannot seek. Nothing is stored when an exception leaves the block."""
        with obstore.open_writer(self._store, key, max_concurrency=_PARTS_UNDER_WAY) as blob:
            yield _Writer(blob)

    def get(self, key: str) -> bytes:
        """A blob's bytes.

        Raises:
            BlobMissing: there is none of that name.
        """
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            raise BlobMissing(key) from None

    @contextlib.contextmanager
    def reading(self, key: str) -> Iterator[BinaryIO]:
        """A blob as a file that can seek; it is read in pieces.

        Raises:
            BlobMissing: there is none of that name.
        """
        try:
            blob = obstore.open_reader(self._store, key, buffer_size=_PIECE)
        except FileNotFoundError:
            raise BlobMissing(key) from None
        with io.BufferedReader(_Reader(blob), _PIECE) as file:
            yield file

    def size(self, key: str) -> int:
        """A blob's size in bytes.

        Raises:
            BlobMissing: there is none of that name.
        """
        try:
            return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError:
            raise BlobMissing(key) from None

    def stream(self, key: str, part: tuple[int, int] | None = None) -> Iterator[bytes]:
        """A blob's bytes, in pieces of about a megabyte; the blob is opened at once. `part`: from a byte up to another.

        Raises:
            BlobMissing: there is none of that name.
        """
        try:
            result = obstore.get(self._store, key, options={"range": part} if part else None)
        except FileNotFoundError:
            raise BlobMissing(key) from None
        return (bytes(piece) for piece in result.stream(min_chunk_size=2**20))

    def exists(self, key: str) -> bool:
        """Whether there is a blob of that name."""
        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def is_whole(self, key: str, *, size: int, sha256: str) -> bool:
        """Whether a blob is there with the right size and, in a local folder, digest; S3 looks after its bytes itself."""
        try:
            if obstore.head(self._store, key)["size"] != size:
                return False
        except FileNotFoundError:
            return False
        if self.folder is None:
            return True
        digest = hashlib.sha256()
        for piece in self.stream(key):
            digest.update(piece)
        return digest.hexdigest() == sha256

    def delete(self, key: str) -> None:
        """Delete a blob; one that is missing already is as good."""
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    def delete_below(self, folder: str) -> None:
        """Delete all blobs whose names begin with `folder/`; of a local folder, also what was half-written there.

        When it returns, they are gone, whoever else may delete there at the same time. Half-written parts of blobs in a
        bucket are listed nowhere; a rule of the bucket has to remove them (deploy/README.md).

        Raises:
            ValueError: the folder is a whole kind of blobs, or no name at all; none of ours is deleted as a whole.
            OSError: something cannot be deleted.
        """
        if not re.fullmatch(r"\w[\w-]*(/\w[\w-]*)+", folder, re.ASCII):
            raise ValueError(f"{folder!r} is not the folder of one thing, such as jobs/<job>")
        if self.folder is not None:
            _remove_folder(self.folder / folder)  # empty folders go, too
            return
        for page in obstore.list(self._store, folder):
            obstore.delete(self._store, [str(meta["path"]) for meta in page])

    def keys(self, prefix: str) -> list[str]:
        """The names of all blobs below a prefix."""
        return [str(meta["path"]) for page in obstore.list(self._store, prefix) for meta in page]

    def has_ever_had(self, kind: str) -> bool:
        """Whether blobs of a kind, such as `assets`, were ever stored here. In a bucket: whether any are left.

        Where one blob is missing among others, it was lost; where there are none at all, this is another place than the
        one they were stored in: a share that is not mounted, a bucket or prefix that is spelt wrongly.

        Raises:
            obstore.exceptions.BaseError: there is no such bucket, or it does not answer.
        """
        if self.folder is not None:
            return (self.folder / kind).is_dir()  # stays when its last file goes
        return any(obstore.list(self._store, kind, chunk_size=1))

    def require_mounted(self, kind: str) -> None:
        """Make sure, before what is missing counts as removed, that this is the place where such blobs were stored.

        Raises:
            OSError: it is a folder that never had any.
        """
        if self.folder is not None and not self.has_ever_had(kind):
            raise FileNotFoundError(f"there are no {kind} at all in {self.folder}: is it mounted?")

    def sweep(self) -> int:
        """Delete what crashes left half-written in a local folder; how many files. For buckets see `delete_below`."""
        if self.folder is None:
            return 0
        old = time.time() - _ABANDONED_AFTER_SECONDS
        swept = 0
        for path in self.folder.rglob("*#*"):
            # Whoever writes it may be done at any moment, and the file gone.
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and path.stat().st_mtime < old:
                    path.unlink()
                    swept += 1
        return swept


class _Writer(io.RawIOBase):
    """obstore's writer as one of Python's files."""

    def __init__(self, blob: WritableFile) -> None:
        self._blob = blob

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        return self._blob.write(data)


class _Reader(io.RawIOBase):
    """obstore's reader as one of Python's files."""

    def __init__(self, blob: ReadableFile) -> None:
        self._blob = blob

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = memoryview(self._blob.read(len(view)))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._blob.seek(offset, whence)

    def tell(self) -> int:
        return self._blob.tell()


def _remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; what has vanished meanwhile is as good as removed."""

    def unless_gone(_function: object, _path: object, error: BaseException) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=unless_gone)
    else:
        shutil.rmtree(folder, onerror=lambda function, path, info: unless_gone(function, path, info[1]))


def _forget_empty_credentials() -> None:
    """obstore reads the usual AWS variables, and would sign with an empty key where a line was left empty, instead of with
    the machine's role.
    """
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        if os.environ.get(name) == "":
            del os.environ[name]


def open_blobs(settings: Settings, *, patience: timedelta | None = None) -> Blobs:
    """The blob store that the settings name: `file:///folder` or `s3://bucket/prefix`.

    A bucket that says nothing for as long as `patience` is given up, for whoever has somebody waiting; by default it is
    asked again and again for three minutes.

    Raises:
        ValueError: the URL names neither.
    """
    url = urlsplit(settings.blobs)
    if url.scheme == "file":
        folder = Path(unquote(url.path))
        folder.mkdir(parents=True, exist_ok=True)
        return Blobs(LocalStore(folder), folder)
    if url.scheme == "s3":
        _forget_empty_credentials()
        config: S3Config = {"region": settings.s3_region}
        if settings.s3_endpoint:
            config["endpoint"] = settings.s3_endpoint
        client: ClientConfig = {"allow_http": (settings.s3_endpoint or "").startswith("http://")}
        retry: RetryConfig = {}
        if patience is not None:
            # Of silence, not of the whole answer: who takes it slowly is still being served.
            client |= {"read_timeout": patience, "timeout": _WHOLE_ANSWER}
            retry = {"retry_timeout": patience}
        prefix = url.path.strip("/") or None
        return Blobs(S3Store(url.netloc, prefix=prefix, config=config, client_options=client, retry_config=retry))
    raise ValueError(f"DREAMFARM_BLOBS_URL is {settings.blobs!r}; it must start with file:/// or s3://")
