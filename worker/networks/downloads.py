"""Pulling: a published network is downloaded, or taken from a file, checked, and registered."""

from __future__ import annotations

import fcntl
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.cards import Card
from worker.networks.adding import add
from worker.networks.collect import BadModel
from worker.networks.fetching import DownloadFailed, Watch, digest_of, fetch
from worker.networks.published import PUBLISHED, Member, Published, Remote


def pull(
    name: str,
    *,
    folder: Path,
    cache: Path,
    source: str | None = None,
    watch: Watch = lambda _done, _all: None,
) -> tuple[Card, list[str]]:
    """Downloads a published network, checks it, and registers it in `folder`.

    `source` is another address of its file, or the path of one that is already here. Downloads lie in the folder
    `cache` until the network is registered; one that breaks off is resumed the next time. The card, and sentences about
    what is missing. Raises DownloadFailed and BadModel; KeyError for a name that PUBLISHED does not have.
    """
    published = PUBLISHED[name]
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / f"{name}.lock"):
        return _pull(name, published, folder, cache, source, watch)


def _pull(
    name: str, published: Published, folder: Path, cache: Path, source: str | None, watch: Watch
) -> tuple[Card, list[str]]:
    local = None if source is None or "://" in source else Path(source)
    file = _downloaded(name, published.file, cache, source, watch) if local is None else _checked(local, published)
    classes, notes = _classes(published, file, cache)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        network = file
        if published.member is not None and zipfile.is_zipfile(file):
            network = Path(scratch) / published.member.name
            network.write_bytes(_unpacked(file, published.member))
        card, left_out = add(
            name, network, folder=folder, pooling=published.pooling, classes=classes, licence=published.licence
        )
    if local is None:
        file.unlink()
    return card, left_out + notes


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Holds a lock. Raises DownloadFailed when another process has it."""
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadFailed(f"{lock.stem} is being pulled by another process already: wait for it") from None
        yield


def _downloaded(name: str, remote: Remote, cache: Path, source: str | None, watch: Watch) -> Path:
    """The file in the cache, downloaded unless it is there. Raises DownloadFailed."""
    file = cache / remote.file_name
    if file.exists() and digest_of(file, remote.algorithm) in remote.digests:
        return file
    urls = remote.urls if source is None else (source,)
    failures: list[DownloadFailed] = []
    for url in urls:
        # Each address may have an edition of its own: what broke off at one is never continued at another.
        into = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{remote.file_name}"
        try:
            fetch(url, into, remote.algorithm, remote.digests, watch)
        except DownloadFailed as error:
            failures.append(error)
            continue
        into.replace(file)
        return file
    advice = f"download it on another machine and run `dreamfarm models pull {name} --from FILE`"
    raise DownloadFailed(f"{'; '.join(map(str, failures))}. If this machine cannot reach it, {advice}")


def _checked(file: Path, published: Published) -> Path:
    """A file that somebody brought, if it is the published one. Raises DownloadFailed."""
    remote, member = published.file, published.member
    if not file.is_file():
        raise DownloadFailed(f"there is no file {file}")
    found = digest_of(file, remote.algorithm)
    if found in remote.digests or (member is not None and digest_of(file, "sha256") == member.sha256):
        return file
    raise DownloadFailed(
        f"{file} is not the published {remote.file_name}: its {remote.algorithm} is {found}, expected "
        f"{' or '.join(remote.digests)}; was the download cut off? To register another network, use "
        "`dreamfarm models add`"
    )


def _unpacked(archive: Path, member: Member) -> bytes:
    try:
        with zipfile.ZipFile(archive) as files:
            data = files.read(member.name)
    except (zipfile.BadZipFile, KeyError) as error:
        raise BadModel(f"{archive.name} is not an archive with {member.name}") from error
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise BadModel(f"{member.name} in {archive.name} is not the published file")
    return data


def _classes(published: Published, file: Path, cache: Path) -> tuple[list[str], list[str]]:
    """The classes' names, and a sentence where they could not be had: a network works without."""
    if published.labels is not None and zipfile.is_zipfile(file):
        return _unpacked(file, published.labels).decode().splitlines(), []
    if published.labels is not None:
        return [], [f"the classes' names are in {published.file.file_name} only: without it, classes are numbers"]
    if published.class_index is None:
        return [], []
    index = cache / published.class_index.file_name
    try:
        fetch(published.class_index.urls[0], index, published.class_index.algorithm, published.class_index.digests)
    except DownloadFailed as error:
        return [], [f"classes are numbers, because their names could not be had: {error}"]
    known = json.loads(index.read_text(encoding="utf-8"))
    index.unlink()
    return [known[str(i)][1] for i in range(len(known))], []
