"""Uploaded pictures that no job needs are removed, and nothing is that anybody needs: also when uploads and submissions
come at that very moment, and after kill -9.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import httpx
import pytest
from obstore.exceptions import BaseError as BlobStoreError
from sqlalchemy import update

from shared.blobs import Blobs
from shared.leftovers import mark_pictures
from shared.store import Store, assets, now
from shared.store.tables import Asset, AssetOwner
from tests.conftest import wait_until
from tests.integration.conftest import RunningApi, brought_along, picture, uploaded
from tests.integration.flaky import unmounted
from tests.integration.test_trash import in_threads, rows
from worker.purger import PicturePurger, run_purger

WEEK = 7 * 86_400.0


def forgotten(api: RunningApi, *asset_ids: str) -> None:
    """Lets a week pass since the assets were used."""
    with api.store.write() as session:
        session.execute(update(Asset).where(Asset.id.in_(asset_ids)).values(used_at=now() - WEEK - 1, created_at=0.0))


def purge(api: RunningApi) -> int:
    return PicturePurger(api.store, api.blobs, seconds=WEEK).purge_some(threading.Event())


def begin_with(client: httpx.Client, asset: str) -> httpx.Response:
    return client.post("/v1/jobs", json={"kind": "dream", "input": asset})


def stored(api: RunningApi) -> set[str]:
    return {key.removeprefix("assets/").partition(".")[0] for key in api.blobs.keys("assets")}


def digests(*asset_ids: str) -> set[str]:
    return {asset_id.removeprefix("sha256:") for asset_id in asset_ids}


def test_a_picture_goes_when_no_job_needs_it_any_more(api: RunningApi) -> None:
    """Given pictures that nobody has used for a week, those stay that jobs begin with, in whatever field and state."""
    client = api.client()
    input_, content, style, mask, deleted, unused, fresh = (
        uploaded(client, picture(64, 64, seed=seed)) for seed in range(7)
    )
    assert begin_with(client, input_).is_success
    styles = [{"asset": style, "mask": mask}]
    assert client.post("/v1/jobs", json={"kind": "style", "content": content, "styles": styles}).is_success
    job = begin_with(client, deleted).json()["id"]
    client.post(f"/v1/jobs/{job}/cancel")
    assert client.delete(f"/v1/jobs/{job}").is_success
    for size in ("thumbnail", "screen"):
        assert client.get(f"/v1/assets/{unused}", params={size: True}).is_success
    needed = (input_, content, style, mask, deleted)
    forgotten(api, *needed, unused)

    assert purge(api) == 1
    assert stored(api) == digests(*needed, fresh)
    assert (rows(api.store, Asset), rows(api.store, AssetOwner)) == (6, 6)
    assert client.get(f"/v1/assets/{unused}").status_code == 404
    refused = begin_with(client, unused)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "input")
    assert "upload the picture first" in refused.json()["detail"]
    assert uploaded(client, picture(64, 64, seed=5)) == unused, "it can come again"
    assert client.get(f"/v1/assets/{unused}").content == picture(64, 64, seed=5)


def test_a_picture_is_not_gone_because_its_share_is_not_mounted(one_api: RunningApi) -> None:
    asset = uploaded(one_api.client(), picture())
    forgotten(one_api, asset)
    with unmounted(one_api.blobs), pytest.raises(OSError, match="is it mounted"):
        purge(one_api)
    assert (stored(one_api), rows(one_api.store, Asset)) == (digests(asset), 1)
    assert purge(one_api) == 1
    assert (stored(one_api), rows(one_api.store, Asset)) == (set(), 0)


def test_needed_pictures_are_not_looked_for_in_all_jobs_each_time(one_api: RunningApi) -> None:
    client = one_api.client()
    asset = uploaded(client, picture())
    begin_with(client, asset)
    forgotten(one_api, asset)
    assert purge(one_api) == 0
    with one_api.store.read() as session:
        assert assets.unused(session, seconds=WEEK) == frozenset()


@pytest.mark.parametrize("use", ["upload", "ask", "submit"])
def test_whoever_uses_a_picture_keeps_it(api: RunningApi, use: str) -> None:
    """Given a picture that would go at once, whoever is about to use it has a week again. Uploading asks before it sends,
    and submitting comes after that."""
    client, data = api.client(), picture()
    asset = uploaded(client, data)
    forgotten(api, asset)
    if use == "upload":
        uploaded(client, data)
    elif use == "ask":
        assert client.get(f"/v1/assets/{asset}/info").is_success
    else:
        assert begin_with(client, asset).is_success
    with api.store.read() as session:
        assert assets.unused(session, seconds=WEEK) == frozenset()
    assert purge(api) == 0


def test_what_is_uploaded_while_it_is_removed_is_there(api: RunningApi) -> None:
    """Whoever uploads a picture that is just being removed has it stored, or is told to try again in a moment."""
    client, data = api.client(), picture()
    for _ in range(15):
        asset = uploaded(client, data)
        forgotten(api, asset)
        answer, _ = in_threads(lambda: client.post("/v1/assets", content=data), lambda: purge(api))
        assert isinstance(answer, httpx.Response)
        if answer.is_error:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "is being removed, as nobody had used it for long; try again in a moment" in answer.text
            assert (stored(api), rows(api.store, Asset)) == (set(), 0)
        else:
            assert client.get(f"/v1/assets/{asset}").content == data
            assert rows(api.store, AssetOwner) == 1


def test_a_job_that_is_taken_while_its_picture_is_removed_has_it(api: RunningApi) -> None:
    """A submission is refused when the picture is gone, or it stays."""
    client, taken = api.client(), 0
    for seed in range(15):
        asset = uploaded(client, picture(seed=seed))
        forgotten(api, asset)
        answer, _ = in_threads(lambda asset=asset: begin_with(client, asset), lambda: purge(api))
        assert isinstance(answer, httpx.Response)
        taken += answer.is_success
        if answer.is_success:
            assert client.get(f"/v1/assets/{asset}").content == picture(seed=seed)
        else:
            assert (answer.status_code, "upload the picture first" in answer.text) == (422, True)
    assert rows(api.store, Asset) == taken


def test_who_is_slow_to_remove_a_picture_leaves_what_was_uploaded_since(api: RunningApi) -> None:
    """Given two who remove the same pictures, of whom one is slower, and a picture that is uploaded in between."""
    client, stop = api.client(), threading.Event()
    by_name = {uploaded(client, picture(seed=seed)): picture(seed=seed) for seed in range(2)}
    first, second = sorted(by_name)
    forgotten(api, first, second)

    class Slow(PicturePurger):
        def _purge(self, id_: str) -> None:
            super()._purge(id_)
            if id_ == first:
                assert purge(api) == 1
                assert uploaded(client, by_name[second]) == second

    Slow(api.store, api.blobs, seconds=WEEK).purge_some(stop)
    assert client.get(f"/v1/assets/{second}").content == by_name[second]
    assert (stored(api), rows(api.store, Asset)) == (digests(second), 1)


def test_an_upload_has_its_bytes_though_a_slow_removal_comes_in_between(
    one_api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a removal that had begun before another finished it, and that deletes what the upload has just stored."""
    client, data, deletions = one_api.client(), picture(), [1]
    put = Blobs.put

    def put_and_lose(blobs: Blobs, key: str, content: bytes) -> None:
        put(blobs, key, content)
        if deletions:
            deletions.pop()
            blobs.delete(key)

    monkeypatch.setattr(Blobs, "put", put_and_lose)
    assert client.get(f"/v1/assets/{uploaded(client, data)}").content == data
    assert deletions == []


