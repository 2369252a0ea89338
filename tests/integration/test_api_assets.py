"""Uploading pictures: what is taken, what is refused and why, and who gets them back."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.integration.conftest import RunningApi, picture, uploaded
from tests.reference.files import swapped_profile, tiff_by_hand


def bomb(width: int, height: int) -> bytes:
    """A small PNG file whose header promises a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def problem(answer: httpx.Response, status: int) -> str:
    """The message of an answer that must be a problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    return str(answer.json()["detail"])


def test_a_picture_is_named_by_its_bytes_whichever_way_it_comes(api: RunningApi) -> None:
    client, data = api.client(), picture(64, 48)
    expected = "sha256:" + hashlib.sha256(data).hexdigest()

    raw = client.post("/v1/assets", content=data, headers={"Content-Type": "image/png"})
    form = client.post("/v1/assets", files={"file": ("castle.png", data, "image/png")})

    assert raw.status_code == 201
    assert form.status_code == 200, "the second time it is there already"
    for answer in (raw, form):
        assert {k: answer.json()[k] for k in ("id", "width", "height", "format", "bytes")} == {
            "id": expected, "width": 64, "height": 48, "format": "png", "bytes": len(data),
        }  # fmt: skip
        assert answer.headers["location"] == f"/v1/assets/{expected}"


def test_an_asset_comes_back_as_it_was_sent(one_api: RunningApi) -> None:
    client, data = one_api.client(), picture(64, 48, format="JPEG")
    asset = uploaded(client, data)

    whole = client.get(f"/v1/assets/{asset}")
    assert whole.content == data
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]

    again = client.get(f"/v1/assets/{asset}", headers={"If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304
    part = client.get(f"/v1/assets/{asset}", headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, data[2:6])
    assert client.head(f"/v1/assets/{asset}").headers["content-length"] == str(len(data))
    assert client.get(f"/v1/assets/{asset}/info").json()["width"] == 64
    # A prefix does as well, with or without the algorithm's name.
    for prefix in (asset[:15], asset.removeprefix("sha256:")[:8]):
        assert client.get(f"/v1/assets/{prefix}").content == data


def test_thumbnails_are_small_and_upright(one_api: RunningApi) -> None:
    client = one_api.client()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    asset = uploaded(client, picture(1200, 600, format="JPEG", exif=exif))
    assert client.get(f"/v1/assets/{asset}/info").json()["width"] == 600

    answer = client.get(f"/v1/assets/{asset}?thumbnail=true")
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as small:
        assert small.size == (160, 320)


def test_a_copy_for_screens_is_what_browsers_show(one_api: RunningApi) -> None:
    client = one_api.client()
    large, small = uploaded(client, picture(2600, 100, format="TIFF")), uploaded(client, picture(300, 200))
    for asset, size in ((large, (2048, 79)), (small, (300, 200))):
        for _ in range(2):  # made, and kept
            answer = client.get(f"/v1/assets/{asset}?screen=true")
            assert answer.headers["content-type"] == "image/webp"
            with Image.open(io.BytesIO(answer.content)) as shown:
                assert shown.size == size
    thumbnail = client.get(f"/v1/assets/{large}?thumbnail=true")
    assert thumbnail.headers["etag"] != client.get(f"/v1/assets/{large}?screen=true").headers["etag"]


GREYS = np.repeat(np.array([0, 32896, 65535], np.uint16), 40)


def greys(format: str, **options: Any) -> bytes:
    """A file of 16-bit greys: black on the left, half as bright as white in the middle, white on the right."""
    file = io.BytesIO()
    Image.fromarray(np.tile(GREYS, (90, 1))).save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (greys("PNG"), (0, 128, 255)),
        (greys("TIFF", tiffinfo={262: 1}), (0, 128, 255)),
        (greys("TIFF", tiffinfo={262: 0}), (255, 127, 0)),
        (tiff_by_hand(np.tile(GREYS[:, None], (90, 1, 3)), planes=True), (0, 128, 255)),
    ],
    ids=["png", "tiff", "tiff, white is zero", "tiff in planes"],
)
def test_thumbnails_of_deep_greys_are_as_bright_as_the_picture(
    one_api: RunningApi, data: bytes, expected: tuple[int, ...]
) -> None:
    client = one_api.client()
    answer = client.get(f"/v1/assets/{uploaded(client, data)}?thumbnail=true")
    with Image.open(io.BytesIO(answer.content)) as small:
        assert small.size == (120, 90)
        found = np.asarray(small.convert("L"), int)[45, [20, 60, 100]]
    assert np.abs(found - expected).max() <= 3


def test_thumbnails_have_the_colours_of_the_picture(one_api: RunningApi) -> None:
    """Given a profile whose red is green, browsers show the picture green, and its copies, too."""
    client, file = one_api.client(), io.BytesIO()
    Image.new("RGB", (400, 300), (250, 20, 20)).save(file, "JPEG", quality=100, icc_profile=swapped_profile())
    asset = uploaded(client, file.getvalue())
    for copy in ("thumbnail", "screen"):
        with Image.open(io.BytesIO(client.get(f"/v1/assets/{asset}?{copy}=true").content)) as small:
            assert np.asarray(small.convert("RGB"), int)[45, 60] == pytest.approx([20, 250, 20], abs=6)


def test_what_shows_through_deep_greys_does_so_in_their_thumbnail(one_api: RunningApi) -> None:
    client = one_api.client()
    answer = client.get(f"/v1/assets/{uploaded(client, greys('PNG', transparency=65535))}?thumbnail=true")
    with Image.open(io.BytesIO(answer.content)) as small:
        assert list(np.asarray(small.convert("RGBA"))[45, [20, 60, 100], 3]) == [255, 255, 0]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (picture(400, 300, format="JPEG")[:6000], "truncated"),
        (b"Dear farm, I am not a picture.\n" * 40, "not a picture|no picture|readable|cannot be read"),
        (b"", "empty|picture"),
        (bomb(60_000, 60_000), "60,?000|60000|pixels"),
        (bomb(100_000, 10), "100,?000|pixels|side"),
        (bomb(30_000, 30_000), "pixels"),
        (bomb(0, 10), "picture|pixel|read"),
    ],
    ids=["truncated", "text", "empty", "bomb", "wide", "many pixels", "no pixels"],
)
def test_what_is_no_usable_picture_is_refused_with_the_reason(one_api: RunningApi, data: bytes, what: str) -> None:
    answer = one_api.client().post("/v1/assets", files={"file": ("picture.png", data, "image/png")})
    message = problem(answer, 422)
    assert re.search(what, message, re.IGNORECASE), message
    assert one_api.blobs.keys("assets") == []


def test_bodies_beyond_the_limit_are_refused_before_they_are_read(one_api: RunningApi) -> None:
    small = one_api.settings.model_copy(update={"max_upload_bytes": 10_000})
    limited = RunningApi(small, one_api.store)
    try:
        client, data = limited.client(), picture(100, 100)
        assert len(data) > 10_000

        def in_pieces() -> Iterator[bytes]:
            yield from (data[i : i + 4096] for i in range(0, len(data), 4096))

        assert "10,000" in problem(client.post("/v1/assets", content=data), 413)
        assert "10,000" in problem(client.post("/v1/assets", content=in_pieces()), 413)
        form = client.post("/v1/assets", files={"file": ("x.png", data * 4, "image/png")})
        assert "10,000" in problem(form, 413) or "75,536" in problem(form, 413)
        assert "form" in problem(client.post("/v1/assets", files={"file": (None, "text")}), 422)
    finally:
        limited.close()


def test_assets_belong_to_who_uploaded_them(api: RunningApi) -> None:
    ada, bob, admin = api.client("ada"), api.client("bob"), api.client("root", "admin")
    asset = uploaded(ada, picture())
    job = {"kind": "dream", "input": asset, "iterations": 1}

    assert bob.get(f"/v1/assets/{asset}").status_code == 404
    refused = bob.post("/v1/jobs", json=job)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "input"
    assert "upload" in refused.json()["detail"]

    assert admin.post("/v1/jobs", json=job).status_code == 202
    assert uploaded(bob, picture()) == asset
    assert bob.post("/v1/jobs", json=job).status_code == 202
