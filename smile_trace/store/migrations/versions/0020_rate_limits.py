"""When the next request may be sent to a model that takes only so many a minute."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty."""
    op.create_table(
        "rate_limits",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("model", "unit", name=op.f("pk_rate_limits")),
    )
