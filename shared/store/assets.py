"""Assets: uploaded pictures, named by the SHA-256 of their bytes. Who uploaded one may use it; so may admins."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.store.jobs.submission import ensure_owner
from shared.store.session import now
from shared.store.tables import Asset, AssetOwner

#: IDs per query; databases bound the number of parameters.
_IDS = 5_000


@dataclass(frozen=True)
class AssetSize:
    """Width and height of an asset in pixels, upright."""

    width: int
    height: int


def blob_key(asset_id: str) -> str:
    """Where an asset's bytes are."""
    return "assets/" + asset_id.removeprefix("sha256:")


def add(
    session: Session, owner: str, asset_id: str, *, width: int, height: int, format: str, bytes: int
) -> tuple[Asset, bool]:
    """Record an uploaded picture and that it is the owner's too; the row, and whether the owner had not had it yet."""
    ensure_owner(session, owner)
    asset = session.get(Asset, asset_id)
    if asset is None:
        at = session.scalar(select(now())) or 0.0
        asset = Asset(id=asset_id, width=width, height=height, format=format, bytes=bytes, created_at=at)
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
    wanted, found = sorted(set(ids)), {}
    for start in range(0, len(wanted), _IDS):
        query = select(Asset.id, Asset.width, Asset.height).where(Asset.id.in_(wanted[start : start + _IDS]))
        if owner is not None:
            query = query.join(AssetOwner, AssetOwner.asset_id == Asset.id).where(AssetOwner.owner == owner)
        for id_, width, height in session.execute(query):
            found[id_] = AssetSize(width, height)
    return found
