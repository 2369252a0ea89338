"""Whatever is killed while a job renders, the job succeeds, with the same pixels, and has everything once."""

from __future__ import annotations

import io
import random
import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from sqlalchemy import select

from shared.leftovers import tidy_recent
from shared.store import queries
from shared.store.jobs import steering
from shared.store.tables import Attempt, Job
from tests.chaos.farm import Farm, pixels
from tests.conftest import RedisServer, wait_until

#: Long enough to be disturbed several times, small enough to be rendered often: four octaves of twelve iterations.
SPEC: dict[str, Any] = {
    "size": {"long_edge": 256},
    "octaves": {"count": 4, "scale": 1.4},
    "iterations": 25,
    "seed": 11,
    "jitter": 8,
    "frames": {"every": 6},
}


@cache
def undisturbed() -> np.ndarray:
    """The job's pixels as one process renders them in one go."""
    from shared.cards import card
    from shared.outputs import manifest_of, output_file
    from shared.plan import plan
    from shared.specs import SPEC as ANY
    from worker.machine import machine
    from worker.networks import load
    from worker.render import begin

    spec = ANY.validate_python({"kind": "dream"} | SPEC)
    planned = plan(spec, card=card(spec.model), width=None, height=None, machine=machine())
    network = load(spec.model, folder=Path("unused"))
    rendering = begin(spec, planned, network, {})
    while not rendering.advance(lambda: None).finished:
        pass
    rgb = rendering.finish()
    manifest = manifest_of(spec, planned, rgb, model_digest=network.digest)
    return pixels(output_file(rgb, manifest, None))


def check(farm: Farm, job_id: str) -> None:
    farm.wait(job_id, "succeeded", "failed")
    assert np.array_equal(pixels(farm.audit(job_id)), undisturbed())


def test_undisturbed_slices_equal_one_run(farm: Farm) -> None:
    (job_id,) = farm.submit(SPEC)
    check(farm, job_id)
    assert farm.job(job_id).attempt > 1


def test_kill_9_of_the_rendering_process(farm: Farm) -> None:
    (job_id,) = farm.submit(SPEC)
    for step in (10, 40):
        farm.wait_for_step(job_id, step)
        farm.child().kill()
    check(farm, job_id)
    farm.audit_folder(job_id)


def test_kill_9_of_a_rendering_process_that_takes_long_to_start(make_farm: Callable[..., Farm], tmp_path: Path) -> None:
    """Given a machine so busy that a process takes longer to start than Celery waits by itself."""
    farm = make_farm()
    busy = tmp_path / "busy"
    busy.mkdir()
    late = "import sys, time\nif 'spawn_main' in ' '.join(sys.orig_argv):\n    time.sleep(6)\n"
    (busy / "sitecustomize.py").write_text(late)
    farm.start_worker(environment={"PYTHONPATH": str(busy)})
    farm.start("sweeper")
    (job_id,) = farm.submit(SPEC)
    farm.wait_for_step(job_id, 10)
    farm.child().kill()
    check(farm, job_id)


def test_kill_9_of_the_worker(farm: Farm) -> None:
    (job_id,) = farm.submit(SPEC)
    farm.wait_for_step(job_id, 12)
    orphan = farm.child()
    farm.kill("worker")
    farm.start_worker()
    check(farm, job_id)
    # The child of a worker that is gone must not render on for ever.
    wait_until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, what="the orphan's end")


def test_redis_killed_with_its_data(farm: Farm) -> None:
    (job_id,) = farm.submit(SPEC)
    farm.wait_for_step(job_id, 12)
    farm.redis.kill()
    for path in farm.redis.folder.iterdir():
        if path.is_file():
            path.unlink()
    farm.redis.start()
    check(farm, job_id)


def test_redis_flushed_while_jobs_wait(farm: Farm) -> None:
    ids = farm.submit(*[SPEC | {"iterations": 3}] * 5)
    client = farm.redis.client()
    client.flushall()
    client.close()
    for job_id in ids:
        farm.wait(job_id, "succeeded")
        farm.audit(job_id)


def test_a_worker_that_was_thought_dead_does_no_harm(farm: Farm) -> None:
    """Both processes stop for longer than the lease, another worker takes over, then they wake up and go on."""
    (job_id,) = farm.submit(SPEC)
    farm.wait_for_step(job_id, 12)
    sleepers = [farm.child(), psutil.Process(farm.parts["worker"].pid)]
    for process in sleepers:
        process.suspend()
    farm.start_worker("other")
    wait_until(lambda: (farm.job(job_id).worker or "").startswith("other"), seconds=60, what="the other worker's claim")
    for process in sleepers:
        process.resume()
    check(farm, job_id)


