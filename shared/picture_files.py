"""Writers of the output files, and where each of them carries the manifest.

Pillow writes RGB with 8 bits only, so 16-bit PNG and TIFF are written here, from arrays of uint8 or uint16. A file is
built in memory; the caller's picture is at least as large already.
Sources: W3C PNG (Third Edition), chapters 5, 9 and 11; TIFF 6.0 (Adobe, 1992), parts 1 and 2, section 14 (predictor),
and TIFF Technical Note 2 / Adobe Photoshop TIFF Technical Notes (compression 8, Deflate).
"""

from __future__ import annotations

import html
import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from shared.specs import Output

#: Keyword of the PNG text chunk that carries the manifest.
PNG_KEYWORD = b"dreamfarm"
#: Rows filtered and compressed at a time: large enough for vector speed, small enough to stay far below the picture.
_ROWS = 64
#: zlib's own default: level 9 takes three times as long for about 1 % less on pictures.
_LEVEL = 6


def png16(pixels: NDArray[np.uint16], icc: bytes | None, manifest: str | None) -> bytes:
    """A PNG of 16 bits per channel. `pixels`: (H, W, 3) RGB or (H, W, 4) RGBA."""
    height, width, channels = pixels.shape
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0))]
    if icc is not None:
        chunks.append(_chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc)))
    if manifest is not None:
        # Keyword, compressed, method, no language, no translated keyword, text.
        chunks.append(_chunk(b"iTXt", PNG_KEYWORD + b"\0\1\0\0\0" + zlib.compress(manifest.encode())))
    chunks += [_chunk(b"IDAT", data) for data in _png_data(pixels)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_data(pixels: NDArray[np.uint16]) -> Iterator[bytes]:
    """The compressed, filtered rows, in pieces of about a mebibyte."""
    height, width, channels = pixels.shape
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, 15, 9, zlib.Z_FILTERED)
    above = np.zeros(width * channels * 2, np.uint8)
    piece = b""
    for top in range(0, height, _ROWS):
        rows = pixels[top : top + _ROWS].astype(">u2").reshape(-1, width * channels).view(np.uint8)
        piece += compressor.compress(_png_filter(rows, above, channels * 2))
        if len(piece) >= 2**20:
            yield piece
            piece = b""
        above = rows[-1]
    yield piece + compressor.flush()


def _png_filter(rows: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> bytes:
    """`rows` (N, bytes) filtered as Sub, Up or Paeth, whichever leaves the smallest sum of absolute differences in a
    row (the standard's own heuristic, section 12.7). `above` is the row before the first; `step` bytes are a pixel."""
    up = np.concatenate([above[None], rows[:-1]]).astype(np.int16)
    left = np.pad(rows, ((0, 0), (step, 0)))[:, :-step].astype(np.int16)
    corner = np.pad(up, ((0, 0), (step, 0)))[:, :-step]
    guess = left + up - corner
    to_left, to_up, to_corner = (np.abs(guess - other) for other in (left, up, corner))
    paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
    filtered = np.stack([(rows - other).astype(np.uint8) for other in (left, up, paeth)])
    best = np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64).argmin(axis=0)
    kinds = np.array([1, 2, 4], np.uint8)[best]
    chosen = np.take_along_axis(filtered, best[None, :, None], axis=0)[0]
    return np.concatenate([kinds[:, None], chosen], axis=1).tobytes()


