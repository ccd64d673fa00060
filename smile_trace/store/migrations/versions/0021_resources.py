"""The resource of spans, stored once: a small request may hold a large one and many spans."""

import sqlalchemy as sa
from alembic import op

from smile_trace.store.database.sql import STRING, TEXT

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty: the spans that are there keep theirs in their bodies."""
    op.create_table(
        "resources",
        sa.Column("hash", STRING, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_resources")),
    )
    op.add_column("spans", sa.Column("resource", STRING))
    op.create_index("ix_spans_resource", "spans", ["resource"])
