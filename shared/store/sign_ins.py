"""Browsers that were signed in with a key. They keep a token of their own instead of the key, which works in a cookie only,
ends by itself, with signing out, or with the key. As of keys, only digests are kept.
"""

from __future__ import annotations

import secrets
from typing import cast

from sqlalchemy import CursorResult, delete, insert, literal, select
from sqlalchemy.orm import Session

from shared.store.keys import Identity, digest
from shared.store.session import now
from shared.store.tables import ApiKey, Role, SignIn

#: How long a browser stays signed in.
SECONDS = 30 * 24 * 3600
#: Random bytes of a token: 256 bits, so that a plain digest of it cannot be searched.
_TOKEN_BYTES = 32


def sign_in(session: Session, key: str) -> str | None:
    """A new token of a browser that was shown the key; None when the key is unknown or revoked."""
    token = "dfs_" + secrets.token_urlsafe(_TOKEN_BYTES)
    row = select(literal(digest(token)), ApiKey.id, now() + SECONDS)
    row = row.where(ApiKey.digest == digest(key), ApiKey.revoked_at.is_(None))
    made = session.execute(insert(SignIn).from_select(["digest", "key_id", "expires_at"], row))
    return token if cast("CursorResult[object]", made).rowcount else None


def identify(session: Session, token: str) -> Identity | None:
    """Whose browser it is; None when it was signed out, its time is over, or its key was revoked."""
    query = select(ApiKey.owner, ApiKey.role).join(SignIn, SignIn.key_id == ApiKey.id)
    query = query.where(SignIn.digest == digest(token), SignIn.expires_at > now(), ApiKey.revoked_at.is_(None))
    row = session.execute(query).first()
    return None if row is None else Identity(row.owner, cast(Role, row.role))


def sign_out(session: Session, token: str) -> None:
    """Closes a token; one that is unknown is closed already."""
    session.execute(delete(SignIn).where(SignIn.digest == digest(token)))


def forget(session: Session) -> None:
    """Removes what opens nothing any more."""
    revoked = select(ApiKey.id).where(ApiKey.revoked_at.is_not(None))
    session.execute(
        delete(SignIn).where((SignIn.expires_at <= now()) | SignIn.key_id.in_(revoked)),
        execution_options={"synchronize_session": False},
    )
