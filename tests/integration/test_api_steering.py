"""Cancelling, pausing, resuming, retrying, priorities; IDs shortened to prefixes; lists."""

from __future__ import annotations

import contextlib
import time

from sqlalchemy import update

from shared.queue import celery_app, waiting
from shared.store.tables import Job
from tests.conftest import RedisServer, wait_until
from tests.integration.conftest import RunningApi
from tests.integration.test_api_assets import problem
from tests.integration.test_api_submission import DREAM
from tests.integration.worker_hand import failed, finished, let_go, taken


def submitted(api: RunningApi, number: int = 3, owner: str = "ada") -> tuple[str, list[str]]:
    """A batch's ID and those of its jobs."""
    batch = api.client(owner).post("/v1/batches", json={"jobs": [DREAM] * number}).json()
    return batch["id"], batch["job_ids"]


def test_a_job_is_paused_resumed_cancelled_and_sent_again(api: RunningApi) -> None:
    client, (_, (job, *_)) = api.client("ada"), submitted(api)

    def do(action: str) -> tuple[int, str, str]:
        answer = client.post(f"/v1/jobs/{job}/{action}").json()
        return answer["changed"], answer["job"]["state"], answer["job"]["reason"]

    assert do("pause") == (1, "paused", "paused by ada")
    assert do("pause") == (0, "paused", "paused by ada")
    assert do("resume") == (1, "queued", "resumed by ada")
    assert do("cancel") == (1, "cancelled", "cancelled by ada")
    assert "cancelled; pause works on a job that is queued or running" in problem(
        client.post(f"/v1/jobs/{job}/pause"), 409
    )
    assert do("retry") == (1, "queued", "sent again by ada")
    finished(api, job)
    assert "submit it anew" in problem(client.post(f"/v1/jobs/{job}/retry"), 409)
    problem(client.post(f"/v1/jobs/{job}/explode"), 422)


def test_of_a_batch_only_failed_jobs_are_retried_when_asked_so(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api, 4)
    finished(api, jobs[0])
    failed(api, jobs[1], "the picture is cursed")
    client.post(f"/v1/jobs/{jobs[2]}/cancel")

    answer = client.post(f"/v1/batches/{batch}/retry?failed=true").json()
    assert answer["changed"] == 1
    assert answer["batch"]["states"] == {
        "queued": 2, "running": 0, "paused": 0, "succeeded": 1, "failed": 0, "cancelled": 1,
    }  # fmt: skip
    assert client.post(f"/v1/batches/{batch}/retry").json()["changed"] == 1
    assert client.post(f"/v1/batches/{batch}/cancel").json()["changed"] == 3
    assert client.get(f"/v1/batches/{batch}").json()["open"] is False


def test_a_cancellation_is_undone_for_the_jobs_that_it_took(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api, 4)
    failed(api, jobs[0], "the picture is cursed")
    client.post(f"/v1/jobs/{jobs[1]}/cancel")
    at = client.post(f"/v1/batches/{batch}/cancel").json()["at"]

    undone = client.post(f"/v1/batches/{batch}/retry", params={"since": at}).json()
    assert (undone["changed"], undone["at"]) == (2, None)
    assert {name: n for name, n in undone["batch"]["states"].items() if n} == {"queued": 2, "failed": 1, "cancelled": 1}
    assert client.post(f"/v1/batches/{batch}/retry", params={"since": at}).json()["changed"] == 0
    assert "since" in problem(client.post(f"/v1/batches/{batch}/retry?since=today"), 422)


