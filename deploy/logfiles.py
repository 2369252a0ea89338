"""The log of each service, `<data>/logs/<service>.log`, and the supervisor's own, `farm.log`."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from types import TracebackType

#: Logs of so many earlier starts are kept, as `api.1.log` (the last) and so on.
KEPT = 5


def rotate(folder: Path) -> None:
    """Put the logs of the last start aside, and drop the oldest."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = {path.name.split(".")[0] for path in folder.glob("*.log")}
    for name in names:
        _numbered(folder, name, KEPT).unlink(missing_ok=True)
        for number in reversed(range(KEPT)):
            path = _numbered(folder, name, number)
            if path.exists():
                path.rename(_numbered(folder, name, number + 1))


def _numbered(folder: Path, name: str, number: int) -> Path:
    return folder / (f"{name}.{number}.log" if number else f"{name}.log")


class Report:
    """Tells what happens to whoever started the farm, and to `farm.log`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def say(self, message: str) -> None:
        """Tell one thing."""
        line = f"{time.strftime('%H:%M:%S')} {message}"
        # The disk may be full, the terminal may have been closed.
        with contextlib.suppress(OSError):
            self._file.write(line + "\n")
            self._file.flush()
        with contextlib.suppress(OSError, ValueError):
            print(line, flush=True)

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
    nowhere = os.open(os.devnull, os.O_RDWR)
    errors = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.dup2(errors, 2)
    os.close(nowhere)
    os.close(errors)
