"""Starts services, waits until they are healthy, restarts those that die, and stops them in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from api.cli.command import Failed
from deploy.farmfile import ProcessMark, ServiceMark
from deploy.logfiles import keep_small

#: How often services are looked at; a restart is late by no more than this.
_LOOK_SECONDS = 0.1
#: A service that dies is restarted after this many seconds, doubled each time it dies again …
_FIRST_PAUSE = 0.5
#: … up to this many, so that one that never starts costs nothing, and one that could start again soon does.
_LONGEST_PAUSE = 30.0
#: A service that lived this long is taken to have been well, and the pauses start over.
_WELL_AFTER = 60.0
#: A service that dies this often before it was healthy for the first time will not get well by itself.
_STARTS = 3
_LAST_LINES = 12
_LAST_BYTES = 8192


class Interrupted(Exception):
    """The farm was told to stop while it started."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A program of the farm, and how to tell that it is well."""

    name: str
    command: Sequence[str]
    #: Whether the service is healthy, given its process number.
    ready: Callable[[int], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Seconds to become healthy in.
    patience: float = 60.0
    #: Seconds between being asked to stop and being killed.
    grace: float = 10.0
    #: Called when the service died before it was healthy: does what may help the next start, and says what it did.
    repair: Callable[[], str | None] = lambda: None


class _Running:
    """A service's process, over its restarts. `process` is None while a restart is waited for."""

    def __init__(self, service: Service, log: Path) -> None:
        self.service = service
        self.log = log
        self.restarts = 0
        self.ready = False
        self.was_ready = False
        self.deaths_in_a_row = 0
        self.pause = _FIRST_PAUSE
        self.restart_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.mark: ProcessMark | None = None
        self.started = 0.0

    def start(self) -> None:
        """Start the process, in a session of its own: Ctrl-C is for the supervisor, which stops all in order."""
        leash = [sys.executable, "-P", "-m", "deploy.leash", str(os.getpid())]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*leash, *self.service.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.service.environment},
                start_new_session=True,
            )
        try:
            self.mark = ProcessMark.of(self.process.pid)  # until it is waited for, its number is its own
        except psutil.NoSuchProcess:
            # Some systems tell nothing of a process that has ended already.
            self.mark = ProcessMark(self.process.pid, "ended")
        self.started = time.monotonic()
        self.ready = False

    def kill_group(self) -> None:
        """Kill what is left of the process and its children."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def last_lines(self) -> str:
        """The end of the log, indented."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
                lines = file.read().decode(errors="replace").splitlines()[-_LAST_LINES:]
        except OSError as error:
            return f"    (cannot be read: {error})"
        return "\n".join(f"    {line}" for line in lines)


class Supervisor:
    """The services of one farm. Must be used from the main thread: services die with the thread that started them.

    `stages` are started one after the other where the first is concerned (others need it), the rest at once; they are
    stopped in the opposite order, each stage when the one after it has ended.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[Service]],
        *,
        logs: Path,
        say: Callable[[str], None],
        changed: Callable[[Mapping[str, ServiceMark]], None],
        stop: threading.Event,
        hurry: threading.Event,
    ) -> None:
        self._stages = [[_Running(s, logs / f"{s.name}.log") for s in stage] for stage in stages]
        self._say = say
        self._changed = changed
        self._stop = stop
        self._hurry = hurry

    def start(self) -> None:
        """Start all services and wait until each is healthy.

        Raises:
            Failed: one does not get healthy; all that were started run on until `stop`.
            Interrupted: the farm was told to stop meanwhile.
        """
        first, rest = self._stages[0], [r for stage in self._stages[1:] for r in stage]
        for group in (first, rest):
            for running in group:
                running.start()
            self._tell()
            while not all(r.ready for r in group):
                self._look()
                for running in group:
                    self._check_start(running)
                if self._stop.wait(_LOOK_SECONDS):
                    raise Interrupted

    def watch(self) -> None:
        """Keep the services running until the farm is told to stop."""
        while not self._stop.wait(_LOOK_SECONDS):
            self._look()
            for running in self._all():
                keep_small(running.log)

    def stop(self) -> None:
        """Stop all services, last stage first; those that take too long, or that someone is in a hurry for, are killed."""
        for stage in reversed(self._stages):
            for running in stage:
                if running.process is not None:
                    running.process.terminate()
            asked = time.monotonic()
            for running in stage:
                self._wait_for_end(running, asked)
                running.kill_group()

    def _all(self) -> list[_Running]:
        return [running for stage in self._stages for running in stage]

    def _tell(self) -> None:
        self._changed(
            {
                r.service.name: ServiceMark(process=r.mark, ready=r.ready, restarts=r.restarts)
                for r in self._all()
                if r.mark is not None
            }
        )

    def _look(self) -> None:
        """Notice deaths and recoveries, and restart what is due."""
        before = [(r.mark, r.ready) for r in self._all()]
        for running in self._all():
            if running.process is not None and running.process.poll() is not None:
                self._bury(running)
            elif running.process is None and running.mark is not None and time.monotonic() >= running.restart_at:
                self._restart(running)
            elif running.process is not None and not running.ready and running.service.ready(running.process.pid):
                running.ready = True
                again = f"again (restart {running.restarts})" if running.restarts else ""
                self._say(f"{running.service.name} is ready {again}".rstrip())
                running.was_ready = True
        if [(r.mark, r.ready) for r in self._all()] != before:
            self._tell()

    def _bury(self, running: _Running) -> None:
        assert running.process is not None
        code = running.process.returncode
        running.kill_group()
        repaired = None if running.ready else running.service.repair()
        running.process = None
        running.ready = False
        if time.monotonic() - running.started > _WELL_AFTER:
            running.deaths_in_a_row, running.pause = 0, _FIRST_PAUSE
        pause = running.pause
        running.pause = min(_LONGEST_PAUSE, 2 * pause)
        running.deaths_in_a_row += 1
        running.restart_at = time.monotonic() + pause
        self._say(
            f"{running.service.name} {_ended(code)}; it starts again in {pause:g} s. "
            f"The end of {running.log}:\n{running.last_lines()}"
        )
        if repaired:
            self._say(repaired)
        self._tell()

    def _restart(self, running: _Running) -> None:
        running.restarts += 1
        try:
            running.start()
        except OSError as error:
            # Too many processes, no memory, a full disk: these pass.
            running.restart_at = time.monotonic() + _LONGEST_PAUSE
            self._say(f"{running.service.name} cannot be started: {error}; again in {_LONGEST_PAUSE:g} s")

    def _check_start(self, running: _Running) -> None:
        """Give up on a service that does not become healthy at the farm's start."""
        if running.was_ready:
            return
        name, log = running.service.name, running.log
        if running.deaths_in_a_row >= _STARTS:
            raise Failed(f"{name} does not start: it ended {_STARTS} times. Its log is {log}")
        if running.process is not None and time.monotonic() - running.started > running.service.patience:
            raise Failed(
                f"{name} is not ready after {running.service.patience:.0f} s. The end of {log}:\n{running.last_lines()}"
            )

    def _wait_for_end(self, running: _Running, asked: float) -> None:
        while running.process is not None and running.process.poll() is None:
            if time.monotonic() - asked > running.service.grace:
                self._say(f"{running.service.name} did not stop within {running.service.grace:.0f} s and is killed")
                return
            if self._hurry.wait(_LOOK_SECONDS):
                return


def _ended(code: int) -> str:
    if code < 0:
        try:
            return f"was killed by signal {-code} ({signal.Signals(-code).name})"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with exit code {code}"
