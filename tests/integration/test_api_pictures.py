"""Frames, outputs, archives, contact sheets and logs of what workers left."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from PIL import Image

from tests.integration.conftest import RunningApi, picture, uploaded
from tests.integration.test_api_assets import problem
from tests.integration.test_api_steering import submitted
from tests.integration.test_api_submission import DREAM
from tests.integration.worker_hand import failed, finished, framed, let_go, started_over, taken


def test_frames_can_be_watched_while_a_job_renders(api: RunningApi) -> None:
    client, (_, (job, *_)) = api.client("ada"), submitted(api)
    assert "no frame yet" in problem(client.get(f"/v1/jobs/{job}/frames/latest"), 404)
    running = taken(api, job)
    for number in range(5):
        framed(api, running, number)

    page = client.get(f"/v1/jobs/{job}/frames?limit=3").json()
    assert [frame["number"] for frame in page["items"]] == [0, 1, 2]
    rest = client.get(f"/v1/jobs/{job}/frames", params={"limit": 3, "cursor": page["next"]}).json()
    assert [frame["number"] for frame in rest["items"]] == [3, 4]
    assert rest["next"] is None

    third = client.get(page["items"][2]["links"]["self"])
    assert third.content == picture(96, 96, seed=2, format="JPEG")
    assert third.headers["content-type"] == "image/jpeg"
    small = client.get(page["items"][2]["links"]["thumbnail"])
    assert small.headers["content-type"] == "image/webp"
    latest = client.get(f"/v1/jobs/{job}/frames/latest")
    assert latest.content == picture(96, 96, seed=4, format="JPEG")
    assert "immutable" not in latest.headers["cache-control"]
    problem(client.get(f"/v1/jobs/{job}/frames/77"), 404)
    problem(client.get(f"/v1/jobs/{job}/frames/first"), 422)


def test_a_frame_of_a_job_that_started_over_is_another_one(api: RunningApi) -> None:
    """Given browsers that have kept a frame, they show the one that took its place, and keep it while it is the same."""
    client, (_, (job, *_)) = api.client("ada"), submitted(api)
    running = taken(api, job)
    framed(api, running)
    addresses = (f"/v1/jobs/{job}/frames/0", f"/v1/jobs/{job}/frames/0?thumbnail=true")
    kept = {address: client.get(address).headers for address in addresses}
    asked = {address: {"If-None-Match": headers["etag"]} for address, headers in kept.items()}
    assert not any("immutable" in headers["cache-control"] for headers in kept.values())
    assert [client.get(address, headers=asked[address]).status_code for address in addresses] == [304, 304]
    let_go(api, running)
    framed(api, started_over(api, job), seed=9)
    picture_now, small_now = (client.get(address, headers=asked[address]) for address in addresses)
    assert picture_now.content == picture(96, 96, seed=9, format="JPEG")
    assert small_now.content == picture(32, 32, seed=9, format="WEBP")


def test_an_output_comes_with_a_good_name_an_etag_and_in_parts(api: RunningApi) -> None:
    client = api.client("ada")
    job = client.post("/v1/jobs", json=DREAM | {"name": "Schloß am Meer.jpeg"}).json()["id"]
    assert "queued" in problem(client.get(f"/v1/jobs/{job}/output"), 404)
    output = finished(api, job)

    shown = client.get(f"/v1/jobs/{job}").json()
    assert shown["state"] == "succeeded"
    assert shown["progress"]["share"] == 1.0
    assert shown["output"]["file_name"] == f"Schloß-am-Meer-{job}.png"
    answer = client.get(shown["links"]["output"])
    assert answer.content == output
    assert shown["output"]["digest"].removeprefix("sha256:") in answer.headers["etag"]
    assert f"Schlo%C3%9F-am-Meer-{job}.png" in answer.headers["content-disposition"]
    assert answer.headers["content-disposition"].startswith("inline")
    saved = client.get(f"/v1/jobs/{job}/output?download=true")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert client.get(f"/v1/jobs/{job}/output", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    tail = client.get(f"/v1/jobs/{job}/output", headers={"Range": f"bytes={len(output) - 10}-"})
    assert (tail.status_code, tail.content) == (206, output[-10:])
    assert client.get(f"/v1/jobs/{job}/manifest").json() == {"dreamfarm": 1}
    assert "without `animation`" in problem(client.get(f"/v1/jobs/{job}/animation"), 404)


def test_parts_that_are_not_understood_are_the_whole_and_parts_beyond_the_end_none(one_api: RunningApi) -> None:
    """As from a bucket: a range that is none is not the reader's mistake (RFC 9110, 14.2)."""
    client = one_api.client("ada")
    job = client.post("/v1/jobs", json=DREAM).json()["id"]
    output, link = finished(one_api, job), f"/v1/jobs/{job}/output"
    for odd in ("lines=1-2", "bytes=first", "bytes=", "bytes=--1", "bytes=0-1,4-5"):
        answer = client.get(link, headers={"Range": odd})
        assert (answer.status_code, answer.content) == (200, output)
    for asked, part in {"bytes=2-5": output[2:6], "bytes=-7": output[-7:], "bytes=9-999999": output[9:]}.items():
        answer = client.get(link, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, part)
    beyond = client.get(link, headers={"Range": f"bytes={len(output)}-"})
    assert "nothing in the range" in problem(beyond, 416)
    assert beyond.headers["content-range"] == f"bytes */{len(output)}"


