"""Functions whose argument alone does not give their answers: what they send is another prompt."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A mark per group; none is known yet."""
    mark: sa.Column[bool] = sa.Column(
        "argument_differs", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("groups", mark)
