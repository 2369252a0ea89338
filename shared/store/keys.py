"""API keys: who they belong to and what they may do. Only digests are kept, so a stolen database opens nothing."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.settings import Settings
from shared.store.ids import new_id
from shared.store.jobs.submission import ensure_owner
from shared.store.session import Store, now
from shared.store.tables import ApiKey, Role

#: Random bytes of a key: 256 bits, so that a plain digest of it cannot be searched.
_KEY_BYTES = 32
#: Owner of the work that is done with the local key.
LOCAL_OWNER = "local"


@dataclass(frozen=True)
class Identity:
    """Whom a key speaks for. viewers look, submitters also submit and steer, admins see and do everything."""

    owner: str
    role: Role


def digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def identify(session: Session, key: str) -> Identity | None:
    """Whose key it is; None when it is unknown or revoked."""
    query = select(ApiKey.owner, ApiKey.role).where(ApiKey.digest == digest(key), ApiKey.revoked_at.is_(None))
    row = session.execute(query).first()
    return None if row is None else Identity(row.owner, cast(Role, row.role))


def create(session: Session, owner: str, role: Role, label: str = "") -> tuple[ApiKey, str]:
    """A new key: its row, and the key itself, which cannot be asked for again."""
    ensure_owner(session, owner)
    key = "df_" + secrets.token_urlsafe(_KEY_BYTES)
    at = session.scalar(select(now())) or 0.0
    row = ApiKey(id=new_id("k"), owner=owner, role=role, digest=digest(key), label=label, created_at=at)
    session.add(row)
    session.flush()
    return row, key


def listed(session: Session) -> Sequence[ApiKey]:
    """All keys, oldest first."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)).all()


def revoke(session: Session, key_id: str) -> bool:
    """Close a key for good; False when there is none of that ID. Repeating it changes nothing."""
    # What is no ID at all could be something that a database does not even compare.
    if not (key_id.isascii() and key_id.isalnum()) or session.get(ApiKey, key_id) is None:
        return False
    session.execute(
        update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None)).values(revoked_at=now()),
        execution_options={"synchronize_session": False},
    )
    return True


def ensure_local_key(store: Store, settings: Settings) -> str:
    """The admin key of this machine's user, kept in the data folder's file `key`; made when it is missing or revoked."""
    path = settings.data / "key"
    if path.exists():
        key = path.read_text().strip()
        with store.read() as session:
            if key and identify(session, key) is not None:
                return key
    with store.write() as session:
        _, key = create(session, LOCAL_OWNER, "admin", label="this machine")
    settings.data.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"key.{os.getpid()}")
    # Never readable by others, not even for a moment.
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(key + "\n")
    fresh.replace(path)
    return key
