"""What people see and do in Flower, over its own HTTP interface."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.chaos.farm import Farm
from tests.conftest import wait_until

SPEC: dict[str, Any] = {"name": "castle.jpg", "size": {"long_edge": 192}, "iterations": 400, "frames": {"every": 0}}


@pytest.fixture
def flower(make_farm: Callable[..., Farm]) -> Iterator[tuple[Farm, httpx.Client]]:
    """A farm whose slices are long, and a client of its Flower."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    farm = make_farm(SLICE_SECONDS="60", LEASE_SECONDS="20", FLOWER_PORT=str(port), FLOWER_PASSWORD="secret")
    farm.start("flower")
    farm.start_worker()
    farm.start("sweeper")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("farm", "secret"), timeout=10) as client:
        wait_until(lambda: alive(client), seconds=40, what="Flower's answer")
        wait_until(
            lambda: client.get("/api/workers", params={"refresh": "true"}).json(),
            seconds=40,
            what="Flower seeing the worker",
        )
        yield farm, client


def alive(client: httpx.Client) -> bool:
    try:
        return client.get("/healthcheck").is_success
    except httpx.TransportError:
        return False


def state(client: httpx.Client, task_id: str) -> str | None:
    answer = client.get(f"/api/task/info/{task_id}")
    return answer.json()["state"] if answer.is_success else None


def test_jobs_show_by_name_and_terminate_cancels_the_job(flower: tuple[Farm, httpx.Client]) -> None:
    farm, client = flower
    running, waiting = farm.submit(SPEC, SPEC | {"name": "moat.jpg"})
    farm.wait_for_step(running, 3)
    tasks = client.get("/api/tasks").json()
    shown = {task["args"].partition(" · ")[0]: task for task in tasks.values()}
    assert shown["castle.jpg"]["state"] == "STARTED"
    assert "octave 1/4" in shown["castle.jpg"]["args"]
    assert shown["moat.jpg"]["state"] in ("PENDING", "RECEIVED")

    task_id = shown["castle.jpg"]["uuid"]
    client.post(f"/api/task/revoke/{task_id}", params={"terminate": "true"}).raise_for_status()
    job = farm.wait(running, "cancelled", seconds=15)
    assert job.reason == "terminated in Flower"
    wait_until(lambda: state(client, task_id) == "REVOKED", what="Flower showing the cancellation")
    # The next job is not harmed by it.
    farm.wait_for_step(waiting, 3)
    assert farm.job(waiting).state == "running"


def test_revoking_a_waiting_message_cancels_its_job(flower: tuple[Farm, httpx.Client]) -> None:
    farm, client = flower
    running, waiting = farm.submit(SPEC, SPEC | {"name": "moat.jpg", "iterations": 2})
    farm.wait_for_step(running, 3)
    task_id = farm.job(waiting).task_id
    client.post(f"/api/task/revoke/{task_id}").raise_for_status()
    wait_until(lambda: "revoked" in (farm.folder / "worker.log").read_text().lower(), what="the worker noting it")
    client.post(f"/api/task/revoke/{farm.job(running).task_id}", params={"terminate": "true"}).raise_for_status()
    farm.wait(running, "cancelled", seconds=15)
    assert farm.wait(waiting, "cancelled", "succeeded", seconds=240).state == "cancelled"


def test_a_failed_job_shows_its_reason_and_is_resumed_from_flower(flower: tuple[Farm, httpx.Client]) -> None:
    farm, client = flower
    buffer = io.BytesIO()
    Image.new("RGB", (96, 96), (200, 120, 40)).save(buffer, "PNG")
    asset = farm.put_asset(buffer.getvalue())
    key = f"assets/{asset.removeprefix('sha256:')}"
    spec = {"name": "lost.png", "input": asset, "size": {}, "iterations": 2}
    farm.blobs.put(key, b"damaged")
    (job_id,) = farm.submit(spec, sizes=(96, 96))
    job = farm.wait(job_id, "failed", seconds=240)
    assert "damaged" in job.reason

    def shown() -> dict[str, Any] | None:
        tasks = client.get("/api/tasks", params={"state": "FAILURE"}).json()
        return next((task for task in tasks.values() if task["args"].startswith("lost.png")), None)

    task = wait_until(shown, what="Flower showing the failure")
    assert isinstance(task, dict)
    assert "damaged" in task["exception"]

    farm.blobs.put(key, buffer.getvalue())
    client.post("/api/task/send-task/job.resume", json={"kwargs": {"job": job_id}}).raise_for_status()
    farm.wait(job_id, "succeeded", seconds=240)
    farm.audit(job_id)
