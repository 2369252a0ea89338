"""Assets: upload pictures and get them back."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import UploadFile

from api.auth import Caller, Submitter, Viewer
from api.bodies import allow, media_type, read_body
from api.errors import Mistake, busy, invalid, too_large
from api.files import FILE_RESPONSE, FOREVER, blob_response
from api.openapi import asset_body
from api.routes.common import Key
from api.schemas import AssetView
from api.services import Farm, Services
from api.thumbnails import SCREEN, THUMBNAIL, asset_copy
from api.views import asset_view
from shared.pictures import PictureInfo, probe
from shared.store import assets, queries
from shared.store.tables import Asset

router = APIRouter(prefix="/v1/assets", tags=["assets"])

#: What a multipart body needs beside its file.
_ENVELOPE_BYTES = 64 * 1024


@router.post("", status_code=201, openapi_extra=asset_body(), responses={200: {"model": AssetView}})
async def upload_asset(request: Request, response: Response, farm: Farm, who: Submitter, _key: Key) -> AssetView:
    """Upload a picture: as the body itself, or as the file of a multipart form.

    The ID follows from the bytes, so uploading a picture again changes nothing and answers 200.
    """
    data = await _picture(request, farm.settings.max_upload_bytes)
    info = await run_sync(probe, data, farm.settings.limits, limiter=farm.decoding)
    asset, is_new = await run_sync(_store, farm, who, data, info)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/assets/{asset.id}"
    return asset_view(asset)


async def _picture(request: Request, limit: int) -> bytes:
    if media_type(request) != "multipart/form-data":
        return await read_body(request, limit)
    allow(request, limit + _ENVELOPE_BYTES)
    async with request.form(max_files=1) as form:
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        if not files:
            message = "send the picture as a file of the form"
            raise invalid(message, [Mistake(field="file", message=message)])
        if (files[0].size or 0) > limit:
            raise too_large(f"the picture is larger than the {limit:,} bytes that are taken")
        return await files[0].read()


def _store(farm: Services, who: Caller, data: bytes, info: PictureInfo) -> tuple[Asset, bool]:
    asset_id = f"sha256:{hashlib.sha256(data).hexdigest()}"
    # Kept first: afterwards nobody removes what is written now.
    with farm.store.write() as session:
        if assets.keep(session, [asset_id]) and assets.is_marked(session, asset_id):
            raise busy("this picture is being removed, as nobody had used it for long; try again in a moment")
    # The bytes come before the row: what SQL knows of is always there. Bytes without a row are nobody's and do no harm.
    # They are written also when the asset is known, because a repeated upload is how a damaged picture is repaired.
    key = assets.blob_key(asset_id)
    farm.blobs.put(key, data)
    with farm.store.write() as session:
        added = assets.add(
            session,
            who.owner,
            asset_id,
            width=info.width,
            height=info.height,
            format=info.format,
            bytes=len(data),
        )
    # One that was removed just before may have had two who removed it, and the slower one came after the first writing.
    if not farm.blobs.exists(key):
        farm.blobs.put(key, data)
    return added


@router.get("/{asset_id}", response_class=Response, responses=FILE_RESPONSE)
async def get_asset(
    asset_id: str,
    request: Request,
    farm: Farm,
    who: Viewer,
    thumbnail: Annotated[bool, Query(description="A small copy, at most 320 pixels long")] = False,
    screen: Annotated[bool, Query(description="A copy for screens, at most 2048 pixels long")] = False,
) -> Response:
    """An uploaded picture, as it was sent; or a smaller copy of it, as WebP, which browsers show whatever was sent."""
    asset = await run_sync(_find, farm, who, asset_id)
    key, digest = assets.blob_key(asset.id), asset.id.removeprefix("sha256:")
    if thumbnail or screen:
        what, wanted = ("thumbnail", THUMBNAIL) if thumbnail else ("screen", SCREEN)
        key = await asset_copy(farm, asset.id, wanted)
        name, etag, kind = f"{digest[:12]}-{what}.webp", f"{digest}-{what}", "webp"
    else:
        name, etag, kind = f"{digest[:12]}.{asset.format}", digest, asset.format
    # In a thread: a bucket may be slow, and everybody else would wait with this one.
    return await run_sync(
        partial(blob_response, request, farm.blobs, key, file_name=name, etag=etag, cache=FOREVER, kind=kind)
    )


@router.get("/{asset_id}/info")
def get_asset_info(asset_id: str, farm: Farm, who: Viewer) -> AssetView:
    """An uploaded picture's size and format; 404 also when its bytes were damaged, and it is to be uploaded again."""
    asset = _find(farm, who, asset_id)
    _keep(farm, asset)
    key, digest = assets.blob_key(asset.id), asset.id.removeprefix("sha256:")
    if not farm.blobs.is_whole(key, size=asset.bytes, sha256=digest):
        raise queries.Unknown(f"the stored picture {asset.id} is damaged; upload it again")
    return asset_view(asset)


def _keep(farm: Services, asset: Asset) -> None:
    """Who asks whether a picture is there is about to use it. Raises Unknown if it is not there any more."""
    with farm.store.read() as session:
        if assets.is_kept(session, asset.id):
            return
    with farm.store.write() as session:
        if assets.keep(session, [asset.id]):
            raise queries.Unknown(f"the picture {asset.id} is not stored any more; upload it again")


def _find(farm: Services, who: Caller, asset_id: str) -> Asset:
    with farm.store.read() as session:
        return queries.find_asset(session, asset_id, who.sees)
