"""The profiles of calls, and how far each tracker was given them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty, and the position."""
    op.create_table(
        "profiles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("settings_hash", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("group_kind", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("group_version", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint(
            "call_id",
            "settings_hash",
            "attempt",
            "period",
            name=op.f("uq_profiles_call_id_settings_hash_attempt_period"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_profiles_trace_id", "profiles", ["trace_id"], unique=False)
    op.create_index("ix_profiles_group", "profiles", ["group_kind", "group_name"], unique=False)
    position = sa.Column("profile_position", sa.Integer(), nullable=False, server_default="0")
    op.add_column("trackers", position)
