"""The outcome of an explanation's sanity check, where one was made."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column for the outcome, and an index that counts it."""
    op.add_column("explanations", sa.Column("sanity_check", sa.String(), nullable=True))
    op.create_index("ix_explanations_sanity_check", "explanations", ["sanity_check"], unique=False)
