"""How much of somebody's file is unpacked: a small one must not fill a machine's memory."""

from __future__ import annotations

from pathlib import Path

#: Larger files are no networks that a worker could hold, nor is what unpacks to more.
LARGEST_FILE = 2**31
#: What any file may unpack to, in bytes, and how many times its own size: trained numbers cannot be packed by far as much.
ANY_FILE, TIMES = 2**26, 32


def most_unpacked(file: Path) -> int:
    """How many bytes what is packed in a file may take up."""
    return min(LARGEST_FILE, max(ANY_FILE, TIMES * file.stat().st_size))
