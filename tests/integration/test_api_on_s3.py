"""The API with its pictures in an S3 bucket (moto's server, over HTTP)."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.blobs import open_blobs
from shared.settings import Settings
from shared.store import Store, assets
from shared.store.schema import upgrade
from tests.buckets import s3_service, silent_service
from tests.conftest import RedisServer, wait_until
from tests.integration.conftest import RunningApi, picture, uploaded
from tests.integration.test_api_assets import problem
from tests.integration.test_api_steering import submitted
from tests.integration.worker_hand import finished


@pytest.fixture
def s3_api(settings: Settings, redis_server: RedisServer) -> Iterator[RunningApi]:
    """A running API whose blobs are in a bucket."""
    settings.data.mkdir(parents=True)
    store = Store(settings.database)
    upgrade(store)
    with s3_service() as endpoint:
        changed = {"blobs_url": "s3://farm/pictures", "s3_endpoint": endpoint, "redis_url": redis_server.url, "port": 0}
        running = RunningApi(settings.model_copy(update=changed), store)
        yield running
        running.close()
    store.dispose()


def test_a_part_of_a_picture_comes_from_the_bucket(s3_api: RunningApi) -> None:
    client, data = s3_api.client("ada"), picture(400, 300)
    link = f"/v1/assets/{uploaded(client, data)}"
    size, whole = len(data), client.get(link)
    assert whole.headers["accept-ranges"] == "bytes"
    parts = {
        "bytes=0-1": (0, 2),
        "bytes=10-": (10, size),
        "bytes=-7": (size - 7, size),
        f"bytes=5-{size + 9}": (5, size),
    }
    for asked, (start, end) in parts.items():
        answer = client.get(link, headers={"Range": asked, "If-Range": whole.headers["etag"]})
        assert (answer.status_code, answer.content) == (206, data[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["content-length"] == str(end - start)
    for beyond in (f"bytes={size}-", "bytes=-0", "bytes=9-3"):
        answer = client.get(link, headers={"Range": beyond})
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
    # Of another file, or in a way that is not understood: all of it.
    for headers in ({"Range": "bytes=0-1", "If-Range": '"old"'}, {"Range": "bytes=0-1,4-5"}, {"Range": "lines=1-2"}):
        answer = client.get(link, headers=headers)
        assert (answer.status_code, answer.content) == (200, data)
    s3_api.blobs.delete(s3_api.blobs.keys("assets")[0])
    assert "missing from the blob store" in problem(client.get(link, headers={"Range": "bytes=0-1"}), 404)


def test_pictures_go_into_the_bucket_and_come_back(s3_api: RunningApi) -> None:
    client, data = s3_api.client("ada"), picture(400, 300)
    asset = uploaded(client, data)
    assert uploaded(client, data) == asset
    assert client.get(f"/v1/assets/{asset}").content == data
    assert client.get(f"/v1/assets/{asset}?thumbnail=true").headers["content-type"] == "image/webp"
    assert client.head(f"/v1/assets/{asset}").content == b""
    assert client.head(f"/v1/assets/{asset}").headers["content-length"] == str(len(data))
    assert client.get("/readyz").json()["checks"]["blobs"] == "ok"

    batch, jobs = submitted(s3_api, 2)
    outputs = [finished(s3_api, job, seed=seed) for seed, job in enumerate(jobs)]
    answer = client.get(f"/v1/jobs/{jobs[0]}/output")
    assert answer.content == outputs[0]
    assert answer.headers["content-type"] == "image/png"
    with zipfile.ZipFile(io.BytesIO(client.get(f"/v1/batches/{batch}/outputs.zip").content)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == outputs
    for key in s3_api.blobs.keys("jobs"):
        s3_api.blobs.delete(key)
    assert "missing from the blob store" in problem(client.get(f"/v1/jobs/{jobs[0]}/output"), 404)


@pytest.mark.parametrize("value", ["", None])
def test_without_keys_the_role_of_the_machine_signs(
    value: str | None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given keys that are not set, or left empty in a file, the machine is asked for its role's."""
    role = {
        "AccessKeyId": "of-the-role",
        "SecretAccessKey": "secret",
        "Token": "t",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    signed: list[str] = []

    class Machine(BaseHTTPRequestHandler):
        """What answers every machine of AWS about itself, and its bucket."""

        def do_PUT(self) -> None:
            self.answer("token")

        def do_GET(self) -> None:
            self.answer("renderer" if self.path.endswith("/security-credentials/") else json.dumps(role))

        def do_HEAD(self) -> None:
            signed.append(self.headers["Authorization"])
            self.answer("")

        def answer(self, said: str) -> None:
            self.send_response(200)
            for name, told in {"ETag": '"1"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}.items():
                self.send_header(name, told)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said.encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Machine) as machine:
        address = f"http://127.0.0.1:{machine.server_port}"
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", address)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
        threading.Thread(target=machine.serve_forever, args=(0.01,)).start()
        try:
            assert open_blobs(settings.model_copy(update={"blobs_url": "s3://farm", "s3_endpoint": address})).exists(
                "a"
            )
        finally:
            machine.shutdown()
    assert [line.partition("/")[0] for line in signed] == ["AWS4-HMAC-SHA256 Credential=of-the-role"]


def test_who_waits_for_a_silent_bucket_is_told_and_keeps_nobody_waiting(
    settings: Settings, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a bucket that takes connections and never answers, and people who look and upload, others are served."""
    monkeypatch.setattr("api.app._BLOBS_SECONDS", 5.0)
    settings.data.mkdir(parents=True)
    store, asset = Store(settings.database), "sha256:" + "0" * 64
    upgrade(store)
    with store.write() as session:
        assets.add(session, "ada", asset, width=1, height=1, format="png", bytes=1)
    with silent_service() as (endpoint, connections), ThreadPoolExecutor() as people:
        changed = {"blobs_url": "s3://farm", "s3_endpoint": endpoint, "redis_url": redis_server.url, "port": 0}
        api = RunningApi(settings.model_copy(update=changed), store)
        try:
            client = api.client("ada")
            waiting = [
                people.submit(client.get, f"/v1/assets/{asset}", headers=headers, params=params)
                for headers in ({}, {"Range": "bytes=0-1"})
                for params in ({}, {"thumbnail": True})
            ]
            waiting += [people.submit(client.post, "/v1/assets", content=picture(seed=seed)) for seed in range(3)]
            wait_until(lambda: len(connections) == len(waiting), what="that all of them wait for the bucket")
            begun = time.perf_counter()
            assert client.get("/healthz").is_success
            problem(client.post("/v1/assets", content=b"no picture"), 422)
            assert time.perf_counter() - begun < 2
            assert not waiting[-1].done()
            for one in waiting:
                assert "the blob store cannot be reached" in problem(one.result(), 503)
            assert time.perf_counter() - begun < 20
        finally:
            api.close()
    store.dispose()
