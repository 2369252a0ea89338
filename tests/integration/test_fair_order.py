"""Who comes next after having been away: owners and batches that come back share, and take nothing over."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from shared.store import Store
from shared.store.jobs import claims, schedule, steering
from shared.store.tables import Job
from tests.integration.farmhand import claim_next, living, submit, told

away_and_back = pytest.mark.parametrize(("action", "back"), [("pause", "resume"), ("cancel", "retry")])


def steer(store: Store, action: steering.ActionName, batch_id: str) -> None:
    with store.write() as session:
        steering.steer(session, action, batch_id=batch_id, reason="")


def rendered(store: Store) -> Iterator[Job]:
    """The jobs in the order in which a single worker finishes them."""
    done = claims.Finished(output="o", digest="sha256:1", bytes=3, width=8, height=8, manifest="m", animation=None)
    while (job := claim_next(store)) is not None:
        with store.write() as session:
            assert claims.succeed(session, job.id, job.token or "", told(job, job.steps), done, seconds=1.0)
        yield job


def next_owners(store: Store, number: int) -> Counter[str]:
    return Counter(job.owner for job in itertools.islice(rendered(store), number))


@away_and_back
def test_an_owner_who_comes_back_shares(store: Store, action: steering.ActionName, back: steering.ActionName) -> None:
    old = submit(store, "bob", jobs=20)
    steer(store, action, old.id)
    submit(store, "ada", jobs=60)
    assert next_owners(store, 20) == {"ada": 20}
    steer(store, back, old.id)
    assert next_owners(store, 10) == {"ada": 5, "bob": 5}


@away_and_back
def test_a_batch_that_comes_back_shares(store: Store, action: steering.ActionName, back: steering.ActionName) -> None:
    old = submit(store, "ada", jobs=20)
    steer(store, action, old.id)
    new = submit(store, "ada", jobs=60)
    assert next_owners(store, 20) == {"ada": 20}
    steer(store, back, old.id)
    assert Counter(job.batch_id for job in itertools.islice(rendered(store), 10)) == {old.id: 5, new.id: 5}


def test_what_is_paused_altogether_does_not_count(store: Store) -> None:
    """Given an owner whose only batch has been paused for long, neither they nor anybody new starts where it stands."""
    steer(store, "pause", submit(store, "bob", jobs=20).id)
    submit(store, "ada", jobs=60)
    assert next_owners(store, 20) == {"ada": 20}
    submit(store, "eve", jobs=20)
    assert next_owners(store, 10) == {"ada": 5, "eve": 5}
    submit(store, "bob", jobs=20)
    assert next_owners(store, 9) == {"ada": 3, "bob": 3, "eve": 3}


def test_a_batch_of_which_some_jobs_come_back_keeps_its_place(store: Store) -> None:
    """Given a batch that was served more than another, retrying a job of it changes nothing about that."""
    first = submit(store, "ada", jobs=20)
    with store.write() as session:
        steering.steer(session, "cancel", job_id=first.jobs[-1], reason="")
    assert next_owners(store, 6) == {"ada": 6}
    submit(store, "bob", jobs=20)
    with store.write() as session:
        steering.steer(session, "retry", job_id=first.jobs[-1], reason="")
    assert next_owners(store, 8) == {"ada": 4, "bob": 4}


def test_a_large_farm_reads_no_more_than_it_announces(store: Store) -> None:
    """Given as many workers as large batches, an announcement does not read and lock the square of them."""
    living(store, *(f"w{number}" for number in range(20)))
    batches = [submit(store, "ada", jobs=20).id for _ in range(20)]
    read: list[str] = []

    def loaded(job: Job, _context: object) -> None:
        read.append(job.batch_id)

    event.listen(Job, "load", loaded)
    try:
        with store.write() as session:
            announced = schedule.announce_next(session, ahead=0)
    finally:
        event.remove(Job, "load", loaded)
    assert len(announced) == 20
    assert set(Counter(read)) == set(batches)
    assert len(read) <= 2 * len(batches)


def test_a_batch_alone_is_announced_in_its_order(store: Store) -> None:
    """Given more free workers than its jobs are read at a time, urgent ones come first, then the older."""
    living(store, *(f"w{number}" for number in range(20)))
    jobs = submit(store, "ada", jobs=30).jobs
    with store.write() as session:
        for job_id in jobs[20:25]:
            steering.set_priority(session, 3, job_id=job_id)
    with store.write() as session:
        announced = schedule.announce_next(session, ahead=2)
    assert [a.job_id for a in announced] == jobs[20:25] + jobs[:17]
