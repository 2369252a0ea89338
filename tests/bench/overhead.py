"""What the farm costs on top of rendering: a batch of small jobs, against the same renders in one process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from shared.store.tables import Job
from tests.bench.figures import Figure
from tests.chaos.farm import Farm
from tests.conftest import RedisServer

JOBS = 8
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
        plain, farmed = float("inf"), float("inf")
        render = _renderer()
        render(0)
        for _ in range(3):
            began = time.perf_counter()
            for seed in range(JOBS):
                render(seed)
            plain = min(plain, time.perf_counter() - began)
            farmed = min(farmed, _farm(farm))
        yield Figure(f"{JOBS} dreams of 512 pixels in one process", plain, "s")
        yield Figure("the same as a batch on the farm, frames saved", farmed, "s")
        yield Figure("the farm takes longer by", 100 * (farmed / plain - 1), "%", 5.0)
    finally:
        farm.stop()
        redis.kill()


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