_KILLED = """
import os, signal
from shared.leftovers import purge_picture
from shared.blobs import open_blobs
from shared.settings import Settings
from shared.store import Store, assets

# Dies when the bytes are gone and before the rows are.
assets.forget = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
settings = Settings()
store = Store(settings.database)
with store.read() as session:
    (asset,) = assets.marked(session, after="", limit=9)
purge_picture(store, open_blobs(settings), asset)
"""


def test_a_removal_that_was_killed_misleads_nobody(one_api: RunningApi) -> None:
    """What has lost its bytes is not there for anybody, and the next one removes its rows."""
    client, data = one_api.client(), picture()
    asset = uploaded(client, data)
    forgotten(one_api, asset)
    assert mark_pictures(one_api.store, seconds=WEEK) == 1
    environment = os.environ | {"DREAMFARM_DATA": str(one_api.settings.data)}
    killed = subprocess.run([sys.executable, "-c", _KILLED], env=environment, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert (stored(one_api), rows(one_api.store, Asset)) == (set(), 1)

    for address in ("", "/info"):
        assert client.get(f"/v1/assets/{asset}{address}").status_code == 404
    assert begin_with(client, asset).status_code == 422
    assert client.post("/v1/assets", content=data).status_code == 503
    assert stored(one_api) == set(), "nothing is stored that nobody would remove"
    assert purge(one_api) == 1
    uploaded(client, data)
    assert client.get(f"/v1/assets/{asset}").content == data


def test_a_picture_that_cannot_be_removed_keeps_no_other_waiting(one_api: RunningApi) -> None:
    client = one_api.client()
    first, second = sorted(uploaded(client, picture(seed=seed)) for seed in range(2))
    forgotten(one_api, first, second)
    assert one_api.blobs.folder is not None
    # A folder stands where a file belongs, which no removal of files takes: the disk is broken there.
    broken = one_api.blobs.folder / assets.blob_key(first)
    broken.unlink()
    (broken / "deep").mkdir(parents=True)
    purger, stop = PicturePurger(one_api.store, one_api.blobs, seconds=WEEK), threading.Event()
    with pytest.raises(BlobStoreError, match=first.removeprefix("sha256:")):
        purger.purge_some(stop)
    assert purger.purge_some(stop) == 1
    assert rows(one_api.store, Asset) == 1
    (broken / "deep").rmdir()
    broken.rmdir()
    assert purger.purge_some(stop) == 1
    assert rows(one_api.store, Asset) == 0


def test_a_worker_removes_them(one_api: RunningApi) -> None:
    """Given a running farm, pictures go that nobody needs. They are not looked for at every sweep."""
    client, stop = one_api.client(), threading.Event()
    asset = uploaded(client, picture())
    forgotten(one_api, asset)
    settings = one_api.settings.model_copy(update={"uploads_seconds": WEEK, "sweep_seconds": 0.05})
    purger = threading.Thread(target=run_purger, args=(settings, one_api.store, one_api.blobs, stop))
    purger.start()
    try:
        wait_until(lambda: rows(one_api.store, Asset) == 0, what="the removal")
    finally:
        stop.set()
        purger.join(20)
    assert stored(one_api) == set()

    pictures, stop = PicturePurger(one_api.store, one_api.blobs, seconds=WEEK), threading.Event()
    assert pictures.purge_some(stop) == 0
    forgotten(one_api, uploaded(client, picture()))
    assert pictures.purge_some(stop) == 0, "it has looked just now"


def test_a_copy_of_what_is_removed_meanwhile_is_not_left_behind(one_api: RunningApi) -> None:
    """Given a picture that is removed while a smaller copy of it is made, nothing of it stays."""
    client, data = one_api.client(), picture(4000, 4000)
    asset = uploaded(client, data)
    in_threads(
        lambda: client.get(f"/v1/assets/{asset}", params={"screen": True}),
        lambda: one_api.blobs.delete(assets.blob_key(asset)),
    )
    assert stored(one_api) == set()


def test_an_upgrade_keeps_all_pictures_for_a_week(store: Store) -> None:
    """Given a farm of the schema before with pictures that are long there, none goes because of the upgrade."""
    with store.write() as session:
        assets.add(session, "ada", "sha256:" + "0" * 64, width=1, height=1, format="png", bytes=1)
        session.execute(update(Asset).values(created_at=0.0))
    brought_along(store, "0003")
    assert mark_pictures(store, seconds=WEEK) == 0
    with store.write() as session:
        session.execute(update(Asset).values(used_at=None))  # as a process of the version before stores it
    assert mark_pictures(store, seconds=WEEK) == 1
