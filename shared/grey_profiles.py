"""Colour profiles of grey pictures (dot gains, gammas), and what their values are in sRGB.

Pillow converts greys of 8 bits only, and none with transparency; its colour engine, LittleCMS, converts 16 bits to 16
where a grey profile is asked for, too. There is no grey profile with sRGB's curve in Pillow, so it is made here.
Source: ICC.1:2022, sections 7.2 (header), 7.3 (tag table), 10.18 (parametric curves) and 10.31 (XYZ).
"""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms


def grey_table(icc: bytes) -> NDArray[np.uint16] | None:
    """The value in sRGB of each of the 65,536 values of a grey with that profile; None for what is no profile of greys."""
    if icc[16:20] != b"GRAY":
        return None
    every = Image.fromarray(np.arange(65_536, dtype=np.uint16)[None])
    try:
        stored, wanted = (ImageCms.ImageCmsProfile(io.BytesIO(profile)) for profile in (icc, _SRGB_GREY))
        # What is called optimising puts a coarse table in the curve's place, which is wrong by a hundredth in the darks.
        flags = ImageCms.Flags.NOOPTIMIZE
        transform = ImageCms.buildTransform(stored, wanted, every.mode, every.mode, flags=flags)
        converted = ImageCms.applyTransform(every, transform)
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if converted is None else np.asarray(converted)[0]


def _fixed(*numbers: float) -> bytes:
    """Numbers as ICC's s15Fixed16Number."""
    return struct.pack(f">{len(numbers)}i", *(round(number * 65_536) for number in numbers))


def _profile() -> bytes:
    """A display's profile of greys, with sRGB's curve (IEC 61966-2-1)."""
    white = _fixed(0.9642, 1.0, 0.8249)
    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + white,
        # Of x ≥ e: (bx + c)^a; below: dx.
        b"kTRC": b"para\0\0\0\0\0\3\0\0" + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    }
    start = 128 + 4 + 12 * len(tags)
    table, values = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, start + len(values), len(value))
        values += value
    header = struct.pack(">I4xI4s4s4s12x4s28x", start + len(values), 0x04000000, b"mntr", b"GRAY", b"XYZ ", b"acsp")
    return (header + white).ljust(128, b"\0") + table + values


_SRGB_GREY = _profile()
