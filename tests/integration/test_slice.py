"""A worker's slices over a real database: what is kept when things are slow, away, or no longer what they were."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import signal
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from shared.blobs import Blobs, open_blobs
from shared.cards import card
from shared.plan import plan
from shared.settings import Settings
from shared.settings import settings as current
from shared.specs import SPEC
from shared.store import Store, now, workers
from shared.store.assets import blob_key
from shared.store.jobs import claims, schedule, steering, submission
from shared.store.tables import Attempt, Event, Frame, Job
from tests.buckets import s3_service
from tests.conftest import wait_until
from tests.integration.conftest import picture
from tests.integration.farmhand import claim_next, living, meanwhile, submit, told
from tests.integration.flaky import FlakyNetwork
from tests.integration.test_store import get, save
from worker import patience
from worker.attempt import Ended
from worker.context import Context
from worker.heart import Heart, Stopped
from worker.networks.adding import add
from worker.slice import Slice
from worker.workbench import Bench

DREAM: dict[str, Any] = {"kind": "dream", "size": {"long_edge": 64}, "octaves": {"count": 1}, "iterations": 500}


class Stopping(Heart):
    """Of a worker that is asked to stop when its job is at a certain step. Writes down its steps, and how long it rests."""

    def __init__(
        self, *args: Any, stop_at: int | None, steps: list[int], rests: list[float], **options: Any
    ) -> None:  # fmt: skip
        super().__init__(*args, **options)
        self._stop_at, self._steps, self._rests = stop_at, steps, rests

    def tell(self, told: claims.Told) -> None:
        super().tell(told)
        self._steps.append(told.step)
        if told.step == self._stop_at:
            signal.raise_signal(signal.SIGTERM)

    def rest(self, seconds: float) -> None:
        self._rests.append(seconds)
        super().rest(seconds)


class Farmhand:
    """A worker's process in this one."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.context = Context(settings, store, open_blobs(settings))
        self.bench = Bench(self.context)
        #: How long it rested after slices.
        self.rests: list[float] = []
        #: The steps that it has rendered.
        self.steps: list[int] = []

    def submit(self, **fields: Any) -> str:
        """Submit a dream; its ID."""
        spec = SPEC.validate_python(DREAM | fields)
        width, height = (64, 48) if "input" in fields else (None, None)
        new = submission.NewJob(spec=spec, name="x", plan=plan(spec, card=card(spec.model), width=width, height=height))
        with self.context.store.write() as session:
            batch = submission.create_batch(session, "ada", "a batch", [new])
            return str(session.query(Job).filter_by(batch_id=batch.id).one().id)

    def submit_with(self, data: bytes) -> str:
        """Store a picture and submit a dream of an iteration that begins with it; its ID."""
        asset = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.context.blobs.put(blob_key(asset), data)
        return self.submit(input=asset, iterations=1)

    def slice(self, job_id: str, *, stop_at: int | None = None) -> Ended:
        """Claim the job and render a slice of it, to a step at which the worker is asked to stop if one is given."""
        job = claim_next(self.context.store, job_id)
        assert job is not None
        notes = {"steps": self.steps, "rests": self.rests}
        heart = Stopping(self.context.store, job, beat_seconds=0.2, lease_seconds=20, stop_at=stop_at, **notes)
        with heart.beating():
            return Slice(self.context, self.bench, "w", job, heart).run()


@pytest.fixture
def hand(settings: Settings, store: Store) -> Farmhand:
    return Farmhand(settings.model_copy(update={"slice_seconds": 0.3}), store)