def tiff(pixels: NDArray[np.uint8] | NDArray[np.uint16], icc: bytes | None, manifest: str | None) -> bytes:
    """A baseline TIFF of 8 or 16 bits per channel, deflated, with horizontal prediction.

    `pixels`: (H, W, 3) RGB or (H, W, 4) with unassociated alpha; below 4 GiB, where a TIFF's offsets end.
    The manifest becomes the ImageDescription, in UTF-8.
    """
    height, width, channels = pixels.shape
    strips = list(_tiff_strips(pixels))
    offsets = np.cumsum([8] + [len(strip) for strip in strips])
    entries: list[tuple[int, int, list[int] | bytes]] = [
        (256, _LONG, [width]),
        (257, _LONG, [height]),
        (258, _SHORT, [pixels.dtype.itemsize * 8] * channels),
        (259, _SHORT, [8]),  # compression: Deflate
        (262, _SHORT, [2]),  # photometric interpretation: RGB
        (273, _LONG, [int(o) for o in offsets[:-1]]),  # strip offsets
        (277, _SHORT, [channels]),
        (278, _LONG, [_ROWS]),  # rows per strip
        (279, _LONG, [len(strip) for strip in strips]),
        (284, _SHORT, [1]),  # channels interleaved
        (317, _SHORT, [2]),  # horizontal predictor
        (339, _SHORT, [1] * channels),  # unsigned integers
    ]
    if manifest is not None:
        entries.append((270, _ASCII, manifest.encode() + b"\0"))
    if channels == 4:
        entries.append((338, _SHORT, [2]))  # the extra channel is unassociated alpha
    if icc is not None:
        entries.append((34675, _UNDEFINED, icc))
    # The directory must start at an even offset.
    padding = b"\0" * (int(offsets[-1]) % 2)
    start = int(offsets[-1]) + len(padding)
    return struct.pack("<2sHI", b"II", 42, start) + b"".join(strips) + padding + _tiff_directory(entries, start)


_ASCII, _SHORT, _LONG, _UNDEFINED = 2, 3, 4, 7


def _tiff_strips(pixels: NDArray[Any]) -> Iterator[bytes]:
    for top in range(0, pixels.shape[0], _ROWS):
        rows = pixels[top : top + _ROWS]
        rows = rows.astype(rows.dtype.newbyteorder("<"))
        rows[:, 1:] -= rows[:, :-1].copy()
        yield zlib.compress(rows.tobytes(), _LEVEL)


def _tiff_directory(entries: list[tuple[int, int, list[int] | bytes]], start: int) -> bytes:
    """The image file directory that begins at offset `start`, followed by the values too long for an entry."""
    after = start + 2 + 12 * len(entries) + 4
    directory, values = struct.pack("<H", len(entries)), b""
    for tag, kind, value in sorted(entries, key=lambda entry: entry[0]):
        count = len(value)
        data = value if isinstance(value, bytes) else struct.pack(f"<{count}{'H' if kind == _SHORT else 'I'}", *value)
        if len(data) <= 4:
            inline = data.ljust(4, b"\0")
        else:
            inline = struct.pack("<I", after + len(values))
            values += data + b"\0" * (len(data) % 2)
        directory += struct.pack("<HHI", tag, kind, count) + inline
    return directory + struct.pack("<I", 0) + values


def manifest_in_xmp(xmp: str) -> str | None:
    """The manifest inside the XMP packet of a JPEG or WebP."""
    found = _XMP_MANIFEST.search(xmp)
    return None if found is None else html.unescape(found[1])


_XMP_MANIFEST = re.compile(r"<dreamfarm:manifest>(.*?)</dreamfarm:manifest>", re.DOTALL)
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:dreamfarm="urn:dreamfarm:1"><dreamfarm:manifest>{}</dreamfarm:manifest></rdf:Description></rdf:RDF>'
    '</x:xmpmeta><?xpacket end="r"?>'
)
#: What an XMP segment of a JPEG may hold: 64 KiB less the segment's own length and name.
_JPEG_XMP_BYTES = 65_504


def common_file(image: Image.Image, output: Output, icc: bytes | None, manifest: str | None) -> bytes:
    """An 8-bit PNG, JPEG or WebP of an RGB or RGBA image."""
    file = io.BytesIO()
    if output.format == "png":
        text = PngImagePlugin.PngInfo()
        if manifest is not None:
            text.add_itxt(PNG_KEYWORD.decode(), manifest, zip=True)
        image.save(file, "PNG", pnginfo=text, icc_profile=icc)
        return file.getvalue()
    xmp = b"" if manifest is None else _XMP.format(html.escape(manifest, quote=False)).encode()
    if output.format == "jpeg":
        # Full colour resolution: dreams are made of small saturated detail.
        xmp = xmp if len(xmp) <= _JPEG_XMP_BYTES else b""
        image.save(file, "JPEG", quality=output.quality, subsampling=0, optimize=False, icc_profile=icc, xmp=xmp)
    else:
        image.save(file, "WEBP", quality=output.quality, method=4, icc_profile=icc, xmp=xmp)
    return file.getvalue()
