"""`dreamfarm doctor`: checks what a farm needs on this machine, and says what to do about what it lacks."""

from __future__ import annotations

import platform
import shlex
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import psutil

from deploy import devices, farmfile
from deploy.ports import holder_of, is_free
from shared.settings import Settings

_PYTHONS = ((3, 11), (3, 14))
#: A large picture's checkpoints, frames and output take about this much.
_DISK_TIGHT = 10 * 2**30
_DISK_FULL = 2**30
#: TensorFlow alone takes a good part of this.
_MEMORY_TIGHT = 3 * 2**30


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was found of one thing, and what to do about it (empty where nothing is to be done)."""

    name: str
    result: Literal["passes", "warns", "fails"]
    found: str
    remedy: str = ""

    def told(self) -> str:
        """For people, in one or two lines."""
        sign = {"passes": "ok  ", "warns": "!   ", "fails": "FAIL"}[self.result]
        remedy = f"\n{'':18}→ {self.remedy}" if self.remedy else ""
        return f"{sign} {self.name:<12} {self.found}{remedy}"


def examine(settings: Settings) -> list[Check]:
    """Check everything; a check that breaks is one that fails."""
    from deploy.doctor_services import check_queue, check_sql, check_storage

    checks: list[tuple[str, Callable[[Settings], Check]]] = [
        ("python", check_python),
        ("tensorflow", check_tensorflow),
        ("flower", check_flower),
        ("memory", check_memory),
        ("data", check_data),
        ("disk", check_disk),
        ("redis", check_queue),
        ("sql", check_sql),
        ("storage", check_storage),
        ("port", check_port),
    ]
    return [_safely(name, check, settings) for name, check in checks]


def _safely(name: str, check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except Exception as error:  # noqa: BLE001 - the doctor must get to the end, whatever is broken
        complaint = (str(error).splitlines() or [""])[0]
        return Check(name=name, result="fails", found=f"{type(error).__name__}: {complaint}")


def check_python(_settings: Settings) -> Check:
    """Whether this Python is one that the farm is tested with."""
    found = f"{platform.python_version()} ({sys.executable})"
    first, behind = _PYTHONS
    if first <= sys.version_info[:2] < behind:
        return Check(name="python", result="passes", found=found)
    return Check(name="python", result="fails", found=found, remedy="use Python 3.11, 3.12 or 3.13")


def check_tensorflow(_settings: Settings) -> Check:
    """Whether TensorFlow can be imported, and sees the GPUs that the driver sees."""
    name = "tensorflow"
    try:
        version, numbers = devices.tensorflow()
    except devices.NoTensorFlow as error:
        return Check(
            name=name,
            result="fails",
            found=f"cannot be imported: {error}",
            remedy="pip install 'dreamfarm[worker]', or 'dreamfarm[gpu]' for NVIDIA GPUs. An API's machine needs none",
        )
    gpus, usable = devices.nvidia_gpus(), len(numbers)
    if len(gpus) > usable:
        return Check(
            name=name,
            result="warns",
            found=f"{version} uses {usable} of {len(gpus)} GPUs ({', '.join(sorted(set(gpus)))})",
            remedy="pip install 'dreamfarm[gpu]' in an environment without tensorflow-cpu, and check the driver's age",
        )
    if usable:
        return Check(name=name, result="passes", found=f"{version} on {usable} GPUs")
    precise = (
        "" if devices.fast_bfloat16() else "; without bfloat16 arithmetic, so that precision float32 is the fastest"
    )
    return Check(name=name, result="passes", found=f"{version} on the CPU{precise}")


def check_flower(_settings: Settings) -> Check:
    """Whether Flower is installed."""
    if find_spec("flower") is None:
        remedy = "pip install 'dreamfarm[flower]'"
        return Check(name="flower", result="fails", found="is not installed", remedy=remedy)
    return Check(name="flower", result="passes", found="is installed")


def check_memory(_settings: Settings) -> Check:
    """Whether a worker fits."""
    free = psutil.virtual_memory().available
    if free < _MEMORY_TIGHT:
        remedy = "close other programs, or render with a smaller DREAMFARM_TILE"
        return Check(name="memory", result="warns", found=f"{_size(free)} available", remedy=remedy)
    return Check(name="memory", result="passes", found=f"{_size(free)} available")


def check_data(settings: Settings) -> Check:
    """Whether the data folder can be used, and by its owner only."""
    data = settings.data
    if not data.exists():
        return Check(name="data", result="passes", found=f"{data} will be made by `dreamfarm up`")
    if not data.is_dir():
        remedy = "name a folder with --data or DREAMFARM_DATA, be it one that is yet to be made"
        return Check(name="data", result="fails", found=f"{data} is a file, not a folder", remedy=remedy)
    if farmfile.read(data) is not None and not farmfile.is_locked(data):
        remedy = f"`dreamfarm down --data {shlex.quote(str(data))}` or the next `dreamfarm up` clears it up"
        return Check(name="data", result="warns", found=f"the farm in {data} crashed", remedy=remedy)
    if stat.S_IMODE(data.stat().st_mode) & 0o077:
        remedy = f"chmod 700 {shlex.quote(str(data))}"
        return Check(name="data", result="warns", found=f"others can look into {data}", remedy=remedy)
    return Check(name="data", result="passes", found=str(data))


def check_disk(settings: Settings) -> Check:
    """Whether there is room for pictures."""
    folder = next(path for path in (settings.data, *settings.data.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free
    result: Literal["passes", "warns", "fails"]
    result = "fails" if free < _DISK_FULL else "warns" if free < _DISK_TIGHT else "passes"
    remedy = "" if result == "passes" else "make room, or choose another data folder with DREAMFARM_DATA"
    return Check(name="disk", result=result, found=f"{_size(free)} free at {folder}", remedy=remedy)


def check_port(settings: Settings) -> Check:
    """Whether the API's port is free, or this farm's own."""
    port = settings.port
    if farmfile.is_locked(settings.data):
        return Check(name="port", result="passes", found="the farm is running and has its ports")
    if port == 0 or is_free(settings.host, port):
        return Check(name="port", result="passes", found=f"{port or 'any'} is free")
    holder = holder_of(port)
    found = f"{port} is taken{f' by {holder}' if holder else ''}"
    remedy = "choose another with `dreamfarm up --port N` or DREAMFARM_PORT"
    return Check(name="port", result="fails", found=found, remedy=remedy)


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