def test_undoing_a_cancellation_leaves_paused_what_was_paused(api: RunningApi) -> None:
    """Given a job that was paused while a worker had it, one that had been paused and cancelled before, and one that waits,
    undoing a cancellation of all brings them back as they were; and so it is with a single job."""
    client, (batch, jobs) = api.client("ada"), submitted(api, 3)
    running = taken(api, jobs[0])
    for job in jobs[:2]:
        assert client.post(f"/v1/jobs/{job}/pause").json()["changed"] == 1
    client.post(f"/v1/jobs/{jobs[1]}/cancel")
    client.post(f"/v1/jobs/{jobs[1]}/retry")
    at = client.post(f"/v1/batches/{batch}/cancel").json()["at"]

    undone = client.post(f"/v1/batches/{batch}/retry", params={"since": at}).json()
    assert (undone["changed"], undone["batch"]["open"]) == (3, True)
    assert [client.get(f"/v1/jobs/{job}").json()["state"] for job in jobs] == ["paused", "queued", "queued"]
    shown = client.get(f"/v1/jobs/{jobs[0]}").json()
    assert (shown["finished_at"], shown["reason"]) == (None, "paused before it was cancelled; sent again by ada")
    let_go(api, running)
    assert client.get(f"/v1/jobs/{jobs[0]}").json()["state"] == "paused"

    cancelled = client.post(f"/v1/jobs/{jobs[0]}/cancel").json()
    back = client.post(f"/v1/jobs/{jobs[0]}/retry", params={"since": cancelled["at"]}).json()
    assert (back["changed"], back["job"]["state"]) == (1, "paused")
    client.post(f"/v1/jobs/{jobs[0]}/cancel")
    assert client.post(f"/v1/jobs/{jobs[0]}/retry").json()["job"]["state"] == "queued", "who retries wants it to run"
    assert client.post(f"/v1/jobs/{jobs[0]}/resume").json()["changed"] == 0


def test_priorities_of_jobs_and_batches_change(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api)
    assert client.patch(f"/v1/jobs/{jobs[0]}", json={"priority": 0}).json()["job"]["priority"] == 0
    answer = client.patch(f"/v1/batches/{batch}", json={"priority": 9})
    assert answer.json()["changed"] == 3
    assert {client.get(f"/v1/jobs/{job}").json()["priority"] for job in jobs} == {9}
    for wrong in ({"priority": 10}, {"priority": "soon"}, {}, {"priority": 1, "prio": 2}):
        problem(client.patch(f"/v1/jobs/{jobs[0]}", json=wrong), 422)


def test_any_unambiguous_prefix_names_a_job_or_batch(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api)
    with api.store.write() as session:
        for job, name in zip(jobs, ("jaaaa0000001", "jaaaa0000002", "jaab00000003"), strict=True):
            session.execute(update(Job).where(Job.id == job).values(id=name))
    assert client.get("/v1/jobs/jaab").json()["id"] == "jaab00000003"
    assert client.get("/v1/jobs/JAAB0").json()["id"] == "jaab00000003"
    ambiguous = client.get("/v1/jobs/jaa")
    assert "fits several jobs" in problem(ambiguous, 409)
    assert len(ambiguous.json()["candidates"]) == 3
    assert client.get(f"/v1/batches/{batch[:4]}").json()["id"] == batch
    for unknown in ("jzzzzzzzzz9", "j%25", "j_", "%00", "j'--", "b"):
        assert "there is no job" in problem(client.get(f"/v1/jobs/{unknown}"), 404)


def test_lists_are_filtered_and_come_in_pages(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api, 7)
    submitted(api, 2)
    client.post(f"/v1/jobs/{jobs[3]}/cancel")

    def listed(**params: str | list[str]) -> list[str]:
        found: list[str] = []
        query: dict[str, str | list[str]] = {**params, "limit": "2"}
        while True:
            page = client.get("/v1/jobs", params=query).json()
            assert len(page["items"]) <= 2
            found += [job["id"] for job in page["items"]]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]

    assert listed(batch=batch) == jobs[::-1]
    assert listed(batch=batch, state="cancelled") == [jobs[3]]
    assert len(listed(state=["queued", "cancelled"])) == 9
    assert len(listed()) == 9
    assert [b["jobs"] for b in client.get("/v1/batches").json()["items"]] == [2, 7]
    for wrong in ({"state": "asleep"}, {"cursor": "x"}, {"limit": 0}, {"limit": 5000}):
        problem(client.get("/v1/jobs", params=wrong), 422)


