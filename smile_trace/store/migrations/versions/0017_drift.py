"""Fixed requests that are replayed every period, and alarms about them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, empty."""
    op.create_table(
        "drift_cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_cases")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "drift_answers",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("probe", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("draw", sa.Integer(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "case_id", "probe", "period", "draw", name=op.f("pk_drift_answers")
        ),
    )
    for table in ("drift_cases", "drift_answers"):
        for column in ("group_name", "trace_id"):
            op.create_index(f"ix_{table}_{column}", table, [column], unique=False)
    op.create_table(
        "drift_alarms",
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("probe", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("group_name", name=op.f("pk_drift_alarms")),
    )
