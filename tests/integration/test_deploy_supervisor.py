"""The supervisor, with small programs as its services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from api.cli.command import Failed
from deploy.farmfile import ServiceMark
from deploy.supervisor import Interrupted, Service, Supervisor
from tests.conftest import ending, wait_until

#: Writes its name when it is ready and when it was asked to stop.
POLITE = """
import signal, sys, pathlib, threading
name, diary = sys.argv[1], pathlib.Path(sys.argv[2])
def note(what):
    with diary.open("a") as file:
        file.write(f"{name} {what}\\n")
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
note("starts")
(diary.parent / f"{name}.ready").touch()
stop.wait()
note("stops")
"""
STUBBORN = POLITE.replace("lambda *_: stop.set()", "signal.SIG_IGN")
BROKEN = "print('cannot find my configuration'); raise SystemExit(3)"


class Farm:
    """A supervisor with what it said and noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.marks: Mapping[str, ServiceMark] = {}
        self.stop, self.hurry = threading.Event(), threading.Event()

    def service(self, name: str, program: str = POLITE, **options: float) -> Service:
        ready = self.folder / f"{name}.ready"
        return Service(
            name=name,
            command=(sys.executable, "-c", program, name, str(self.folder / "diary")),
            ready=lambda _pid: ready.exists(),
            **options,  # type: ignore[arg-type]
        )

    def supervisor(self, *stages: list[Service]) -> Supervisor:
        return Supervisor(
            stages, logs=self.folder, say=self.said.append, changed=self.note, stop=self.stop, hurry=self.hurry
        )

    def note(self, marks: Mapping[str, ServiceMark]) -> None:
        self.marks = marks

    def diary(self) -> list[str]:
        return (self.folder / "diary").read_text().splitlines()

    def watch_until(self, supervisor: Supervisor, condition: object) -> None:
        """Let the supervisor watch, in the thread that it must be in, until the condition holds."""

        def wait() -> None:
            try:
                wait_until(condition, what="what the supervisor should do")  # type: ignore[arg-type]
            finally:
                self.stop.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        supervisor.watch()
        waiting.join()
        self.stop.clear()


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def test_the_first_stage_is_ready_before_the_others_start_and_stops_last(farm: Farm) -> None:
    supervisor = farm.supervisor([farm.service("redis")], [farm.service("api")], [farm.service("worker")])
    supervisor.start()
    try:
        assert farm.diary()[0] == "redis starts"
        assert all(mark.ready for mark in farm.marks.values())
    finally:
        supervisor.stop()
    assert farm.diary()[3:] == ["worker stops", "api stops", "redis stops"]
    assert not any(psutil.pid_exists(mark.process.pid) for mark in farm.marks.values())


def test_a_service_that_is_killed_starts_again_and_that_is_said(farm: Farm) -> None:
    supervisor = farm.supervisor([farm.service("worker")])
    supervisor.start()
    try:
        first = farm.marks["worker"].process
        os.kill(first.pid, signal.SIGKILL)
        farm.watch_until(supervisor, lambda: farm.marks["worker"].restarts == 1 and farm.marks["worker"].ready)
        assert farm.marks["worker"].process.pid != first.pid
        [death] = [line for line in farm.said if "killed by signal 9 (SIGKILL)" in line]
        assert death.startswith("worker was killed")
        assert str(farm.folder / "worker.log") in death
        assert "worker is ready again (restart 1)" in farm.said
    finally:
        supervisor.stop()


def test_logs_that_somebody_removed_do_not_matter(farm: Farm) -> None:
    supervisor = farm.supervisor([farm.service("worker")])
    supervisor.start()
    try:
        (farm.folder / "worker.log").unlink()
        os.kill(farm.marks["worker"].process.pid, signal.SIGKILL)
        farm.watch_until(supervisor, lambda: farm.marks["worker"].restarts == 1 and farm.marks["worker"].ready)
        assert (farm.folder / "worker.log").exists()
    finally:
        supervisor.stop()


