"""Progress of long work as lines on standard output: how much is done, how fast, how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds between two lines.
_EVERY = 10.0


class Progress:
    """Counts work and says now and then where it is."""

    def __init__(self, what: str, total: int, *, done: int = 0) -> None:
        """`done` was done before, and says nothing about the speed."""
        self._what, self._total, self._done, self._before = what, total, done, done
        self._started = self._said = time.monotonic()

    def advance(self, count: int, note: Callable[[], str] = str) -> None:
        """So much more is done. The note is only asked for when it is said."""
        self._done += count
        if time.monotonic() - self._said >= _EVERY:
            self.say(note())

    def finish(self) -> None:
        """All is done."""
        self.say("done")

    def say(self, note: str) -> None:
        """A line now."""
        self._said = time.monotonic()
        seconds = self._said - self._started
        rate = (self._done - self._before) / max(seconds, 1e-9)
        left = (self._total - self._done) / rate if rate else float("inf")
        eta = "?" if left == float("inf") else _duration(left)
        print(f"{self._what} {self._done}/{self._total}  {rate:.1f}/s  {eta} left  {note}".rstrip(), flush=True)


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