def test_sigterm_saves_and_another_worker_goes_on(farm: Farm) -> None:
    (job_id,) = farm.submit(SPEC | {"iterations": 60})
    farm.wait_for_step(job_id, 15)
    farm.parts["worker"].send_signal(signal.SIGTERM)
    farm.parts["worker"].wait(timeout=20)
    job = farm.job(job_id)
    assert job.state == "queued"
    assert job.checkpoint_step >= 15
    assert job.fruitless == 0
    with farm.store.read() as session:
        assert [live for _, live in queries.workers(session)] == [False]


def test_cancel_takes_less_than_two_seconds_without_redis(make_farm: Callable[..., Farm]) -> None:
    farm = make_farm(SLICE_SECONDS="60", LEASE_SECONDS="20")
    farm.start_worker()
    (job_id,) = farm.submit(SPEC | {"iterations": 500})
    farm.wait_for_step(job_id, 5)
    with farm.store.write() as session:
        steering.steer(session, "cancel", job_id=job_id, reason="cancelled by ada")
    # The worker has let go when it has saved what was there.
    wait_until(lambda: farm.job(job_id).token is None, seconds=2, what="the worker letting go")
    job = farm.job(job_id)
    assert job.state == "cancelled"
    assert job.checkpoint_step > 0


@pytest.mark.parametrize(("action", "back"), [("pause", "resume"), ("cancel", "retry")])
def test_what_is_taken_back_at_once_loses_nothing(
    make_farm: Callable[..., Farm], action: steering.ActionName, back: steering.ActionName
) -> None:
    """Whether or not the worker has been told to stop when the wish is taken back."""
    farm = make_farm(SLICE_SECONDS="60", LEASE_SECONDS="20")
    farm.start_worker()
    farm.start("sweeper")
    (job_id,) = farm.submit(SPEC)
    floors: list[tuple[int, int]] = []
    for step, told in ((10, False), (40, True)):
        farm.wait_for_step(job_id, step)
        floors.append((farm.job(job_id).attempt, step))
        if told:
            farm.child().send_signal(signal.SIGUSR1)
        for wish in (action, back):
            with farm.store.write() as session:
                steering.steer(session, wish, job_id=job_id, reason="by ada")
    check(farm, job_id)
    with farm.store.read() as session:
        attempts = session.scalars(select(Attempt).where(Attempt.job_id == job_id)).all()
    for number, step in floors:
        assert all(attempt.from_step >= step for attempt in attempts if attempt.number > number)
    assert farm.job(job_id).fruitless == 0


