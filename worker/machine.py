"""What this process renders on, in the planner's terms: tiles are sized for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import psutil

from shared.plan import Machine
from worker.devices import visible_gpus
from worker.render.crew import crew

#: Share of a GPU's free memory that a tile may take, and of a machine's memory that the tiles of all its workers may
#: take together: the rest is for the pictures, the libraries, and others.
GPU_SHARE, CPU_SHARE = 0.6, 0.3
#: Share of a machine's memory that its workers' jobs may plan to take together, at most: with more, Linux ends processes.
MOST = 0.85
#: Memory in which style transfers' activations may be kept is bounded by this share, for all workers together.
KEPT_SHARE = 0.15
#: Where Linux says how much memory this process' group may take.
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@lru_cache(maxsize=1)
def machine(workers: int = 1) -> Machine:
    """The share of the machine that one of so many workers has.

    It is as it was when it was first asked for: a job's tiles stay the same from slice to slice.
    """
    found = crew()
    if found.main.startswith("/GPU"):
        free = gpu_bytes()
        tile = None if free is None else int(free * GPU_SHARE)
        return Machine(parallel=found.parallel, gpu=True, tile_bytes=tile, kept_bytes=tile or Machine.kept_bytes)
    memory = memory_bytes() / workers
    return Machine(
        parallel=found.parallel,
        tile_bytes=int(memory * CPU_SHARE / found.parallel),
        kept_bytes=min(Machine.kept_bytes, int(memory * KEPT_SHARE)),
        memory=int(memory * MOST),
    )


def memory_bytes() -> int:
    """The memory that this process may use: the machine's, or its group's if that is less."""
    limits = [int(psutil.virtual_memory().total)]
    for file in _CGROUP_LIMITS:
        if file.is_file() and (text := file.read_text().strip()).isdecimal():
            limits.append(int(text))
    return min(limits)


def gpu_bytes() -> int | None:
    """Free memory of the smallest GPU that this process may use; None where the driver's tool does not say."""
    if shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    if visible := visible_gpus(os.environ):
        query += ["-i", ",".join(visible)]
    answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=60)
    free = [int(line) for line in answer.stdout.splitlines() if line.strip().isdecimal()]
    return min(free) * 2**20 if answer.returncode == 0 and free else None
