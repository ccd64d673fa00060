"""Reason codes beside the sentences; 0.1 kept sentences alone, which are matched here once.

Credentials in addresses, which 0.1 let through, are taken out of them.
"""

import sqlalchemy as sa
from alembic import op

from smile_trace.store.migrations.credentials import remove_credentials

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SKIPPED = {
    "not sampled": "not_sampled",
    "the call failed: %": "call_failed",
    "the call was % before its answer was complete": "call_incomplete",
    "its text was cut at the size limit": "call_truncated",
    "cannot be asked again: %": "not_repeatable",
    "the prompt is empty": "empty_prompt",
    "no model for %": "no_model",
    "%": "no_content",
}
_FAILED = {
    "the worker died % times while it explained this": "worker_crashed",
    "internal error: %": "internal_error",
    "its trace is not in the store any more": "call_removed",
    "the cap of % per explanation is used up%": "explanation_cap",
    "no model for %": "no_model",
    "%": "cannot_explain",
}
_PENDING = {"the cap of % per day%": "daily_cap", "%": "model_unavailable"}
_REFUSED = {
    "its trace was refused": "trace_rejected",
    "its call is not in its trace": "call_removed",
    "its spans cannot be read any more": "trace_unreadable",
    "delivery failed: %": "delivery_failed",
    "%": "rejected",
}


def upgrade() -> None:
    """Add the columns, and fill them where there is a sentence."""
    for table in ("jobs", "deliveries", "trackers", "paused_models"):
        op.add_column(table, sa.Column("reason_code", sa.String(), nullable=True))
    for state, codes in (("skipped", _SKIPPED), ("failed", _FAILED), ("pending", _PENDING)):
        _fill("jobs", codes, state)
    _fill("deliveries", _REFUSED, "refused")
    waiting = _table("deliveries")
    op.execute(
        sa.update(waiting)
        .where(waiting.c.state == "waiting", waiting.c.reason.is_not(None))
        .values(reason_code=sa.case((waiting.c.attempts > 0, "rejected"), else_="deferred"))
    )
    _fill("trackers", {"%": "tracker_unavailable"})
    _fill("paused_models", {"%": "model_unavailable"})
    remove_credentials()


def _fill(name: str, codes: dict[str, str], state: str | None = None) -> None:
    table = _table(name)
    matches = [(table.c.reason.like(pattern), code) for pattern, code in codes.items()]
    statement = sa.update(table).where(table.c.reason.is_not(None))
    if state is not None:
        statement = statement.where(table.c.state == state)
    op.execute(statement.values(reason_code=sa.case(*matches)))


def _table(name: str) -> sa.TableClause:
    return sa.table(name, *map(sa.column, ("reason_code", "reason", "state", "attempts")))
