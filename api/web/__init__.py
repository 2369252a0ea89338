"""The gallery: a page at `/` that talks to the HTTP API only, served as plain files without a build step."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

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

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


def mount(app: FastAPI) -> None:
    """Serve the gallery at `/`, its files below `/web/` and the bundled pictures below `/samples/`."""

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    def gallery() -> FileResponse:
        return FileResponse(_STATIC / "index.html", headers=_HEADERS)

    @app.get("/samples", include_in_schema=False)
    def samples() -> dict[str, str]:
        """The bundled pictures' names, and what each shows."""
        return SAMPLES

    @app.get("/samples/{name}.jpg", include_in_schema=False)
    def sample_picture(name: str) -> Response:
        if name not in SAMPLES:
            return Response(status_code=404)
        return FileResponse(sample(name), headers=_HEADERS)

    app.mount("/web", _Files(directory=_STATIC), name="web")