def test_unknown_fields_and_cursors_are_refused_in_words(one_api: RunningApi) -> None:
    client, admin, (batch, (job, *_)) = one_api.client("ada"), one_api.client("root", "admin"), submitted(one_api)
    for answer, field, meant in (
        (client.patch(f"/v1/jobs/{job}", json={"priorty": 3}), "priorty", "priority"),
        (client.patch(f"/v1/batches/{batch}", json={"priority": 3, "prio": 3}), "prio", "priority"),
        (admin.post("/v1/keys", json={"owner": "cy", "rol{e": "viewer"}), "rol{e", "role"),
        (client.post("/v1/batches", json={"nam": "x", "jobs": [{"kind": "dream"}]}), "nam", "name"),
    ):
        problem(answer, 422)
        told = {mistake["field"]: mistake["message"] for mistake in answer.json()["errors"]}
        assert told[field] == f"unknown field {field!r} (did you mean {meant!r}?)"
    far = admin.post("/v1/keys", json={"label": "\0", "xyz": 1})
    assert [(m["field"], m["message"][:15]) for m in far.json()["errors"]] == [
        ("owner", "Field required"), ("label", "it contains the"), ("xyz", "unknown field '"),
    ]  # fmt: skip
    for link in ("/v1/jobs", "/v1/batches", f"/v1/jobs/{job}/frames"):
        for cursor in ("nonsense", "-1", "", "9" * 19, "٣"):
            answer = client.get(link, params={"cursor": cursor})
            assert problem(answer, 422).startswith(f"cursor: {cursor!r} is no cursor; one is the `next` of the page")
            assert [mistake["field"] for mistake in answer.json()["errors"]] == ["cursor"]


def test_submitted_jobs_are_announced_in_redis(api: RunningApi, redis_server: RedisServer) -> None:
    queue = celery_app(redis_server.url)
    submitted(api, 50)
    wait_until(lambda: waiting(queue), what="an announcement")
    assert len(waiting(queue)) < 10, "a bounded window, not the whole batch"
    queue.close()


def test_cancelling_interrupts_the_slice(one_api: RunningApi, redis_server: RedisServer) -> None:
    client, (_, (job, *_)) = one_api.client("ada"), submitted(one_api)
    task = taken(one_api, job).task_id
    queue = celery_app(redis_server.url)
    heard: list[dict[str, object]] = []
    with queue.connection_for_read() as connection:
        mailbox = queue.control.mailbox(connection)
        node = mailbox.Node("w@test", channel=connection.default_channel)
        consumer = node.listen(callback=lambda body, _message: heard.append(body))

        def drained() -> bool:
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=0.1)
            return bool(heard)

        drained()  # subscribes: what was published before is not heard
        client.post(f"/v1/jobs/{job}/cancel")
        wait_until(drained, what="the interruption")
        consumer.cancel()
    assert heard[0]["method"] == "revoke"
    arguments = heard[0]["arguments"]
    assert isinstance(arguments, dict)
    assert (arguments["task_id"], arguments["terminate"], arguments["signal"]) == ([task], True, "SIGUSR1")
    queue.close()


def test_a_redis_that_is_away_neither_fails_nor_delays_anything(one_api: RunningApi, redis_server: RedisServer) -> None:
    redis_server.kill()
    client = one_api.client("ada")
    begun = time.perf_counter()
    answer = client.post("/v1/batches", json={"jobs": [DREAM] * 3})
    client.post(f"/v1/batches/{answer.json()['id']}/cancel")
    assert answer.status_code == 202
    # Whoever waited for Redis would wait for its time-outs, several times.
    assert time.perf_counter() - begun < 3.0
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    redis_server.start()
    wait_until(lambda: client.get("/readyz").json()["status"] == "ready", what="the recovery")
