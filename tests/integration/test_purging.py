"""Purging on real storage, in a folder and in a bucket: all of a deleted job goes, and nothing else, also after kill -9."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from shared.blobs import Blobs, open_blobs
from shared.leftovers import purge
from shared.settings import Settings
from shared.storage_mark import KEY, lay, require_mounted
from shared.store import Store, now
from shared.store.jobs import trash
from shared.store.schema import upgrade
from shared.store.tables import Batch, Job
from tests.buckets import s3_service
from tests.conftest import RedisServer, wait_until
from tests.full_disk import full_disk
from tests.integration.farmhand import Submitted, claim_next, submit
from tests.integration.flaky import unmounted
from tests.integration.test_store import get
from tests.integration.test_trash import cancelled, in_threads, listed, mark, put, restore, rows
from worker.purger import Purger, run_purger
from worker.sweeper import run_sweeper

#: What a job of two attempts leaves, below its folder.
FILES = ("1/frames/00001.jpg", "1/thumbnails/00001.jpg", "1/checkpoint-4.npz", "2/output.png", "2/manifest.json")


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Blobs]:
    """A blob store: a local folder, and a bucket behind a real HTTP server."""
    if request.param == "folder":
        yield open_blobs(settings)
        return
    with s3_service() as endpoint:
        yield open_blobs(settings.model_copy(update={"blobs_url": "s3://farm/blobs", "s3_endpoint": endpoint}))


@pytest.fixture
def one_store(settings: Settings) -> Iterator[Store]:
    """A fresh SQLite database, where the settings say."""
    settings.data.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database)
    upgrade(store)
    yield store
    store.dispose()


def with_files(store: Store, blobs: Blobs, jobs: int = 1) -> Submitted:
    """A batch of cancelled jobs, each with files."""
    batch = cancelled(store, jobs=jobs)
    for job_id in batch.jobs:
        for name in FILES:
            blobs.put(f"jobs/{job_id}/{name}", b"x")
    return batch


def files(blobs: Blobs, job_id: str) -> int:
    return len(blobs.keys(f"jobs/{job_id}"))


def test_what_is_due_is_purged_and_everything_else_stays(one_store: Store, blobs: Blobs) -> None:
    asset = "assets/" + "0" * 64
    blobs.put(asset, b"picture")
    gone, kept, unfinished = (with_files(one_store, blobs, jobs=2) for _ in range(3))
    longer = f"jobs/{gone.jobs[0]}0/1/output.png"  # another job, whose ID begins with the purged one's
    blobs.put(longer, b"x")
    put(one_store, batch_id=gone.id)
    put(one_store, job_id=kept.jobs[0])
    restore(one_store, job_id=kept.jobs[0])

    purger, stop = Purger(one_store, blobs, trash_seconds=3600), threading.Event()
    assert purger.purge_some(stop) == 0
    assert files(blobs, gone.jobs[0]) == len(FILES)
    assert Purger(one_store, blobs, trash_seconds=0).purge_some(stop) == 2

    assert [files(blobs, job_id) for job_id in gone.jobs] == [0, 0]
    assert {files(blobs, job_id) for job_id in (*kept.jobs, *unfinished.jobs)} == {len(FILES)}
    assert (blobs.exists(asset), blobs.exists(longer)) == (True, True)
    if blobs.folder is not None:
        assert not (blobs.folder / "jobs" / gone.jobs[0]).exists(), "not even empty folders stay"
    with one_store.read() as session:
        assert set(session.scalars(select(Job.id))) == {*kept.jobs, *unfinished.jobs}
        assert set(session.scalars(select(Batch.id))) == {kept.id, unfinished.id}


_KILLED = """
import os, signal, sys
from shared.blobs import open_blobs
from shared.settings import Settings
from shared.store import Store, now
from shared.store.jobs import trash
from shared.leftovers import purge

