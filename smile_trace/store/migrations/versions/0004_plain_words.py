"""The field's words: inconclusive, protected, a missing root."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JOBS = sa.table("jobs", sa.column("id"), sa.column("settings"), sa.column("settings_hash"))
_EXPLANATIONS = sa.table("explanations", sa.column("status"), sa.column("settings_hash"))


def upgrade() -> None:
    """Rename columns and values; the hashes of settings follow their new names."""
    op.alter_column("traces", "stand_in_root", new_column_name="root_missing")
    connection = op.get_bind()
    connection.execute(
        sa.update(_EXPLANATIONS)
        .where(_EXPLANATIONS.c.status == "unreliable")
        .values(status="inconclusive")
    )
    distinct = sa.select(_JOBS.c.settings, _JOBS.c.settings_hash).distinct()
    for settings, old in connection.execute(distinct).all():
        upgraded = settings.replace('"freeze":', '"protect":', 1)
        new = hashlib.sha256(upgraded.encode()).hexdigest()[:16]
        connection.execute(
            sa.update(_JOBS)
            .where(_JOBS.c.settings == settings)
            .values(settings=upgraded, settings_hash=new)
        )
        connection.execute(
            sa.update(_EXPLANATIONS)
            .where(_EXPLANATIONS.c.settings_hash == old)
            .values(settings_hash=new)
        )
