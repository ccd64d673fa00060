"""What read each call, and whether it is still one of its trace's."""

import sqlalchemy as sa
from alembic import op

from smile_trace.store.database.sql import STRING

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: of the calls that are there nobody knows which release read them."""
    op.add_column("calls", sa.Column("read_by", STRING))
    superseded: sa.Column[bool] = sa.Column(
        "superseded", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("calls", superseded)
