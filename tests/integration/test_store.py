"""The store on both databases: what state changes promise."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from itertools import cycle, repeat
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from shared.store import Store, events, workers
from shared.store.jobs import claims, schedule, steering
from shared.store.session import now
from shared.store.tables import Attempt, Batch, Event, Frame, Job, Table, Worker
from tests.integration.farmhand import claim_next, living, submit, told


def get(store: Store, job_id: str) -> Job:
    with store.read() as session:
        return session.scalars(select(Job).where(Job.id == job_id)).one()


def event_types(store: Store, job_id: str) -> list[str]:
    with store.read() as session:
        return [e.type for e in events.after(session, 0, limit=1000, job_id=job_id)]


def save(store: Store, job: Job, step: int, checkpoint: str = "c") -> bool:
    with store.write() as session:
        return claims.save(
            session, job.id, job.token or "", told(job, step), checkpoint=checkpoint, seconds=1.0, reason="next turn"
        )


def fail(
    store: Store, job: Job, failure: str, attempts: int = 3, tile: int | None = None, *, retry_seconds: float = 0
) -> bool:  # fmt: skip
    with store.write() as session:
        return claims.fail(
            session,
            job.id,
            job.token or "",
            failure,
            f"it was {failure}",
            retry_seconds=retry_seconds,
            attempts=attempts,
            tile=tile,
        )


def test_the_migrations_make_the_tables_of_the_code(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_no_index_has_what_a_heartbeat_changes() -> None:
    """PostgreSQL then renews a job's row in place, and its indexes do not grow with every heartbeat."""
    changed = {field.name for field in fields(claims.Told)} | {"lease_until", "changed_at"}
    indexed = {column.name for index in Job.metadata.tables["jobs"].indexes for column in index.columns}
    assert changed & indexed == set()


