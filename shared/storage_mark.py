"""Whether a folder is the storage that the database's files are in, told by a mark: a small file that SQL knows.

A share that is not mounted leaves its mount point, a folder that may hold files as well: those that were written there
while nothing was mounted. What is missing there is not lost. Buckets need no mark: they are there or they do not answer.
"""

from __future__ import annotations

import re

from shared.blobs import BlobMissing, Blobs
from shared.store import Store, marks
from shared.store.assets import blob_key

#: The mark's name. It has no leading dot, so that it goes with the others wherever they are copied to.
KEY = "dreamfarm-storage.txt"
_MARK = re.compile(r"[0-9A-Za-z-]{1,32}")
#: Of what is known, so many files are looked for before a mark is laid.
_LOOKED_FOR = 10


def lay(store: Store, blobs: Blobs) -> None:
    """Lay the mark where the storage has none yet. A mark of another database, or of an earlier one, serves this one, too.

    Nothing is done where the oldest files that SQL knows are all missing: that may be the mount point already.
    """
    if blobs.folder is None:
        return
    with store.read() as session:
        if marks.laid(session) is not None:
            return
        pictures, files = marks.oldest_files(session, _LOOKED_FOR)
    known = [*map(blob_key, pictures), *files]
    if known and not any(blobs.exists(key) for key in known):
        return
    with store.write() as session:
        chosen = marks.choose(session)
    mark = _found(blobs)
    if mark is None:
        blobs.put(KEY, f"{chosen}\n".encode())
    with store.write() as session:
        marks.note(session, mark or chosen)


def require_mounted(store: Store, blobs: Blobs, kind: str) -> None:
    """Make sure, before blobs of a kind that are missing count as removed, that this is the place where they were stored.

    Raises:
        OSError: it is not, for all that is known.
    """
    blobs.require_mounted(kind)
    if blobs.folder is None:
        return
    with store.read() as session:
        mark = marks.laid(session)
    if mark is not None and _found(blobs) != mark:
        raise FileNotFoundError(
            f"{blobs.folder} is not the folder that the farm's files are in: is it mounted? (That one has a file {KEY} "
            f"with {mark} in it. If this is its successor, write that there.)"
        )


def _found(blobs: Blobs) -> str | None:
    """The mark that lies there; None where there is none, or what was left of one by a disk that broke."""
    try:
        text = blobs.get(KEY).decode(errors="replace").strip()
    except BlobMissing:
        return None
    return text if _MARK.fullmatch(text) else None
