"""The whole farm on this machine, as people start, look at and end it: `dreamfarm up`, `status`, `down`."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.farmfile import ProcessMark
from tests.conftest import RedisServer, ending, wait_until
from worker.networks import BESIDE, THREADS, cores

#: A farm starts in five seconds; other tests may be using the processors.
PATIENCE = 120


def dreamfarm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "deploy.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def status(data: Path) -> dict[str, Any]:
    """What `dreamfarm status` says."""
    found: dict[str, Any] = json.loads(dreamfarm("status", "--data", str(data), "--json").stdout)
    return found


def farm_json(data: Path) -> dict[str, Any]:
    """What the farm notes down of itself."""
    found: dict[str, Any] = json.loads((data / "farm.json").read_text())
    return found


def answers(url: str) -> bool:
    """Whether a server answers."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


def running(processes: Sequence[psutil.Process]) -> list[str]:
    """Which of the processes still run."""
    return [str(p) for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def processes_of(data: Path) -> list[psutil.Process]:
    """All processes of a farm."""
    supervisor = psutil.Process(farm_json(data)["supervisor"]["pid"])
    return [supervisor, *supervisor.children(recursive=True)]


def remains(data: Path) -> set[str]:
    """Sockets, locks and the like in a data folder."""
    ephemeral = ("farm.*", ".farm-*", "redis.url", "redis/*.sock", "redis/*.conf", "**/*.pid")
    return {str(path.relative_to(data)) for pattern in ephemeral for path in data.glob(pattern)}


@contextmanager
def idling() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do."""
    with ending(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])) as process:
        yield process


def farm_in_foreground(data: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """`dreamfarm up`, as in a terminal; killed at the block's end where it still runs, and its services with it."""
    command = [sys.executable, "-m", "deploy.main", "up", "--data", str(data), "--port", "0"]
    return ending(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder, in which no farm runs any more when the test has ended. Its name is hard on URLs and shells."""
    folder = tmp_path / "mein hof #1 100%?x=ü"
    yield folder
    dreamfarm("down", "--data", str(folder))


@pytest.fixture
def farm(data: Path) -> Path:
    """The data folder of a running farm."""
    started = dreamfarm("up", "--data", str(data), "--port", "0", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    return data


@pytest.fixture(scope="module")
def shared_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A farm for the tests that leave it as they found it. Its socket's path is too long, as on many machines."""
    folder = tmp_path_factory.mktemp("a" * 80) / "farm"
    started = dreamfarm("up", "--data", str(folder), "--port", "0", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    yield folder
    socket_folder = Path((folder / "redis.url").read_text().partition("@")[2].partition("?")[0]).parent
    assert folder not in socket_folder.parents
    assert dreamfarm("down", "--data", str(folder)).returncode == 0
    assert not socket_folder.exists()


def test_from_up_to_down(data: Path) -> None:
    started = dreamfarm("up", "--data", str(data), "--port", "0", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    assert all(f"{name} is ready" in started.stdout for name in ("redis", "api", "flower", "sweeper", "worker-1"))

    found = status(data)
    assert found["state"] == "running"
    assert {service["state"] for service in found["services"].values()} == {"ready"}
    assert [worker["device"] for worker in found["workers"]] == ["cpu"]
    assert found["jobs"] == dict.fromkeys(("queued", "running", "paused", "succeeded", "failed", "cancelled"), 0)

    gallery, _, key = found["gallery"].partition("/#key=")
    assert found["gallery"] in started.stdout
    assert key == (data / "key").read_text().strip()
    assert httpx.get(f"{gallery}/v1/jobs").status_code == 401
    assert httpx.get(f"{gallery}/v1/jobs", headers={"Authorization": f"Bearer {key}"}).json()["items"] == []
    assert httpx.get(gallery).headers["content-type"].startswith("text/html")

    flower = found["flower"]
    assert flower in started.stdout
    assert httpx.get(f"{flower}/workers").status_code == 401
    assert httpx.get(f"{flower}/workers", auth=(found["flower_user"], found["flower_password"])).is_success

    members = processes_of(data)
    assert len(members) >= 6
    ended = dreamfarm("down", "--data", str(data))
    assert ended.returncode == 0, ended.stderr
    assert running(members) == []
    assert remains(data) == set()
    assert (data / "dreamfarm.db").exists()
    assert (data / "blobs").exists()
    assert [path.name for path in data.parent.iterdir()] == [data.name]
    assert status(data)["state"] == "stopped"
    assert not answers(f"{gallery}/healthz")


def test_workers_share_the_machine(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for chosen in (THREADS, BESIDE):  # by this test's own process
        monkeypatch.delenv(chosen, raising=False)
    started = dreamfarm("up", "--data", str(data), "--port", "0", "--workers", "2", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    marks = farm_json(data)["services"]
    for name in ("worker-1", "worker-2"):
        # What the worker's main process has found out is seen in the environment of the one that renders.
        renders = psutil.Process(marks[name]["process"]["pid"]).children(recursive=True)
        told = [environment for process in renders if THREADS in (environment := process.environ())]
        assert told
        assert {e["DREAMFARM_WORKERS"] for e in told} == {"2"}
        assert {e[THREADS] for e in told} == {str(max(1, cores() // 2))}


def test_only_its_owner_can_look_into_it(shared_farm: Path) -> None:
    farm = shared_farm
    assert farm.stat().st_mode & 0o077 == 0
    for name in ("farm.json", "key", "redis.url"):
        assert (farm / name).stat().st_mode & 0o077 == 0
    flower_password = status(farm)["flower_password"]
    redis_password = (farm / "redis.url").read_text().split(":")[2].split("@")[0]
    for process in processes_of(farm):
        assert flower_password not in " ".join(process.cmdline())
        assert redis_password not in " ".join(process.cmdline())


def test_a_second_up_says_that_it_is_running(shared_farm: Path) -> None:
    farm = shared_farm
    again = dreamfarm("up", "--data", str(farm), "--port", "0")
    assert again.returncode == 1
    assert "is running already" in again.stderr
    assert status(farm)["gallery"].partition("/#")[0] in again.stderr
    assert "Traceback" not in again.stderr
    detached = dreamfarm("up", "--data", str(farm), "--port", "0", "--detach")
    assert detached.returncode == 1
    assert "is running already" in detached.stderr
    assert status(farm)["state"] == "running"


def test_a_taken_port_is_reported_before_anything_starts(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        refused = dreamfarm("up", "--data", str(data), "--port", port)
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    if sys.platform == "linux":  # other systems tell root only
        assert f"process {os.getpid()}" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (data / "logs").exists()
    assert remains(data) == set()


@pytest.mark.parametrize("name", ["redis", "api", "flower", "sweeper", "worker-1"])
def test_each_service_comes_back_when_it_is_killed(shared_farm: Path, name: str) -> None:
    before = status(shared_farm)["services"][name]
    os.kill(before["pid"], signal.SIGKILL)

    def is_back() -> bool:
        mark = farm_json(shared_farm)["services"][name]
        return bool(mark["ready"]) and mark["process"]["pid"] != before["pid"]

    wait_until(is_back, seconds=60, what=f"{name}'s return")
    after = status(shared_farm)
    assert after["services"][name]["restarts"] == before["restarts"] + 1
    told = (shared_farm / "logs" / "farm.log").read_text()
    assert f"{name} was killed by signal 9 (SIGKILL)" in told
    assert answers(after["gallery"].partition("/#")[0] + "/readyz")


def test_proxies_are_not_asked_for_this_machine(shared_farm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("DREAMFARM_DATA", str(shared_farm))
    listed = dreamfarm("ls", "--json")
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout) == []


@pytest.mark.parametrize("part", ["api", "flower", "worker", "sweeper"])
def test_the_health_of_each_part_can_be_asked(shared_farm: Path, tmp_path: Path, part: str) -> None:
    found = farm_json(shared_farm)
    ports = {"PORT": found["api"].rpartition(":")[2], "FLOWER_PORT": found["flower"].rpartition(":")[2]}

    def health(data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {f"DREAMFARM_{name}": value for name, value in {"DATA": str(data), **settings}.items()}
        command = [sys.executable, "-m", "deploy.health", part]
        return subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
        )

    wait_until(lambda: all(mark["ready"] for mark in farm_json(shared_farm)["services"].values()), seconds=60)
    well = health(shared_farm, **ports)
    assert (well.returncode, well.stderr) == (0, "")
    ill = health(tmp_path, PORT="1", FLOWER_PORT="1")
    assert ill.returncode == 1
    assert ill.stderr
    assert "Traceback" not in ill.stderr


def test_a_killed_supervisor_leaves_nothing_running_and_the_next_up_works(farm: Path) -> None:
    members = processes_of(farm)
    os.kill(members[0].pid, signal.SIGKILL)
    wait_until(lambda: not running(members), what="the end of all services")
    assert status(farm)["state"] == "crashed"
    started = dreamfarm("up", "--data", str(farm), "--port", "0", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    assert status(farm)["state"] == "running"


def test_services_that_outlived_their_supervisor_are_ended(data: Path) -> None:
    data.mkdir()
    with idling() as orphan:
        mark = asdict(ProcessMark.of(orphan.pid))
        ended = {"pid": orphan.pid, "started": "long ago"}
        addresses = {"api": "http://127.0.0.1:1", "flower": "http://127.0.0.1:1"}
        access = {"flower_user": "farm", "flower_password": "x"}
        service = {"process": mark, "ready": True, "restarts": 0}
        crashed = {"version": "0", "state": "running", "supervisor": ended, "services": {"worker-1": service}}
        (data / "farm.json").write_text(json.dumps({**crashed, **addresses, **access}))
        told = dreamfarm("down", "--data", str(data))
        assert told.returncode == 0
        assert "worker-1" in told.stdout
        assert orphan.wait(timeout=10) == -signal.SIGKILL
    assert remains(data) == set()


def test_a_stranger_with_an_old_number_is_left_alone(data: Path) -> None:
    data.mkdir()
    with idling() as stranger:
        mark = {"pid": stranger.pid, "started": "long ago"}
        service = {"process": mark, "ready": True, "restarts": 0}
        crashed = {"version": "0", "state": "running", "supervisor": mark, "services": {"worker-1": service}}
        addresses = {"api": "", "flower": "", "flower_user": "", "flower_password": ""}
        (data / "farm.json").write_text(json.dumps({**crashed, **addresses}))
        assert dreamfarm("down", "--data", str(data)).returncode == 0
        assert stranger.poll() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_a_farm_in_the_foreground(data: Path, number: signal.Signals) -> None:
    with farm_in_foreground(data) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "to end" in line:
                break
        # Nobody watches: it may be a log that others read.
        assert (data / "key").read_text().strip() not in told
        assert status(data)["flower_password"] not in told
        assert "`dreamfarm status` shows the key and the password" in told
        # The other commands would not find a farm in a folder of its own.
        assert f"export DREAMFARM_DATA={shlex.quote(str(data))}" in told
        members = processes_of(data)
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE) == 0
    assert running(members) == []
    assert remains(data) == set()


def test_a_farm_outlives_its_terminal_with_nohup(data: Path) -> None:
    """Given a farm that was started with nohup, and a terminal that is closed, it goes on until it is told to stop."""
    command = ["nohup", sys.executable, "-m", "deploy.main", "up", "--data", str(data), "--port", "0"]
    started = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with ending(started) as process:
        assert process.stdout is not None
        assert any("to end" in line for line in process.stdout)
        members = processes_of(data)
        os.killpg(process.pid, signal.SIGHUP)
        assert answers(f"{farm_json(data)['api']}/readyz")
        assert len(running(members)) == len(members)
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 0
    assert running(members) == []


def test_stopping_a_farm_that_still_starts(data: Path) -> None:
    with farm_in_foreground(data) as process:
        assert process.stdout is not None
        assert "starting the farm" in process.stdout.readline()
        members = processes_of(data)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0
    assert running(members) == []
    assert remains(data) == set()


def test_a_farm_whose_test_fails_does_not_run_on(data: Path) -> None:
    members = []

    def fail() -> None:
        with farm_in_foreground(data) as process:
            assert process.stdout is not None
            assert "starting the farm" in process.stdout.readline()
            members.extend(processes_of(data))
            raise AssertionError("as a test would")

    with pytest.raises(AssertionError, match="as a test would"):
        fail()
    assert members
    wait_until(lambda: not running(members), what="the end of all services")


def test_down_and_status_without_a_farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DREAMFARM_URL", raising=False)
    nothing = tmp_path / "nothing"
    ended = dreamfarm("down", "--data", str(nothing))
    assert (ended.returncode, ended.stdout.strip()) == (0, f"no farm is running in {nothing}")
    looked = dreamfarm("status", "--data", str(nothing))
    assert looked.returncode == 1
    assert "is stopped" in looked.stdout
    assert looked.stderr == ""
    monkeypatch.setenv("DREAMFARM_URL", "https://farm.example")
    assert "of https://farm.example tell `dreamfarm workers`" in dreamfarm("status", "--data", str(nothing)).stderr
    assert not nothing.exists()


def test_a_service_that_cannot_start_ends_the_farm_with_the_reason(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMFARM_BLOBS_URL", "file:///dev/null/blobs")
    failed = dreamfarm("up", "--data", str(data), "--port", "0", "--detach")
    assert failed.returncode == 1
    assert "Not a directory" in failed.stdout
    assert "api does not start" in failed.stdout + failed.stderr
    assert remains(data) == set()


def test_a_farm_on_servers_of_ones_own(
    data: Path, postgres_url: str, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMFARM_DATABASE_URL", postgres_url)
    monkeypatch.setenv("DREAMFARM_REDIS_URL", redis_server.url)
    started = dreamfarm("up", "--data", str(data), "--port", "0", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    found = status(data)
    assert set(found["services"]) == {"api", "flower", "sweeper", "worker-1"}
    assert len(found["workers"]) == 1
    ready = httpx.get(found["gallery"].partition("/#")[0] + "/readyz").json()
    assert ready["checks"] == {"sql": "ok", "blobs": "ok", "redis": "ok"}
    assert not (data / "dreamfarm.db").exists()
    assert not (data / "redis").exists()
    assert dreamfarm("down", "--data", str(data)).returncode == 0


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failed = dreamfarm("up", "--data", str(tmp_path / "file" / "farm"))
    assert failed.returncode == 1
    assert "--data" in failed.stderr
    assert "Traceback" not in failed.stderr
