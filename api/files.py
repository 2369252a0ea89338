"""Blobs as answers: with a name, an ETag, and parts of them for who asks."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.datastructures import Headers
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Receive, Scope, Send

from api.errors import ApiError
from shared.blobs import BlobMissing, Blobs

MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "tiff": "image/tiff",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "json": "application/json",
}
#: For the OpenAPI document: an answer that is a file.
FILE_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
#: Blobs never change under one key, so browsers need not ask again.
FOREVER = "private, max-age=31536000, immutable"
#: For addresses whose blob changes.
ASK_AGAIN = "private, no-cache"
#: In If-None-Match, what stands for every ETag.
_ANY = "*"


def has_already(headers: Headers, etag: str) -> bool:
    """Whether a client that sends these headers has what `etag` names (RFC 9110, 13.1.2). Weak tags count as strong."""
    listed = ",".join(headers.getlist("if-none-match"))
    return listed.strip() == _ANY or etag in re.findall(r'"[^"]*"', listed)


def file_response(request: Request, path: Path, *, cache: str, media_type: str | None = None) -> Response:
    """A file of the farm's own, unless the client has it already. Raises OSError."""
    whole = FileResponse(path, media_type=media_type, headers={"Cache-Control": cache}, stat_result=path.stat())
    return NotModifiedResponse(whole.headers) if has_already(request.headers, whole.headers["etag"]) else whole


class _WholeFile(FileResponse):
    """All of a file, also for who asks for parts of it in a way that is not understood (RFC 9110, 14.2)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def blob_response(
    request: Request,
    blobs: Blobs,
    key: str,
    *,
    file_name: str,
    etag: str,
    cache: str = ASK_AGAIN,
    kind: str | None = None,
    attach: bool = False,
) -> Response:
    """A blob, or the part of it that is asked for. `kind` is its format, where the key has no extension.

    Raises BlobMissing, and ApiError for a part beyond its end.
    """
    headers = {
        "ETag": f'"{etag}"',
        "Cache-Control": cache,
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(file_name, attach=attach),
        # What people uploaded must never run as a page of ours.
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    # Who names the tag has had the blob; `*` asks whether there is one.
    is_there = request.headers.get("if-none-match", "").strip() != _ANY or blobs.exists(key)
    if has_already(request.headers, headers["ETag"]) and is_there:
        return Response(status_code=304, headers=headers)
    media_type = MEDIA_TYPES.get(kind or key.rpartition(".")[2], "application/octet-stream")
    asked = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("range", ""), re.ASCII)
    is_same = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    if asked is not None and is_same and request.method == "GET":
        size = blobs.size(key)
        start, end = _part(asked[1], asked[2], size)
        if start >= end:
            raise _beyond(asked[0], size)
        headers |= {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
        return StreamingResponse(
            blobs.stream(key, (start, end)), status_code=206, media_type=media_type, headers=headers
        )
    if blobs.folder is not None:
        path = blobs.folder / key
        if not path.is_file():
            raise BlobMissing(key)
        return _WholeFile(path, media_type=media_type, headers=headers)
    if request.method == "HEAD":
        return Response(media_type=media_type, headers=headers | {"Content-Length": str(blobs.size(key))})
    return StreamingResponse(blobs.stream(key), media_type=media_type, headers=headers)


def _beyond(asked: str, size: int) -> ApiError:
    detail = f"there is nothing in the range {asked}: the file has {size:,} bytes"
    return ApiError(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "range", detail, headers={"Content-Range": f"bytes */{size}"}
    )


def _part(first: str, last: str, size: int) -> tuple[int, int]:
    """The bytes that a range means (RFC 9110, 14.1.2), from one up to another; from `size` on where there are none.

    Browsers play no film, and downloads cannot go on, without them. Several ranges at once are answered as none.
    """
    if not first:
        return (max(0, size - int(last)), size) if last else (0, size)
    return int(first), min(size, int(last) + 1) if last else size


def content_disposition(file_name: str, *, attach: bool) -> str:
    """The header that names a file, for old browsers in ASCII (RFC 6266)."""
    kind = "attachment" if attach else "inline"
    plain = file_name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    full = "" if plain == file_name else f"; filename*=UTF-8''{quote(file_name)}"
    return f'{kind}; filename="{plain}"{full}'
