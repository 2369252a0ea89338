"""Live progress: bars on a terminal, lines everywhere else."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from rich.cells import cell_len
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from api.cli import words
from api.cli.command import err
from shared.states import TERMINAL

if TYPE_CHECKING:
    from api.schemas import JobView

#: Bars of single jobs at a time; a terminal shows about thirty lines.
_BARS = 8
#: From this many columns on, a terminal has room for long names and a long bar.
_WIDE = 110
#: Speeds are taken over this long, so that they neither jump nor lag.
_SPEED_SECONDS = 15.0
#: The bar of all jobs is drawn anew no more often than this: of 10,000 jobs, it takes a while to add up.
_SUM_SECONDS = 0.2
#: Of more jobs than this, those that wait get no line of their own.
_FEW = 10
#: Lines of one job's progress come no closer than this.
_LINE_SECONDS = 5.0


@dataclass(frozen=True)
class Snapshot:
    """A job at a moment. Octaves and iterations count from 1."""

    id: str
    name: str
    state: str
    octave: int
    octaves: int
    iteration: int
    iterations: int
    mpit: float
    mpit_total: float
    seconds_left: float | None = None

    @classmethod
    def of(cls, job: JobView) -> Snapshot:
        """A farm's job."""
        p = job.progress
        return cls(
            id=job.id,
            name=job.name,
            state=job.state,
            octave=p.octave,
            octaves=p.octaves,
            iteration=p.iteration,
            iterations=p.iterations,
            mpit=p.mpit_total if job.state == "succeeded" else p.mpit,
            mpit_total=p.mpit_total,
            seconds_left=p.seconds_left,
        )

    @property
    def place(self) -> str:
        """`octave 2/4, 3/10`: the octave, and the iteration in it."""
        if self.octave == 0:
            return self.state
        return f"octave {self.octave}/{self.octaves}, {self.iteration}/{self.iterations}"


class _Speed:
    """Megapixel-iterations per second over the last while."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque()

    def add(self, mpit: float) -> None:
        now = time.monotonic()
        if self._points and mpit < self._points[-1][1]:
            self._points.clear()  # back to its checkpoint
        self._points.append((now, mpit))
        while len(self._points) > 2 and now - self._points[0][0] > _SPEED_SECONDS:
            self._points.popleft()

    @property
    def value(self) -> float | None:
        """None until there was progress."""
        if not self._points:
            return None
        (start, before), (end, after) = self._points[0], self._points[-1]
        return (after - before) / (end - start) if after > before and end > start else None


class Display(Protocol):
    """Shows jobs as they change."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def update(self, job: Snapshot) -> None:
        """Show how far a job is."""

    def say(self, line: Text) -> None:
        """Print a line that stays."""


def display() -> Display:
    """Bars when standard error is a terminal, else lines."""
    return _Bars() if err.is_terminal else _Lines()


class _Bars:
    """A bar for each of the first few running jobs, and one for all."""

    def __init__(self) -> None:
        # Eighty columns hold everything, but only a stub of a bar.
        wide = err.width >= _WIDE
        self._label_width = 26 if wide else 14
        self._progress = Progress(
            TextColumn("{task.fields[label]}", markup=False),
            BarColumn(bar_width=24 if wide else 8),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
            console=err,
            transient=True,
        )
        self._jobs: dict[str, Snapshot] = {}
        self._speeds: dict[str, _Speed] = {}
        self._bars: dict[str, TaskID] = {}
        self._all: TaskID | None = None
        self._added_up = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, line: Text) -> None:
        self._progress.console.print(line, soft_wrap=True)

    def update(self, job: Snapshot) -> None:
        self._jobs[job.id] = job
        speed = self._speeds.setdefault(job.id, _Speed())
        if job.state == "running":
            speed.add(job.mpit)
        if job.state != "running":
            bar = self._bars.pop(job.id, None)
            if bar is not None:
                self._progress.remove_task(bar)
        elif job.id not in self._bars and len(self._bars) < _BARS:
            self._bars[job.id] = self._progress.add_task("", total=job.mpit_total, label="", detail="")
        if job.id in self._bars:
            self._progress.update(
                self._bars[job.id],
                completed=job.mpit,
                label=self._label(job.name),
                detail=" · ".join(filter(None, (job.place, _pace(speed.value), _left(job, speed.value)))),
            )
        self._update_all()

    def _label(self, name: str) -> str:
        label = words.shortened(name, self._label_width)
        return label + " " * (self._label_width - cell_len(label))

    def _update_all(self) -> None:
        if len(self._jobs) < 2 or time.monotonic() - self._added_up < _SUM_SECONDS:
            return
        self._added_up = time.monotonic()
        if self._all is None:
            self._all = self._progress.add_task("", total=1.0, label="", detail="")
        jobs = self._jobs.values()
        ended = sum(job.state in TERMINAL for job in jobs)
        # What will not be rendered any more is not waited for.
        open_total = sum(job.mpit_total for job in jobs if job.state not in ("failed", "cancelled"))
        done = sum(job.mpit for job in jobs if job.state not in ("failed", "cancelled"))
        speeds = [self._speeds[id].value or 0.0 for id, job in self._jobs.items() if job.state == "running"]
        pace = sum(speeds) or None
        left = words.duration((open_total - done) / pace) + " left" if pace else ""
        self._progress.update(
            self._all,
            total=open_total or 1.0,
            completed=done if open_total else 1.0,
            label=self._label(f"{ended:,}/{len(self._jobs):,} jobs"),
            detail=" · ".join(filter(None, (_pace(pace), left))),
        )


class _Lines:
    """A line for each change of state, each octave, and every few seconds."""

    def __init__(self) -> None:
        self._jobs: dict[str, Snapshot] = {}
        self._said: dict[str, float] = {}
        self._speeds: dict[str, _Speed] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def say(self, line: Text) -> None:
        err.print(line, soft_wrap=True)

    def update(self, job: Snapshot) -> None:
        before, now = self._jobs.get(job.id), time.monotonic()
        self._jobs[job.id] = job
        speed = self._speeds.setdefault(job.id, _Speed())
        if job.state == "running":
            speed.add(job.mpit)
        same = before is not None and (before.state, before.octave) == (job.state, job.octave)
        if before is None and job.state == "queued" and len(self._jobs) > _FEW:
            return
        if job.state in TERMINAL or (
            same and (job.state != "running" or now - self._said.get(job.id, 0.0) < _LINE_SECONDS)
        ):
            return
        self._said[job.id] = now
        share = f"{100 * job.mpit / job.mpit_total:.0f} %" if job.mpit_total else ""
        parts = (
            (job.place, share, _pace(speed.value), _left(job, speed.value)) if job.state == "running" else (job.state,)
        )
        self.say(Text(f"{job.name}  " + " · ".join(filter(None, parts))))


def _pace(speed: float | None) -> str:
    return "" if speed is None else f"{speed:.3g} MP·it/s"


def _left(job: Snapshot, speed: float | None) -> str:
    seconds = (job.mpit_total - job.mpit) / speed if speed else job.seconds_left
    return "" if seconds is None else f"{words.duration(seconds)} left"
