"""Picture files put together by Pillow, or byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_by_hand(width: int, height: int, rows: bytes = b"", bits: int = 8, colour: int = 2, *extra: bytes) -> bytes:
    """A PNG without interlacing; `rows` as they come before compression, each with its filter byte."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff_by_hand(
    values: np.ndarray,
    *,
    planes: bool = False,
    order: str = "<",
    deflated: bool = False,
    photometric: int = 2,
    extra: int | None = None,
    orientation: int = 1,
    strips: int = 1,
) -> bytes:
    """A TIFF of `values` (H, W, C), uint8 or uint16 (TIFF 6.0, sections 2, 7 and 18); all of its numbers are LONGs.

    `extra` says what the last channel is (tag 338).
    """
    height, width, channels = values.shape
    parts = [values[..., i] for i in range(channels)] if planes else [values]
    rows = -(-height // strips)
    data = [
        part[top : top + rows].astype(values.dtype.newbyteorder(order)).tobytes()
        for part in parts
        for top in range(0, height, rows)
    ]
    if deflated:
        data = [zlib.compress(strip) for strip in data]
    starts = [8 + sum(map(len, data[:i])) for i in range(len(data) + 1)]
    entries = {
        256: [width],
        257: [height],
        258: [8 * values.itemsize] * channels,
        259: [8 if deflated else 1],
        262: [photometric],
        273: starts[:-1],
        274: [orientation],
        277: [channels],
        278: [rows],
        279: [len(strip) for strip in data],
        284: [2 if planes else 1],
    } | ({} if extra is None else {338: [extra]})
    directory, after = struct.pack(f"{order}H", len(entries)), b""
    for tag, numbers in entries.items():
        held = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            place = starts[-1] + 2 + 12 * len(entries) + 4 + len(after)
            held, after = struct.pack(f"{order}I", place), after + held
        directory += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + held
    header = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, starts[-1])
    return header + b"".join(data) + directory + struct.pack(f"{order}I", 0) + after


def swapped_profile() -> bytes:
    """A colour profile in which red and green are sRGB's green and red."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"held").replace(b"gXYZ", b"rXYZ").replace(b"held", b"gXYZ")


def grey_profile(curve: list[int]) -> bytes:
    """A colour profile (ICC.1:2001-04) of greys. `curve`: 256 times a gamma, or values 0–65535 of light for equal steps
    from black to white."""
    white = struct.pack(">3i", 63_190, 65_536, 54_061)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(79),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": b"XYZ \0\0\0\0" + white,
        b"kTRC": b"curv\0\0\0\0" + struct.pack(f">I{len(curve)}H", len(curve), *curve),
    }
    table, values = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, 128 + 4 + 12 * len(tags) + len(values), len(value))
        values += value.ljust(-(-len(value) // 4) * 4, b"\0")
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x", 128 + len(table + values), 0x02100000, b"mntr", b"GRAY", b"XYZ ", b"acsp"
    )
    return (header + white).ljust(128, b"\0") + table + values
