"""The field's words: inconclusive, protected, a missing root."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_EXPLANATIONS = sa.table("explanations", sa.column("status"))


def upgrade() -> None:
    """Rename a column and a value; documents are upgraded as they are read."""
    op.alter_column("traces", "stand_in_root", new_column_name="root_missing")
    connection = op.get_bind()
    connection.execute(
        sa.update(_EXPLANATIONS)
        .where(_EXPLANATIONS.c.status == "unreliable")
        .values(status="inconclusive")
    )
