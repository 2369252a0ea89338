"""Indexes for what the sweeper looks for, and none that only costs"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_HELD = sa.text("token IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("jobs_changed")
        batch_op.create_index("jobs_held", ["seq"], unique=False, sqlite_where=_HELD, postgresql_where=_HELD)
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index("idempotency_resource", ["resource"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.drop_index("idempotency_resource")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("jobs_held", sqlite_where=_HELD, postgresql_where=_HELD)
        batch_op.create_index("jobs_changed", ["changed_at"], unique=False)
