"""Downloads over a real connection: whole and true, or an error that says what happened."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.unit.http_server import Answer, failing, first, sending, serving
from worker.networks import fetching
from worker.networks.fetching import DownloadFailed, fetch

BODY = bytes(range(256)) * 20_000
HALF = len(BODY) // 2
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(fetching, "SILENCE_SECONDS", 1.0)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)


def get(url: str, folder: Path) -> bytes:
    fetch(url, folder / "file", "sha256", [DIGEST])
    assert [place.name for place in folder.iterdir()] == ["file"]
    return (folder / "file").read_bytes()


def test_a_download_is_checked_and_watched(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with serving(sending(BODY)) as served:
        fetch(served.url, tmp_path / "file", "sha256", [DIGEST], lambda done, whole: seen.append((done, whole)))
    assert (tmp_path / "file").read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))


def redirecting(handler: BaseHTTPRequestHandler, call: int) -> None:
    if handler.path == "/model.h5":
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere")
        handler.end_headers()
    else:
        sending(BODY)(handler, call)


@pytest.mark.parametrize(
    "answer",
    [
        first(2, failing(503), sending(BODY)),
        first(2, sending(BODY, upto=1000), sending(BODY)),
        first(6, sending(BODY, upto=HALF // 4), sending(BODY)),
        first(2, sending(BODY, upto=HALF, tag=False), sending(BODY, tag=False)),
        redirecting,
    ],
    ids=["503", "cut off", "cut off often", "cut off, no tag", "elsewhere"],
)
def test_what_is_broken_for_the_moment_is_tried_again(tmp_path: Path, answer: Answer) -> None:
    with serving(answer) as served:
        assert get(served.url, tmp_path) == BODY


def test_a_later_call_asks_for_the_rest_of_the_same_file_only(tmp_path: Path) -> None:
    with serving(first(1, sending(BODY, upto=HALF), failing(404))) as served:
        with pytest.raises(DownloadFailed, match="answers 404"):
            get(served.url, tmp_path)
        assert served.requests[1]["range"] == f"bytes={HALF}-"
    assert not (tmp_path / "file").exists()
    with serving(sending(BODY)) as served:
        assert get(served.url, tmp_path) == BODY
    (request,) = served.requests
    assert request["range"] == f"bytes={HALF}-"
    assert request["if-range"].strip('"') == DIGEST[:8]


@pytest.mark.parametrize("tag", [True, False], ids=["tag", "no tag"])
@pytest.mark.parametrize("length", [HALF, 2 * len(BODY)], ids=["half", "longer"])
def test_the_beginning_of_another_file_is_thrown_away(tmp_path: Path, length: int, tag: bool) -> None:
    other = bytes(2 * len(BODY))
    breaking_off = first(1, sending(other, upto=length - 1, tag=tag), failing(404))
    with serving(breaking_off) as served, pytest.raises(DownloadFailed):
        get(served.url, tmp_path)
    with serving(sending(BODY, tag=tag)) as served:
        assert get(served.url, tmp_path) == BODY


def test_a_download_that_was_complete_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY)
    with serving(sending(BODY)) as served:
        assert get(served.url, tmp_path) == BODY
    assert len(served.requests) == 1


def silent(handler: BaseHTTPRequestHandler, _call: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    threading.Event().wait(3)


def endless(handler: BaseHTTPRequestHandler, _call: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**18))
    handler.end_headers()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (failing(404), "answers 404"),
        (failing(503), "answers 503"),
        (sending(BODY, upto=0), "cannot be downloaded: peer closed connection"),
        (sending(BODY[:-1] + b"x"), "is not the published file: its sha256 is"),
        (sending(BODY[:-1]), "is not the published file: its sha256 is"),
        (endless, r"is full \(1,000,000,000,000 MB are missing, and [\d,]+ MB are free\): make room"),
    ],
    ids=["404", "503", "cut off", "corrupt", "short", "too large"],
)
def test_what_stays_broken_is_told(tmp_path: Path, answer: Answer, message: str) -> None:
    with serving(answer) as served, pytest.raises(DownloadFailed, match=message):
        get(served.url, tmp_path)
    assert not (tmp_path / "file").exists()


def test_a_server_that_falls_silent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SILENCE_SECONDS", 0.1)
    with serving(silent) as served, pytest.raises(DownloadFailed, match="nothing came for 0 seconds"):
        get(served.url, tmp_path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:9/model.h5", "cannot be downloaded"),
        ("ftp://127.0.0.1/model.h5", "unsupported protocol"),
        ("http://[", "cannot be downloaded"),
    ],
)
def test_addresses_without_a_server_are_told(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(DownloadFailed, match=message):
        fetch(url, tmp_path / "file", "sha256", [DIGEST])


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / "file.part").symlink_to("/dev/full")
    with serving(sending(BODY)) as served, pytest.raises(DownloadFailed, match=r"is full .*: make room, or set"):
        fetch(served.url, tmp_path / "file", "sha256", [DIGEST])


def test_downloads_go_through_the_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(sending(BODY)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/model.h5"))
        assert get("http://models.invalid/model.h5", tmp_path) == BODY
    assert proxy.requests[0]["path"] == "http://models.invalid/model.h5"


@pytest.mark.parametrize(
    ("proxy", "message"),
    [("http://127.0.0.1:9", "cannot be downloaded"), ("carrier-pigeon://x", "cannot be downloaded: Unknown scheme")],
)
def test_proxies_that_do_not_work_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str, message: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(DownloadFailed, match=message):
        get("http://models.invalid/model.h5", tmp_path)


def test_a_proxy_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(failing(500)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.removesuffix("/model.h5"))
        with pytest.raises(DownloadFailed, match=r"the proxy does not let .*: check HTTPS_PROXY"):
            get("https://models.invalid/model.h5", tmp_path)