def away(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[int]:
    """The database is away the first time that this function is called; counts its calls."""
    real: Callable[..., Any] = getattr(module, name)
    calls: list[int] = []

    def called(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("UPDATE", {}, Exception("server closed the connection unexpectedly"))
        return real(*args, **options)

    monkeypatch.setattr(module, name, called)
    return calls


def test_iterations_that_compute_nothing_teach_no_speed(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an octave that has reached its largest score in its first iteration, that one counts alone."""
    learnt: list[float] = []
    learn = workers.learn

    def noted(session: Any, name: str, flops: float, seconds: float) -> None:
        learnt.append(flops)
        learn(session, name, flops, seconds)

    monkeypatch.setattr(workers, "learn", noted)
    hand = Farmhand(settings, store)
    for most in (0.0, None):
        job_id = hand.submit(iterations=5, max_score=most, frames={"every": 0})
        assert hand.slice(job_id).outcome == "succeeded"
    part, whole = learnt
    assert part == pytest.approx(whole / 5)


@pytest.mark.parametrize(("module", "name"), [(claims, "save"), (claims, "add_frames"), (workers, "learn")])
def test_a_database_that_is_away_for_a_moment_costs_no_work(
    hand: Farmhand, store: Store, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    job_id = hand.submit(frames={"every": 1})
    calls = away(monkeypatch, module, name)
    ended = hand.slice(job_id)
    job = get(store, job_id)
    assert (ended.outcome, job.fruitless) == ("saved", 0)
    assert calls
    assert job.checkpoint_step > 0
    assert job.frames == job.checkpoint_step


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_an_animation_that_cannot_be_made_costs_no_more_than_itself(hand: Farmhand, store: Store, kind: str) -> None:
    """Given a frame that is damaged on the way, the job has its output, and says why there is no animation."""
    job_id = hand.submit(frames={"every": 1}, iterations=200, animation=kind)
    assert hand.slice(job_id).outcome == "saved"
    with store.read() as session:
        picture = session.scalars(select(Frame.picture).where(Frame.job_id == job_id)).first()
    hand.context.blobs.put(str(picture), b"no picture")
    while (ended := hand.slice(job_id)).outcome == "saved":
        pass
    job = get(store, job_id)
    assert (ended.outcome, job.state, job.animation) == ("succeeded", "succeeded", None)
    assert hand.context.blobs.exists(str(job.output))
    assert job.notes == "the animation could not be made (UnidentifiedImageError; the worker's log says more)"


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_saving_may_take_longer_than_a_lease(store: Store, action: str) -> None:
    """Given a paused job whose checkpoint takes long to write, nobody takes the job away meanwhile."""
    job_id = submit(store, "ada").jobs[0]
    job = claim_next(store, job_id)
    assert job is not None
    heart = Heart(store, job, beat_seconds=0.1, lease_seconds=1.0)
    with heart.beating():
        heart.tell(told(job, 1))
        with store.write() as session:
            steering.steer(session, action, job_id=job_id, reason="by ada")  # type: ignore[arg-type]
        wait_until(lambda: stopped(heart), what="the heart's word")
        lease = get(store, job_id).lease_until
        assert lease is not None
        wait_until(lambda: (get(store, job_id).lease_until or 0) > lease + 1.5, what="the lease's renewal")
        with store.write() as session:
            assert schedule.expire_leases(session, retry_seconds=0, attempts=3) == 0
        assert save(store, job, 3, "kept")
    row = get(store, job_id)
    assert (row.checkpoint, row.token) == ("kept", None)


def stopped(heart: Heart) -> bool:
    try:
        heart.check()
    except Stopped:
        return True
    return False


@pytest.fixture
def networks(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of registered networks that cards are read from, too."""
    monkeypatch.setenv("DREAMFARM_DATA", str(settings.data))
    current.cache_clear()
    yield settings.networks
    current.cache_clear()


def registered(name: str, folder: Path, tmp_path: Path, seed: int) -> None:
    """A small network of random weights."""
    import keras

    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((None, None, 3))
    for i in range(2):
        x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name=f"conv{i}")(x)
    keras.Model(inputs, x).save(tmp_path / f"{name}.keras")
    add(name, tmp_path / f"{name}.keras", folder=folder)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_only_the_last_networks_are_kept(hand: Farmhand, networks: Path, tmp_path: Path) -> None:
    """Given jobs of many networks in turns, those that are not used any more are let go, with all that was compiled."""
    kept: list[weakref.ref[Any]] = []
    for i in range(5):
        registered(f"net{i}", networks, tmp_path, i)
        job = hand.submit(model=f"net{i}", objective=[{"layer": "conv1"}], iterations=1)
        assert hand.slice(job).outcome == "succeeded"
        kept.append(weakref.ref(hand.bench._networks[f"net{i}"]))
    gc.collect()
    assert [ref() is not None for ref in kept] == [False, False, True, True, True]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_job_starts_over_when_its_network_is_another_one(
    hand: Farmhand, store: Store, networks: Path, tmp_path: Path
) -> None:
    """Given a network that was registered anew while a job waited, the job's result is the new network's alone."""
    registered("net", networks, tmp_path, 1)
    fields: dict[str, Any] = {"model": "net", "objective": [{"layer": "conv1"}], "frames": {"every": 0}}
    begun = hand.submit(**fields)
    assert hand.slice(begun).outcome == "saved"
    step = get(store, begun).checkpoint_step
    assert step > 0
    registered("net", networks, tmp_path, 2)
    while hand.slice(begun).outcome == "saved":
        pass
    fresh = hand.submit(**fields)
    while hand.slice(fresh).outcome == "saved":
        pass
    outputs = [hand.context.blobs.get(str(get(store, job).output)) for job in (begun, fresh)]
    assert json.loads(hand.context.blobs.get(str(get(store, begun).manifest)))["model"]["sha256"] == card("net").digest
    assert outputs[0] == outputs[1]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("why", ["another network", "no checkpoint"])
def test_a_job_that_starts_over_keeps_no_frame_and_saves_what_it_makes(
    settings: Settings, store: Store, networks: Path, tmp_path: Path, why: str
) -> None:
    """Given a job with frames, of which nothing can be gone on from, its frames are made anew; also when the next slice
    ends at the step of the old checkpoint, that is saved."""
    hand = Farmhand(settings.model_copy(update={"slice_seconds": 60}), store)
    registered("net", networks, tmp_path, 1)
    fields: dict[str, Any] = {"model": "net", "objective": [{"layer": "conv1"}], "frames": {"every": 1}}
    job_id = hand.submit(**fields)
    assert hand.slice(job_id, stop_at=3).outcome == "stopped"
    before = get(store, job_id)
    assert (before.checkpoint_step, before.frames) == (3, 3)
    old = frames(store, job_id)
    if why == "another network":
        registered("net", networks, tmp_path, 2)
    else:
        hand.context.blobs.delete(str(before.checkpoint))
        hand.bench.clear()

    assert hand.slice(job_id, stop_at=3).outcome == "stopped"

    job, new = get(store, job_id), frames(store, job_id)
    assert (job.state, job.checkpoint_step, job.frames) == ("queued", 3, 3)
    assert job.checkpoint not in (None, before.checkpoint)
    assert not hand.context.blobs.exists(str(before.checkpoint))
    assert [number for number, _ in new] == [number for number, _ in old] == [1, 2, 3]
    pictures = [[hand.context.blobs.get(key) for _, key in found] for found in (old, new)]
    assert set(old).isdisjoint(new)
    assert (pictures[0] == pictures[1]) is (why == "no checkpoint")
    # From there on it goes on as any other.
    assert hand.slice(job_id, stop_at=5).outcome == "stopped"
    assert frames(store, job_id)[:3] == new
    assert (get(store, job_id).checkpoint_step, get(store, job_id).frames) == (5, 5)


def test_starting_over_needs_the_attempts_token(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    job = claim_next(store, job_id)
    assert job is not None
    assert save(store, job, 3, "kept")
    with store.write() as session:
        assert not claims.start_over(session, job_id, job.token or "", "too late")
    assert (get(store, job_id).checkpoint, get(store, job_id).checkpoint_step) == ("kept", 3)


def frames(store: Store, job_id: str) -> list[tuple[int, str]]:
    """Number and picture of a job's frames."""
    with store.read() as session:
        query = select(Frame.number, Frame.picture).where(Frame.job_id == job_id).order_by(Frame.number)
        return [(number, key) for number, key in session.execute(query)]


def submitted_for_net(hand: Farmhand, networks: Path, tmp_path: Path) -> str:
    """A job of one iteration on a network that is registered just now."""
    registered("net", networks, tmp_path, 1)
    return hand.submit(model="net", objective=[{"layer": "conv1"}], iterations=1)


@pytest.fixture
def impatient(settings: Settings, store: Store) -> Farmhand:
    """A worker that tries again at once, and rests for a moment only."""
    return Farmhand(settings.model_copy(update={"retry_seconds": 0.0, "sweep_seconds": 0.01}), store)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_network_that_a_worker_lacks_is_left_to_others(
    impatient: Farmhand, store: Store, networks: Path, tmp_path: Path
) -> None:
    """Given workers of which one lacks a network, its tries cost the job nothing, and one that has it succeeds."""
    job_id = submitted_for_net(impatient, networks, tmp_path)
    living(store, "w", "other")
    (networks / "net").rename(tmp_path / "elsewhere")
    for _ in range(6):
        ended = impatient.slice(job_id)
        assert ended.outcome == "failed"
        job = get(store, job_id)
        assert (job.state, job.fruitless, job.failure, job.token) == ("queued", 0, None, None)
        assert job.not_before is not None
        assert (
            job.reason
            == ended.reason
            == "worker w does not have the model 'net' (run `dreamfarm models add net FILE` there)"
        )
    with store.read() as session:
        told_of = session.scalars(select(Event.reason).where(Event.job_id == job_id, Event.type == "job.requeued"))
        assert list(told_of) == [job.reason]
        assert set(session.scalars(select(Attempt.outcome))) == {"declined"}
    (tmp_path / "elsewhere").rename(networks / "net")
    assert impatient.slice(job_id).outcome == "succeeded"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_network_that_no_worker_has_fails_the_job_in_the_end(
    impatient: Farmhand, store: Store, networks: Path, tmp_path: Path
) -> None:
    job_id = submitted_for_net(impatient, networks, tmp_path)
    living(store, "w")
    shutil.rmtree(networks / "net")
    attempts = impatient.context.settings.fruitless_attempts
    for tried in range(1, attempts + 1):
        assert get(store, job_id).state == "queued"
        assert impatient.slice(job_id).outcome == "failed"
        assert get(store, job_id).fruitless == tried
    job = get(store, job_id)
    assert (job.state, job.failure) == ("failed", "internal")
    assert job.reason == (
        "worker w does not have the model 'net' (run `dreamfarm models add net FILE` there); no other worker can render it "
        f"({attempts} attempts without progress)"
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_damaged_weights_are_the_workers_lack(
    impatient: Farmhand, store: Store, networks: Path, tmp_path: Path
) -> None:
    job_id = submitted_for_net(impatient, networks, tmp_path)
    living(store, "w", "other")
    (weights,) = (networks / "net").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-4] + b"oops")
    assert "worker w: the files of 'net' have SHA-256" in impatient.slice(job_id).reason
    assert (get(store, job_id).state, get(store, job_id).fruitless) == ("queued", 0)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_worker_rests_after_a_job_that_others_may_render(
    settings: Settings, store: Store, networks: Path, tmp_path: Path
) -> None:
    """Given a worker that would rest for a long time, it is asked to stop, and does."""
    hand = Farmhand(settings.model_copy(update={"retry_seconds": 250.0}), store)
    job_id = submitted_for_net(hand, networks, tmp_path)
    living(store, "w", "other")
    shutil.rmtree(networks / "net")

    def stop_it() -> None:
        wait_until(lambda: get(store, job_id).not_before is not None, what="the job's return")
        wait_until(lambda: all(t.name != "heart" for t in threading.enumerate()), what="the heart's end")
        order.append("asked to stop")
        os.kill(os.getpid(), signal.SIGUSR1)

    order: list[str] = []
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # a worker that does not rest shall not end the tests
    with meanwhile(stop_it):
        assert hand.slice(job_id).outcome == "failed"
        order.append("back")
    signal.signal(signal.SIGUSR1, before)
    assert order == ["asked to stop", "back"]


def test_a_worker_on_which_everything_fails_rests_longer_each_time(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a worker whose folder for temporary files is gone, it leaves ever more time to others, until it is back."""
    hand = Farmhand(settings.model_copy(update={"retry_seconds": 0.01, "sweep_seconds": 0.01}), store)
    living(store, "w", "other")
    with monkeypatch.context() as sick:
        sick.setattr(tempfile, "tempdir", str(settings.data / "gone"))
        for _ in range(5):
            assert "FileNotFoundError" in hand.slice(hand.submit(iterations=1)).reason
    assert hand.rests == pytest.approx([0.03, 0.04, 0.06, 0.1, 0.18])
    assert hand.slice(hand.submit(iterations=1)).outcome == "succeeded"
    with monkeypatch.context() as sick:
        sick.setattr(tempfile, "tempdir", str(settings.data / "gone"))
        hand.slice(hand.submit(iterations=1))
    assert hand.rests[5:] == pytest.approx([0.03])
    with store.read() as session:
        states = session.scalars(select(Job.state).order_by(Job.seq)).all()
    assert states == ["queued"] * 5 + ["succeeded", "queued"]


@contextmanager
def unwritable(blobs: Blobs, key: str) -> Iterator[Path]:
    """Nothing can be stored below this key of a local folder, in whose place is a file; its path."""
    assert blobs.folder is not None
    place = blobs.folder / key
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    yield place
    if place.is_file():
        place.unlink()


@pytest.mark.parametrize("frames", [0, 1])
def test_a_storage_that_is_away_for_a_moment_costs_no_work(
    hand: Farmhand, store: Store, caplog: pytest.LogCaptureFixture, frames: int
) -> None:
    job_id = hand.submit(frames={"every": frames})
    with unwritable(hand.context.blobs, f"jobs/{job_id}") as place:

        def back() -> None:
            wait_until(lambda: "the storage is away" in caplog.text, what="the first try")
            place.unlink()

        with meanwhile(back):
            ended = hand.slice(job_id)
    job = get(store, job_id)
    assert (ended.outcome, job.fruitless, job.checkpoint_step) == ("saved", 0, hand.steps[-1])
    assert job.frames == frames * job.checkpoint_step


def test_what_cannot_be_stored_waits_with_its_worker(
    hand: Farmhand, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a storage that is away for longer, the job waits, its worker rests, and then goes on where it was."""
    monkeypatch.setattr(patience, "_PATIENCE_SECONDS", 0.1)
    hand.context = replace(
        hand.context, settings=hand.context.settings.model_copy(update={"retry_seconds": 0.01, "sweep_seconds": 0.01})
    )
    job_id = hand.submit(frames={"every": 0})
    with unwritable(hand.context.blobs, f"jobs/{job_id}"):
        assert hand.slice(job_id).outcome == "failed"
    job = get(store, job_id)
    assert (job.state, job.failure, job.fruitless, job.token) == ("queued", "storage", 0, None)
    assert "the storage of pictures and checkpoints cannot be used" in job.reason
    assert "Not a directory" in job.reason
    assert hand.rests == pytest.approx([0.03])
    assert hand.slice(job_id).outcome == "saved"
    assert hand.steps == list(range(1, get(store, job_id).checkpoint_step + 1))


def test_an_output_that_cannot_be_stored_is_not_rendered_again(
    hand: Farmhand, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_PATIENCE_SECONDS", 0.1)
    hand.context = replace(hand.context, settings=hand.context.settings.model_copy(update={"slice_seconds": 60.0}))
    job_id = hand.submit(iterations=2, frames={"every": 0})
    with unwritable(hand.context.blobs, f"jobs/{job_id}/1/manifest.json/x"):
        assert hand.slice(job_id).outcome == "failed"
    assert get(store, job_id).failure == "storage"
    assert hand.slice(job_id).outcome == "succeeded"
    assert hand.steps == [1, 2]


def test_who_waits_for_the_storage_still_hears_that_it_shall_stop(
    hand: Farmhand, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a worker that would wait for a minute, it does for a moment."""
    monkeypatch.setattr(patience, "_PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(patience, "_HURRY_SECONDS", 0.1)
    job_id = hand.submit(frames={"every": 0})
    began = time.monotonic()
    with unwritable(hand.context.blobs, f"jobs/{job_id}"):
        assert hand.slice(job_id, stop_at=1).outcome == "failed"
    assert time.monotonic() - began < 50
    assert (get(store, job_id).state, get(store, job_id).fruitless) == ("queued", 0)


def test_a_bucket_that_refuses_does_not_fail_jobs(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_PATIENCE_SECONDS", 0.1)
    with s3_service() as endpoint:
        network = FlakyNetwork(endpoint)
        bucket = {"blobs_url": "s3://farm", "s3_endpoint": network.url, "slice_seconds": 0.3, "retry_seconds": 0.01}
        hand = Farmhand(settings.model_copy(update=bucket | {"sweep_seconds": 0.01}), store)
        job_id = hand.submit(frames={"every": 0})
        network.instead[b"PUT "] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        assert hand.slice(job_id).outcome == "failed"
        job = get(store, job_id)
        assert (job.state, job.failure, job.fruitless) == ("queued", "storage", 0)
        assert "\n" not in job.reason
        network.instead.clear()
        assert hand.slice(job_id).outcome == "saved"
        network.close()


def test_pictures_that_are_all_gone_are_waited_for(settings: Settings, store: Store) -> None:
    """Given a share that is not mounted, or a bucket or prefix that is spelt wrongly, the jobs are not to blame."""
    quick = settings.model_copy(update={"retry_seconds": 0.01, "sweep_seconds": 0.01})
    with s3_service() as endpoint:
        right = [{"blobs_url": None}, {"blobs_url": "s3://farm/here", "s3_endpoint": endpoint}]
        wrong: list[dict[str, Any]] = [
            {"blobs_url": (settings.data / "mount").as_uri()},
            {"blobs_url": "s3://form/here", "s3_endpoint": endpoint},
            {"blobs_url": "s3://farm/there", "s3_endpoint": endpoint},
        ]
        for place in right:
            hand = Farmhand(quick.model_copy(update=place), store)
            hand.context.blobs.put("jobs/another", b"")
            job_id = hand.submit_with(picture())
            for other in wrong:
                assert Farmhand(quick.model_copy(update=other), store).slice(job_id).outcome == "failed"
                job = get(store, job_id)
                assert (job.state, job.failure, job.fruitless) == ("queued", "storage", 0)
                wait_until(lambda: is_due(store, job_id), what="the end of its back-off")  # noqa: B023
            assert hand.slice(job_id).outcome == "succeeded"


def test_a_picture_that_is_gone_while_others_are_there_fails_its_job(hand: Farmhand, store: Store) -> None:
    job_id, _ = hand.submit_with(picture(seed=1)), hand.submit_with(picture(seed=2))
    hand.context.blobs.delete(blob_key(f"sha256:{hashlib.sha256(picture(seed=1)).hexdigest()}"))
    assert hand.slice(job_id).outcome == "failed"
    assert (get(store, job_id).state, get(store, job_id).failure) == ("failed", "bad_input")


def is_due(store: Store, job_id: str) -> bool:
    """Whether the job does not back off any more."""
    with store.read() as session:
        due = select(Job.id).where(Job.id == job_id, Job.not_before <= now())
        return session.scalar(due) is not None


def test_a_paused_job_whose_slice_failed_is_let_go_with_the_true_reason(
    hand: Farmhand, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claim_next(store, hand.submit(iterations=1))
    assert job is not None
    with store.write() as session:
        steering.steer(session, "pause", job_id=job.id, reason="by ada")
    monkeypatch.setattr(tempfile, "tempdir", str(settings.data / "gone"))
    heart = Heart(store, job, beat_seconds=60, lease_seconds=600)
    with heart.beating():
        Slice(hand.context, hand.bench, "w", job, heart).run()
    with store.read() as session:
        (attempt,) = session.scalars(select(Attempt)).all()
    assert (get(store, job.id).state, get(store, job.id).token, attempt.outcome) == ("paused", None, "released")
    assert "FileNotFoundError" in attempt.reason
