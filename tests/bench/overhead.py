"""What the farm costs on top of rendering: a batch of small jobs, against the same renders in one process."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import func, select

from shared.store.tables import Job
from tests.bench.figures import Figure
from tests.chaos.farm import Farm
from tests.conftest import RedisServer

JOBS = 8
ROUNDS = 5
SPEC: dict[str, Any] = {"kind": "dream", "size": {"long_edge": 512}}


def figures(folder: Path) -> Iterator[Figure]:
    """Render the batch both ways, in turns, so that a busy machine is unfair to both."""
    redis_folder = folder / "redis"
    redis_folder.mkdir()
    redis = RedisServer(redis_folder)
    redis.start()
    farm = Farm(folder / "farm", redis, SLICE_SECONDS="30", LEASE_SECONDS="20", SWEEP_SECONDS="2")
    try:
        farm.start_worker()
        farm.start("sweeper")
        farm.wait(farm.submit(SPEC)[0], "succeeded")  # warms the worker up
        plain, farmed = _Cost(), _Cost()
        render = _renderer()
        render(0)
        here, there = [psutil.Process()], _programs(farm)
        for _ in range(ROUNDS):
            before, began = _processor_seconds(here), time.perf_counter()
            for seed in range(JOBS):
                render(seed)
            plain.least(time.perf_counter() - began, _processor_seconds(here) - before)
            before = _processor_seconds(there)
            farmed.least(_farm(farm), _processor_seconds(there) - before)
        yield Figure(f"{JOBS} dreams of 512 pixels in one process", plain.seconds, "s")
        yield Figure("the same as a batch on the farm, frames saved", farmed.seconds, "s")
        yield Figure("the farm takes longer by", 100 * (farmed.seconds / plain.seconds - 1), "%", 5.0)
        yield Figure("processors' time in one process", plain.processor, "s")
        yield Figure("  and of all the farm's programs, Redis apart", farmed.processor, "s")
    finally:
        farm.stop()
        redis.kill()


@dataclass
class _Cost:
    """The least that was measured; processors' time hardly depends on what else the machine does."""

    seconds: float = math.inf
    processor: float = math.inf

    def least(self, seconds: float, processor: float) -> None:
        """Another round."""
        self.seconds, self.processor = min(self.seconds, seconds), min(self.processor, processor)


def _programs(farm: Farm) -> list[psutil.Process]:
    """The farm's programs and their child processes."""
    parts = [psutil.Process(part.pid) for part in farm.parts.values()]
    return [*parts, *(child for part in parts for child in part.children(recursive=True))]


def _processor_seconds(programs: Iterable[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (program.cpu_times() for program in programs))


def _farm(farm: Farm) -> float:
    """Seconds from the submission until the last job has succeeded, by the database's clock."""
    ids = farm.submit(*[SPEC | {"seed": seed} for seed in range(JOBS)])
    query = select(func.count(), func.max(Job.finished_at) - func.min(Job.created_at)).where(
        Job.id.in_(ids), Job.state == "succeeded"
    )
    while True:
        # Seldom: asking costs the time that is measured.
        time.sleep(0.5)
        with farm.store.read() as session:
            count, seconds = session.execute(query).one()
        if count == JOBS:
            return float(seconds)


def _renderer() -> Any:
    """A function that renders one job in this process, to the bytes of its output."""
    from shared.cards import card
    from shared.outputs import manifest_of, output_file
    from shared.plan import plan
    from shared.specs import SPEC as ANY
    from worker.machine import machine
    from worker.networks import load
    from worker.render import begin

    network = load("motifnet", folder=Path("unused"))

    def render(seed: int) -> bytes:
        spec = ANY.validate_python(SPEC | {"seed": seed})
        planned = plan(spec, card=card(spec.model), width=None, height=None, machine=machine())
        rendering = begin(spec, planned, network, {})
        while not rendering.advance(lambda: None).finished:
            pass
        rgb = rendering.finish()
        return output_file(rgb, manifest_of(spec, planned, rgb, model_digest=network.digest), None)

    return render
