"""What the same explanation is computed from again: the log-probabilities of scored answers."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of explanations from before, nothing is known."""
    op.add_column("observations", sa.Column("scores", sa.Text(), nullable=True))
