"""Small pictures of uploaded ones."""

from __future__ import annotations

import io

from PIL import Image

from shared.blobs import Blobs
from shared.picture_reading import viewable
from shared.pictures import PictureError

#: Longer side in pixels; as that of the frames' thumbnails.
_LONG_EDGE = 320
_QUALITY = 80


def asset_thumbnail(blobs: Blobs, key: str) -> str:
    """The blob key of an asset's thumbnail (WebP), which is made when it is first wanted. Raises BlobMissing."""
    small = f"{key}.{_LONG_EDGE}.webp"
    if not blobs.exists(small):
        blobs.put(small, _shrunk(blobs.get(key)))
    return small


def _shrunk(data: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(data)) as image:
            # Decodes large JPEGs at a fraction of their size.
            image.draft("RGB", (2 * _LONG_EDGE, 2 * _LONG_EDGE))
            image.load()
            picture = viewable(image)
        picture.thumbnail((_LONG_EDGE, _LONG_EDGE), reducing_gap=3.0)
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=_QUALITY)
    except (OSError, ValueError) as error:
        raise PictureError(f"no thumbnail can be made of this picture: {error}") from error
    return file.getvalue()