# Dies when the files are gone and before the rows are.
trash.forget = lambda session, job_id: os.kill(os.getpid(), signal.SIGKILL)
settings = Settings()
purge(Store(settings.database), open_blobs(settings), sys.argv[1])
"""


def test_a_purge_that_was_killed_is_done_again(one_store: Store, settings: Settings) -> None:
    blobs = open_blobs(settings)
    batch = with_files(one_store, blobs)
    (job_id,) = batch.jobs
    put(one_store, batch_id=batch.id)
    mark(one_store)
    environment = os.environ | {"DREAMFARM_DATA": str(settings.data)}
    killed = subprocess.run([sys.executable, "-c", _KILLED, job_id], env=environment, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert (files(blobs, job_id), get(one_store, job_id).id) == (0, job_id)
    assert listed(one_store, deleted=True) == [], "nobody can restore what has lost its files"
    # Even with a longer time in the trash: what was begun is brought to its end.
    assert Purger(one_store, blobs, trash_seconds=3600).purge_some(threading.Event()) == 1
    assert (rows(one_store, Job), rows(one_store, Batch)) == (0, 0)


def test_a_job_whose_files_cannot_be_removed_keeps_no_other_waiting(one_store: Store, settings: Settings) -> None:
    blobs = open_blobs(settings)
    batch = with_files(one_store, blobs, jobs=3)
    put(one_store, batch_id=batch.id)
    assert blobs.folder is not None
    # A file stands where a folder belongs, which no removal of folders takes: the disk is broken there.
    broken = blobs.folder / "jobs" / batch.jobs[0]
    broken.rename(broken.with_name("aside"))
    broken.write_bytes(b"")
    purger, stop = Purger(one_store, blobs, trash_seconds=0), threading.Event()
    with pytest.raises(NotADirectoryError):
        purger.purge_some(stop)
    assert purger.purge_some(stop) == 2
    assert [job_id for _, job_id in _marked(one_store)] == batch.jobs[:1]
    broken.unlink()
    assert purger.purge_some(stop) == 1
    assert rows(one_store, Batch) == 0


def test_while_the_files_are_not_mounted_none_count_as_removed(one_store: Store, settings: Settings) -> None:
    """Given jobs of which one has files, that one is removed when they are there again, the other at once."""
    blobs = open_blobs(settings)
    batch, bare = with_files(one_store, blobs), cancelled(one_store)
    with one_store.write() as session:
        session.execute(update(Job).where(Job.id == batch.jobs[0]).values(checkpoint="1/checkpoint-4.npz"))
    for each in (batch, bare):
        put(one_store, batch_id=each.id)
    purger, stop = Purger(one_store, blobs, trash_seconds=0), threading.Event()
    with unmounted(blobs):
        with pytest.raises(OSError, match="is it mounted"):
            purger.purge_some(stop)
        assert purger.purge_some(stop) == 1
    assert [id_ for _, id_ in _marked(one_store)] == batch.jobs
    assert purger.purge_some(stop) == 1
    assert (files(blobs, batch.jobs[0]), _marked(one_store)) == (0, [])


def test_files_on_the_mount_point_are_not_the_storage(one_store: Store, settings: Settings) -> None:
    """Given a storage that was marked, what lies where it is mounted makes nothing count as removed."""
    blobs = open_blobs(settings)
    batch = with_files(one_store, blobs)
    (job_id,) = batch.jobs
    with one_store.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(checkpoint=f"jobs/{job_id}/1/checkpoint-4.npz"))
    put(one_store, batch_id=batch.id)
    mark(one_store)
    written = "jobs/j2/1/output.png"
    with unmounted(blobs):
        blobs.put(written, b"while nothing was mounted")
        lay(one_store, blobs)
        assert not blobs.exists(KEY), "what SQL knows of is elsewhere"
    lay(one_store, blobs)
    laid = blobs.get(KEY)
    with unmounted(blobs):
        for here in (None, b"another farm's"):
            blobs.put(written, b"while nothing was mounted")
            if here is not None:
                blobs.put(KEY, here)
            lay(one_store, blobs)
            with pytest.raises(OSError, match=f"is it mounted.* with {laid.decode().strip()} in it"):
                purge(one_store, blobs, job_id)
    assert get(one_store, job_id).id == job_id
    purge(one_store, blobs, job_id)
    assert (files(blobs, job_id), rows(one_store, Job)) == (0, 0)


def test_a_database_of_before_takes_the_mark_that_lies_there(one_store: Store, settings: Settings) -> None:
    """Given a database that came back from before it was marked, and a file of mark that somebody has written anew."""
    blobs = open_blobs(settings)
    blobs.put(KEY, b"0123\r\n")
    batch = with_files(one_store, blobs)
    lay(one_store, blobs)
    assert blobs.get(KEY) == b"0123\r\n"
    require_mounted(one_store, blobs, "jobs")
    assert files(blobs, batch.jobs[0])


def test_a_sweeper_marks_the_storage(one_store: Store, settings: Settings) -> None:
    blobs, stop = open_blobs(settings), threading.Event()
    purger = threading.Thread(target=run_purger, args=(settings, one_store, blobs, stop))
    purger.start()
    try:
        wait_until(lambda: blobs.exists(KEY), what="the mark")
    finally:
        stop.set()
        purger.join(20)


def _marked(store: Store) -> list[tuple[int, str]]:
    with store.read() as session:
        return list(trash.marked(session, after=0, limit=9))


def test_who_finds_files_vanish_removes_the_others(settings: Settings) -> None:
    """Given two sweepers that remove the same job, each has removed all of it when it says so, or rows would be forgotten
    whose files are still there."""
    blobs = open_blobs(settings)
    assert blobs.folder is not None
    folder = blobs.folder / "jobs" / "j1"
    for _ in range(5):
        (folder / "1" / "frames").mkdir(parents=True)
        for i in range(500):
            (folder / "1" / "frames" / f"{i:05}.jpg").touch()

        def removes() -> bool:
            blobs.delete_below("jobs/j1")
            return folder.exists()

        assert in_threads(removes, removes) == [False, False]


@pytest.mark.parametrize("name", ["", "jobs", "jobs/", "jobs/../assets", "/jobs/j1", "jobs//j1", "jobs/.", "assets"])
def test_no_whole_kind_of_files_can_be_deleted(one_store: Store, settings: Settings, name: str) -> None:
    blobs = open_blobs(settings)
    with_files(one_store, blobs)
    with pytest.raises(ValueError, match="is not the folder of one thing"):
        blobs.delete_below(name)
    with pytest.raises(ValueError, match="is not the folder"):
        purge(one_store, blobs, "")
    assert len(blobs.keys("jobs")) == len(FILES)


def test_the_sweeper_purges(store: Store, settings: Settings, redis_server: RedisServer) -> None:
    """Given two batches in the trash of a running farm, the one whose time is over goes, files and rows."""
    changed: dict[str, object] = {"database_url": store.engine.url.render_as_string(hide_password=False)}
    changed |= {"redis_url": redis_server.url, "trash_seconds": 0.5, "sweep_seconds": 0.05}
    settings = settings.model_copy(update=changed)
    blobs, stop = open_blobs(settings), threading.Event()
    deleted, kept = (with_files(store, blobs, jobs=30) for _ in range(2))
    sweeper = threading.Thread(target=run_sweeper, args=(settings, stop))
    sweeper.start()
    try:
        put(store, batch_id=deleted.id)
        wait_until(lambda: rows(store, Batch) == 1, what="the purge")
    finally:
        stop.set()
        sweeper.join(20)
    assert not sweeper.is_alive()
    assert (rows(store, Job), len(blobs.keys("jobs"))) == (30, 30 * len(FILES))
    assert listed(store, batch_id=kept.id) == kept.jobs[::-1]


_SWEEPER = """
import threading
from shared.settings import Settings
from worker.sweeper import run_sweeper

