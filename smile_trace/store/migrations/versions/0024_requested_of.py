"""Whose call somebody asked about: its trace may be in a backend alone."""

import sqlalchemy as sa
from alembic import op

from smile_trace.store.database.sql import STRING

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: of what is there already nobody knows."""
    op.add_column("requested", sa.Column("session", STRING))
    op.add_column("requested", sa.Column("user", STRING))
