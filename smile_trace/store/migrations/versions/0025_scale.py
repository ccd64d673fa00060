"""Indexes for stores of many millions of calls."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those on what is rare, and a prompt version's calls in order of time."""
    op.create_index(
        "ix_calls_group_start_ns",
        "calls",
        ["group_kind", "group_name", "group_version", "start_ns"],
    )
    op.drop_index("ix_calls_group", "calls")
    _of_few("ix_calls_undecided", "calls", "start_ns", sa.column("decided").is_(False))
    op.drop_index("ix_calls_decided", "calls")
    _of_few("ix_deliveries_with_reason", "deliveries", "tracker", sa.column("reason").is_not(None))


def _of_few(name: str, table: str, column: str, which: sa.ColumnElement[bool]) -> None:
    op.create_index(name, table, [column], sqlite_where=which, postgresql_where=which)
