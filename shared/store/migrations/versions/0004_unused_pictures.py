"""Uploaded pictures that nobody uses are removed"""

import sqlalchemy as sa
from alembic import op

from shared.store.session import now

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("assets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("used_at", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("purging_since", sa.Float(), nullable=True))
    # All are kept for as long as if they had just come: nobody was told before that they would go.
    assets = sa.table("assets", sa.column("used_at", sa.Float()))
    op.execute(sa.update(assets).values(used_at=now()))


def downgrade() -> None:
    # Not as a batch operation, which on SQLite would replace a table that others refer to.
    op.drop_column("assets", "purging_since")
    op.drop_column("assets", "used_at")
