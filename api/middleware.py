"""Around every request: its ID, its time, its line in the log, headers that protect browsers, and the last resort."""

from __future__ import annotations

import logging
import re
import secrets
import time
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bodies import Bounded
from api.errors import unexpected
from api.metrics import Metrics

log = logging.getLogger("api.requests")

_GIVEN_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
#: Pages may load what this server serves, and nothing else; nobody may frame them.
_CONTENT_SECURITY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: Requests are counted by these methods; people may send any word as one.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: What machines ask all the time is logged at debug level.
_QUIET = ("/healthz", "/readyz", "/metrics")


class Around:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        scope["request_id"] = request_id
        scope["body"] = body = Bounded(receive)
        # A log's line is one line, whatever is asked for.
        path = quote(scope["path"])
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1/"):
                    headers.setdefault("Cache-Control", "no-store")
                self._count(scope, status, time.perf_counter() - begun)
            await send(message)

        try:
            await self._app(scope, body, answer)
        except ClientDisconnect:
            log.info("request %s: the client hung up", request_id)
        except Exception:
            log.exception("request %s failed: %s %s", request_id, scope["method"], path)
            if status == 0:
                await unexpected().response(request_id)(scope, receive, answer)
        level = logging.DEBUG if scope["path"] in _QUIET else logging.INFO
        took = (time.perf_counter() - begun) * 1000
        log.log(level, "%s %s %s %d %.0f ms", request_id, scope["method"], path, status, took)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        metrics: Metrics = scope["app"].state.services.metrics
        route = scope.get("route")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics.answered(method, getattr(route, "path", "other"), status, seconds)
