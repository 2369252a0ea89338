"""Alembic's environment: migrations run over the connection that `shared.store.schema` hands in."""

from alembic import context

from shared.store.tables import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
