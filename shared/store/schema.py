"""Bringing a database to the current schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from shared.store.session import MIGRATING, Store, lock_connection

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(store: Store) -> None:
    """Run the migrations that are missing; several processes may try at once."""
    with store.engine.execution_options(dreamfarm_write=True).begin() as connection:
        lock_connection(connection, MIGRATING)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest() -> str:
    """The newest revision's name."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def is_newer(revision: str | None) -> bool:
    """Whether a later version has made it: this one knows its own schemas and all before them.

    A later schema serves this version, too: while a farm is upgraded, both run beside each other.
    """
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return revision is not None and revision not in known


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
