"""Ten thousand jobs in one POST, against a commit and a message per job."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from sqlalchemy import func, insert, select

from deploy.ports import free_port
from shared.cards import card
from shared.plan import plan
from shared.queue import celery_app
from shared.specs import SPEC
from shared.store.jobs import submission
from shared.store.keys import ensure_local_key
from shared.store.tables import Job
from tests.bench.figures import Figure
from tests.chaos.farm import Farm
from tests.conftest import RedisServer, wait_until

JOBS = 10_000


def figures(folder: Path) -> Iterator[Figure]:
    """Submit the same jobs both ways."""
    redis_folder = folder / "redis"
    redis_folder.mkdir()
    redis = RedisServer(redis_folder)
    redis.start()
    farm = Farm(folder / "farm", redis, PORT=str(free_port("127.0.0.1")))
    try:
        one_post = _post(farm)
        yield Figure(f"{JOBS} jobs in one POST", one_post, "s", 3.0)
        naive = _one_by_one(folder, redis)
        yield Figure(f"{JOBS} jobs, a commit and a message each", naive, "s")
        yield Figure("one POST is faster by", naive / one_post, "×", 4.0, "at least")
    finally:
        farm.stop()
        redis.kill()


def _post(farm: Farm) -> float:
    """Seconds from sending the request until the answer is there: best of three, after one small request."""
    key = ensure_local_key(farm.store, farm.settings)
    farm.start("api")
    url = f"http://127.0.0.1:{farm.environment['DREAMFARM_PORT']}"
    client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    wait_until(lambda: _alive(client), seconds=30, what="the API's answer")
    client.post("/v1/batches", json={"jobs": [_fields(0)]}).raise_for_status()
    body = json.dumps({"name": "many", "jobs": [_fields(seed) for seed in range(JOBS)]})
    best = float("inf")
    for run in range(1, 4):
        began = time.perf_counter()
        answer = client.post("/v1/batches", content=body, headers={"content-type": "application/json"})
        best = min(best, time.perf_counter() - began)
        answer.raise_for_status()
        with farm.store.read() as session:
            assert session.scalar(select(func.count()).select_from(Job)) == 1 + run * JOBS
    return best


def _one_by_one(folder: Path, redis: RedisServer) -> float:
    """Seconds for the same jobs, validated and planned the same, with a commit and a `.delay` for each."""
    farm = Farm(folder / "naive", redis)
    app = celery_app(redis.url)

    @app.task(name="bench.naive")
    def naive(seed: int) -> int:
        return seed

    with farm.store.write() as session:
        batch = submission.create_batch(session, "naive", "", [_planned(0)])
    began = time.perf_counter()
    for seed in range(JOBS):
        with farm.store.write() as session:
            session.execute(insert(Job), submission.rows_of(batch, [_planned(seed)]))
        naive.delay(seed)
    seconds = time.perf_counter() - began
    farm.stop()
    app.close()
    return seconds


def _planned(seed: int) -> submission.NewJob:
    spec = SPEC.validate_python(_fields(seed))
    planned = plan(spec, card=card(spec.model), width=None, height=None)
    return submission.NewJob(spec=spec, name=spec.name or "", plan=planned)


def _fields(seed: int) -> dict[str, object]:
    return {"kind": "dream", "name": f"noise {seed}", "size": {"long_edge": 256}, "seed": seed}


def _alive(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False
