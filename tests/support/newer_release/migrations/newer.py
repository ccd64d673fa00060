"""What a later release may change: it adds."""

import sqlalchemy as sa
from alembic import op

from smile_trace.store.tables import metadata, reservations
from tests.support.newer_release import OLD

revision = "newer"
down_revision = max(path.name[:4] for path in OLD.glob("0*.py"))
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column to every table, and a table."""
    for table in metadata.sorted_tables:
        # Older workers say nothing of it, also not to the procedure that fills this one.
        missing = table is reservations
        default = None if missing else "old"
        column = sa.Column("newer", sa.String(), nullable=missing, server_default=default)
        op.add_column(table.name, column)
    op.create_table("newer", sa.Column("id", sa.Integer(), nullable=False))
    op.create_index("ix_jobs_newer", "jobs", ["newer"], unique=False)
