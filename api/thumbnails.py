"""Small copies of uploaded pictures, in a format that every browser shows."""

from __future__ import annotations

import io
from dataclasses import dataclass

from anyio.to_thread import run_sync

from api.services import Services
from shared.blobs import BlobMissing, Blobs
from shared.picture_reading import NO_LIMITS, in_srgb, open_picture, viewable
from shared.pictures import PictureError
from shared.pixels import SCREEN_EDGE, THUMBNAIL_EDGE
from shared.store.assets import blob_key, copy_key


@dataclass(frozen=True)
class Copy:
    """What a copy measures: its longer side in pixels, at most, and WebP's quality (0–100)."""

    long_edge: int
    quality: int


#: As long as the frames' thumbnails, and as the frames themselves, with which it is compared.
THUMBNAIL, SCREEN = Copy(THUMBNAIL_EDGE, 80), Copy(SCREEN_EDGE, 90)


async def asset_copy(farm: Services, asset_id: str, wanted: Copy) -> str:
    """The blob key of an asset's copy (WebP), which is made when it is first wanted. Raises BlobMissing, PictureError."""
    whole, small = blob_key(asset_id), copy_key(asset_id, wanted.long_edge)
    if not await run_sync(farm.blobs.exists, small):
        async with farm.copying:
            data = await run_sync(farm.blobs.get, whole)
            # Only this takes a decoder: a silent bucket must not keep those waiting who have their pictures.
            data = await run_sync(_shrunk, data, wanted, limiter=farm.decoding)
            await run_sync(_put, farm.blobs, small, data, whole)
    return small


def _put(blobs: Blobs, small: str, data: bytes, whole: str) -> None:
    blobs.put(small, data)
    if not blobs.exists(whole):
        # It was removed meanwhile, and nobody would remove its copy.
        blobs.delete(small)
        raise BlobMissing(whole)


def _shrunk(data: bytes, wanted: Copy) -> bytes:
    long_edge = wanted.long_edge
    try:
        with open_picture(data, NO_LIMITS) as image:
            # Decodes large JPEGs at a fraction of their size.
            image.draft("RGB", (2 * long_edge, 2 * long_edge))
            image.load()
            picture, icc = viewable(image)
        picture.thumbnail((long_edge, long_edge), reducing_gap=3.0)
        file = io.BytesIO()
        in_srgb(picture, icc).save(file, "WEBP", quality=wanted.quality)
    except (OSError, ValueError) as error:
        raise PictureError(f"no smaller copy can be made of this picture: {error}") from error
    return file.getvalue()
