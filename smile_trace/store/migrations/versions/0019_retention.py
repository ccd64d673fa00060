"""What retention looks for: old traces, and what belongs to a trace."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_traces_changed_at", "traces", ["changed_at"])
    op.create_index("ix_explanations_trace_id", "explanations", ["trace_id"])
    op.create_index("ix_deliveries_trace_id", "deliveries", ["trace_id"])
