"""Downloads over a real connection: whole and true, or an error that says what happened."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared import cards
from shared.presets import DREAM_PRESETS
from worker.networks import downloads
from worker.networks.adding import BadModel
from worker.networks.downloads import PUBLISHED, DownloadFailed, Published, fetch, pull

BODY = bytes(range(256)) * 20_000
DIGEST = hashlib.sha256(BODY).hexdigest()

Answer = Callable[[BaseHTTPRequestHandler, int], None]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(downloads, "SILENCE_SECONDS", 1.0)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            calls = 0

            def do_GET(self) -> None:
                Handler.calls += 1
                answer(self, Handler.calls)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/model.h5"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def whole(handler: BaseHTTPRequestHandler, _call: int, body: bytes = BODY) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def cut_off(handler: BaseHTTPRequestHandler, _call: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(BODY[: len(BODY) // 2])


def status(code: int) -> Answer:
    return lambda handler, _call: handler.send_error(code)


def after_two(first: Answer) -> Answer:
    return lambda handler, call: (first if call <= 2 else whole)(handler, call)


def test_a_download_is_checked_and_watched(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    fetch(serve(whole), tmp_path / "file", "sha256", DIGEST, lambda done, all_: seen.append((done, all_)))
    assert (tmp_path / "file").read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))


@pytest.mark.parametrize("first", [status(503), cut_off], ids=["503", "cut off"])
def test_what_is_broken_for_the_moment_is_tried_again(
    serve: Callable[[Answer], str], tmp_path: Path, first: Answer
) -> None:
    fetch(serve(after_two(first)), tmp_path / "file", "sha256", DIGEST)
    assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (status(404), "answers 404"),
        (status(503), "answers 503"),
        (cut_off, "cannot be downloaded"),
        (lambda handler, call: whole(handler, call, BODY[:-1] + b"x"), "is not the published file: its sha256 is"),
    ],
    ids=["404", "503", "cut off", "corrupt"],
)
def test_what_stays_broken_is_told(
    serve: Callable[[Answer], str], tmp_path: Path, answer: Answer, message: str
) -> None:
    with pytest.raises(DownloadFailed, match=message):
        fetch(serve(answer), tmp_path / "file", "sha256", DIGEST)


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="cannot be downloaded"):
        fetch("http://127.0.0.1:9/model.h5", tmp_path / "file", "sha256", DIGEST)


def test_an_archive_must_hold_the_published_graph(
    serve: Callable[[Answer], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("graph.pb", b"something else")
    body = packed.getvalue()
    url = serve(lambda handler, call: whole(handler, call, body))
    digest = hashlib.sha256(body).hexdigest()
    for member, message in (("graph.pb", "is not the published file"), ("other.pb", "not an archive with other.pb")):
        published = Published(url, "sha256", digest, "none", member, "0" * 64)
        monkeypatch.setattr(downloads, "PUBLISHED", {"inception5h": published})
        with pytest.raises(BadModel, match=message):
            pull("inception5h", folder=tmp_path)


def test_published_networks_have_presets_to_dream_with() -> None:
    assert set(PUBLISHED) <= set(DREAM_PRESETS["deepdream"].models)
    assert set(PUBLISHED) == set(cards.PUBLISHED)
