"""What judges, models that are asked, said of the variants of profiles."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty."""
    op.create_table(
        "judge_judgements",
        sa.Column("variant_id", sa.String(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("probe", sa.String(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("change", sa.Float(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("same_meaning", sa.String(), nullable=False),
        sa.Column("worse", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("judged_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("variant_id", "reviewer", name=op.f("pk_judge_judgements")),
    )
    op.create_index("ix_judge_judgements_trace_id", "judge_judgements", ["trace_id"], unique=False)
