"""The tables of release 0.2, the first one: what the migrations of later releases bring on.

A file is made by them all, one after the other. A new schema of PostgreSQL is made of the tables
of the day at once (`PostgresDatabase`), and is from then on brought on in the same way.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make everything."""
    op.create_table(
        "calls",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("group_kind", sa.String(), nullable=False, server_default=""),
        sa.Column("group_name", sa.String(), nullable=False, server_default=""),
        sa.Column("group_version", sa.String(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_decided", "calls", ["decided"])
    op.create_index("ix_calls_trace_id", "calls", ["trace_id"])
    op.create_index("ix_calls_group", "calls", ["group_kind", "group_name", "group_version"])
    op.create_table(
        "corrupt_lines",
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("file", "offset", name=op.f("pk_corrupt_lines")),
    )
    op.create_table(
        "deliveries",
        sa.Column("tracker", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("tracker", "kind", "item", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["tracker", "kind", "state", "not_before"])
    op.create_index("ix_deliveries_trace_id", "deliveries", ["trace_id"])
    op.create_table(
        "explanations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("settings_hash", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sanity_check", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_explanations")),
        sa.UniqueConstraint(
            "call_id",
            "settings_hash",
            "attempt",
            name=op.f("uq_explanations_call_id_settings_hash_attempt"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_explanations_sanity_check", "explanations", ["sanity_check"])
    op.create_index("ix_explanations_trace_id", "explanations", ["trace_id"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    op.create_index("ix_feedback_trace_id", "feedback", ["trace_id"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("settings_hash", sa.String(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("inclusion_probability", sa.Float(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("worker_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("call_id", "settings_hash", name=op.f("uq_jobs_call_id_settings_hash")),
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "priority", "id"])
    op.create_table(
        "paused_models",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_paused_models")),
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("explanation", sa.String(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    op.create_index("ix_reservations_day", "reservations", ["day"])
    op.create_table(
        "responses",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_responses")),
    )
    op.create_index("ix_responses_created_at", "responses", ["created_at"])
    op.create_table(
        "spans",
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("span_id", sa.String(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trace_id", "span_id", name=op.f("pk_spans")),
    )
    op.create_table(
        "spend",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.Column("unpriced_calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_spend")),
    )
    op.create_table(
        "spool_files",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("grown_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_spool_files")),
    )
    op.create_table(
        "traces",
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("has_root", sa.Boolean(), nullable=False),
        sa.Column("root_missing", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("trace_id", name=op.f("pk_traces")),
        sa.UniqueConstraint("position", name=op.f("uq_traces_position")),
    )
    op.create_index("ix_traces_file", "traces", ["file"])
    op.create_index("ix_traces_open", "traces", ["position", "has_root"])
    op.create_index("ix_traces_changed_at", "traces", ["changed_at"])
    op.create_table(
        "trackers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("trace_position", sa.Integer(), nullable=False),
        sa.Column("explanation_position", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("since", sa.Float(), nullable=True),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("path_position", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("profile_position", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_trackers")),
    )
    op.create_table(
        "observations",
        sa.Column("explanation_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.Column("keep_probability", sa.Float(), nullable=True),
        sa.Column("locality", sa.Float(), nullable=True),
        sa.Column("replicate", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("fixed", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.String(), nullable=False),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("shift", sa.Float(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("asked", sa.String(), nullable=False, server_default="target"),
        sa.Column("scores", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("explanation_id", "number", name=op.f("pk_observations")),
        sa.ForeignKeyConstraint(
            ["explanation_id"],
            ["explanations.id"],
            name=op.f("fk_observations_explanation_id"),
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "groups",
        sa.Column("group_kind", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("group_version", sa.String(), nullable=False),
        sa.Column("chosen", sa.Integer(), nullable=False),
        sa.Column("argument_differs", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint(
            "group_kind", "group_name", "group_version", name=op.f("pk_groups")
        ),
    )
    op.create_table(
        "forgotten",
        sa.Column("trace_hash", sa.String(), nullable=False),
        sa.Column("forgotten_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("trace_hash", name=op.f("pk_forgotten")),
    )
    op.create_table(
        "removals",
        sa.Column("tracker", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tracker", "trace_id", name=op.f("pk_removals")),
    )
    op.create_table(
        "response_uses",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", "trace_id", name=op.f("pk_response_uses")),
        sa.ForeignKeyConstraint(
            ["key"],
            ["responses.key"],
            name=op.f("fk_response_uses_key_responses"),
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_response_uses_trace_id", "response_uses", ["trace_id"])
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
    )
    op.create_table(
        "paths",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("settings_hash", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paths")),
        sa.UniqueConstraint(
            "call_id",
            "settings_hash",
            "attempt",
            name=op.f("uq_paths_call_id_settings_hash_attempt"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_paths_trace_id", "paths", ["trace_id"])
    op.create_table(
        "pulled",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("traces", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "place", name=op.f("pk_pulled")),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("roles", sa.String(), nullable=False, server_default="ingest,explain,deliver"),
        sa.Column("models", sa.Text(), nullable=True),
        sa.Column("clock_ahead", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        sa.UniqueConstraint("name", name=op.f("uq_workers_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "profiles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("settings_hash", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("group_kind", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("group_version", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint(
            "call_id",
            "settings_hash",
            "attempt",
            "period",
            name=op.f("uq_profiles_call_id_settings_hash_attempt_period"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_profiles_trace_id", "profiles", ["trace_id"])
    op.create_index("ix_profiles_group", "profiles", ["group_kind", "group_name"])
    op.create_table(
        "judgements",
        sa.Column("variant_id", sa.String(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("probe", sa.String(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("change", sa.Float(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("same_meaning", sa.String(), nullable=False),
        sa.Column("worse", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("judged_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("variant_id", "reviewer", name=op.f("pk_judgements")),
    )
    op.create_index("ix_judgements_trace_id", "judgements", ["trace_id"])
    op.create_table(
        "drift_cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_cases")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_drift_cases_group_name", "drift_cases", ["group_name"])
    op.create_index("ix_drift_cases_trace_id", "drift_cases", ["trace_id"])
    op.create_table(
        "drift_answers",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("probe", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("draw", sa.Integer(), nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "case_id", "probe", "period", "draw", name=op.f("pk_drift_answers")
        ),
    )
    op.create_index("ix_drift_answers_group_name", "drift_answers", ["group_name"])
    op.create_index("ix_drift_answers_trace_id", "drift_answers", ["trace_id"])
    op.create_table(
        "drift_alarms",
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("probe", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("group_name", name=op.f("pk_drift_alarms")),
    )
    op.create_table(
        "judge_judgements",
        sa.Column("variant_id", sa.String(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("probe", sa.String(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("change", sa.Float(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("same_meaning", sa.String(), nullable=False),
        sa.Column("worse", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("judged_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("variant_id", "reviewer", name=op.f("pk_judge_judgements")),
    )
    op.create_index("ix_judge_judgements_trace_id", "judge_judgements", ["trace_id"])
    op.create_table(
        "rate_limits",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("model", "unit", name=op.f("pk_rate_limits")),
    )
