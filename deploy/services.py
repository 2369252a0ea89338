"""What a farm on one machine consists of: its services, in the order in which they are started."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import psutil
from sqlalchemy.exc import SQLAlchemyError

from deploy.redis_server import EmbeddedRedis, has_data, set_data_aside
from deploy.supervisor import Service
from shared.settings import Settings
from shared.store import Store
from shared.store.tables import Worker
from worker.patience import LAST_SECONDS

#: TensorFlow's import from a cold disk, on a machine that has other things to do.
_WORKER_PATIENCE = 180.0
#: A worker that is asked to stop finishes its tiles and saves a checkpoint, or waits for a database that is away. That it
#: gives up after so long; the rest is for its last tries, each of which may take some seconds to fail, and for signing off.
WORKER_GRACE = LAST_SECONDS + 30.0
_PROBE_SECONDS = 2.0


def stages(
    settings: Settings, store: Store, *, redis: EmbeddedRedis | None, devices: Sequence[str]
) -> list[list[Service]]:
    """The farm's services; each stage is stopped before the one ahead of it."""
    environment = _environment(settings, len(devices))
    embedded = [] if redis is None else [_redis(redis, settings.data)]
    return [
        embedded,
        [_api(settings, environment), _flower(settings, environment)],
        [_sweeper(environment), *(_worker(store, environment, n, d) for n, d in enumerate(devices, 1))],
    ]


def api_url(settings: Settings) -> str:
    """Where the API is reached from this machine."""
    return f"http://{_reachable(settings.host)}:{settings.port}"


def flower_url(settings: Settings) -> str:
    """Where Flower is reached from this machine."""
    return f"http://{_reachable(settings.flower_host)}:{settings.flower_port}"


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def _environment(settings: Settings, workers: int) -> dict[str, str]:
    """What services are told beyond the environment that they inherit."""
    password = settings.flower_password.get_secret_value() if settings.flower_password else ""
    return {
        "DREAMFARM_DATA": str(settings.data),
        "DREAMFARM_HOST": settings.host,
        "DREAMFARM_PORT": str(settings.port),
        "DREAMFARM_FLOWER_HOST": settings.flower_host,
        "DREAMFARM_FLOWER_PORT": str(settings.flower_port),
        "DREAMFARM_FLOWER_PASSWORD": password,
        # Each worker takes its share of the cores and of the memory.
        "DREAMFARM_WORKERS": str(workers),
        "PYTHONUNBUFFERED": "1",
    }


def _part(*arguments: str) -> tuple[str, ...]:
    # -P: a folder named `shared` where the farm happens to be started must not be mistaken for the package.
    return (sys.executable, "-P", "-m", "deploy.main", *arguments)


def _redis(redis: EmbeddedRedis, data: Path) -> Service:
    def repair() -> str | None:
        if not has_data(data):
            return None
        return f"redis starts empty; what it could not read is in {set_data_aside(data)} (the jobs are safe in SQL)"

    return Service(name="redis", command=redis.command, ready=lambda _pid: redis.answers(), repair=repair)


def _api(settings: Settings, environment: Mapping[str, str]) -> Service:
    url = f"{api_url(settings)}/healthz"
    return Service(name="api", command=_part("api"), environment=environment, ready=lambda _pid: _answers(url))


def _flower(settings: Settings, environment: Mapping[str, str]) -> Service:
    url = f"{flower_url(settings)}/healthcheck"
    return Service(name="flower", command=_part("flower"), environment=environment, ready=lambda _pid: _answers(url))


def _sweeper(environment: Mapping[str, str]) -> Service:
    # It serves nobody, so there is nothing to ask: it is well as long as it runs.
    return Service(name="sweeper", command=_part("sweeper"), environment=environment, ready=lambda _pid: True)


def _worker(store: Store, environment: Mapping[str, str], number: int, device: str) -> Service:
    name = f"{device.replace(':', '-')}-{number}"
    full_name = f"{name}@{socket.gethostname()}"
    return Service(
        name=f"worker-{number}",
        command=_part("worker", "--name", name, "--device", device),
        environment=environment,
        ready=lambda pid: _registered(store, full_name, pid),
        patience=_WORKER_PATIENCE,
        grace=WORKER_GRACE,
    )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=_PROBE_SECONDS, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _registered(store: Store, name: str, pid: int) -> bool:
    """Whether this very process, or its child, has registered under the name: an old registration tells nothing."""
    try:
        with store.read() as session:
            worker = session.get(Worker, name)
    except SQLAlchemyError:
        return False
    if worker is None:
        return False
    try:
        # Where the leash stays between (see `deploy.leash`), the worker is its child.
        family = {pid, *(child.pid for child in psutil.Process(pid).children())}
    except psutil.NoSuchProcess:
        return False
    return worker.pid in family
