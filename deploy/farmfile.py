"""What a running farm leaves in its data folder for others to find: a lock, and `farm.json`.

The lock belongs to the supervisor's process and ends with it, however that ends; so it, and not a file's existence,
says whether a farm runs. `farm.json` (mode 600) says where it is to be reached and which processes it consists of.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class AlreadyRunning(Exception):
    """A farm runs in the data folder."""


@dataclass(frozen=True)
class ProcessMark:
    """A process, marked so that another one with the same number, later, is not mistaken for it."""

    pid: int
    #: When it was started, exactly as the system says it: two marks of one process are equal.
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessMark:
        """The mark of a running process.

        Raises:
            psutil.NoSuchProcess: it has ended.
        """
        return cls(pid, _start(pid))

    @classmethod
    def own(cls) -> ProcessMark:
        """The mark of this process."""
        return cls.of(os.getpid())

    def find(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = _start(self.pid) == self.started
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def _start(pid: int) -> str:
    """When a process was started. Raises psutil.NoSuchProcess."""
    if not _BOOT_ID.exists():
        return str(psutil.Process(pid).create_time())
    # Clock ticks since the boot: a time of day would change with every correction of the clock.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    ticks = stat.rpartition(")")[2].split()[19]
    return f"{_BOOT_ID.read_text().strip()}+{ticks}"


@dataclass(frozen=True, kw_only=True)
class ServiceMark:
    """A service's process, as the supervisor last saw it."""

    process: ProcessMark
    ready: bool
    restarts: int


@dataclass(frozen=True, kw_only=True)
class Farm:
    """A farm, as `farm.json` describes it."""

    version: str
    state: Literal["starting", "running", "stopping"]
    supervisor: ProcessMark
    api: str
    flower: str
    flower_user: str
    flower_password: str
    services: Mapping[str, ServiceMark] = field(default_factory=dict)

    @property
    def pids(self) -> dict[str, int]:
        """The process number of each service."""
        return {name: mark.process.pid for name, mark in self.services.items()}


def write(data: Path, farm: Farm) -> None:
    """Write `farm.json`; readers see the old one or the new one."""
    content = json.dumps({**asdict(farm), "pids": farm.pids}, indent=1)
    handle, name = tempfile.mkstemp(prefix=".farm-", dir=data)  # mode 600
    with os.fdopen(handle, "w") as file:
        file.write(content)
    Path(name).replace(data / "farm.json")


def read(data: Path) -> Farm | None:
    """What `farm.json` says, whether or not that farm still runs; None where there is none that can be read."""
    try:
        return _farm(json.loads((data / "farm.json").read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def remove(data: Path) -> None:
    """Remove `farm.json` and what half-written ones were left."""
    for path in [data / "farm.json", *data.glob(".farm-*")]:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock(data: Path) -> Iterator[None]:
    """Hold the data folder's lock.

    Raises:
        AlreadyRunning: another process holds it.
    """
    path = data / "farm.lock"
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise AlreadyRunning from None
        if _is_file(handle, path):
            break
        os.close(handle)  # its holder removed it meanwhile
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def is_locked(data: Path) -> bool:
    """Whether a farm runs in the data folder."""
    try:
        handle = os.open(data / "farm.lock", os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        # A shared lock, so that two who only look do not take each other for a farm.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def end_orphans(farm: Farm) -> list[str]:
    """Kill the services of a farm whose supervisor crashed, with their children; the names of those that still ran."""
    found = [(name, process) for name, mark in farm.services.items() if (process := mark.process.find())]
    victims = [victim for _, process in found for victim in (process, *_children(process))]
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    psutil.wait_procs(victims, timeout=10)
    return [name for name, _ in found]


def wait_unlocked(data: Path, *, seconds: float) -> bool:
    """Wait until no farm runs in the data folder; whether that came true in time."""
    deadline = time.monotonic() + seconds
    while is_locked(data):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _farm(content: Any) -> Farm:
    return Farm(
        version=content["version"],
        state=content["state"],
        supervisor=ProcessMark(**content["supervisor"]),
        api=content["api"],
        flower=content["flower"],
        flower_user=content["flower_user"],
        flower_password=content["flower_password"],
        services={
            name: ServiceMark(
                process=ProcessMark(**mark["process"]), ready=bool(mark["ready"]), restarts=int(mark["restarts"])
            )
            for name, mark in content["services"].items()
        },
    )
