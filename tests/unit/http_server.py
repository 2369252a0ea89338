"""A real HTTP server of one file that answers as badly as a test wants."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Answers a request; the number of the call counts from 1.
Answer = Callable[[BaseHTTPRequestHandler, int], None]


@dataclass
class Served:
    """What the server was asked for."""

    url: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def serving(answer: Answer, path: str = "/model.h5") -> Iterator[Served]:
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append({"path": self.path} | {key.lower(): value for key, value in self.headers.items()})
            answer(self, len(served.requests))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}{path}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def sending(body: bytes, *, upto: int | None = None, tag: bool = True) -> Answer:
    """Sends a file, or the part that is asked for; breaks off after `upto` bytes."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'

    def answer(handler: BaseHTTPRequestHandler, _call: int) -> None:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        if handler.headers.get("If-Range", etag) != etag:
            start = 0
        if start >= len(body):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(body)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if tag:
            handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        handler.wfile.write(body[start:][:upto])

    return answer


def failing(code: int) -> Answer:
    return lambda handler, _call: handler.send_error(code)


def first(count: int, answer: Answer, then: Answer) -> Answer:
    """One answer to the first calls, another to all that follow."""
    return lambda handler, call: (answer if call <= count else then)(handler, call)
