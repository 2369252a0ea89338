"""Submitting jobs and batches: all or nothing, every mistake named, nothing twice."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest
from sqlalchemy import func, select

from shared.store.tables import Batch, Event, Job
from tests.integration.conftest import RunningApi, picture, uploaded
from tests.integration.test_api_assets import problem

DREAM = {"kind": "dream", "size": {"long_edge": 96}, "iterations": 2}
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def stored(api: RunningApi) -> tuple[int, int, int]:
    """How many batches, jobs and events there are."""
    with api.store.read() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Batch, Job, Event)]
    return counts[0], counts[1], counts[2]


def test_a_job_is_taken_with_everything_filled_in(api: RunningApi) -> None:
    client = api.client("ada")
    asset = uploaded(client, picture(300, 200))
    answer = client.post("/v1/jobs", json={"kind": "dream", "input": asset, "name": "castle.png", "iterations": 10})

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["owner"], job["name"], job["priority"]) == ("queued", "ada", "castle.png", 5)
    assert (job["width"], job["height"]) == (300, 200)
    # What the preset filled in is stored, so that a later version's presets change nothing.
    assert job["spec"]["objective"][0]["weight"] == 1.0
    count, scale = job["spec"]["octaves"]["count"], job["spec"]["octaves"]["scale"]
    sizes = [(round(300 / scale**k), round(200 / scale**k)) for k in range(count)]
    assert job["progress"]["mpit_total"] == pytest.approx(sum(w * h for w, h in sizes) * 10 / 1e6)
    assert client.get(answer.headers["location"]).json()["spec"] == job["spec"]


def test_octaves_that_do_not_fit_are_clamped_and_said_so(one_api: RunningApi) -> None:
    answer = one_api.client().post("/v1/jobs", json=DREAM | {"octaves": {"count": 9, "scale": 2.0}})
    job = answer.json()
    assert answer.status_code == 202
    assert job["progress"]["octaves"] == 2
    assert "9 octaves clamped to 2" in job["notes"][0]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ('{"kind":"dream","octavs":4}', "octavs", "did you mean 'octaves'"),
        ('{"kind":"dream","step":NaN}', "step", "finite"),
        ('{"kind":"dream","octaves":{"scale":-1}}', "octaves.scale", "greater"),
        ('{"kind":"dream","iterations":-3}', "iterations", "greater"),
        ('{"kind":"dream","seed":-1}', "seed", "greater"),
        ('{"kind":"dream","step":1e999}', "step", "finite"),
        ('{"kind":"dream","objective":[{"layer":"mixed4e_1x1"}]}', "objective.0.layer", "did you mean 'mixed4"),
        ('{"kind":"dream","objective":[{"layer":"mixed4c","channel":99999}]}', "objective.0.channel", "channels"),
        ('{"kind":"dream","model":"motifnt"}', "model", "did you mean 'motifnet'"),
        ('{"kind":"dream","preset":"depdream"}', "preset", "did you mean 'deepdream'"),
        ('{"kind":"drem"}', "kind", "'dream', 'style'"),
        ("{}", "kind", "required"),
        ("[]", "", "this should be an object"),
        ('{"kind":"dream","octaves":3}', "octaves", "this should be an object"),
        ('{"kind":"dream","objective":"mixed4c"}', "objective", "this should be a list"),
        ('{"kind":"style","content":"sha256:12","styles":[]}', "content", "pattern"),
        ('{"kind":"dream","size":{"long_edge":20}}', "size.long_edge", "ask for a long edge"),
        ('{"kind":"dream","size":{"long_edge":65536}}', "size.long_edge", "4,295.0 megapixels.*at most 20000"),
        ('{"kind":"dream","priority":10}', "priority", "less"),
        ('{"kind":"dream","output":{"format":"jpeg","bits":16}}', "output", "png or tiff"),
        ('{"kind":"dream","input":"sha256:' + "0" * 64 + '"}', "input", "upload"),
        ('{"kind":"dream","size":{"aspect":2},"input":"sha256:' + "0" * 64 + '"}', "size.aspect", "out of noise"),
    ],
)
def test_mistakes_are_named_by_field_with_what_to_do(one_api: RunningApi, body: str, field: str, message: str) -> None:
    answer = one_api.client().post("/v1/jobs", content=body, headers=JSON)
    problem(answer, 422)
    mistakes = answer.json()["errors"]
    assert any(m["field"] == field and re.search(message, m["message"]) for m in mistakes), mistakes
    assert stored(one_api) == (0, 0, 0)


def test_mistakes_of_what_has_no_field_are_told_without_one(one_api: RunningApi) -> None:
    """Also of an address, of which a part is one value whatever types it may have."""
    client = one_api.client()
    job = client.post("/v1/jobs", json=DREAM).json()["id"]
    batch = client.post("/v1/batches", json=[DREAM])
    assert re.match("this should be an object", problem(batch, 422))
    assert re.match("Input should be", problem(client.patch(f"/v1/jobs/{job}", json=[]), 422))
    frame = client.get(f"/v1/jobs/{job}/frames/first")
    assert "number: Input should be 'latest'" in problem(frame, 422)
    assert {mistake["field"] for mistake in frame.json()["errors"]} == {"number"}


def test_bodies_that_are_no_json_or_of_another_type_are_refused(one_api: RunningApi) -> None:
    client = one_api.client()
    assert "not JSON" in problem(client.post("/v1/jobs", content='{"kind":', headers=JSON), 400)
    assert "not JSON" in problem(client.post("/v1/jobs", content="[" * 5000, headers=JSON), 400)
    assert "application/json" in problem(client.post("/v1/jobs", content="kind: dream"), 415)
    form = client.post("/v1/batches", data={"kind": "dream"})
    assert "x-ndjson" in problem(form, 415)


def test_one_wrong_line_of_ten_thousand_is_found_and_nothing_stored(api: RunningApi) -> None:
    lines = [json.dumps(DREAM | {"seed": seed}) for seed in range(10_000)]
    lines[7340] = json.dumps(DREAM | {"octaves": {"scale": 0.5}})
    answer = api.client().post("/v1/batches", content="\n".join(lines), headers=NDJSON)

    assert "line 7341" in problem(answer, 422)
    assert [(m["line"], m["field"]) for m in answer.json()["errors"]] == [(7341, "octaves.scale")]
    assert stored(api) == (0, 0, 0)


def test_mistakes_of_all_kinds_are_told_together_in_order(one_api: RunningApi) -> None:
    lines = [
        json.dumps(DREAM),
        json.dumps(DREAM | {"input": "sha256:" + "1" * 64}),
        "",
        '{"kind": "dream"',
        json.dumps(DREAM | {"objective": [{"layer": "nothing like it"}]}),
        json.dumps(DREAM | {"steps": 3}),
        "null",
    ]
    answer = one_api.client().post("/v1/batches", content="\n".join(lines), headers=NDJSON)
    problem(answer, 422)
    found = [(m["line"], m["field"]) for m in answer.json()["errors"]]
    assert found == [(2, "input"), (4, ""), (5, "objective.0.layer"), (6, "steps"), (7, "")]

    wrong = {"jobs": [DREAM, DREAM | {"step": "fast"}], "nam": "x"}
    answer = one_api.client().post("/v1/batches", json=wrong)
    assert answer.json()["errors"][0]["field"] == "nam"
    del wrong["nam"]
    answer = one_api.client().post("/v1/batches", json=wrong)
    assert [m["field"] for m in answer.json()["errors"]] == ["jobs.1.step"]
    assert stored(one_api) == (0, 0, 0)


def test_of_very_many_mistakes_a_hundred_are_listed_and_all_counted(one_api: RunningApi) -> None:
    answer = one_api.client().post("/v1/batches", json={"jobs": [DREAM | {"step": -1}] * 500})
    problem(answer, 422)
    assert len(answer.json()["errors"]) == 100
    assert answer.json()["errors_total"] == 500


@pytest.mark.parametrize("body", ['{"jobs":[]}', "{}", "[]", '"jobs"', '{"jobs":7}'])
def test_a_batch_without_jobs_is_refused(one_api: RunningApi, body: str) -> None:
    problem(one_api.client().post("/v1/batches", content=body, headers=JSON), 422)
    problem(one_api.client().post("/v1/batches", content="\n \n", headers=NDJSON), 422)


def test_ten_thousand_jobs_are_stored_in_order_with_one_request(api: RunningApi) -> None:
    client = api.client("ada")
    jobs = [DREAM | {"seed": seed, "name": f"picture {seed}.png"} for seed in range(10_000)]
    begun = time.perf_counter()
    answer = client.post("/v1/batches", json={"name": "ten thousand", "jobs": jobs})
    print(f"10,000 jobs took {time.perf_counter() - begun:.2f} s on {api.store.engine.dialect.name}")

    assert answer.status_code == 202
    batch = answer.json()
    assert (batch["jobs"], batch["name"], batch["states"]["queued"]) == (10_000, "ten thousand", 10_000)
    with api.store.read() as session:
        rows = session.execute(select(Job.id, Job.name, Job.spec).order_by(Job.position)).all()
    assert [(row.name, json.loads(row.spec)["seed"]) for row in rows] == [(j["name"], j["seed"]) for j in jobs]
    assert batch["job_ids"] == [row.id for row in rows[:1000]]
    assert len({row.id for row in rows}) == 10_000

    seen, cursor = [], None
    while True:
        page = client.get(
            "/v1/jobs", params={"batch": batch["id"], "limit": 1000} | ({"cursor": cursor} if cursor else {})
        )
        seen += [job["position"] for job in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert seen == list(range(9_999, -1, -1))


def test_the_same_key_submits_once(api: RunningApi) -> None:
    client, headers = api.client("ada"), {"Idempotency-Key": "monday-1"}
    first = client.post("/v1/batches", json={"jobs": [DREAM, DREAM]}, headers=headers)
    again = client.post("/v1/batches", json={"jobs": [DREAM, DREAM]}, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["job_ids"] == first.json()["job_ids"]
    assert again.headers["idempotency-replayed"] == "true"

    other = client.post("/v1/batches", json={"jobs": [DREAM]}, headers=headers)
    assert "monday-1" in problem(other, 422)
    # Somebody else's keys are their own.
    assert api.client("bob").post("/v1/jobs", json=DREAM, headers=headers).status_code == 202
    assert stored(api)[:2] == (2, 3)
    problem(client.post("/v1/jobs", json=DREAM, headers={"Idempotency-Key": "x" * 201}), 422)


def test_requests_with_one_key_at_one_moment_submit_once(api: RunningApi) -> None:
    clients = [api.client("ada") for _ in range(6)]
    answers: list[str] = []

    def send(index: int) -> None:
        answer = clients[index].post("/v1/jobs", json=DREAM, headers={"Idempotency-Key": "race"})
        answers.append(answer.json()["id"])

    threads = [threading.Thread(target=send, args=(index,)) for index in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert len(set(answers)) == 1
    assert stored(api)[:2] == (1, 1)


def test_names_that_disturb_lines_or_databases_are_made_plain(api: RunningApi) -> None:
    client = api.client()
    job = client.post("/v1/jobs", json=DREAM | {"name": "a\u0000b\nc"}).json()
    assert job["name"] == "a b c"
    assert client.get("/v1/jobs").json()["items"][0]["name"] == "a b c"
    batch = client.post("/v1/batches", json={"name": "x\u0000y", "jobs": [DREAM]}).json()
    assert batch["name"] == "x y"
