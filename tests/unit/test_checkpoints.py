"""Checkpoints in a folder and in a bucket (moto's server, over HTTP): the same arrays come back, or it is said why not."""

from __future__ import annotations

import io
import json
import logging
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

from shared.blobs import BlobMissing, Blobs, open_blobs
from shared.settings import Settings
from shared.specs import DreamSpec
from shared.storage_mark import KEY, lay
from shared.store import Store
from shared.store.schema import upgrade
from shared.store.tables import Job
from tests.buckets import s3_service
from worker import checkpoints
from worker.context import Context
from worker.patience import StorageAway
from worker.workbench import Bench


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 service with a bucket called `farm`."""
    with s3_service() as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        return open_blobs(Settings(data=tmp_path))
    endpoint = request.getfixturevalue("bucket")
    return open_blobs(Settings(data=tmp_path, blobs_url=f"s3://farm/{tmp_path.name}", s3_endpoint=endpoint))


def state(side: int) -> dict[str, np.ndarray[Any, Any]]:
    picture = np.random.default_rng(side).random((side, side, 3), np.float32)
    return {"picture": picture, "step": np.array(7), "score": np.array(float("nan"))}


@pytest.mark.parametrize("side", [20, 1500])  # 27 MB go to a bucket in several parts
def test_what_is_saved_comes_back(blobs: Blobs, side: int) -> None:
    saved = state(side)
    checkpoints.save(blobs, "jobs/a/1/checkpoint", saved)
    found = checkpoints.restore(blobs, "jobs/a/1/checkpoint")
    assert found.keys() == saved.keys()
    for name, array in saved.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array, equal_nan=True)
    assert blobs.keys("jobs") == ["jobs/a/1/checkpoint"]


def test_nothing_is_copied_in_memory(tmp_path: Path) -> None:
    blobs = open_blobs(Settings(data=tmp_path))
    saved = {"picture": np.zeros((6000, 3000, 3), np.float32)}
    size = saved["picture"].nbytes
    tracemalloc.start()
    try:
        checkpoints.save(blobs, "checkpoint", saved)
        assert tracemalloc.get_traced_memory()[1] < size * 0.5
        tracemalloc.reset_peak()
        checkpoints.restore(blobs, "checkpoint")
        assert tracemalloc.get_traced_memory()[1] < size * 1.5
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [100, 30_000_000])
def test_what_is_not_written_to_its_end_is_not_stored(blobs: Blobs, size: int) -> None:
    blobs.put("old", b"as it was")

    def interrupted(key: str) -> None:
        with blobs.writing(key) as file:
            file.write(bytes(size))
            raise KeyboardInterrupt

    for key in ("old", "new"):
        with pytest.raises(KeyboardInterrupt):
            interrupted(key)
    assert blobs.get("old") == b"as it was"
    assert blobs.keys("") == ["old"]


def test_files_are_stored_from_where_they_stand(blobs: Blobs) -> None:
    data = np.random.default_rng(0).bytes(12_000_000)
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    blobs.put("file", file)
    assert blobs.get("file") == data
    with blobs.reading("file") as stored:
        assert stored.read(5) == data[:5]
        stored.seek(-9, io.SEEK_END)
        assert stored.read() == data[-9:]


def test_a_missing_one_says_so(blobs: Blobs) -> None:
    with pytest.raises(BlobMissing, match="blob nowhere is missing"):
        checkpoints.restore(blobs, "nowhere")


def test_damage_is_noticed(blobs: Blobs) -> None:
    checkpoints.save(blobs, "whole", state(30))
    whole = blobs.get("whole")
    flipped = bytearray(whole)
    flipped[3000] ^= 1
    objects = io.BytesIO()
    np.savez(objects, step=np.array([print], dtype=object))
    for data in (b"", b"hello", whole[:-100], whole[: len(whole) // 2], bytes(flipped), objects.getvalue()):
        blobs.put("damaged", data)
        with pytest.raises(checkpoints.Unreadable, match="damaged cannot be read"):
            checkpoints.restore(blobs, "damaged")


def test_every_changed_bit_is_noticed_or_harmless() -> None:
    """Also in the archive's list of contents, where arrays are named, counted and said to be neither packed nor locked."""
    blobs = Blobs(MemoryStore())
    saved = {"picture": np.arange(12, dtype=np.float32).reshape(2, 2, 3), "step": np.array(7), "score": np.array(0.5)}
    checkpoints.save(blobs, "whole", saved)
    whole = blobs.get("whole")
    contents = whole.index(b"PK\x01\x02")
    noticed = 0
    for place in range(8 * contents, 8 * len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        blobs.put("damaged", bytes(damaged))
        try:
            found = checkpoints.restore(blobs, "damaged")
        except checkpoints.Unreadable:
            noticed += 1
            continue
        assert found.keys() == saved.keys(), place
        assert all(np.array_equal(found[name], array) for name, array in saved.items()), place
    assert noticed > 8 * (len(whole) - contents) / 2


class TestOnTheBench:
    @pytest.fixture
    def context(self, tmp_path: Path) -> Iterator[Context]:
        settings = Settings(data=tmp_path)
        store = Store(f"sqlite:///{tmp_path / 'db'}")
        upgrade(store)
        yield Context(settings, store, open_blobs(settings))
        store.dispose()

    def job(self, checkpoint: str | None) -> Job:
        spec = DreamSpec.model_validate({"size": {"long_edge": 64}, "octaves": {"count": 1}, "iterations": 3})
        text = json.dumps(spec.model_dump(mode="json"))
        return Job(id="j", model=spec.model, spec=text, checkpoint=checkpoint, tile_limit=None)

    def test_a_job_goes_on_from_its_checkpoint(self, context: Context) -> None:
        first = Bench(context).open(self.job(None)).rendering
        first.advance(lambda: None)
        checkpoints.save(context.blobs, "kept", first.state())
        second = Bench(context).open(self.job("kept")).rendering
        assert second.progress.step == 1
        for rendering in (first, second):
            rendering.advance(lambda: None)
        assert np.array_equal(first.picture(), second.picture())

    @pytest.mark.parametrize("stored", [None, b"no checkpoint at all"])
    def test_it_starts_over_without_one_that_can_be_read(
        self, context: Context, stored: bytes | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        context.blobs.put("jobs/j/1/frame", b"what else the job has stored")
        if stored is not None:
            context.blobs.put("lost", stored)
        with caplog.at_level(logging.WARNING):
            assert Bench(context).open(self.job("lost")).rendering.progress.step == 0
        assert "job j starts over" in caplog.text
        assert "lost" in caplog.text

    def test_a_checkpoint_is_not_lost_where_nothing_is(self, context: Context) -> None:
        """Given a share that is not mounted, a dream from noise waits for it instead of starting over."""
        with pytest.raises(StorageAway, match="is it mounted"):
            Bench(context).open(self.job("kept"))

    def test_a_checkpoint_is_not_lost_where_others_lie_on_the_mount_point(self, context: Context) -> None:
        """Given a storage that was marked, and a folder of other files in its place, the dream waits as well."""
        lay(context.store, context.blobs)
        context.blobs.put("jobs/j/1/frame", b"stored while nothing was mounted")
        context.blobs.delete(KEY)
        with pytest.raises(StorageAway, match="is it mounted"):
            Bench(context).open(self.job("kept"))
