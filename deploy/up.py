"""`dreamfarm up`: the whole farm on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from platformdirs import user_data_path
from pydantic import SecretStr

from api.cli.command import Failed
from deploy import farmfile, flower, redis_server
from deploy.devices import devices, require_rendering
from deploy.farmfile import Farm, ProcessMark
from deploy.flower import require_flower
from deploy.logfiles import Report, hang_up, rotate
from deploy.ports import free_port, is_free, require_free
from deploy.services import api_url, flower_url, stages
from deploy.supervisor import Interrupted, Supervisor
from shared.settings import Settings
from shared.store import Store
from shared.store.keys import ensure_local_key
from shared.store.schema import upgrade


@dataclass(frozen=True)
class _Stop:
    """What signals ask for: to stop, and after a second one, to be quick about it."""

    wanted: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)

    def asked(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.wanted.is_set():
            self.hurry.set()
        self.wanted.set()


class _Board:
    """Keeps `farm.json` true."""

    def __init__(self, data: Path, farm: Farm, report: Report) -> None:
        self._data = data
        self._report = report
        self.farm = farm
        farmfile.write(data, farm)

    def note(self, **changes: Any) -> None:
        """Write changed fields of the farm's description. A disk that is full must not end a farm."""
        self.farm = dataclasses.replace(self.farm, **changes)
        try:
            farmfile.write(self._data, self.farm)
        except OSError as error:
            self._report.say(f"farm.json cannot be written: {error}")


#: What is called once a farm is healthy, with its description and the key of whoever runs it.
Started = Callable[[Farm, str], None]


def run(settings: Settings, *, started: Started) -> None:
    """Run the farm until it is told to stop.

    Raises:
        Failed: it cannot start; nothing is left running.
    """
    require_rendering()
    require_flower()
    data = settings.data
    _open_folder(data)
    stop = _Stop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # What is ignored from the start stays so: with nohup the terminal's end, behind a script its Ctrl-C.
        if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop.asked)
    with _locked(data):
        _clear_up(data)
        try:
            ready = _with_ports(settings)
            rotate(data / "logs")
            with Report(data / "logs" / "farm.log") as report:
                _run(ready, report, stop, started)
        finally:
            redis_server.clean(data)
            farmfile.remove(data)


def detach(settings: Settings) -> None:
    """Run the farm in the background; returns when it is healthy. Its progress is shown meanwhile.

    Raises:
        Failed: it did not start.
    """
    options = ["--data", str(settings.data), "--port", str(settings.port), "--workers", str(settings.workers)]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "deploy.main", "up", *options, "--in-background"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    try:
        with process.stdout:
            # Ends when the farm is healthy and hangs up, or when it has ended.
            for line in process.stdout:
                print(line, end="", flush=True)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    farm = farmfile.read(settings.data)
    if farm is None or farm.supervisor.pid != process.pid or farm.state != "running":
        process.wait()
        raise Failed("the farm did not start; the reason is above")


def with_keys(farm: Farm, key: str) -> str:
    """What people need to know of a running farm."""
    return _addresses(farm, f"/#key={key}", f"user {farm.flower_user}, password {farm.flower_password}")


def without_keys(farm: Farm, _key: str) -> str:
    """The same for a log that others read, too: under systemd, the journal."""
    return _addresses(farm, "", "`dreamfarm status` shows the key and the password")


def _addresses(farm: Farm, key: str, password: str) -> str:
    return f"\n  gallery  {farm.api}{key}\n  flower   {farm.flower}   ({password})\n"


def in_foreground(settings: Settings) -> None:
    """Run the farm for whoever watches, or for a service manager."""
    told = with_keys if sys.stdout.isatty() else without_keys
    run(settings, started=lambda farm, key: print(told(farm, key) + _places(settings.data), flush=True))


def in_background(settings: Settings) -> None:
    """Run the farm, hanging up when it is healthy; what `detach` starts, to which all is told."""

    def started(farm: Farm, key: str) -> None:
        print(with_keys(farm, key) + _places(settings.data), flush=True)
        hang_up(settings.data / "logs" / "farm.log")

    run(settings, started=started)