run_sweeper(Settings(), threading.Event())
"""


def test_a_silent_bucket_keeps_no_lost_job_waiting(
    one_store: Store, settings: Settings, redis_server: RedisServer
) -> None:
    """Given a bucket that takes requests and never answers while leftovers are looked for, lost jobs go on."""
    interrupted, job = submit(one_store, "ada").jobs[0], claim_next(one_store, submit(one_store, "ada").jobs[0])
    assert job is not None
    with one_store.write() as session:
        done = {"state": "succeeded", "attempt": 2, "finished_at": now()}
        session.execute(update(Job).where(Job.id == interrupted).values(**done))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = os.environ | {
            "DREAMFARM_DATA": str(settings.data),
            "DREAMFARM_REDIS_URL": redis_server.url,
            "DREAMFARM_SWEEP_SECONDS": "0.05",
            "DREAMFARM_LEASE_SECONDS": "2",
            "DREAMFARM_HEARTBEAT_SECONDS": "0.5",
            "DREAMFARM_BLOBS_URL": "s3://farm/blobs",
            "DREAMFARM_S3_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        sweeper = subprocess.Popen([sys.executable, "-c", _SWEEPER], env=environment)
        try:
            silent.settimeout(60)
            asked, _ = silent.accept()
            with asked, one_store.write() as session:
                session.execute(update(Job).where(Job.id == job.id).values(lease_until=now() - 1))
                session.commit()
                wait_until(lambda: get(one_store, job.id).state == "queued", what="the lost job's return")
        finally:
            sweeper.kill()
            sweeper.wait()


def test_of_a_large_batch_page_after_page_is_purged_at_once(one_store: Store, settings: Settings) -> None:
    """Given many more jobs than are removed at once, and sweeps that are far apart, they are gone all the same."""
    batch = with_files(one_store, open_blobs(settings), jobs=100)
    put(one_store, batch_id=batch.id)
    stop, settings = threading.Event(), settings.model_copy(update={"trash_seconds": 0.0, "sweep_seconds": 600.0})
    purger = threading.Thread(target=run_purger, args=(settings, one_store, open_blobs(settings), stop))
    purger.start()
    try:
        wait_until(lambda: rows(one_store, Batch) == 0, what="the purge")
    finally:
        stop.set()
        purger.join(20)
    assert not purger.is_alive()


def test_on_a_full_disk_files_are_removed_before_more_is_marked(one_store: Store, settings: Settings) -> None:
    """Given a database that cannot grow, so that nothing more can be marked, what was marked before is removed."""
    blobs = open_blobs(settings)
    gone, due = with_files(one_store, blobs), with_files(one_store, blobs, jobs=500)
    put(one_store, batch_id=gone.id)
    mark(one_store)
    put(one_store, batch_id=due.id)
    with full_disk(one_store), pytest.raises(OperationalError, match="disk is full"):
        Purger(one_store, blobs, trash_seconds=0).purge_some(threading.Event())
    assert files(blobs, gone.jobs[0]) == 0


def test_nothing_is_left_of_folders_that_are_links(one_store: Store, settings: Settings, tmp_path: Path) -> None:
    """Given a farm whose blobs lie behind a link on another disk, as people do, a purge works there as well."""
    (tmp_path / "disk").mkdir()
    (settings.data / "blobs").symlink_to(tmp_path / "disk")
    blobs = open_blobs(settings)
    batch = with_files(one_store, blobs)
    put(one_store, batch_id=batch.id)
    assert Purger(one_store, blobs, trash_seconds=0).purge_some(threading.Event()) == 1
    assert list((tmp_path / "disk" / "jobs").iterdir()) == []
