"""The Python client against a real API, also over a network that misbehaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.client import Farm, FarmError, FarmEvent, FileDiffers, NoFarm
from api.remote import watching
from api.remote.address import DEFAULT_URL, find
from api.remote.watching import Watched
from shared.settings import settings as process_settings
from shared.specs import DreamSpec
from shared.store import keys
from tests.integration.conftest import RunningApi, picture
from tests.integration.flaky import FlakyNetwork
from tests.integration.worker_hand import failed, finished, framed, let_go, started_over, taken

DREAM = {"kind": "dream", "size": {"long_edge": 96}, "iterations": 2}


def key_of(api: RunningApi, owner: str = "ada") -> str:
    """A new key of a person."""
    with api.store.write() as session:
        return keys.create(session, owner, "submitter")[1]


@pytest.fixture
def network(one_api: RunningApi) -> Iterator[FlakyNetwork]:
    """The network between the client and the API."""
    network = FlakyNetwork(one_api.url)
    yield network
    network.close()


@pytest.fixture
def farm(one_api: RunningApi, network: FlakyNetwork) -> Iterator[Farm]:
    """A client behind that network."""
    with Farm(network.url, key_of(one_api), patience=10) as farm:
        yield farm


def in_background(action: Callable[[], object]) -> threading.Thread:
    """Do it in a thread that has begun."""
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def test_a_picture_is_sent_once(farm: Farm, network: FlakyNetwork, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(30, 20))

    first = farm.upload(tmp_path / "a.png")
    again = farm.upload(picture(30, 20))

    assert (first.width, first.height) == (30, 20)
    assert again == first
    assert [line.split()[0] for line in network.requests] == ["GET", "POST", "GET"]
    assert farm.download(first.id) == picture(30, 20)


def test_many_pictures_are_sent_at_a_time(farm: Farm, tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{i}.png") for i in range(12)]
    for i, path in enumerate(paths):
        Path(path).write_bytes(picture(20 + i, 20, seed=i))

    sent = dict(farm.upload_all(paths))

    assert {path: asset.width for path, asset in sent.items()} == {path: 20 + i for i, path in enumerate(paths)}


def test_of_many_pictures_the_refused_one_is_named(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(picture())
    (tmp_path / "bad.png").write_bytes(picture()[:100])

    with pytest.raises(FarmError, match=r"bad\.png: the picture is damaged") as raised:
        dict(farm.upload_all([str(tmp_path / "good.png"), str(tmp_path / "bad.png")]))
    assert raised.value.caller_erred


def test_jobs_are_submitted_listed_and_steered(farm: Farm) -> None:
    job = farm.submit(DreamSpec.model_validate(DREAM | {"name": "alone"}))
    batch = farm.submit_batch([DREAM | {"name": f"dream {i}"} for i in range(3)], name="three")

    assert farm.job(job.id[:9]).name == "alone"
    assert [j.name for j in farm.jobs(batch=batch.id)] == ["dream 2", "dream 1", "dream 0"]
    assert [b.id for b in farm.batches()] == [batch.id, job.batch]
    assert farm.steer_job(job.id, "pause").job.state == "paused"
    assert [j.id for j in farm.jobs(states=["paused"])] == [job.id]
    assert farm.steer_batch(batch.id, "cancel").changed == 3
    assert farm.steer_batch(batch.id, "retry", failed_only=True).changed == 0
    assert farm.set_batch_priority(batch.id, 1).changed == 0
    assert farm.set_job_priority(job.id, 1).job.priority == 1
    assert farm.log(job.id)
    assert farm.whoami().owner == "ada"
    assert farm.workers() == []
    assert "motifnet" in [model.name for model in farm.models()]
    assert "mixed4c" in [layer.name for layer in farm.layers("motifnet")]


def test_jobs_and_batches_are_deleted_and_restored(farm: Farm) -> None:
    job, batch = farm.submit(DREAM), farm.submit_batch([DREAM] * 2)
    with pytest.raises(FarmError, match="cancel the batch first") as raised:
        farm.delete_batch(batch.id)
    assert raised.value.kind == "wrong-state"
    for batch_id in (job.batch, batch.id):
        farm.steer_batch(batch_id, "cancel")
    assert (farm.delete_job(job.id).changed, farm.delete_batch(batch.id).changed) == (1, 2)
    assert (list(farm.jobs()), list(farm.batches())) == ([], [])
    assert [b.id for b in farm.batches(deleted=True)] == [batch.id, job.batch]
    assert len(list(farm.jobs(deleted=True, states=["cancelled"], batch=batch.id))) == 2
    assert (farm.restore_job(job.id).job.deleted_at, farm.restore_batch(batch.id).batch.jobs) == (None, 2)


def test_lists_are_read_to_their_end(farm: Farm) -> None:
    batch = farm.submit_batch([DREAM] * 1_203)

    assert len({job.id for job in farm.jobs(batch=batch.id)}) == 1_203


def test_a_plan_needs_no_picture(farm: Farm) -> None:
    plan = farm.plan([DREAM | {"width": 4000, "height": 3000, "size": {}}])

    assert (plan.jobs[0].width, plan.jobs[0].height) == (4000, 3000)
    assert plan.total.jobs == 1
    assert farm.plan([DREAM] * 5, summary=True).jobs == []
    assert list(farm.jobs()) == []


def test_mistakes_are_told_with_their_fields(farm: Farm) -> None:
    with pytest.raises(FarmError) as raised:
        farm.submit_batch([DREAM, DREAM | {"octave": 3}, DREAM | {"step": -1}])

    assert [problem.field for problem in raised.value.problems] == ["jobs.1.octave", "jobs.2.step"]
    assert "did you mean 'octaves'" in str(raised.value)
    assert raised.value.caller_erred
    with pytest.raises(FarmError, match="there is no job 'jnever'") as raised:
        farm.job("jnever")
    assert raised.value.kind == "not-found"


def test_a_path_cannot_lead_elsewhere(farm: Farm) -> None:
    for id in ("../batches", "..", "", "j1/cancel", "j1?x=1", "jä"):
        with pytest.raises(FarmError, match="neither an ID nor a name"):
            farm.job(id)


def test_an_answer_that_is_lost_creates_nothing_twice(farm: Farm, network: FlakyNetwork) -> None:
    network.cuts += [(b"POST /v1/jobs", 20), (b"POST /v1/batches", 0)]

    job = farm.submit(DREAM)
    batch = farm.submit_batch([DREAM, DREAM])

    assert len(network.requests) == 4
    assert {j.id for j in farm.jobs()} == {job.id, *batch.job_ids}


def test_a_farm_that_is_away_for_a_moment_is_waited_for(farm: Farm, network: FlakyNetwork) -> None:
    network.instead[b"GET"] = b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n"
    started = time.monotonic()
    ending = in_background(lambda: (time.sleep(0.5), network.instead.clear()))

    assert list(farm.jobs()) == []
    assert 0.4 < time.monotonic() - started < 8
    ending.join()


def test_where_no_farm_ever_answered_nobody_waits(network: FlakyNetwork) -> None:
    network.close()
    started = time.monotonic()

    with Farm(network.url, "df_x") as farm, pytest.raises(NoFarm, match="dreamfarm up"):
        list(farm.jobs())
    assert time.monotonic() - started < 5


def test_an_answer_of_something_else_is_told(farm: Farm, network: FlakyNetwork) -> None:
    page = b"<html>Welcome to nginx</html>"
    network.instead[b"GET"] = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)

    with pytest.raises(FarmError, match=r"404.*nginx"):
        list(farm.jobs())


def test_jobs_are_watched_until_they_end(farm: Farm, one_api: RunningApi) -> None:
    batch = farm.submit_batch([DREAM, DREAM, DREAM])
    seen = []

    def work() -> None:
        finished(one_api, batch.job_ids[0])
        failed(one_api, batch.job_ids[1], "the picture is cursed")
        farm.steer_job(batch.job_ids[2], "cancel")

    working = None
    for job in farm.watch(batch.id):
        seen.append((job.id, job.state))
        if len(seen) == 3:
            working = in_background(work)

    assert working is not None
    working.join()
    assert seen[:3] == [(id, "queued") for id in batch.job_ids]
    last = dict(seen)
    assert [last[id] for id in batch.job_ids] == ["succeeded", "failed", "cancelled"]
    # All that had ended is told once, and then it is over.
    assert [job.state for job in farm.watch(batch.id)] == ["succeeded", "failed", "cancelled"]
    assert [job.state for job in farm.watch(batch.id[:9].upper())] == ["succeeded", "failed", "cancelled"]
    assert [job.state for job in farm.watch(batch.job_ids[0].upper())] == ["succeeded"]
    assert list(farm.watch()) == []


def test_progress_that_was_overtaken_by_the_end_is_not_believed(farm: Farm, one_api: RunningApi) -> None:
    job = farm.submit(DREAM)
    told_late = {"job": job.id, "state": "running", "progress": job.progress.model_dump()}
    watched = Watched(farm, [job.id])
    list(watched.look())
    assert [j.state for j in watched.hear(FarmEvent(None, "job.progress", None, job.id, "", told_late))] == ["running"]
    finished(one_api, job.id)

    assert [j.state for j in watched.hear(FarmEvent(1, "job.started", None, job.id, "", {}))] == ["succeeded"]
    assert list(watched.hear(FarmEvent(None, "job.progress", None, job.id, "", told_late))) == []
    assert watched.ended


def test_a_watch_survives_broken_connections(farm: Farm, one_api: RunningApi, network: FlakyNetwork) -> None:
    job = farm.submit(DREAM)
    states = []

    def work() -> None:
        network.break_all()
        finished(one_api, job.id)  # while nobody listens

    working = None
    for change in farm.watch(job.id):
        states.append(change.state)
        if working is None:
            working = in_background(work)

    assert working is not None
    working.join()
    assert states[0] == "queued"
    assert states[-1] == "succeeded"
    assert change.output is not None
    assert sum("/v1/events" in line for line in network.requests) >= 2


def test_where_nothing_streams_the_watch_asks_again_and_again(
    farm: Farm, one_api: RunningApi, network: FlakyNetwork
) -> None:
    network.instead[b"GET /v1/events"] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n\r\n"
    job = farm.submit(DREAM)
    states = []
    working = None
    for change in farm.watch(job.id):
        states.append(change.state)
        working = working or in_background(lambda: finished(one_api, job.id))

    assert working is not None
    working.join()
    assert (states[0], states[-1]) == ("queued", "succeeded")


def test_where_streams_are_held_back_the_watch_asks_instead(
    farm: Farm, one_api: RunningApi, network: FlakyNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_SILENCE_SECONDS", 0.5)
    network.instead[b"GET /v1/events"] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    job = farm.submit(DREAM)
    finished(one_api, job.id)

    assert [change.state for change in farm.watch(job.id)] == ["succeeded"]


def test_a_server_that_is_no_farm_is_told(farm: Farm, network: FlakyNetwork) -> None:
    network.instead[b"GET"] = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome"

    with pytest.raises(FarmError, match="not as a farm does"):
        list(farm.jobs())


def test_events_are_taken_up_after_a_number(farm: Farm) -> None:
    job = farm.submit(DREAM)
    farm.steer_job(job.id, "pause")
    farm.steer_job(job.id, "resume")

    heard = []
    for event in farm.events(job=job.id, after=0):
        heard.append(event.type)
        if event.type == "job.resumed":
            break
    assert heard == ["stream.opened", "job.paused", "job.resumed"]


def test_what_is_fetched_is_whole_and_fetched_once(
    farm: Farm, one_api: RunningApi, network: FlakyNetwork, tmp_path: Path
) -> None:
    job = farm.submit(DREAM | {"name": "Castle at sea.jpg"})
    with pytest.raises(FarmError, match="is queued and has no output"):
        farm.fetch(job.id, tmp_path / "out")
    output = finished(one_api, job.id)

    first = farm.fetch(job.id, tmp_path / "out", frames=True)
    names = [file.path.relative_to(tmp_path / "out").as_posix() for file in first]
    stem = f"Castle-at-sea-{job.id}"
    assert names == [f"{stem}.png", f"{stem}.json", f"{stem}-frames/00000.jpg"]
    assert all(file.new for file in first)
    assert first[0].path.read_bytes() == output
    assert first[2].path.read_bytes() == picture(96, 96, seed=0, format="JPEG")

    network.requests.clear()
    assert not any(file.new for file in farm.fetch(job.id, tmp_path / "out", frames=True))
    assert not any("/output" in line or "/frames/0" in line for line in network.requests)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {f"{stem}.png", f"{stem}.json", f"{stem}-frames"}


def test_a_file_that_differs_is_kept(farm: Farm, one_api: RunningApi, tmp_path: Path) -> None:
    job = farm.submit(DREAM)
    output = finished(one_api, job.id)
    path = farm.fetch(job.id, tmp_path)[0].path
    path.write_bytes(b"painted over")

    with pytest.raises(FileDiffers, match=path.name):
        farm.fetch(job.id, tmp_path)
    assert path.read_bytes() == b"painted over"
    farm.fetch(job.id, tmp_path, overwrite=True)
    assert path.read_bytes() == output


def test_a_download_that_breaks_off_goes_on_where_it_was(
    farm: Farm, one_api: RunningApi, network: FlakyNetwork, tmp_path: Path
) -> None:
    job = farm.submit(DREAM)
    output = finished(one_api, job.id)
    network.cuts += [
        (f"GET /v1/jobs/{job.id}/output".encode(), 6_000),
        (f"GET /v1/jobs/{job.id}/output".encode(), 9_000),
    ]

    path = farm.fetch(job.id, tmp_path / "out")[0].path

    assert len(output) > 20_000
    assert path.read_bytes() == output
    assert sum("/output" in line for line in network.requests) == 3
    assert [p.suffix for p in sorted((tmp_path / "out").iterdir())] == [".json", ".png"]


def test_frames_can_be_fetched_while_a_job_renders(farm: Farm, one_api: RunningApi, tmp_path: Path) -> None:
    job = farm.submit(DREAM)
    running = taken(one_api, job.id)
    for number in range(3):
        framed(one_api, running, number)

    fetched = farm.fetch(job.id, tmp_path, frames=True)

    assert [file.path.name for file in fetched] == ["00000.jpg", "00001.jpg", "00002.jpg"]


def test_frames_of_another_attempt_are_not_kept(farm: Farm, one_api: RunningApi, tmp_path: Path) -> None:
    """Given a job that started over after its frames were fetched, those in the folder are told from the new ones."""
    job = farm.submit(DREAM)
    running = taken(one_api, job.id)
    framed(one_api, running)
    (before,) = farm.fetch(job.id, tmp_path, frames=True)
    let_go(one_api, running)
    framed(one_api, started_over(one_api, job.id), seed=9)

    with pytest.raises(FileDiffers, match=before.path.name):
        farm.fetch(job.id, tmp_path, frames=True)
    (after,) = farm.fetch(job.id, tmp_path, frames=True, overwrite=True)
    assert (after.path, after.new) == (before.path, True)
    assert after.path.read_bytes() == picture(96, 96, seed=9, format="JPEG")
    assert [file.new for file in farm.fetch(job.id, tmp_path, frames=True)] == [False]


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """This machine's data folder, empty, with nothing in the environment that says where a farm is."""
    for name in ("DREAMFARM_URL", "DREAMFARM_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DREAMFARM_DATA", str(tmp_path))
    process_settings.cache_clear()
    yield tmp_path
    process_settings.cache_clear()


def test_the_farm_of_this_machine_is_found(no_settings: Path) -> None:
    assert (find().url, find().key) == (DEFAULT_URL, None)
    (no_settings / "farm.json").write_text('{"api": "http://127.0.0.1:9876/"}')
    (no_settings / "key").write_text("df_local\n")

    assert (find().url, find().key) == ("http://127.0.0.1:9876", "df_local")
    assert find(key="df_mine").key == "df_mine"
    (no_settings / "farm.json").write_text('{"api": ')
    assert find().url == DEFAULT_URL


def test_the_local_key_is_told_to_nobody_else(no_settings: Path) -> None:
    (no_settings / "farm.json").write_text('{"api": "http://127.0.0.1:9876"}')
    (no_settings / "key").write_text("df_local")

    assert find("http://127.0.0.1:9876/").key == "df_local"
    assert find("http://elsewhere.example:9876").key is None


def test_the_environment_says_where_the_farm_is(no_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert no_settings.is_dir()
    monkeypatch.setenv("DREAMFARM_URL", "https://farm.example/")
    monkeypatch.setenv("DREAMFARM_KEY", "df_remote")

    assert (find().url, find().key) == ("https://farm.example", "df_remote")
    assert find("http://other.example", "df_other").key == "df_other"