def _places(data: Path) -> str:
    folder = shlex.quote(str(data))
    # The other commands look for their farm in the usual folder.
    to_use = "" if data == user_data_path("dreamfarm") else f"  to use   export DREAMFARM_DATA={folder}\n"
    return f"  logs     {data / 'logs'}\n{to_use}  to end   dreamfarm down --data {folder}\n"


def _run(settings: Settings, report: Report, stop: _Stop, started: Started) -> None:
    if settings.flower_password is None:
        settings = settings.model_copy(update={"flower_password": SecretStr(secrets.token_urlsafe(12))})
    board = _Board(settings.data, _describe(settings), report)
    report.say(f"starting the farm in {settings.data}")
    store = Store(settings.database)
    try:
        upgrade(store)
        key = ensure_local_key(store, settings)
        supervisor = Supervisor(
            stages(
                settings,
                store,
                redis=None if settings.redis_url else redis_server.prepare(settings.data),
                devices=devices(settings.workers, report.say, settings.gpus_per_worker),
            ),
            logs=settings.data / "logs",
            say=report.say,
            changed=lambda services: board.note(services=services),
            stop=stop.wanted,
            hurry=stop.hurry,
        )
        try:
            supervisor.start()
            board.note(state="running")
            started(board.farm, key)
            supervisor.watch()
        except Interrupted:
            pass
        finally:
            board.note(state="stopping")
            report.say("stopping; workers save what they are rendering")
            supervisor.stop()
            report.say("stopped")
    finally:
        store.dispose()


def _describe(settings: Settings) -> Farm:
    assert settings.flower_password is not None
    return Farm(
        version=version("dreamfarm"),
        state="starting",
        supervisor=ProcessMark.own(),
        api=api_url(settings),
        flower=flower_url(settings),
        flower_user=flower.USER,
        flower_password=settings.flower_password.get_secret_value(),
    )


def _open_folder(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(f"cannot make the data folder {data}: {error.strerror}; choose another with --data") from None


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[None]:
    try:
        with farmfile.lock(data):
            yield
    except farmfile.AlreadyRunning:
        farm = farmfile.read(data)
        where = f" at {farm.api}" if farm else ""
        named = shlex.quote(str(data))
        raise Failed(
            f"the farm in {data} is running already{where}. `dreamfarm status --data {named}` shows it, "
            f"`dreamfarm down --data {named}` ends it"
        ) from None


def _clear_up(data: Path) -> None:
    """End what a farm that crashed left running: with its lock free, nobody looks after it any more."""
    crashed = farmfile.read(data)
    if crashed is not None:
        farmfile.end_orphans(crashed)
        farmfile.remove(data)


def _with_ports(settings: Settings) -> Settings:
    """The settings with ports that are free; Flower takes the one after the API's where that was chosen.

    A free port's neighbour is of those that the system hands out for connections: one of them could take it before
    Flower listens.

    Raises:
        Failed: a port that was asked for is taken.
    """
    port, flower_port = settings.port, settings.flower_port
    if port != 0:
        remedy = "Choose another with --port N; --port 0 takes a free one"
        require_free(settings.host, port, what="the API", remedy=remedy)
    if "flower_port" in settings.model_fields_set and flower_port != 0:
        remedy = "Choose another with DREAMFARM_FLOWER_PORT"
        require_free(settings.flower_host, flower_port, what="Flower", remedy=remedy, setting="DREAMFARM_FLOWER_HOST")
    else:
        beside = port + 1 if 0 < port < 65535 else 0
        free = beside != 0 and is_free(settings.flower_host, beside, "DREAMFARM_FLOWER_HOST")
        flower_port = beside if free else free_port(settings.flower_host, "DREAMFARM_FLOWER_HOST")
    port = port or free_port(settings.host, but=flower_port)
    return settings.model_copy(update={"port": port, "flower_port": flower_port})