def test_children_of_a_killed_service_die_with_it(farm: Farm) -> None:
    parent = textwrap.dedent("""
        import subprocess, sys, pathlib, time
        folder = pathlib.Path(sys.argv[2]).parent
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (folder / "child").write_text(str(child.pid))
        (folder / "worker.ready").touch()
        time.sleep(600)
    """)
    supervisor = farm.supervisor([farm.service("worker", parent)])
    supervisor.start()
    try:
        child = psutil.Process(int((farm.folder / "child").read_text()))
        os.kill(farm.marks["worker"].process.pid, signal.SIGKILL)
        farm.watch_until(supervisor, lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    finally:
        supervisor.stop()


def test_a_service_that_never_starts_is_given_up_with_its_last_words(farm: Farm) -> None:
    supervisor = farm.supervisor([farm.service("redis")], [farm.service("api", BROKEN)])
    try:
        with pytest.raises(Failed, match=r"api does not start.*api\.log"):
            supervisor.start()
    finally:
        supervisor.stop()
    assert any("ended with exit code 3" in line and "cannot find my configuration" in line for line in farm.said)
    assert farm.diary() == ["redis starts", "redis stops"]


def test_a_service_that_is_never_ready_is_given_up(farm: Farm) -> None:
    idle = "import time; print('thinking', flush=True); time.sleep(600)"
    supervisor = farm.supervisor([farm.service("api", idle, patience=0.5)])
    try:
        with pytest.raises(Failed, match="api is not ready after"):
            supervisor.start()
    finally:
        supervisor.stop()


def test_a_service_that_does_not_stop_is_killed(farm: Farm) -> None:
    supervisor = farm.supervisor([farm.service("worker", STUBBORN, grace=0.3)])
    supervisor.start()
    pid = farm.marks["worker"].process.pid
    supervisor.stop()
    assert not psutil.pid_exists(pid)
    assert any("did not stop within" in line for line in farm.said)


def test_a_second_signal_does_not_wait_for_anybody(farm: Farm) -> None:
    supervisor = farm.supervisor([farm.service("worker", STUBBORN, grace=600)])
    supervisor.start()
    farm.hurry.set()
    supervisor.stop()
    assert not psutil.pid_exists(farm.marks["worker"].process.pid)


def test_stopping_while_starting(farm: Farm) -> None:
    supervisor = farm.supervisor([farm.service("api", "import time; time.sleep(600)")])
    farm.stop.set()
    with pytest.raises(Interrupted):
        supervisor.start()
    supervisor.stop()
    assert not psutil.pid_exists(farm.marks["api"].process.pid)


def test_repairs_are_tried_before_a_first_success_only(farm: Farm) -> None:
    repairs: list[int] = []

    def repair() -> str:
        repairs.append(1)
        (farm.folder / "repaired").touch()
        return "worker was repaired"

    program = (
        f"import pathlib, sys\nif not pathlib.Path(sys.argv[2]).with_name('repaired').exists(): sys.exit(1)\n{POLITE}"
    )
    whole = farm.service("worker", program)
    service = Service(name="worker", command=whole.command, ready=whole.ready, repair=repair)
    supervisor = farm.supervisor([service])
    supervisor.start()
    try:
        assert repairs == [1]
        assert "worker was repaired" in farm.said
        os.kill(farm.marks["worker"].process.pid, signal.SIGKILL)
        farm.watch_until(supervisor, lambda: farm.marks["worker"].restarts == 2)
        assert repairs == [1]
    finally:
        supervisor.stop()


@pytest.mark.parametrize("leash", ["by the kernel", "by looking"])
def test_services_do_not_outlive_a_killed_supervisor(tmp_path: Path, leash: str) -> None:
    pid_file = tmp_path / "pid"
    service = f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(600)"
    if leash == "by the kernel":
        start = "[sys.executable, '-m', 'deploy.leash', str(os.getpid())]"
    else:
        watch = "import sys; from deploy.leash import watch; watch(int(sys.argv[1]), sys.argv[2:])"
        start = f"[sys.executable, '-c', {watch!r}, str(os.getpid())]"
    supervisor = textwrap.dedent(f"""
        import os, subprocess, sys, time
        subprocess.Popen({start} + [sys.executable, "-c", {service!r}], start_new_session=True)
        time.sleep(600)
    """)
    with ending(subprocess.Popen([sys.executable, "-c", supervisor])) as process:
        wait_until(lambda: pid_file.exists() and pid_file.read_text(), what="the service's start")
        left = psutil.Process(int(pid_file.read_text()))
        process.kill()
    wait_until(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE, what="the service's end")


def test_the_leash_passes_signals_and_exit_codes_on(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    program = textwrap.dedent(f"""
        import pathlib, signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        pathlib.Path({str(ready)!r}).touch()
        signal.pause()
    """)
    watch = "import os, sys; from deploy.leash import watch; sys.exit(watch(os.getppid(), sys.argv[1:]))"
    with ending(subprocess.Popen([sys.executable, "-c", watch, sys.executable, "-c", program])) as process:
        wait_until(ready.exists, what="the service's start")
        process.terminate()
        assert process.wait(timeout=10) == 7
