"""Names of files that any disk takes (255 bytes at most, up to four a character), and files that get theirs once whole."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

#: Leaves room for what is added to a name: a job's or a frame's number, `-animation`, an extension.
LONGEST_BYTES = 150


def cut(name: str, longest: int = LONGEST_BYTES) -> str:
    """A name of so many bytes in UTF-8 at most, cut between two characters."""
    whole = name.encode("utf-8", "replace")
    return name if len(whole) <= longest else whole[:longest].decode(errors="ignore")


def part_of(path: Path) -> Path:
    """The hidden file beside `path` that it is written to until it is whole: the same one every time, with a short name."""
    return path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.part")


def replace(path: Path, data: bytes) -> None:
    """Write a file so that readers see it whole, the old one or the new. Raises OSError."""
    part = part_of(path)
    part.write_bytes(data)
    part.replace(path)