def test_what_the_sweeper_looks_for_every_few_seconds_is_found_by_an_index(store: Store) -> None:
    """Given many finished jobs, their rows are not read to find expired leases."""
    looked: list[str] = []

    def saw(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
        if "lease_until" in statement and statement.startswith("SELECT"):
            looked.append(statement)

    event.listen(store.engine, "after_cursor_execute", saw)
    with store.write() as session:
        schedule.expire_leases(session, retry_seconds=0, attempts=3)
    with store.read() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SET enable_seqscan = off"))  # of an empty table it would read all
        explain = "EXPLAIN QUERY PLAN " if session.get_bind().dialect.name == "sqlite" else "EXPLAIN "
        plan = session.execute(text(explain + looked[0].replace("FOR UPDATE SKIP LOCKED", ""))).all()
    assert "jobs_held" in str(plan)


def test_a_silent_database_counts_as_away_within_half_a_minute(postgres_url: str) -> None:
    """Whatever the URL says itself goes ahead."""

    def asked(url: str) -> dict[str, str]:
        store = Store(url)
        try:
            with store.engine.connect() as connection:
                parameters: dict[str, str] = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
                return parameters
        finally:
            store.dispose()

    usual, own = asked(postgres_url), asked(f"{postgres_url}&tcp_user_timeout=7000&connect_timeout=9")
    silence = 1000 * (
        int(usual["keepalives_idle"]) + int(usual["keepalives_interval"]) * int(usual["keepalives_count"])
    )
    assert 0 < int(usual["tcp_user_timeout"]) <= 30_000
    assert 0 < silence <= 30_000
    assert (own["tcp_user_timeout"], own["connect_timeout"]) == ("7000", "9")
    assert own["keepalives_idle"] == usual["keepalives_idle"]


def test_a_job_goes_its_way(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    job = claim_next(store)
    assert job is not None
    assert (job.id, job.state, job.attempt) == (job_id, "running", 1)
    assert save(store, job, 4)
    assert get(store, job_id).state == "queued"
    job = claim_next(store)
    assert job is not None
    assert (job.checkpoint_step, job.attempt) == (4, 2)
    done = claims.Finished(output="o", digest="sha256:1", bytes=3, width=8, height=8, manifest="m", animation=None)
    with store.write() as session:
        assert claims.succeed(session, job.id, job.token or "", told(job, job.steps), done, seconds=1.0)
    final = get(store, job_id)
    assert (final.state, final.output, final.seconds, final.token) == ("succeeded", "o", 2.0, None)
    assert event_types(store, job_id) == ["job.started", "job.saved", "job.succeeded"]
    with store.read() as session:
        assert session.scalars(select(Batch.open)).all() == [False]
        assert [a.outcome for a in session.scalars(select(Attempt).order_by(Attempt.number))] == ["saved", "succeeded"]
        assert session.scalars(select(Event.type).order_by(Event.seq)).all()[-1] == "batch.finished"


def test_of_many_workers_one_gets_the_job(store: Store) -> None:
    submit(store, "ada")
    with store.write() as session:
        task = schedule.announce_next(session, ahead=1)[0]
    won: list[str] = []

    def race(worker: str) -> None:
        with store.write() as session:
            if claims.claim(session, task.job_id, task_id=task.task_id, worker=worker, lease_seconds=9) is not None:
                won.append(worker)

    threads = [threading.Thread(target=race, args=(f"w{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_stale_token_changes_nothing(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    old = claim_next(store)
    assert old is not None
    with store.write() as session:
        session.execute(update(Job).values(lease_until=now() - 1))
    with store.write() as session:
        assert schedule.expire_leases(session, retry_seconds=0, attempts=3) == 1
    new = claim_next(store)
    assert new is not None
    before = get(store, job_id)
    frame = claims.NewFrame(
        number=1, step=1, octave=1, iteration=1, width=1, height=1, score=None, picture="p", thumbnail="t"
    )
    with store.write() as session:
        assert not claims.beat(session, job_id, old.token or "", told(old, 7), lease_seconds=9)
        assert not claims.add_frames(session, job_id, old.token or "", [frame])
        assert not claims.release(session, job_id, old.token or "", "bye")
    assert not save(store, old, 7)
    assert not fail(store, old, "internal")
    after = get(store, job_id)
    assert (after.token, after.state, after.step) == (before.token, "running", before.step)
    assert event_types(store, job_id) == ["job.started", "job.requeued"]


def test_a_frame_is_recorded_once(store: Store) -> None:
    job = claim_next(store, submit(store, "ada").jobs[0])
    assert job is not None
    for key in ("first", "second"):
        frame = claims.NewFrame(
            number=1, step=1, octave=1, iteration=1, width=1, height=1, score=0.5, picture=key, thumbnail=key
        )
        with store.write() as session:
            assert claims.add_frames(session, job.id, job.token or "", [frame])
    with store.read() as session:
        assert session.scalars(select(Frame.picture)).all() == ["first"]
    assert get(store, job.id).frames == 1
    assert event_types(store, job.id).count("job.frame") == 1


@pytest.mark.parametrize(
    ("failure", "states"),
    [
        ("bad_input", ["failed"]),
        ("not_finite", ["queued", "failed"]),
        ("internal", ["queued", "queued", "failed"]),
        ("worker_lost", ["queued", "queued", "failed"]),
    ],
)
def test_failure_classes_decide_what_follows(store: Store, failure: str, states: list[str]) -> None:
    job_id = submit(store, "ada").jobs[0]
    seen = []
    while (job := claim_next(store)) is not None:
        assert fail(store, job, failure)
        seen.append(get(store, job_id).state)
    assert seen == states
    final = get(store, job_id)
    assert failure in final.reason
    assert final.failure == failure


def fail_until_over(store: Store, job_id: str, names: Iterable[str]) -> int:
    """The workers take the job in turn and fail it, until it is not tried again; how many attempts that took."""
    for number, worker in enumerate(names, 1):
        job = claim_next(store, worker=worker)
        assert job is not None
        assert fail(store, job, "internal")
        if get(store, job_id).state == "failed":
            return number
    pytest.fail("the job was tried again each time")


@pytest.mark.parametrize("failure", ["internal", "worker_lost"])
def test_what_fails_on_one_worker_alone_is_left_to_others(store: Store, failure: str) -> None:
    """Given a worker that is sick and one that is not, a job outlives more attempts than the usual on the sick one."""
    job_id = submit(store, "ada").jobs[0]
    living(store, "sick", "well")
    for _ in range(5):
        job = claim_next(store, worker="sick")
        assert job is not None
        assert fail(store, job, failure)
    job = claim_next(store, worker="well")
    assert job is not None
    assert save(store, job, 4)
    assert (get(store, job_id).state, get(store, job_id).fruitless) == ("queued", 0)


def test_a_worker_knows_how_often_it_died_under_its_job(store: Store) -> None:
    submit(store, "ada", jobs=2)
    living(store, "sick", "well")

    def take(worker: str) -> Job:
        job = claim_next(store, worker=worker)
        assert job is not None
        with store.write() as session:
            workers.holds(session, worker, job.id)
        return job

    def deaths(worker: str) -> int:
        with store.read() as session:
            return workers.lost_in_a_row(session, worker)

    assert deaths("sick") == deaths("nobody") == 0
    for died in (1, 2):
        job = take("sick")
        assert deaths("sick") == 0
        fail(store, job, "worker_lost")
        assert deaths("sick") == died
    job = take("well")
    assert deaths("sick") == 0
    fail(store, job, "worker_lost")
    assert (deaths("sick"), deaths("well")) == (0, 1)


def test_what_fails_on_every_worker_fails(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    living(store, "one", "two")
    assert fail_until_over(store, job_id, cycle(["one", "two"])) == 3
    assert get(store, job_id).failure == "internal"


def test_what_fails_ends_when_the_other_worker_has_left(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    living(store, "one", "two")
    with store.write() as session:
        workers.gone(session, "two")
    assert fail_until_over(store, job_id, repeat("one")) == 3


def test_what_other_workers_never_take_ends_all_the_same(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    living(store, "one", "hung")
    assert fail_until_over(store, job_id, repeat("one")) == 12


def test_who_had_failed_a_job_before_it_was_retried_is_forgotten(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    living(store, "one", "two")
    assert fail_until_over(store, job_id, cycle(["one", "two"])) == 3
    with store.write() as session:
        steering.steer(session, "retry", job_id=job_id, reason="by ada")
    assert fail_until_over(store, job_id, repeat("one")) == 12


def test_out_of_memory_halves_the_tile(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    job = claim_next(store)
    assert job is not None
    fail(store, job, "out_of_memory", tile=512)
    assert (get(store, job_id).state, get(store, job_id).tile_limit) == ("queued", 256)


def test_tiles_are_halved_down_to_the_smallest_before_memory_fails_a_job(store: Store) -> None:
    """Given a job that fits into no memory, attempts count only when the tile cannot become smaller."""
    job_id = submit(store, "ada").jobs[0]
    tiles = []
    while (job := claim_next(store)) is not None:
        tiles.append(job.tile_limit or 2048)
        assert fail(store, job, "out_of_memory", tile=tiles[-1])
    assert tiles == [2048, 1024, 512, 256, 128, 64, 64, 64]
    assert (get(store, job_id).state, get(store, job_id).fruitless) == ("failed", 3)


def test_a_storage_that_is_away_does_not_count_against_a_job(store: Store) -> None:
    """Given an outage of hours, the job waits, tells so once, and goes on."""
    job_id = submit(store, "ada").jobs[0]
    for _ in range(9):
        job = claim_next(store)
        assert job is not None
        assert fail(store, job, "storage")
        assert (get(store, job_id).state, get(store, job_id).fruitless) == ("queued", 0)
        assert "it was storage" in get(store, job_id).reason
    assert event_types(store, job_id) == ["job.started", "job.requeued"]
    job = claim_next(store)
    assert job is not None
    assert save(store, job, 4)


def test_a_storage_that_is_away_is_asked_less_and_less_often(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    pauses = []
    for _ in range(9):
        with store.write() as session:
            session.execute(update(Job).values(not_before=None))
        job = claim_next(store)
        assert job is not None
        assert fail(store, job, "storage", retry_seconds=2)
        waiting = get(store, job_id)
        pauses.append(round((waiting.not_before or 0) - waiting.changed_at, 1))
    assert pauses == [2, 4, 8, 16, 32, 64, 120, 120, 120]


def test_what_only_one_jobs_files_suffer_from_ends_in_days(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    days = 0
    while (job := claim_next(store)) is not None:
        assert fail(store, job, "storage")
        with store.write() as session:
            session.execute(update(Attempt).values(started_at=Attempt.started_at - 86_401))
        days += 1
    assert (get(store, job_id).state, get(store, job_id).failure, days) == ("failed", "storage", 6)


def test_progress_clears_the_count_of_fruitless_attempts(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    for step in (2, 4, 6):
        job = claim_next(store)
        assert job is not None
        fail(store, job, "internal", attempts=2)
        job = claim_next(store)
        assert job is not None
        assert save(store, job, step)
    assert get(store, job_id).state == "queued"


def test_a_paused_or_cancelled_job_still_takes_its_last_checkpoint(store: Store) -> None:
    for action, state in (("pause", "paused"), ("cancel", "cancelled")):
        job = claim_next(store, submit(store, "ada").jobs[0])
        assert job is not None
        with store.write() as session:
            steered = steering.steer(session, action, job_id=job.id, reason="by ada")
        assert steered.task_ids == (job.task_id,)
        with store.write() as session:
            assert not claims.beat(session, job.id, job.token or "", told(job, 3), lease_seconds=9)
        assert save(store, job, 3, "kept")
        row = get(store, job.id)
        assert (row.state, row.checkpoint, row.checkpoint_step, row.token) == (state, "kept", 3, None)
        with store.write() as session:
            steering.steer(session, "resume" if action == "pause" else "retry", job_id=job.id, reason="by ada")
        again = claim_next(store, job.id)
        assert again is not None
        assert again.checkpoint == "kept"


def test_steering_what_cannot_be_done_says_why(store: Store) -> None:
    job_id = submit(store, "ada").jobs[0]
    with store.write() as session:
        steering.steer(session, "cancel", job_id=job_id, reason="no more")
    with store.write() as session, pytest.raises(steering.CannotDo, match="is cancelled; pause works on a job that is"):
        steering.steer(session, "pause", job_id=job_id, reason="")
    with store.write() as session:
        assert steering.steer(session, "cancel", job_id=job_id, reason="again").job_ids == ()
    assert event_types(store, job_id) == ["job.cancelled"]


def test_a_batch_is_steered_at_once(store: Store) -> None:
    batch = submit(store, "ada", jobs=50)
    with store.write() as session:
        assert len(steering.steer(session, "cancel", batch_id=batch.id, reason="").job_ids) == 50
    with store.read() as session:
        assert not session.scalars(select(Batch.open)).one()
    with store.write() as session:
        assert len(steering.steer(session, "retry", batch_id=batch.id, reason="").job_ids) == 50
    with store.read() as session:
        assert session.scalars(select(Batch.open)).one()


def claim_all(store: Store) -> list[Job]:
    """Announce and claim all jobs that wait."""
    with store.write() as session:
        announced = schedule.announce_next(session, ahead=100)
    with store.write() as session:
        claimed = [claims.claim(session, a.job_id, task_id=a.task_id, worker="w", lease_seconds=9) for a in announced]
    return [job for job in claimed if job is not None]


def finished_events(store: Store, batch_id: str) -> int:
    with store.read() as session:
        return sum(e.type == "batch.finished" for e in events.after(session, 0, limit=1000, batch_id=batch_id))


@pytest.mark.parametrize("other", ["fail", "cancel"])
def test_a_batch_whose_last_jobs_end_together_is_finished(store: Store, other: str) -> None:
    for _ in range(8):
        batch = submit(store, "ada", jobs=2)
        first, second = claim_all(store)
        together = threading.Barrier(2)

        def fails(job: Job, together: threading.Barrier = together) -> None:
            together.wait()
            fail(store, job, "bad_input")

        def cancels(job: Job, together: threading.Barrier = together) -> None:
            together.wait()
            with store.write() as session:
                steering.steer(session, "cancel", job_id=job.id, reason="no more")

        ends = fails if other == "fail" else cancels
        threads = [threading.Thread(target=fails, args=(first,)), threading.Thread(target=ends, args=(second,))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as session:
            assert not session.scalars(select(Batch.open).where(Batch.id == batch.id)).one()
        assert finished_events(store, batch.id) == 1


def test_a_batch_that_was_left_open_is_closed(store: Store) -> None:
    left, other = submit(store, "ada", jobs=2), submit(store, "ada")
    with store.write() as session:
        session.execute(update(Job).where(Job.batch_id == left.id).values(state="failed"))
    for closed in (1, 0):
        with store.write() as session:
            assert schedule.close_left_open(session) == closed
    with store.read() as session:
        assert dict(session.execute(select(Batch.id, Batch.open)).all()) == {left.id: False, other.id: True}
    assert finished_events(store, left.id) == 1


def test_urgent_jobs_come_first_and_owners_share(store: Store) -> None:
    with store.write() as session:
        session.add(Worker(name="w", host="h", pid=1, device="cpu", started_at=now(), seen_at=now()))
    submit(store, "ada", jobs=500)
    submit(store, "bob", jobs=3)
    submit(store, "eve", jobs=1, priority=1)
    order = []
    for _ in range(9):
        job = claim_next(store)
        assert job is not None
        order.append(job.owner)
        assert save(store, job, job.steps)
        with store.write() as session:
            steering.steer(session, "cancel", job_id=job.id, reason="enough")
    assert order[0] == "eve"
    assert Counter(order[1:7]) == {"ada": 3, "bob": 3}
    assert set(order[7:]) == {"ada"}


def test_the_window_of_messages_is_bounded(store: Store) -> None:
    submit(store, "ada", jobs=100)
    with store.write() as session:
        assert len(schedule.announce_next(session, ahead=3)) == 3
    with store.write() as session:
        assert schedule.announce_next(session, ahead=3) == []
    with store.write() as session:
        lost = schedule.announced(session)
        assert len(lost) == 3
        assert schedule.unannounce(session, lost) == 3
    with store.write() as session:
        assert schedule.unannounce(session, lost) == 0
    with store.write() as session:
        again = schedule.announce_next(session, ahead=3)
    assert len(again) == 3
    assert all(a.task_id.endswith("-2") for a in again)


def test_events_commit_in_the_order_of_their_numbers(store: Store) -> None:
    """Whoever tails the table by number misses nothing, although many writers append at once."""
    batch = submit(store, "ada", jobs=40)
    seen: list[int] = []
    stop = threading.Event()

    def tail() -> None:
        last = 0
        while not stop.is_set() or last < 41:
            with store.read() as session:
                for event in events.after(session, last, limit=100):
                    seen.append(event.seq)
                    last = event.seq

    def cancel(ids: list[str]) -> None:
        for job_id in ids:
            with store.write() as session:
                steering.steer(session, "pause", job_id=job_id, reason="")

    reader = threading.Thread(target=tail)
    writers = [threading.Thread(target=cancel, args=(batch.jobs[i::4],)) for i in range(4)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join(timeout=20)
    with store.read() as session:
        assert seen == list(session.scalars(select(Event.seq).order_by(Event.seq)))
