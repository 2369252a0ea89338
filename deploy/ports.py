"""Ports: which are free, and who has the one that is not."""

from __future__ import annotations

import errno
import socket
from typing import Literal

import psutil

from api.cli.command import Failed

#: The settings that an address comes from, for messages.
Setting = Literal["DREAMFARM_HOST", "DREAMFARM_FLOWER_HOST"]


def free_port(host: str, setting: Setting = "DREAMFARM_HOST", *, but: int = 0) -> int:
    """A port that nobody listens on at this moment, and another one than `but`.

    Raises:
        Failed: the address is not one of this machine's.
    """
    port = but
    while port == but:
        with _listen(host, 0, setting) as listener:
            port = listener.getsockname()[1]
    return port


def is_free(host: str, port: int, setting: Setting = "DREAMFARM_HOST") -> bool:
    """Whether one can listen on a port.

    Raises:
        Failed: the address is not one of this machine's, or the port is for root alone.
    """
    try:
        _listen(host, port, setting).close()
    except OSError:
        return False
    return True


def require_free(host: str, port: int, *, what: str, remedy: str, setting: Setting = "DREAMFARM_HOST") -> None:
    """Check that one can listen on a port.

    Raises:
        Failed: somebody else does; the message names them where the system tells.
    """
    if not is_free(host, port, setting):
        holder = holder_of(port)
        raise Failed(f"port {port} for {what} is taken{f' by {holder}' if holder else ''}. {remedy}")


def holder_of(port: int) -> str | None:
    """Who listens on a port, for people; None where the system does not tell."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        return None
    return None


def _listen(host: str, port: int, setting: Setting) -> socket.socket:
    """A socket that listens. Raises OSError when somebody else does already, and Failed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except PermissionError:
        raise Failed(f"port {port} may be used by root only; choose one above 1023") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
        raise Failed(
            f"cannot listen on {host!r}: {error.strerror}; set {setting} to an address of this machine"
        ) from None