def test_files_pages_and_health_can_be_asked_for_without_their_bodies(one_api: RunningApi) -> None:
    """Programs that look first at what they would get, and those that watch whether a farm lives, ask by HEAD."""
    client = one_api.client("ada")
    job = client.post("/v1/jobs", json=DREAM).json()["id"]
    output = finished(one_api, job)
    answer = client.head(f"/v1/jobs/{job}/output", headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(output))
    assert answer.headers["accept-ranges"] == "bytes"
    for link in (f"/v1/jobs/{job}/manifest", f"/v1/jobs/{job}/frames/latest", "/", "/healthz", "/readyz"):
        assert client.head(link).status_code == client.get(link).status_code == 200
    assert client.head(f"/v1/jobs/{job}/animation").status_code == 404


def test_lists_and_archives_answer_head_as_they_answer_get(one_api: RunningApi) -> None:
    """But for the stream of events, which has no end that a body could be left out of."""
    client = one_api.client("ada")
    job = client.post("/v1/jobs", json=DREAM).json()
    finished(one_api, job["id"])
    links = ["/v1/jobs", f"/v1/jobs/{job['id']}", f"/v1/jobs/{job['id']}/log", "/v1/batches", "/v1/models", "/docs"]
    for link in (*links, f"/v1/batches/{job['batch']}/contact-sheet", "/v1/presets", "/v1/workers", "/samples"):
        whole, asked = client.get(link), client.head(link)
        assert (whole.status_code, asked.status_code, asked.content) == (200, 200, b""), link
        assert {name: asked.headers[name] for name in ("content-type", "content-length")} == {
            name: whole.headers[name] for name in ("content-type", "content-length")
        }
    archive = client.head(f"/v1/batches/{job['batch']}/outputs.zip")
    assert (archive.status_code, archive.headers["content-type"]) == (200, "application/zip")
    assert ".zip" in archive.headers["content-disposition"]
    assert client.head("/v1/jobs/j0").status_code == 404
    assert client.head("/v1/jobs?limit=0").status_code == 422
    assert client.head("/v1/jobs", headers={"Authorization": "Bearer df_x"}).status_code == 401
    refused = client.head("/v1/events")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert not [path for path, methods in client.get("/openapi.json").json()["paths"].items() if "head" in methods]


def test_who_has_a_file_already_is_told_so_however_they_say_it(one_api: RunningApi) -> None:
    """Given lists of tags, weak tags and `*`, as RFC 9110 (13.1.2) has them, and tags that only look alike."""
    client = one_api.client("ada")
    job = client.post("/v1/jobs", json=DREAM).json()["id"]
    finished(one_api, job)
    asset = uploaded(client, picture(500, 400))
    portrait = client.get("/v1/models/motifnet/portraits").json()[0]["links"]["picture"]
    links = [f"/v1/jobs/{job}/output", f"/v1/jobs/{job}/frames/latest", f"/v1/assets/{asset}?thumbnail=true", portrait]
    for link in (*links, "/", "/web/js/main.js", "/samples/" + next(iter(client.get("/samples").json())) + ".jpg"):
        tag = client.get(link).headers["etag"]
        for known in ("*", tag, f"W/{tag}", f'"other", W/"a,b" ,{tag}'):
            answer = client.get(link, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag), (link, known)
            assert client.head(link, headers={"If-None-Match": known}).status_code == 304
        for other in ('"other"', tag.strip('"'), f'"x{tag[1:]}', "W/*", f'"*", W/"{tag[1:-1]}x"'):
            assert client.get(link, headers={"If-None-Match": other}).status_code == 200, (link, other)
    for key in one_api.blobs.keys(f"jobs/{job}"):
        one_api.blobs.delete(key)
    problem(client.get(f"/v1/jobs/{job}/output", headers={"If-None-Match": "*"}), 404)


