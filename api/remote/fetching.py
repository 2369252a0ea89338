"""Fetching what jobs made: whole files or none, nothing twice, and never over a file that is another one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx

from api.remote.errors import FarmError, unwritable
from api.remote.transport import Transport
from shared.names import part_of

if TYPE_CHECKING:
    from api.remote.farm import Farm
    from api.schemas import JobDetail

#: How often a download that breaks off is taken up again before it counts as failed.
_TRIES = 5
#: What a file's time loses on its way through floats. On a file system that rounds it, frames are fetched again.
_SAME_TIME_SECONDS = 0.001
What = Literal["output", "manifest", "animation", "frame", "contact sheet"]


@dataclass(frozen=True)
class Fetched:
    """A file in the folder; `new` is False when it was there already."""

    path: Path
    what: What
    new: bool


class FileDiffers(FarmError):
    """A file of that name is there, and is another one."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is there already and is another file; choose another folder, or allow to overwrite it"
        )


@contextmanager
def telling_of_files() -> Iterator[None]:
    """Tell what cannot be written on this machine as FarmError."""
    try:
        yield
    except FarmError:
        raise
    except OSError as error:
        raise unwritable(error) from None


def fetch(farm: Farm, job: JobDetail, folder: Path, *, frames: bool, overwrite: bool) -> Iterator[Fetched]:
    """Bring a job's output, manifest, animation and, if wanted, frames into a folder, which is made if it is missing.

    Raises FarmError when there is nothing to fetch yet, FileDiffers, OSError.
    """
    if job.output is None and not frames:
        raise FarmError(f"job {job.id} is {job.state} and has no output" + (f": {job.reason}" if job.reason else ""))
    folder.mkdir(parents=True, exist_ok=True)
    stem = job.id
    if job.output is not None:
        stem = Path(job.output.file_name).stem
        target = _Target(folder / _plain_name(job.output.file_name), overwrite, job.output.digest)
        yield Fetched(target.path, "output", _bring(farm.transport, job.links["output"], target))
    if "manifest" in job.links:
        target = _Target(folder / f"{stem}.json", overwrite)
        yield Fetched(target.path, "manifest", _bring(farm.transport, job.links["manifest"], target))
    if "animation" in job.links:
        target = _Target(folder / _plain_name(f"{stem}-animation.{job.spec['animation']}"), overwrite)
        yield Fetched(target.path, "animation", _bring(farm.transport, job.links["animation"], target))
    if frames:
        (folder / f"{stem}-frames").mkdir(exist_ok=True)
        for frame in farm.frames(job.id):
            # A job that had to start over has made other frames of the same numbers since.
            path = folder / f"{stem}-frames" / f"{frame.number:05d}.jpg"
            target = _Target(path, overwrite, made=frame.created_at.timestamp())
            yield Fetched(target.path, "frame", _bring(farm.transport, frame.links["self"], target))


def fetch_contact_sheet(farm: Farm, batch: str, folder: Path) -> Fetched:
    """Bring a batch's contact sheet into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    target = _Target(folder / f"contact-sheet-{batch}.jpg", overwrite=True)  # it grows with its batch
    return Fetched(target.path, "contact sheet", _bring(farm.transport, f"/v1/batches/{batch}/contact-sheet", target))


def fetch_portraits(farm: Farm, model: str, file: Path) -> None:
    """Bring the page with a network's portraits."""
    _bring(farm.transport, f"/v1/models/{model}/contact-sheet", _Target(file, overwrite=True))


def _plain_name(name: str) -> str:
    """A name from the farm as a file name, which must not lead out of the folder."""
    return Path(name).name or "output"


@dataclass(frozen=True)
class _Target:
    """A file to be."""

    path: Path
    overwrite: bool
    #: `sha256:…` of what it should be, where the farm tells it beforehand.
    digest: str | None = None
    #: When it was made, where that tells it from others of its name; the file gets this time, to be known again by.
    made: float | None = None

    @property
    def there(self) -> bool:
        """Whether it needs no fetching."""
        if not self.path.exists():
            return False
        if self.made is not None and abs(self.path.stat().st_mtime - self.made) < _SAME_TIME_SECONDS:
            return True
        return self.digest is not None and _digest(self.path) == self.digest

    def take(self, part: Path) -> None:
        """Become what was fetched."""
        if self.made is not None:
            os.utime(part, (self.made, self.made))
        part.replace(self.path)


def _bring(transport: Transport, link: str, target: _Target) -> bool:
    """Fetch one file; False when it is there already."""
    if target.there:
        return False
    if target.path.exists() and target.digest is not None and not target.overwrite:
        raise FileDiffers(target.path)
    part = part_of(target.path)
    if target.made is not None:
        part.unlink(missing_ok=True)  # it may be of another one, and frames are small
    _download(transport, link, part, target.path.name)
    if target.digest is not None and _digest(part) != target.digest:
        part.unlink()
        raise FarmError(f"{target.path.name} arrived damaged: its digest is not {target.digest}; fetch it again")
    if target.path.exists() and not target.overwrite:
        if _digest(part) != _digest(target.path):
            part.unlink()
            raise FileDiffers(target.path)
        target.take(part)
        return False
    target.take(part)
    return True


def _download(transport: Transport, link: str, part: Path, name: str) -> None:
    """Write an answer's body to a file, going on where an earlier attempt broke off."""
    for attempt in range(_TRIES):
        done = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={done}-"} if done else {}
        try:
            with transport.answer(link, headers=headers) as response:
                whole = response.status_code != 206
                with part.open("wb" if whole else "ab") as file:
                    for piece in response.iter_bytes():
                        file.write(piece)
            return
        except FarmError as error:
            if error.status != 416:
                raise
            part.unlink()  # longer than the file: of another one
        except httpx.TransportError as error:
            if attempt == _TRIES - 1:
                raise FarmError(f"{name} broke off {_TRIES} times ({error}); fetch it again") from None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
