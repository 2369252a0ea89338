"""What a job would cost, before anything is uploaded; and what the farm has."""

from __future__ import annotations

import pytest

from shared.cards import card
from shared.store.session import now
from shared.store.tables import Worker
from tests.integration.conftest import RunningApi, picture, uploaded
from tests.integration.test_api_assets import problem
from tests.integration.test_api_submission import DREAM, stored


def learnt(api: RunningApi, name: str, speed: float | None, *, seen: float = 0.0) -> None:
    """A worker that told of itself `seen` seconds ago."""
    with api.store.write() as session:
        at = session.scalar(now()) or 0.0
        session.add(
            Worker(name=name, host="h", pid=1, device="cpu", started_at=at, seen_at=at - seen, flops_per_second=speed)
        )


def test_a_plan_needs_no_picture_when_its_size_is_given(one_api: RunningApi) -> None:
    client = one_api.client("ada", "viewer")
    job = {"kind": "dream", "width": 3000, "height": 2000, "octaves": {"count": 2, "scale": 1.4}, "iterations": 10}
    answer = client.post("/v1/plan", json=job)
    assert answer.status_code == 200
    plan = answer.json()
    assert [(o["width"], o["height"]) for o in plan["octaves"]] == [(2143, 1429), (3000, 2000)]
    assert plan["mpit"] == pytest.approx((2143 * 1429 + 3000 * 2000) * 10 / 1e6)
    assert plan["steps"] == 20
    assert plan["peak_bytes"] > 3000 * 2000 * 12
    assert plan["seconds"] is None, "nothing was rendered yet"
    style = client.post("/v1/plan", json={"kind": "style", "width": 640, "height": 480})
    assert (style.json()["width"], style.json()["height"]) == (640, 480)
    assert stored(one_api) == (0, 0, 0)


def test_a_plan_of_an_uploaded_picture_is_what_submitting_it_will_do(api: RunningApi) -> None:
    client = api.client()
    job = {"kind": "dream", "input": uploaded(client, picture(150, 100)), "octaves": {"count": 8}}
    plan, submitted = client.post("/v1/plan", json=job).json(), client.post("/v1/jobs", json=job).json()
    assert plan["notes"] == submitted["notes"] != []
    assert plan["mpit"] == submitted["progress"]["mpit_total"]
    assert len(plan["octaves"]) == submitted["progress"]["octaves"]


def test_estimates_rest_on_what_living_workers_learnt(one_api: RunningApi) -> None:
    client = one_api.client()
    learnt(one_api, "dead", 1e15, seen=3600)
    learnt(one_api, "slow", 1e9)
    learnt(one_api, "fast", 3e9)
    learnt(one_api, "new", None)
    one = client.post("/v1/plan", json=DREAM).json()
    assert one["seconds"] == pytest.approx(one["flops"] / 2e9)
    many = client.post("/v1/plan", json={"jobs": [DREAM] * 30}).json()
    assert many["total"]["workers"] == 3
    assert many["total"]["seconds"] == pytest.approx(one["seconds"] * 30 / 3)
    assert len(many["jobs"]) == 30
    assert client.post("/v1/plan?summary=true", json={"jobs": [DREAM] * 30}).json()["jobs"] == []
    assert [w["name"] for w in client.get("/v1/workers").json()] == ["fast", "new", "slow", "dead"]


@pytest.mark.parametrize(
    ("job", "field"),
    [
        ({"kind": "dream", "width": -3, "height": 5}, "width"),
        ({"kind": "dream", "width": 300}, "width"),
        ({"kind": "dream", "width": "wide", "height": 5}, "width"),
        ({"kind": "dream", "width": 300, "height": 200, "size": {"aspect": 2.0}}, "size.aspect"),
        ({"kind": "dream", "width": 10, "height": 10}, "size.long_edge"),
        ({"kind": "dream", "size": {"long_edge": 20_001}}, "size.long_edge"),
        ({"kind": "dream", "input": "sha256:" + "2" * 64}, "input"),
        ({"kind": "dream", "objective": [{"layer": "mixed4"}]}, "objective.0.layer"),
    ],
)
def test_a_plan_names_mistakes_by_field(one_api: RunningApi, job: dict[str, object], field: str) -> None:
    answer = one_api.client().post("/v1/plan", json=job)
    problem(answer, 422)
    assert field in [mistake["field"] for mistake in answer.json()["errors"]]
    answer = one_api.client().post("/v1/plan", json={"jobs": [DREAM, job]})
    assert f"jobs.1.{field}" in [mistake["field"] for mistake in answer.json()["errors"]]


def test_networks_and_presets_are_listed(one_api: RunningApi) -> None:
    client, known = one_api.client(), card("motifnet")
    assert "motifnet" in [model["name"] for model in client.get("/v1/models").json()]
    assert client.get("/v1/models/motifnet").json()["digest"] == known.digest
    layers = client.get("/v1/models/motifnet/layers").json()
    assert [layer["name"] for layer in layers] == [layer.name for layer in known.layers]
    assert "did you mean 'motifnet'" in problem(client.get("/v1/models/motif/layers"), 404)
    presets = client.get("/v1/presets").json()
    assert {(p["kind"], p["name"]) for p in presets} >= {("dream", "deepdream"), ("style", "gatys")}
    for preset in presets:
        minimal = {"kind": preset["kind"], "preset": preset["name"], "width": 256, "height": 256}
        assert client.post("/v1/plan", json=minimal).status_code == 200, preset["name"]