def test_a_batchs_outputs_come_as_one_archive_with_names_that_differ(api: RunningApi) -> None:
    client = api.client("ada")
    jobs = [DREAM | {"name": name} for name in ("castle.png", "castle.png", "a/b: c?.png", "late.png", "lost.png")]
    batch = client.post("/v1/batches", json={"jobs": jobs, "name": "holiday"}).json()
    problem(client.get(f"/v1/batches/{batch['id']}/outputs.zip"), 404)
    outputs = [finished(api, job, seed=seed) for seed, job in enumerate(batch["job_ids"][:3])]
    finished(api, batch["job_ids"][4])
    (lost,) = [key for key in api.blobs.keys(f"jobs/{batch['job_ids'][4]}") if key.endswith("output.png")]
    api.blobs.delete(lost)

    answer = client.get(f"/v1/batches/{batch['id']}/outputs.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert f'filename="holiday-{batch["id"]}.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["castle-1.png", "castle-2.png", "a-b-c-3.png", "MISSING.txt"]
        assert [archive.read(name) for name in archive.namelist()[:3]] == outputs
        assert b"lost-5.png" in archive.read("MISSING.txt")


def test_a_contact_sheet_shows_every_job_that_has_a_frame(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api, 4)
    problem(client.get(f"/v1/batches/{batch}/contact-sheet"), 404)
    finished(api, jobs[0])
    framed(api, taken(api, jobs[1]), 7, size=(120, 80))
    answer = client.get(f"/v1/batches/{batch}/contact-sheet")
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as sheet:
        assert sheet.width > 600


def test_a_log_tells_what_happened_in_words(api: RunningApi) -> None:
    client, (_, (job, other, *_)) = api.client("ada"), submitted(api)
    held = taken(api, job)
    framed(api, held)
    client.post(f"/v1/jobs/{job}/pause")
    let_go(api, held)
    client.post(f"/v1/jobs/{job}/resume")
    finished(api, job)
    failed(api, other, "the picture is 3 pixels wide")

    text = client.get(f"/v1/jobs/{job}/log")
    assert text.headers["content-type"].startswith("text/plain")
    told = [line.partition(" UTC  ")[2] for line in text.text.splitlines() if " UTC  " in line]
    assert [re.sub(r" after [\d.]+ s", "", line) for line in told] == [
        "submitted: 3 jobs, 0.1 MP·it",
        "attempt 1 began on w, after iteration 0",
        "started: taken by w",
        "frame 0: octave 1, iteration 1",
        "paused by ada",
        "attempt 1 released and 0 iterations (0 of 8): the worker was asked to stop",
        "resumed by ada",
        "attempt 2 began on w, after iteration 0",
        "attempt 2 succeeded and 8 iterations (8 of 8)",
        "succeeded",
    ]
    entries = client.get(f"/v1/jobs/{job}/log?format=json").json()
    assert [entry["text"] for entry in entries] == told
    assert client.get(f"/v1/jobs/{job}/log", headers={"Accept": "application/json"}).json() == entries
    assert "failed: the picture is 3 pixels wide" in client.get(f"/v1/jobs/{other}/log").text
    assert len(client.get(f"/v1/jobs/{job}").json()["attempts"]) == 2


@pytest.mark.parametrize("what", ["output", "manifest", "frames/0"])
def test_a_blob_that_is_gone_is_told_as_such(one_api: RunningApi, what: str) -> None:
    client, (_, (job, *_)) = one_api.client("ada"), submitted(one_api)
    finished(one_api, job)
    for key in one_api.blobs.keys(f"jobs/{job}"):
        one_api.blobs.delete(key)
    assert "missing from the blob store" in problem(client.get(f"/v1/jobs/{job}/{what}"), 404)


@pytest.mark.parametrize("cursor", [2**31 - 1, 2**31, 9_999_999_999, 10**18 - 1])
def test_pages_behind_the_last_one_are_empty(api: RunningApi, cursor: int) -> None:
    client = api.client()
    job_id = str(client.post("/v1/jobs", json=DREAM).json()["id"])
    framed(api, taken(api, job_id))
    page = client.get(f"/v1/jobs/{job_id}/frames", params={"cursor": cursor})
    assert (page.status_code, page.json()) == (200, {"items": [], "next": None})
    for newest_first in ("/v1/jobs", "/v1/batches"):
        assert len(client.get(newest_first, params={"cursor": cursor}).json()["items"]) == 1
