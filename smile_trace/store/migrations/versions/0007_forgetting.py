"""What was forgotten, what trackers still have to delete, and whom cached answers belong to."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three new tables. Answers that are cached already belong to nobody."""
    op.create_table(
        "forgotten",
        sa.Column("trace_hash", sa.String(), nullable=False),
        sa.Column("forgotten_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("trace_hash", name=op.f("pk_forgotten")),
    )
    op.create_table(
        "removals",
        sa.Column("tracker", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tracker", "trace_id", name=op.f("pk_removals")),
    )
    op.create_table(
        "response_uses",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key"],
            ["responses.key"],
            name=op.f("fk_response_uses_key_responses"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", "trace_id", name=op.f("pk_response_uses")),
    )
    op.create_index("ix_response_uses_trace_id", "response_uses", ["trace_id"], unique=False)
