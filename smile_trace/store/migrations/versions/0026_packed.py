"""Bodies and settings, compressed: what is there stays as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty."""
    for table in ("spans", "calls", "jobs"):
        op.add_column(table, sa.Column("packed", sa.LargeBinary()))
