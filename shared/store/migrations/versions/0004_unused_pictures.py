"""Uploaded pictures that nobody uses are removed"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("assets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("used_at", sa.Float(), nullable=True))


def downgrade() -> None:
    # Not as a batch operation, which on SQLite would replace a table that others refer to.
    op.drop_column("assets", "used_at")
