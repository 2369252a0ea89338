"""Serving the API with uvicorn, so that it also stops while people listen to events."""

from __future__ import annotations

import socket

import uvicorn

from api.app import close_streams, create_app
from shared.settings import Settings

#: How long answers may go on after the server was asked to stop.
_GRACE_SECONDS = 5


class ApiServer(uvicorn.Server):
    """uvicorn waits for open connections before it tells the app to stop, and event streams would never end."""

    def __init__(self, settings: Settings) -> None:
        self.api = create_app(settings)
        super().__init__(
            uvicorn.Config(
                self.api,
                host=settings.host,
                port=settings.port,
                forwarded_allow_ips=settings.trusted_proxies,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, then everything else."""
        close_streams(self.api)
        await super().shutdown(sockets)


def serve(settings: Settings) -> bool:
    """Serve until SIGTERM or Ctrl-C; whether the server had started."""
    server = ApiServer(settings)
    server.run()
    return server.started
