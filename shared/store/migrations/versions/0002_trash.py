"""Deleted jobs and batches wait in the trash until they are purged"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TRASHED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    for table in ("batches", "jobs"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("deleted_at", sa.Float(), nullable=True))
            batch_op.add_column(sa.Column("purging_since", sa.Float(), nullable=True))
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("jobs_head")
        batch_op.create_index("jobs_head", ["batch_id", "state", "priority", "seq", "deleted_at"], unique=False)
        batch_op.drop_index("jobs_state")
        batch_op.create_index("jobs_state", ["state", "seq", "deleted_at"], unique=False)
        batch_op.create_index(
            "jobs_trash",
            ["seq", "deleted_at", "purging_since"],
            unique=False,
            sqlite_where=_TRASHED,
            postgresql_where=_TRASHED,
        )


def downgrade() -> None:
    # What is in the trash comes back: the schema before knew of no deletion.
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("jobs_trash", sqlite_where=_TRASHED, postgresql_where=_TRASHED)
        batch_op.drop_index("jobs_state")
        batch_op.create_index("jobs_state", ["state", "seq"], unique=False)
        batch_op.drop_index("jobs_head")
        batch_op.create_index("jobs_head", ["batch_id", "state", "priority", "seq"], unique=False)
    for table in ("jobs", "batches"):
        # Not as a batch operation, which on SQLite would replace a table that others refer to.
        op.drop_column(table, "purging_since")
        op.drop_column(table, "deleted_at")
