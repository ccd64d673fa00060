"""The paths of traces, and how far each tracker was given them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty, and the position."""
    op.create_table(
        "paths",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("settings_hash", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paths")),
        sa.UniqueConstraint(
            "call_id",
            "settings_hash",
            "attempt",
            name=op.f("uq_paths_call_id_settings_hash_attempt"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_paths_trace_id", "paths", ["trace_id"], unique=False)
    position = sa.Column("path_position", sa.Integer(), nullable=False, server_default="0")
    op.add_column("trackers", position)
