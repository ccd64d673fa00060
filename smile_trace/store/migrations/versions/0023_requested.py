"""Explanations and paths that people asked for, beside those that workers make."""

import sqlalchemy as sa
from alembic import op

from smile_trace.store.database.sql import STRING, TEXT

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty."""
    op.create_table(
        "requested",
        sa.Column("call_id", STRING, nullable=False),
        sa.Column("kind", STRING, nullable=False),
        sa.Column("asked_hash", STRING, nullable=False),
        sa.Column("asked", TEXT, nullable=False),
        sa.Column("trace_id", STRING, nullable=False),
        sa.Column("of_trace", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("call_id", "kind", "asked_hash", name=op.f("pk_requested")),
    )
    op.create_index("ix_requested_trace_id", "requested", ["trace_id"])
