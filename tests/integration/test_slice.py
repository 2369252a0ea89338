"""A worker's slices over a real database: what is kept when things are slow, away, or no longer what they were."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from shared.blobs import open_blobs
from shared.cards import card
from shared.plan import plan
from shared.settings import Settings
from shared.settings import settings as current
from shared.specs import SPEC
from shared.store import Store, workers
from shared.store.jobs import claims, schedule, steering, submission
from shared.store.tables import Attempt, Event, Frame, Job
from shared.store.workers import Identity
from tests.conftest import wait_until
from tests.integration.farmhand import claim_next, submit, told
from tests.integration.test_store import get, save
from worker.attempt import Ended
from worker.context import Context
from worker.heart import Heart, Stopped
from worker.networks.adding import add
from worker.slice import Slice
from worker.workbench import Bench

DREAM: dict[str, Any] = {"kind": "dream", "size": {"long_edge": 64}, "octaves": {"count": 1}, "iterations": 500}


class Stopping(Heart):
    """Of a worker that is asked to stop when its job is at a certain step."""

    def __init__(self, *args: Any, stop_at: int | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._stop_at = stop_at

    def tell(self, told: claims.Told) -> None:
        super().tell(told)
        if told.step == self._stop_at:
            signal.raise_signal(signal.SIGTERM)


class Farmhand:
    """A worker's process in this one."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.context = Context(settings, store, open_blobs(settings))
        self.bench = Bench(self.context)

    def submit(self, **fields: Any) -> str:
        """Submit a dream; its ID."""
        spec = SPEC.validate_python(DREAM | fields)
        new = submission.NewJob(spec=spec, name="x", plan=plan(spec, card=card(spec.model), width=None, height=None))
        with self.context.store.write() as session:
            batch = submission.create_batch(session, "ada", "a batch", [new])
            return str(session.query(Job).filter_by(batch_id=batch.id).one().id)

    def slice(self, job_id: str, *, stop_at: int | None = None) -> Ended:
        """Claim the job and render a slice of it, to a step at which the worker is asked to stop if one is given."""
        job = claim_next(self.context.store, job_id)
        assert job is not None
        heart = Stopping(self.context.store, job, beat_seconds=0.2, lease_seconds=20, stop_at=stop_at)
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


def living(store: Store, *names: str) -> None:
    """So many workers tell of themselves."""
    with store.write() as session:
        for name in names:
            workers.seen(session, Identity(name=name, host="here", pid=1, device="cpu"))


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
        "worker w does not have the model 'net' (run `dreamfarm models add net FILE` there); no other worker has it "
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
    thread = threading.Thread(target=stop_it)
    thread.start()
    assert hand.slice(job_id).outcome == "failed"
    order.append("back")
    thread.join()
    signal.signal(signal.SIGUSR1, before)
    assert order == ["asked to stop", "back"]
