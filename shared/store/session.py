"""Engines and transactions, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Float, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

#: How long a writer waits for another on SQLite; writes take milliseconds, so this is a broken disk or a debugger.
_SQLITE_BUSY_MS = 15_000
#: What libpq is asked for, where the URL does not say otherwise: a host that is silent, or gone without a word, counts as
#: away within seconds; by itself libpq waits for minutes, or for ever for an answer.
_POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
#: What PostgreSQL says as a standby that was a primary a moment ago, or when its host has made it read-only as its disk is
#: nearly full. For psycopg it is an internal error, not an operational one.
_READ_ONLY = "25006"
#: Taken by transactions that append events, so that events commit in the order of their numbers and whoever tails the
#: table misses none. The locks' numbers are arbitrary.
EVENTS = 0x6472_6561_6D01
#: Taken by transactions that announce, so that no two of them fill the same window of messages.
ANNOUNCING = 0x6472_6561_6D02
#: Taken by migrations.
MIGRATING = 0x6472_6561_6D03


class now(FunctionElement[float]):  # noqa: N801 - reads as the SQL function it is
    """The database's clock, in seconds since 1970: leases must not depend on the clocks of several hosts."""

    type = Float()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(_element: Any, _compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(_element: Any, _compiler: Any, **_: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class Store:
    """The database. `read()` and `write()` give transactions; `write()` commits when its block ends without error."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self._writing = self.engine.execution_options(dreamfarm_write=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes; on SQLite it holds the write lock from its start."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def is_away(error: DBAPIError) -> bool:
    """Whether the database is away, or does not take changes for now, and not the statement to blame."""
    return isinstance(error, OperationalError) or getattr(error.orig, "sqlstate", None) == _READ_ONLY


def lock(session: Session, number: int) -> None:
    """Hold one of the farm's locks until the transaction ends. On SQLite every writer holds the only lock anyway."""
    lock_connection(session.connection(), number)


def lock_connection(connection: Connection, number: int) -> None:
    """As `lock`, for a bare connection."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        patience = {name: value for name, value in _POSTGRESQL.items() if name not in parsed.query}
        return create_engine(
            parsed, connect_args=patience, pool_pre_ping=True, pool_size=10, max_overflow=20, pool_timeout=5
        )
    engine = create_engine(parsed, connect_args={"timeout": _SQLITE_BUSY_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver's guess
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # NORMAL survives every crash of a process; a power cut may cost the last commits, never the file.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA busy_timeout={_SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another wrote meanwhile; an immediate one waits.
    writes = connection.get_execution_options().get("dreamfarm_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
