"""The gallery: a page at `/` that talks to the HTTP API only, served as plain files without a build step."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.types import Scope

from api.files import file_response, has_already
from shared.samples import SAMPLES, sample

_STATIC = Path(__file__).parent / "static"
#: Only the farm's own files: no inline scripts or styles, no other origin, in nobody's frame. `blob:` shows pictures
#: that were dropped and are not uploaded yet.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Files are asked for again with their ETag, so that an update of the farm is seen at the next load.
    "Cache-Control": "no-cache",
}


class _Files(StaticFiles):
    """Static files with the gallery's headers."""

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Whether the client has the file already, also where it says so with `*`, which Starlette does not know."""
        known = has_already(request_headers, response_headers["etag"])
        return known or super().is_not_modified(response_headers, request_headers)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


def _file(request: Request, path: Path) -> Response:
    response = file_response(request, path, cache=_HEADERS["Cache-Control"])
    response.headers.update(_HEADERS)
    return response


def mount(app: FastAPI) -> None:
    """Serve the gallery at `/`, its files below `/web/` and the bundled pictures below `/samples/`."""

    @app.get("/", include_in_schema=False)
    def gallery(request: Request) -> Response:
        return _file(request, _STATIC / "index.html")

    @app.get("/samples", include_in_schema=False)
    def samples() -> dict[str, str]:
        """The bundled pictures' names, and what each shows."""
        return SAMPLES

    @app.get("/samples/{name}.jpg", include_in_schema=False)
    def sample_picture(name: str, request: Request) -> Response:
        if name not in SAMPLES:
            return Response(status_code=404)
        return _file(request, sample(name))

    app.mount("/web", _Files(directory=_STATIC), name="web")
