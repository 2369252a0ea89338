"""Live events: in order, without gaps or doubles, for whom they are meant."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api import tail
from shared.store import Store, events
from shared.store.events import NewEvent
from shared.store.jobs import claims
from shared.store.tables import Event
from tests.conftest import wait_until
from tests.integration.conftest import RunningApi
from tests.integration.farmhand import told
from tests.integration.test_api_assets import problem
from tests.integration.test_api_steering import submitted
from tests.integration.worker_hand import finished, framed, taken


@dataclass(frozen=True)
class Heard:
    """A server-sent event as it arrived."""

    id: int | None
    type: str
    data: dict[str, Any]


def listen(client: httpx.Client, until: Callable[[list[Heard]], bool], **params: Any) -> list[Heard]:
    """What is heard until there is enough of it."""
    headers = params.pop("headers", {})
    heard: list[Heard] = []
    with client.stream("GET", "/v1/events", params=params, headers=headers, timeout=20) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields.get("data"):
                number = int(fields["id"]) if "id" in fields else None
                heard.append(Heard(number, fields["event"], json.loads(fields["data"])))
                fields = {}
                if until(heard):
                    break
    return heard


@contextmanager
def listening(client: httpx.Client, until: Callable[[list[Heard]], bool], **params: Any) -> Iterator[list[Heard]]:
    """Listens in the background while the block runs, and has heard enough after it."""
    heard: list[Heard] = []
    opened = threading.Event()

    def enough(so_far: list[Heard]) -> bool:
        opened.set()
        heard[:] = so_far
        return until(so_far)

    thread = threading.Thread(target=listen, args=(client, enough), kwargs=params)
    thread.start()
    assert opened.wait(20)
    yield heard
    thread.join(20)
    assert not thread.is_alive(), f"only heard {heard}"


def ended(heard: list[Heard]) -> bool:
    return heard[-1].type == "batch.finished"


def in_store(store: Store, **of: str) -> list[tuple[int, str]]:
    with store.read() as session:
        return [(e.seq, e.type) for e in events.after(session, 0, limit=100_000, **of)]


def test_a_job_is_followed_live_from_start_to_end(api: RunningApi) -> None:
    client, (batch, (job,)) = api.client("ada"), submitted(api, 1)
    with listening(client, ended, batch=batch) as heard:
        running = taken(api, job)
        framed(api, running)
        assert running.token is not None
        with api.store.write() as session:
            claims.beat(session, job, running.token, told(running, 1), lease_seconds=60)
        wait_until(lambda: any(h.type == "job.progress" for h in heard), what="progress")
        client.post(f"/v1/jobs/{job}/cancel")

    numbered = [h for h in heard if h.id is not None]
    types = ["stream.opened", "job.started", "job.frame", "job.cancelled", "batch.finished"]
    assert [h.type for h in numbered] == types
    assert [h.id for h in numbered] == sorted({h.id for h in numbered if h.id is not None})
    cancelled = numbered[-2].data
    assert (cancelled["job"], cancelled["batch"], cancelled["owner"]) == (job, batch, "ada")
    assert cancelled["reason"] == "cancelled by ada"
    progress = next(h for h in heard if h.type == "job.progress")
    assert progress.id is None
    assert progress.data["job"] == job
    assert 0 <= progress.data["progress"]["share"] <= 1


def test_whoever_comes_back_hears_all_that_was_missed_once(api: RunningApi) -> None:
    client, (batch, jobs) = api.client("ada"), submitted(api, 6)
    # Cuts the connection after every third event, and goes on from the last number heard.
    heard: list[tuple[int, str]] = []
    worker = threading.Thread(target=lambda: [finished(api, job) for job in jobs])
    worker.start()
    last = 0
    while not heard or heard[-1][1] != "batch.finished":
        some = listen(
            client,
            lambda so_far: sum(h.id is not None for h in so_far) == 4 or ended(so_far),
            batch=batch,
            headers={"Last-Event-ID": str(last)},
        )
        assert some[0].type == "stream.opened"
        assert some[0].id == last
        heard += [(h.id, h.type) for h in some[1:] if h.id is not None]
        last = heard[-1][0]
    worker.join()
    assert heard == in_store(api.store, batch_id=batch)


def test_a_long_past_is_told_from_the_start_in_order(api: RunningApi) -> None:
    client, (batch, (job,)) = api.client("ada"), submitted(api, 1)
    with api.store.write() as session:
        many = [
            NewEvent(type="job.frame", owner="ada", batch_id=batch, job_id=job, data={"n": n}) for n in range(6_500)
        ]
        events.append(session, many)
        events.append(session, [NewEvent(type="batch.finished", owner="ada", batch_id=batch)])
    heard = listen(client, ended, last_event_id="0")
    assert [(h.id, h.type) for h in heard[1:]] == in_store(api.store)


def test_a_burst_is_heard_by_all_listeners_in_order(api: RunningApi) -> None:
    client, (batch, _) = api.client("ada"), submitted(api, 3_000)
    with listening(client, ended) as first, listening(client, ended, batch=batch) as second:
        assert client.post(f"/v1/batches/{batch}/cancel").json()["changed"] == 3_000
    expected = in_store(api.store)[1:]
    for heard in (first, second):
        assert [(h.id, h.type) for h in heard if h.id is not None][1:] == expected


def test_listeners_that_fall_behind_what_is_kept_miss_nothing(
    one_api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_KEPT", 20)
    monkeypatch.setattr(tail, "_PAGE", 30)
    client, (batch, _) = one_api.client("ada"), submitted(one_api, 500)
    with listening(client, ended) as first, listening(client, ended, batch=batch) as second:
        client.post(f"/v1/batches/{batch}/cancel")
    expected = in_store(one_api.store)[1:]
    for heard in (first, second):
        assert [(h.id, h.type) for h in heard if h.id is not None][1:] == expected


def test_listeners_hear_only_what_they_may_and_asked_for(api: RunningApi) -> None:
    ada, bob, admin = api.client("ada"), api.client("bob"), api.client("root", "admin")
    (mine, (job, other)), (theirs, _) = submitted(api, 2, "ada"), submitted(api, 1, "bob")

    def until_both(heard: list[Heard]) -> bool:
        return sum(h.type == "batch.finished" for h in heard) == 2

    with (
        listening(ada, ended) as adas,
        listening(bob, ended) as bobs,
        listening(admin, until_both) as all_,
        listening(ada, lambda heard: heard[-1].type == "job.cancelled", job=other[:11]) as one,
    ):
        ada.post(f"/v1/jobs/{job}/cancel")
        bob.post(f"/v1/batches/{theirs}/cancel")
        ada.post(f"/v1/batches/{mine}/cancel")
    assert {h.data.get("batch") for h in adas[1:]} == {mine}
    assert {h.data.get("batch") for h in bobs[1:]} == {theirs}
    assert {h.data.get("batch") for h in all_[1:]} == {mine, theirs}
    assert [h.data.get("job") for h in one[1:]] == [other]


@pytest.mark.parametrize("number", ["soon", "-1", "1" * 30])
def test_a_last_event_id_is_a_number(one_api: RunningApi, number: str) -> None:
    problem(one_api.client().get("/v1/events", headers={"Last-Event-ID": number}), 422)


def test_a_number_from_the_future_starts_from_now(one_api: RunningApi) -> None:
    client, (batch, _) = one_api.client("ada"), submitted(one_api, 1)
    with one_api.store.read() as session:
        newest = session.scalar(select(Event.seq).order_by(Event.seq.desc()).limit(1))
    with listening(client, ended, headers={"Last-Event-ID": "999999"}) as heard:
        client.post(f"/v1/batches/{batch}/cancel")
    assert heard[0].id == newest
    assert [h.type for h in heard[1:]] == ["job.cancelled", "batch.finished"]


def test_the_server_stops_while_somebody_listens(one_api: RunningApi) -> None:
    client = one_api.client("ada")
    with client.stream("GET", "/v1/events") as answer:
        lines = answer.iter_lines()
        assert next(lines)
        one_api.stop()
        assert list(lines) is not None


def test_a_revoked_key_hears_nothing_more(one_api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a listener whose key is revoked, its stream ends; others go on."""
    monkeypatch.setattr("api.routes.events._ASK_SECONDS", 0.2)
    monkeypatch.setattr("api.tail._KEEP_ALIVE_SECONDS", 0.2)
    admin = one_api.client("root", "admin")
    made = admin.post("/v1/keys", json={"owner": "eve", "role": "viewer"}).json()
    eve = one_api.anyone({"Authorization": f"Bearer {made['key']}"})
    with eve.stream("GET", "/v1/events") as stream:
        parts = stream.iter_text()
        assert "stream.opened" in next(parts)
        next(parts)  # still alive
        assert admin.delete(f"/v1/keys/{made['id']}").status_code == 204
        for _ in parts:
            pass
    problem(eve.get("/v1/session"), 401)