def test_a_repaired_input_lets_a_failed_job_go_on_from_its_checkpoint(farm: Farm) -> None:
    buffer = io.BytesIO()
    values = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(values).resize((256, 192)).save(buffer, "PNG")
    good = buffer.getvalue()
    asset = farm.put_asset(good)
    (job_id,) = farm.submit({**SPEC, "size": {}, "input": asset})
    wait_until(lambda: farm.job(job_id).checkpoint_step > 0, seconds=240, what="a checkpoint")
    farm.blobs.put(f"assets/{asset.removeprefix('sha256:')}", good[: len(good) // 2])
    farm.child().kill()  # a new process has to read the input again
    job = farm.wait(job_id, "failed")
    assert job.failure == "bad_input"
    assert "upload it again" in job.reason
    kept = job.checkpoint_step
    assert kept > 0
    farm.put_asset(good)
    with farm.store.write() as session:
        steering.steer(session, "resume", job_id=job_id, reason="resumed by ada")
    farm.announce()
    farm.wait(job_id, "succeeded")
    farm.audit(job_id)


def test_a_job_that_kills_its_worker_each_time_ends_as_failed(make_farm: Callable[..., Farm]) -> None:
    farm = make_farm(FRUITLESS_ATTEMPTS="3", SLICE_SECONDS="60")
    farm.start_worker()
    (job_id,) = farm.submit(SPEC | {"iterations": 500})
    killed: set[int] = set()
    while farm.job(job_id).state != "failed":
        job = farm.job(job_id)
        if job.state == "running" and job.attempt not in killed and job.step > 0:
            killed.add(job.attempt)
            farm.child().kill()
            wait_until(lambda: farm.job(job_id).state != "running", seconds=20, what="the loss being noticed")
            farm.announce()
    assert len(killed) == 3
    assert farm.job(job_id).failure == "worker_lost"
    # The worker itself is unharmed.
    (other,) = farm.submit(SPEC | {"iterations": 2})
    farm.wait(other, "succeeded")


def test_a_worker_without_tensorflow_says_so_and_leaves_its_job_to_another(
    make_farm: Callable[..., Farm], tmp_path: Path
) -> None:
    farm = make_farm()
    broken = tmp_path / "broken"
    (broken / "tensorflow").mkdir(parents=True)
    (broken / "tensorflow" / "__init__.py").write_text(
        "raise ImportError('libcudnn.so.9: cannot open shared object file')"
    )
    farm.start_worker("broken", environment={"PYTHONPATH": str(broken)})
    farm.start("sweeper")
    (job_id,) = farm.submit(SPEC | {"iterations": 2})
    wait_until(lambda: farm.job(job_id).reason, seconds=60, what="a reason")
    assert "cannot render: ImportError: libcudnn.so.9: cannot open shared object file" in farm.job(job_id).reason
    assert "`dreamfarm doctor`" in farm.job(job_id).reason
    farm.start_worker("whole")
    farm.wait(job_id, "succeeded", "failed")
    farm.audit(job_id)


def test_a_driver_that_kills_a_worker_under_every_job_fails_none(
    make_farm: Callable[..., Farm], tmp_path: Path
) -> None:
    """Given a worker whose processes die as soon as they render, and which is free again at once, and one that is well and
    busy.
    """
    farm = make_farm(SLICE_SECONDS="25")
    deadly = tmp_path / "deadly"
    (deadly / "tensorflow").mkdir(parents=True)
    (deadly / "tensorflow" / "__init__.py").write_text("import os\nos.abort()\n")
    farm.start_worker("well")
    farm.start("sweeper")
    (busy_with,) = farm.submit(SPEC | {"iterations": 5000})
    farm.wait_for_step(busy_with, 1)
    farm.start_worker("sick", environment={"PYTHONPATH": str(deadly)})
    (job_id,) = farm.submit(SPEC | {"iterations": 2, "priority": 0})
    farm.wait(job_id, "succeeded", "failed")
    farm.audit(job_id)
    with farm.store.read() as session:
        attempts = session.scalars(select(Attempt).where(Attempt.job_id == job_id)).all()
    assert {a.worker.partition("@")[0] for a in attempts if a.outcome == "lost"} == {"sick"}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_seeded_disasters(
    make_farm: Callable[..., Farm], redis_server: RedisServer, request: pytest.FixtureRequest, database: str
) -> None:
    """Six jobs, two workers, and a disaster whenever two more steps were saved: audited when all is over."""
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    farm = make_farm(database=url)
    dice = random.Random(20)
    farm.start_worker("one")
    farm.start_worker("two")
    farm.start("sweeper")
    ids = farm.submit(*[SPEC | {"seed": seed, "iterations": 12} for seed in range(5)], SPEC)

    def kill_child() -> None:
        farm.child(dice.choice(["one", "two"])).kill()

    def kill_worker() -> None:
        name = dice.choice(["one", "two"])
        farm.kill(name)
        farm.start_worker(name)

    def flush() -> None:
        client = redis_server.client()
        client.flushall()
        client.close()

    def restart_redis() -> None:
        redis_server.kill()
        shutil.rmtree(redis_server.folder / "appendonlydir", ignore_errors=True)
        redis_server.start()

    def restart_sweeper() -> None:
        farm.kill("sweeper")
        farm.start("sweeper")

    def saved() -> int:
        with farm.store.read() as session:
            return sum(j.checkpoint_step if j.state != "succeeded" else j.steps for j in session.scalars(select(Job)))

    for disaster in (kill_child, flush, kill_worker, restart_redis, restart_sweeper, kill_child, kill_worker):
        before = saved()
        wait_until(lambda before=before: saved() > before or all_over(farm, ids), seconds=90, what="progress")
        if all_over(farm, ids):
            break
        disaster()
    for job_id in ids:
        farm.wait(job_id, "succeeded", "failed", seconds=150)
        farm.audit(job_id)
    # A worker may have died between finishing a job and tidying up after it: the sweeper does it, now and then.
    tidy_recent(farm.store, farm.blobs, seconds=3600)
    for job_id in ids:
        farm.audit_folder(job_id)
    assert np.array_equal(pixels(farm.audit(ids[-1])), undisturbed())


def all_over(farm: Farm, ids: list[str]) -> bool:
    return all(farm.job(job_id).state == "succeeded" for job_id in ids)
