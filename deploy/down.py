"""`dreamfarm down`: ends the farm of a data folder, and leaves nothing of it but its data."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from api.cli.command import Failed
from deploy import farmfile, redis_server
from deploy.services import WORKER_GRACE
from deploy.supervisor import Service

#: Stopping in order takes the workers' grace and that of the two stages after them, at the longest; and a little.
ORDERLY_SECONDS = WORKER_GRACE + 2 * Service.grace + 5.0
_KILLED_SECONDS = 10.0


def down(data: Path) -> str:
    """End the farm; what was done, for people.

    Raises:
        Failed: it could not be ended.
    """
    farm = farmfile.read(data)
    if not farmfile.is_locked(data):
        if farm is None:
            return f"no farm is running in {data}"
        return _clear_up(data, farm)
    supervisor = farm.supervisor.find() if farm else None
    if farm is None or supervisor is None:
        raise Failed(f"a farm is just starting in {data}; try again in a moment")
    os.kill(supervisor.pid, signal.SIGTERM)
    if farmfile.wait_unlocked(data, seconds=ORDERLY_SECONDS):
        psutil.wait_procs([supervisor], timeout=_KILLED_SECONDS)
        return f"the farm in {data} has stopped"
    supervisor.kill()
    if not farmfile.wait_unlocked(data, seconds=_KILLED_SECONDS):
        raise Failed(f"the farm's supervisor (process {supervisor.pid}) does not end")
    _clear_up(data, farmfile.read(data) or farm)
    return f"the farm in {data} did not stop in time and was killed; its jobs go on from their checkpoints"


def _clear_up(data: Path, farm: farmfile.Farm) -> str:
    ended = farmfile.end_orphans(farm)
    redis_server.clean(data)
    farmfile.remove(data)
    (data / "farm.lock").unlink(missing_ok=True)
    left = f"; ended what it left running: {', '.join(ended)}" if ended else ""
    return f"the farm in {data} had crashed{left}"
