"""Published networks: where they are, how to tell that a download is whole and true, and what becomes of it."""

from __future__ import annotations

import hashlib
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared.cards import Card
from worker.networks.adding import add
from worker.networks.collect import BadModel

#: Attempts at a download that breaks off or is refused for the moment, and the first pause between them in seconds.
ATTEMPTS, FIRST_PAUSE = 4, 1.0
#: A server that sends nothing for so long is taken for dead.
SILENCE_SECONDS = 30.0
CHUNK = 2**20

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"


class DownloadFailed(Exception):
    """A network could not be downloaded; the message says why and what to do."""


@dataclass(frozen=True)
class Published:
    """A published network's file."""

    url: str
    #: Of the file: the algorithm that its publisher uses, and the hexadecimal digest.
    algorithm: str
    digest: str
    licence: str
    #: The file inside, where the published one is a zip archive, and its SHA-256.
    member: str | None = None
    member_sha256: str | None = None

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return self.url.rsplit("/", 1)[-1]


PUBLISHED: Mapping[str, Published] = {
    "inception5h": Published(
        url="https://storage.googleapis.com/download.tensorflow.org/models/inception5h.zip",
        algorithm="sha256",
        digest="d13569f6a98159de37e92e9c8ec4dae8f674fbf475f69fe6199b514f756d4364",
        licence="Apache-2.0",
        member="tensorflow_inception_graph.pb",
        member_sha256="a39b08b826c9d5a5532ff424c03a3a11a202967544e389aca4b06c2bd8aef63f",
    ),
    "vgg16": Published(
        url=KERAS + "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        algorithm="md5",
        digest="6d6bbae143d832006294945121d1f1fc",
        licence="CC-BY-4.0",
    ),
    "vgg19": Published(
        url=KERAS + "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        algorithm="md5",
        digest="253f8cb515780f3b799900260a226db6",
        licence="CC-BY-4.0",
    ),
    "inception_v3": Published(
        url=KERAS + "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        algorithm="md5",
        digest="bcbd6486424b2319ff4ef7d526e38f63",
        licence="Apache-2.0",
    ),
}

#: Told the bytes so far and, where the server says it, of all.
Watch = Callable[[int, int | None], None]


def pull(name: str, *, folder: Path, source: str | None = None, watch: Watch = lambda _done, _all: None) -> Card:
    """Downloads a published network, checks it, and registers it in `folder`; `source` is another address of its file.

    Raises DownloadFailed and BadModel; KeyError for a name that PUBLISHED does not have.
    """
    published = PUBLISHED[name]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / published.file_name
        fetch(source or published.url, file, published.algorithm, published.digest, watch)
        if published.member is not None:
            file = _unpacked(file, published.member, published.member_sha256 or "")
        return add(name, file, folder=folder, licence=published.licence)[0]


def fetch(url: str, into: Path, algorithm: str, digest: str, watch: Watch = lambda _done, _all: None) -> None:
    """Downloads `url` to the file `into`, which appears only when its digest is right. Raises DownloadFailed."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            found = _download(url, into, algorithm, watch)
            break
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status < 500 or attempt == ATTEMPTS:
                raise DownloadFailed(f"{url} answers {status} {error.response.reason_phrase}") from error
        except (httpx.TransportError, OSError) as error:
            if attempt == ATTEMPTS or not isinstance(error, httpx.TransportError):
                raise DownloadFailed(f"{url} cannot be downloaded: {error or type(error).__name__}") from error
        time.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
    if found != digest:
        into.unlink()
        raise DownloadFailed(
            f"what {url} sends is not the published file: its {algorithm} is {found}, expected {digest}"
        )


def _download(url: str, into: Path, algorithm: str, watch: Watch) -> str:
    """Downloads once; the digest."""
    digest, done = hashlib.new(algorithm, usedforsecurity=False), 0
    with httpx.stream("GET", url, timeout=SILENCE_SECONDS, follow_redirects=True) as response:
        response.raise_for_status()
        length = response.headers.get("content-length")
        with into.open("wb") as file:
            for chunk in response.iter_bytes(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                watch(done, None if length is None else int(length))
    return digest.hexdigest()


def _unpacked(archive: Path, member: str, sha256: str) -> Path:
    try:
        with zipfile.ZipFile(archive) as files:
            data = files.read(member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise BadModel(f"{archive.name} is not an archive with {member}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadModel(f"{member} in {archive.name} is not the published file")
    file = archive.with_name(member)
    file.write_bytes(data)
    return file
