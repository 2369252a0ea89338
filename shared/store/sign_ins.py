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
#: Browsers that one key keeps signed in; more than a person has, so that what programs forget does not pile up.
_PER_KEY = 50
#: Random bytes of a token: 256 bits, so that a plain digest of it cannot be searched.
_TOKEN_BYTES = 32


def sign_in(session: Session, key: str) -> str | None:
    """A new token of a browser that was shown the key; None when the key is unknown or revoked.

    Of more than `_PER_KEY` tokens of one key, the oldest are closed.
    """
    token = "dfs_" + secrets.token_urlsafe(_TOKEN_BYTES)
    row = select(literal(digest(token)), ApiKey.id, now() + SECONDS)
    row = row.where(ApiKey.digest == digest(key), ApiKey.revoked_at.is_(None))
    made = session.execute(insert(SignIn).from_select(["digest", "key_id", "expires_at"], row))
    if not cast("CursorResult[object]", made).rowcount:
        return None
    own = SignIn.key_id == select(ApiKey.id).where(ApiKey.digest == digest(key)).scalar_subquery()
    # Of those of the same moment, the new one stays.
    newest = select(SignIn.digest).where(own).order_by(SignIn.expires_at.desc(), SignIn.digest != digest(token))
    surplus = delete(SignIn).where(own, SignIn.digest.not_in(newest.limit(_PER_KEY)))
    session.execute(surplus, execution_options={"synchronize_session": False})
    return token


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
