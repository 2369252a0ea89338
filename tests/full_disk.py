"""A disk that is full, as far as a SQLite database can tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from shared.store import Store


@contextmanager
def full_disk(store: Store) -> Iterator[None]:
    """Within the block, the store's database file cannot grow: SQLite answers as it does when the disk is full."""

    def no_growth(connection: Any, _record: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(store.engine, "connect", no_growth)
    store.engine.dispose()
    try:
        yield
    finally:
        event.remove(store.engine, "connect", no_growth)
        store.engine.dispose()
