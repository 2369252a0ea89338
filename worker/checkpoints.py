"""Checkpoints: a rendering's state in the blob store, written and read in pieces; there is no second copy in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.blobs import Blobs


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
            return {name: arrays[name] for name in arrays.files}
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise Unreadable(f"the checkpoint {key} cannot be read ({error})") from None
