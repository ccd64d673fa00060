"""A proxy is dropped by its trust, no longer by its agreement."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Agreements were other numbers than trusts, so that every proxy is tried anew."""
    op.drop_table("agreements")
    op.create_table(
        "proxy_trusts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("proxy", sa.String(), nullable=False),
        sa.Column("group_kind", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("group_version", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxy_trusts")),
        sa.UniqueConstraint("item", name=op.f("uq_proxy_trusts_item")),
    )
    op.create_index(
        "ix_proxy_trusts_pair",
        "proxy_trusts",
        ["target", "proxy", "group_kind", "group_name", "group_version"],
        unique=False,
    )
