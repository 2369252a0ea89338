"""A network that misbehaves: a TCP proxy before a server, which cuts, refuses and answers wrongly when it is told to.
And a database that takes no changes, and a share that is not mounted.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator

import psycopg

from shared.blobs import Blobs


class FlakyNetwork:
    """Passes bytes on to `url`, until told otherwise. Knows nothing of HTTP but where a request begins."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        #: The first lines of the requests that came through.
        self.requests: list[str] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        #: Requests that begin so are answered with these bytes instead.
        self.instead: dict[bytes, bytes] = {}
        #: Answers to requests that begin so are cut after so many bytes, once each.
        self.cuts: list[tuple[bytes, int]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def break_all(self) -> None:
        """Cut every open connection."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut everything and refuse what comes."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends a waiting accept(), which closing alone does not
        self._listener.close()
        self.break_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            with self._lock:
                self._open |= {client, server}
            budget: list[int] = []  # bytes of the current answer that still pass; empty: all
            threading.Thread(target=self._to_server, args=(client, server, budget), daemon=True).start()
            threading.Thread(target=self._to_client, args=(client, server, budget), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, budget: list[int]) -> None:
        for data in _pieces(client):
            if data[:5] in (b"GET /", b"POST ", b"PATCH"):
                self.requests.append(data.split(b" HTTP/", 1)[0].decode())
            for start, answer in self.instead.items():
                if data.startswith(start):
                    client.sendall(answer)
                    break
            else:
                for cut in self.cuts:
                    if data.startswith(cut[0]):
                        self.cuts.remove(cut)
                        budget[:] = [cut[1]]
                        break
                with contextlib.suppress(OSError):
                    server.sendall(data)
        self._end(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket, budget: list[int]) -> None:
        for data in _pieces(server):
            piece = data[: budget[0]] if budget else data
            with contextlib.suppress(OSError):
                client.sendall(piece)
            if budget:
                budget[0] -= len(piece)
                if budget[0] <= 0:
                    break
        self._end(client, server)

    def _end(self, *connections: socket.socket) -> None:
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        with self._lock:
            self._open -= set(connections)


def _pieces(connection: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while data := connection.recv(65_536):
            yield data


@contextlib.contextmanager
def read_only(url: str) -> Iterator[None]:
    """Within the block, a PostgreSQL takes no changes of a database, as a standby, or one whose disk is nearly full."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        connection.execute(others, [name])
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            connection.execute(others, [name])


@contextlib.contextmanager
def unmounted(blobs: Blobs) -> Iterator[None]:
    """Within the block, in place of the blobs there is the folder that they were mounted on, empty to begin with."""
    assert blobs.folder is not None
    share = blobs.folder.rename(blobs.folder.with_name("share"))
    blobs.folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(blobs.folder)
        share.rename(blobs.folder)
