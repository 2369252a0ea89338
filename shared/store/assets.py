"""Assets: uploaded pictures, named by the SHA-256 of their bytes. Who uploaded one may use it; so may admins.

One that no job begins with is removed when nobody has used it for long enough, as jobs in the trash are: it is marked,
its bytes go, then its rows. Whoever is about to use one says so (`keep`), in the transaction that relies on it or before:
from then on it is not marked for that long. One that is marked is as good as gone.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.pixels import SCREEN_EDGE, THUMBNAIL_EDGE
from shared.store.jobs.submission import ensure_owner
from shared.store.session import now
from shared.store.tables import Asset, AssetOwner, Job

#: How long after a use the next one is not noted: who submits thousands of jobs need not wait for others who do.
NOTED_SECONDS = 3_600.0

#: IDs per query; databases bound the number of parameters.
_IDS = 5_000
#: Specifications that are looked through at a time.
_SPECS = 1_000
_ID = re.compile(r"sha256:[0-9a-f]{64}")
_OPTIONS = {"synchronize_session": False}


@dataclass(frozen=True)
class AssetSize:
    """Width and height of an asset in pixels, upright."""

    width: int
    height: int


def blob_key(asset_id: str) -> str:
    """Where an asset's bytes are."""
    return "assets/" + asset_id.removeprefix("sha256:")


def copy_key(asset_id: str, long_edge: int) -> str:
    """Where the bytes of an asset's copy (WebP) are, if it was made."""
    return f"{blob_key(asset_id)}.{long_edge}.webp"


def blob_keys(asset_id: str) -> tuple[str, ...]:
    """Where an asset's bytes and those of its copies are."""
    return blob_key(asset_id), copy_key(asset_id, THUMBNAIL_EDGE), copy_key(asset_id, SCREEN_EDGE)


def add(
    session: Session, owner: str, asset_id: str, *, width: int, height: int, format: str, bytes: int
) -> tuple[Asset, bool]:
    """Record an uploaded picture and that it is the owner's too; the row, and whether the owner had not had it yet.

    Its bytes are stored already; whoever stored them has made sure before that it is kept, or not there.
    """
    missing = keep(session, [asset_id])
    ensure_owner(session, owner)
    if missing:
        at = session.scalar(select(now())) or 0.0
        asset = Asset(id=asset_id, width=width, height=height, format=format, bytes=bytes, created_at=at, used_at=at)
        # Somebody else may upload the same picture at this moment, which is as good.
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(asset)
    return session.get_one(Asset, asset_id), _give(session, owner, asset_id)


def _give(session: Session, owner: str, asset_id: str) -> bool:
    if session.get(AssetOwner, (asset_id, owner)) is not None:
        return False
    with contextlib.suppress(IntegrityError), session.begin_nested():
        session.add(AssetOwner(asset_id=asset_id, owner=owner))
    return True


def sizes(session: Session, owner: str | None, ids: Iterable[str]) -> dict[str, AssetSize]:
    """Sizes of those of the assets that the owner may use (None: any that exist)."""
    found = {}
    for some in _portions(ids):
        query = select(Asset.id, Asset.width, Asset.height).where(Asset.id.in_(some), Asset.purging_since.is_(None))
        if owner is not None:
            query = query.join(AssetOwner, AssetOwner.asset_id == Asset.id).where(AssetOwner.owner == owner)
        for id_, width, height in session.execute(query):
            found[id_] = AssetSize(width, height)
    return found


def keep(session: Session, ids: Iterable[str]) -> frozenset[str]:
    """Note that assets are used now, so that they are not removed; those of them that there are not (any more)."""
    missing = set(ids)
    for some in _portions(missing):
        there = (Asset.id.in_(some), Asset.purging_since.is_(None))
        # In the order of their names, as everybody does, and before owners are locked.
        idle = session.scalars(
            select(Asset.id).where(*there, _idle(NOTED_SECONDS)).order_by(Asset.id).with_for_update()
        )
        if locked := idle.all():
            noted = update(Asset).where(Asset.id.in_(locked)).values(used_at=now())
            session.execute(noted, execution_options=_OPTIONS)
        missing.difference_update(session.scalars(select(Asset.id).where(*there)))
    return frozenset(missing)


def is_kept(session: Session, asset_id: str) -> bool:
    """Whether the asset is there and was used so lately that it need not be noted."""
    kept = (Asset.id == asset_id, Asset.purging_since.is_(None), ~_idle(NOTED_SECONDS))
    return session.scalar(select(Asset.id).where(*kept)) is not None


def is_marked(session: Session, asset_id: str) -> bool:
    """Whether the asset is being removed."""
    return session.scalar(select(Asset.id).where(Asset.id == asset_id, Asset.purging_since.is_not(None))) is not None


def unused(session: Session, *, seconds: float) -> frozenset[str]:
    """Assets that nobody has used for so long; jobs may begin with them all the same."""
    return frozenset(session.scalars(select(Asset.id).where(_idle(seconds), Asset.purging_since.is_(None))))


def needed(session: Session, ids: Collection[str]) -> frozenset[str]:
    """Those of the assets that jobs begin with, whatever has become of the jobs, and also in the trash."""
    left, last = set(ids), 0
    while left:
        page = session.execute(select(Job.seq, Job.spec).where(Job.seq > last).order_by(Job.seq).limit(_SPECS)).all()
        if not page:
            break
        for _, spec in page:
            left.difference_update(_ID.findall(spec))
        last = page[-1].seq
    return frozenset(ids) - left


def mark(session: Session, ids: Collection[str], *, seconds: float) -> int:
    """Mark those of the assets that nobody has used for so long, so that they can only be removed; how many."""
    due = select(Asset.id).where(Asset.id.in_(ids), Asset.purging_since.is_(None), _idle(seconds)).order_by(Asset.id)
    locked = session.scalars(due.with_for_update()).all()
    marking = update(Asset).where(Asset.id.in_(locked)).values(purging_since=now())
    session.execute(marking, execution_options=_OPTIONS)
    return len(locked)


def marked(session: Session, *, after: str, limit: int) -> Sequence[str]:
    """Up to `limit` marked assets, in order, behind the one named `after`."""
    query = select(Asset.id).where(Asset.purging_since.is_not(None), Asset.id > after)
    return session.scalars(query.order_by(Asset.id).limit(limit)).all()


def forget(session: Session, asset_id: str) -> None:
    """Delete the rows of a marked asset whose bytes are gone."""
    own = select(Asset.id).where(Asset.id == asset_id, Asset.purging_since.is_not(None))
    if session.scalar(own.with_for_update()) is None:
        return  # another purger was faster
    session.execute(delete(AssetOwner).where(AssetOwner.asset_id == asset_id), execution_options=_OPTIONS)
    session.execute(delete(Asset).where(Asset.id == asset_id), execution_options=_OPTIONS)


def _idle(seconds: float) -> ColumnElement[bool]:
    return func.coalesce(Asset.used_at, Asset.created_at) < now() - seconds


def _portions(ids: Iterable[str]) -> Iterator[Sequence[str]]:
    """Each of the IDs once, in order, so many at a time."""
    ordered = sorted(set(ids))
    return (ordered[start : start + _IDS] for start in range(0, len(ordered), _IDS))
