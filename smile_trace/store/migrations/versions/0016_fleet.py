"""What a worker of a shared store does, and how far its clock is from the database's."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; who is registered already does everything."""
    op.add_column(
        "workers",
        sa.Column("roles", sa.String(), nullable=False, server_default="ingest,explain,deliver"),
    )
    op.add_column("workers", sa.Column("models", sa.Text(), nullable=True))
    op.add_column("workers", sa.Column("clock_ahead", sa.Float(), nullable=True))
