"""Who was asked, and how well a proxy agrees with its target."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Perturbations say whom they asked; agreements are kept."""
    op.add_column(
        "observations", sa.Column("asked", sa.String(), server_default="target", nullable=False)
    )
    op.create_table(
        "agreements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("proxy", sa.String(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreements")),
        sa.UniqueConstraint("item", name=op.f("uq_agreements_item")),
    )
    op.create_index("ix_agreements_pair", "agreements", ["target", "proxy", "prompt"], unique=False)
