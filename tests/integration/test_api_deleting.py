"""Deleting and restoring over HTTP: what is refused, what is shown where, and what links say meanwhile."""

from __future__ import annotations

import io
import threading
import zipfile
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.integration.conftest import RunningApi
from tests.integration.test_api_assets import problem
from tests.integration.test_api_events import listening
from tests.integration.test_api_steering import submitted
from tests.integration.test_api_submission import DREAM
from tests.integration.worker_hand import finished
from worker.purger import Purger


def listed(client: httpx.Client, what: str, **params: Any) -> list[str]:
    return [item["id"] for item in client.get(f"/v1/{what}", params=params).json()["items"]]


def purged(api: RunningApi) -> None:
    """The time of everything in the trash is over."""
    Purger(api.store, api.blobs, trash_seconds=0).purge_some(threading.Event())


def test_a_job_is_deleted_and_restored(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api, 2)
    for job in jobs:
        finished(api, job)

    deleted = client.delete(f"/v1/jobs/{jobs[0]}").json()
    assert deleted["changed"] == 1
    assert client.delete(f"/v1/jobs/{jobs[0][:9]}").json() == deleted | {"changed": 0}
    assert (listed(client, "jobs"), listed(client, "jobs", deleted=True)) == ([jobs[1]], [jobs[0]])
    assert listed(client, "jobs", batch=batch, state="succeeded") == [jobs[1]]
    shown = client.get(f"/v1/jobs/{jobs[0]}").json()
    at, until = (datetime.fromisoformat(shown[name]) for name in ("deleted_at", "restorable_until"))
    assert until - at == timedelta(days=7)
    for path in ("output", "frames/latest", "manifest", "log"):
        assert client.get(f"/v1/jobs/{jobs[0]}/{path}").is_success, path
    view = client.get(f"/v1/batches/{batch}").json()
    assert (view["jobs"], view["states"]["succeeded"], view["deleted_at"]) == (1, 1, None)
    with zipfile.ZipFile(io.BytesIO(client.get(f"/v1/batches/{batch}/outputs.zip").content)) as archive:
        assert [name for name in archive.namelist() if name.endswith(".png")] == archive.namelist()
        assert len(archive.namelist()) == 1
    assert "deleted by ada" in client.get(f"/v1/jobs/{jobs[0]}/log").text
    assert "dreamfarm_outputs 1.0" in client.get("/metrics").text

    assert client.post(f"/v1/jobs/{jobs[0]}/restore").json()["job"]["deleted_at"] is None
    assert client.post(f"/v1/jobs/{jobs[0]}/restore").json()["changed"] == 0
    assert listed(client, "jobs") == jobs[::-1]
    assert client.get(f"/v1/batches/{batch}").json()["jobs"] == 2


def test_a_batch_is_deleted_and_restored(api: RunningApi) -> None:
    client, (batch, jobs), (other, _) = api.client("ada"), submitted(api, 3), submitted(api, 1)
    assert "has 3 unfinished jobs; only finished jobs can be deleted: cancel the batch first" in problem(
        client.delete(f"/v1/batches/{batch}"), 409
    )
    assert "is queued; only finished jobs" in problem(client.delete(f"/v1/jobs/{jobs[0]}"), 409)
    finished(api, jobs[0])
    client.post(f"/v1/batches/{batch}/cancel")

    answer = client.delete(f"/v1/batches/{batch}").json()
    assert answer["changed"] == 3
    assert (answer["batch"]["jobs"], answer["batch"]["deleted_at"] is not None) == (3, True)
    assert (listed(client, "batches"), listed(client, "batches", deleted=True)) == ([other], [batch])
    for options in ({}, {"deleted": True}):
        assert listed(client, "jobs", batch=batch, **options) == jobs[::-1], "of a deleted batch, all jobs"
    assert client.get(f"/v1/batches/{batch}/contact-sheet").is_success, "who restores wants to see what it is"
    assert "is deleted; to retry it, restore it first" in problem(client.post(f"/v1/batches/{batch}/retry"), 409)
    assert "is deleted; to retry it, restore it first" in problem(client.post(f"/v1/jobs/{jobs[1]}/retry"), 409)
    assert client.post(f"/v1/batches/{batch}/restore").json()["changed"] == 3
    assert client.post(f"/v1/batches/{batch}/retry").json()["changed"] == 2


def test_deleting_a_batch_is_undone_for_the_jobs_that_went_with_it(one_api: RunningApi) -> None:
    client, (batch, jobs) = one_api.client("ada"), submitted(one_api, 3)
    client.post(f"/v1/batches/{batch}/cancel")
    client.delete(f"/v1/jobs/{jobs[0]}")
    at = client.delete(f"/v1/batches/{batch}").json()["at"]
    assert client.post(f"/v1/batches/{batch}/restore", params={"since": at}).json()["changed"] == 2
    assert listed(client, "jobs") == jobs[:0:-1]
    assert client.post(f"/v1/batches/{batch}/restore").json()["changed"] == 1


def test_deleting_the_only_job_deletes_its_batch(one_api: RunningApi) -> None:
    client, (batch, (job,)) = one_api.client("ada"), submitted(one_api, 1)
    client.post(f"/v1/jobs/{job}/cancel")
    client.delete(f"/v1/jobs/{job}")
    assert client.get(f"/v1/batches/{batch}").json()["deleted_at"] is not None
    assert listed(client, "batches") == []


def test_after_the_purge_nothing_answers(api: RunningApi) -> None:
    client = api.client("ada")
    body, key = {"jobs": [DREAM] * 2}, {"Idempotency-Key": "once"}
    batch = client.post("/v1/batches", json=body, headers=key).json()
    for job in batch["job_ids"]:
        finished(api, job)
    client.delete(f"/v1/batches/{batch['id']}")
    again = client.post("/v1/batches", json=body, headers=key)
    assert (again.json()["id"], again.headers["Idempotency-Replayed"]) == (batch["id"], "true")
    assert again.json()["deleted_at"] is not None, "a repeated request is told that its batch is deleted"

    purged(api)
    paths = [
        f"/v1/batches/{batch['id']}",
        *(f"/v1/jobs/{job}{rest}" for job in batch["job_ids"] for rest in ("", "/log")),
    ]
    for path in paths:
        problem(client.get(path), 404)
    problem(client.post(f"/v1/batches/{batch['id']}/restore"), 404)
    assert api.blobs.keys("jobs") == []
    assert listed(client, "batches", deleted=True) == []
    anew = client.post("/v1/batches", json=body, headers=key)
    assert (anew.status_code, "Idempotency-Replayed" in anew.headers) == (202, False)
    assert anew.json()["id"] != batch["id"]


def test_open_pages_hear_of_it_also_after_a_purge(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api, 1)
    client.post(f"/v1/batches/{batch}/cancel")
    with listening(client, lambda heard: heard[-1].type == "batch.submitted") as heard:
        client.delete(f"/v1/batches/{batch}")
        client.post(f"/v1/jobs/{jobs[0]}/restore")
        client.delete(f"/v1/jobs/{jobs[0]}")
        purged(api)
        submitted(api, 1)
    told = [(event.type, event.data.get("job")) for event in heard if event.type != "stream.opened"]
    once = [("job.deleted", jobs[0]), ("batch.deleted", None)]
    # What was purged before it was told is not told at all.
    assert told[-1][0] == "batch.submitted"
    assert set(told[:-1]) <= {*once, ("job.restored", jobs[0]), ("batch.restored", None)}
    numbers = [event.id for event in heard if event.id is not None]
    assert numbers == sorted(set(numbers)), "no number is given twice"
