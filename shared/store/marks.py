"""The mark by which the farm's storage is known again (`shared.storage_mark`): one for each database."""

from __future__ import annotations

import contextlib
import secrets

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.store.session import now
from shared.store.tables import Asset, Job, StorageMark

#: There is one row.
_NUMBER = 1


def laid(session: Session) -> str | None:
    """The mark that lies in the storage; None before it was laid."""
    return session.scalar(select(StorageMark.mark).where(StorageMark.laid_at.is_not(None)))


def choose(session: Session) -> str:
    """The mark that is to be laid: the same one for all who ask."""
    if session.get(StorageMark, _NUMBER) is None:
        # Somebody else may choose at this moment.
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(StorageMark(number=_NUMBER, mark=secrets.token_hex(16)))
    return session.get_one(StorageMark, _NUMBER).mark


def note(session: Session, mark: str) -> None:
    """Remember that this mark lies in the storage."""
    chosen = update(StorageMark).where(StorageMark.laid_at.is_(None)).values(mark=mark, laid_at=now())
    session.execute(chosen, execution_options={"synchronize_session": False})


def oldest_files(session: Session, count: int) -> tuple[list[str], list[str]]:
    """The oldest uploaded pictures' IDs, and the files of the oldest jobs that have some: so many of each at most."""
    pictures = select(Asset.id).where(Asset.purging_since.is_(None)).order_by(Asset.created_at).limit(count)
    files = [
        session.scalars(select(column).where(column.is_not(None)).order_by(Job.seq).limit(count)).all()
        for column in (Job.output, Job.checkpoint)
    ]
    return list(session.scalars(pictures)), [str(key) for keys in files for key in keys]
