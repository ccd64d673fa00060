"""What each explanation is of: the worker fills it in for those that are there."""

import sqlalchemy as sa
from alembic import op

from smile_trace.store.database.sql import STRING

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_GROUP = ["group_kind", "group_name", "group_version"]


def upgrade() -> None:
    """Add the columns, empty, and their index."""
    for name in _GROUP:
        op.add_column("explanations", sa.Column(name, STRING))
    op.create_index("ix_explanations_group", "explanations", _GROUP)
