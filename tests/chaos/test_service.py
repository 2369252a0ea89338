"""The API dies and comes back; people repair and resume, by HTTP and by command."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from shared.store.keys import ensure_local_key
from tests.chaos.farm import Farm, pixels
from tests.chaos.test_kills import SPEC, undisturbed
from tests.conftest import wait_until


@pytest.fixture
def served(make_farm: Callable[..., Farm]) -> Iterator[tuple[Farm, httpx.Client]]:
    """A farm with an API, and a client with the local user's key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    farm = make_farm(PORT=str(port))
    key = ensure_local_key(farm.store, farm.settings)
    farm.environment |= {"DREAMFARM_URL": f"http://127.0.0.1:{port}", "DREAMFARM_KEY": key}
    for part in ("api", "sweeper"):
        farm.start(part)
    farm.start_worker()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=farm.environment["DREAMFARM_URL"], headers=headers, timeout=10) as client:
        wait_until(lambda: answers(client), seconds=40, what="the API's answer")
        yield farm, client


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


def test_kill_9_of_the_api(served: tuple[Farm, httpx.Client]) -> None:
    farm, client = served
    body = {"kind": "dream"} | SPEC
    headers = {"Idempotency-Key": "once"}
    job_id = client.post("/v1/jobs", json=body, headers=headers).raise_for_status().json()["id"]
    farm.wait_for_step(job_id, 12)
    farm.kill("api")
    farm.wait(job_id, "succeeded")
    farm.audit(job_id)
    farm.start("api")
    wait_until(lambda: answers(client), seconds=40, what="the API's return")
    # A client that never saw the answer asks again, and gets the same job.
    assert client.post("/v1/jobs", json=body, headers=headers).raise_for_status().json()["id"] == job_id
    output = client.get(f"/v1/jobs/{job_id}/output").raise_for_status().content
    assert np.array_equal(pixels(output), undisturbed())


def test_a_damaged_picture_is_uploaded_again_and_its_jobs_resumed(served: tuple[Farm, httpx.Client]) -> None:
    farm, client = served
    buffer = io.BytesIO()
    Image.new("RGB", (192, 128), (200, 120, 40)).save(buffer, "PNG")
    picture = buffer.getvalue()
    asset = client.post("/v1/assets", content=picture).raise_for_status().json()["id"]
    farm.blobs.put(f"assets/{asset.removeprefix('sha256:')}", picture[:-20] + bytes(20))
    job: dict[str, Any] = {"kind": "dream", "input": asset, "iterations": 2, "size": {"long_edge": 96}}
    ids = client.post("/v1/batches", json={"jobs": [job, job | {"seed": 1}]}).raise_for_status().json()["job_ids"]
    for job_id in ids:
        assert "upload it again" in farm.wait(job_id, "failed").reason
    # Whoever asks whether the farm has the picture is told that it has not, and sends it.
    assert client.get(f"/v1/assets/{asset}/info").status_code == 404
    client.post("/v1/assets", content=picture).raise_for_status()
    assert client.get(f"/v1/assets/{asset}/info").is_success
    client.post(f"/v1/jobs/{ids[0]}/resume").raise_for_status()
    command = [sys.executable, "-m", "deploy.main", "resume", ids[1], "--json"]
    ran = subprocess.run(command, env=farm.environment, capture_output=True, check=True, timeout=60)
    assert ids[1] in json.dumps(json.loads(ran.stdout))
    for job_id in ids:
        farm.wait(job_id, "succeeded", seconds=30)
        farm.audit(job_id)
