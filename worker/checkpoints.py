"""Checkpoints: a rendering's state in the blob store, written and read in pieces; there is no second copy in memory."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from shared.blobs import Blobs

#: A changed bit may also make data seem to be compressed, encrypted or of a version to come (RuntimeError).
_DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError)


class Unreadable(ValueError):
    """What is stored as the checkpoint is none, or damaged."""


def save(blobs: Blobs, key: str, state: Mapping[str, NDArray[Any]]) -> None:
    """Store the state as an .npz file; not compressed, because noise-like floats do not shrink."""
    with blobs.writing(key) as file:
        np.savez(file, **state)  # type: ignore[arg-type]


def restore(blobs: Blobs, key: str) -> Mapping[str, NDArray[Any]]:
    """The stored state; arrays of numbers only, nothing that could run.

    Raises:
        BlobMissing: there is none of that name.
        Unreadable: it is damaged; each array carries a checksum.
    """
    try:
        with blobs.reading(key) as file, np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
            count = _count(file)
    except _DAMAGED as error:
        raise Unreadable(f"the checkpoint {key} cannot be read ({error})") from None
    if len(found) != count:
        raise Unreadable(f"the checkpoint {key} cannot be read (it has {len(found)} of {count} arrays)")
    return found


def _count(file: IO[bytes]) -> int:
    """How many arrays a file of `save` says at its end to hold; a damaged list of contents may hide some of them."""
    file.seek(-12, io.SEEK_END)
    return int.from_bytes(file.read(2), "little")
