"""The log of each service, `<data>/logs/<service>.log`, and the supervisor's own, `farm.log`."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType

#: So many earlier logs are kept, as `api.1.log` (the last start's) and so on.
KEPT = 5
#: A log that grows beyond this is put aside, too: a farm may run for months. So a service's logs take some 50 MB at most.
LARGEST_BYTES = 8 * 2**20


def rotate(folder: Path) -> None:
    """Put the logs of the last start aside, and drop the oldest."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = {path.name.split(".")[0] for path in folder.glob("*.log")}
    for name in names:
        _shift(folder, name)
        if (log := _numbered(folder, name, 0)).exists():
            log.rename(_numbered(folder, name, 1))


def keep_small(log: Path) -> None:
    """Put a log that has grown large aside while it is being written. Its writers append, and go on at its start.

    What they write at that very moment may be lost; a disk that is full must not end a farm.
    """
    with contextlib.suppress(OSError):
        if log.stat().st_size > LARGEST_BYTES:
            _shift(log.parent, log.stem)
            shutil.copyfile(log, _numbered(log.parent, log.stem, 1))
            os.truncate(log, 0)


def _shift(folder: Path, name: str) -> None:
    """Make room for another earlier log."""
    _numbered(folder, name, KEPT).unlink(missing_ok=True)
    for number in reversed(range(1, KEPT)):
        path = _numbered(folder, name, number)
        if path.exists():
            path.rename(_numbered(folder, name, number + 1))


def _numbered(folder: Path, name: str, number: int) -> Path:
    return folder / (f"{name}.{number}.log" if number else f"{name}.log")


class Report:
    """Tells what happens to whoever started the farm, and to `farm.log`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a")

    def say(self, message: str) -> None:
        """Tell one thing."""
        day, hour = time.strftime("%Y-%m-%d %H:%M:%S").split()
        # The disk may be full, the terminal may have been closed.
        with contextlib.suppress(OSError):
            self._file.write(f"{day} {hour} {message}\n")
            self._file.flush()
        keep_small(self._path)
        try:
            print(f"{hour} {message}", flush=True)
        except BrokenPipeError:
            # Nobody reads any more. What is left in the buffer is for nobody, too: Python complains of it when it ends.
            _to_nowhere(1)
        except (OSError, ValueError):
            pass

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            if error is not None:
                self._file.write(f"{error}\n")
            self._file.close()


def hang_up(log: Path) -> None:
    """Let go of the terminal: from now on the process's output goes to nobody, and its errors to a log."""
    sys.stdout.flush()
    sys.stderr.flush()
    errors = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    _to_nowhere(0, 1)
    os.dup2(errors, 2)
    os.close(errors)


def _to_nowhere(*descriptors: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
