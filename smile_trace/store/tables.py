"""The tables of the store. What they looked like before stands in `migrations/`.

Times are Unix seconds (real) where we took them and Unix nanoseconds (`…_ns`) where the
application did. Documents (`body`) are JSON of the records.
"""

from collections.abc import Iterator

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def _group(*, primary_key: bool = False) -> Iterator[Column[str]]:
    """The columns of a `groups.Group`: a prompt version, or a function without a version."""
    for name in ("group_kind", "group_name", "group_version"):
        yield Column(name, String, primary_key=primary_key, nullable=False)


def _reason(*, nullable: bool = True) -> Iterator[Column[str]]:
    """The columns of an `errors.Reason`: a code, and the sentence that people are shown."""
    yield Column("reason_code", String)
    yield Column("reason", Text, nullable=nullable)


spool_files = Table(
    "spool_files",
    metadata,
    Column("name", String, primary_key=True),
    Column("inode", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),  # everything before it is in the store
    Column("grown_at", Float, nullable=False),  # when it last had something new
)

corrupt_lines = Table(
    "corrupt_lines",
    metadata,
    Column("file", String, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("error", Text, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("kept_at", Float, nullable=False),
)

spans = Table(
    "spans",
    metadata,
    Column("trace_id", String, primary_key=True),
    Column("span_id", String, primary_key=True),
    Column("start_ns", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

traces = Table(
    "traces",
    metadata,
    Column("trace_id", String, primary_key=True),
    Column("file", String, nullable=False, index=True),  # where its last span stood
    Column("has_root", Boolean, nullable=False),
    Column("root_missing", Boolean, nullable=False, default=False),
    Column("changed_at", Float, nullable=False),
    Column("error", Text),  # why it can be read by no dialect; it is never complete
    # Grows with every completion, also with that of a trace that got a late span:
    # the outboxes read on from the last position they have seen. Null = not complete.
    Column("position", Integer, unique=True),
    Index("ix_traces_open", "position", "has_root"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", String, primary_key=True),
    Column("trace_id", String, nullable=False, index=True),
    *_group(),
    Column("start_ns", BigInteger, nullable=False),
    Column("decided", Boolean, nullable=False, default=False, index=True),  # by sampling
    Column("body", Text, nullable=False),
    Index("ix_calls_group", "group_kind", "group_name", "group_version"),
)

groups = Table(
    "groups",
    metadata,
    *_group(primary_key=True),
    Column("chosen", Integer, nullable=False),  # how many of its calls were sampled so far
    # A call of it was asked again with the function's argument, which did not give its answer.
    Column("argument_differs", Boolean, nullable=False, server_default=false()),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String, primary_key=True),
    Column("trace_id", String, nullable=False, index=True),
    Column("body", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", String, nullable=False),
    Column("settings_hash", String, nullable=False),
    Column("settings", Text, nullable=False),  # JSON of ExplanationSettings
    Column("model", String),  # the name in the settings
    Column("state", String, nullable=False),
    *_reason(),  # why skipped or failed, or what a pending job waits for
    Column("attempt", Integer, nullable=False, default=1),  # raised by a retry
    Column("run", Integer, nullable=False, default=1),  # raised when it goes on after a wait
    Column("crashes", Integer, nullable=False, default=0),  # in this attempt, without progress
    Column("inclusion_probability", Float),
    Column("priority", Integer, nullable=False, default=0),
    Column("not_before", Float, nullable=False, default=0.0),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    UniqueConstraint("call_id", "settings_hash"),
    Index("ix_jobs_state", "state", "priority", "id"),
)

explanations = Table(
    "explanations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", String, nullable=False),
    Column("trace_id", String, nullable=False),
    Column("settings_hash", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("body", Text, nullable=False),  # without its perturbations
    Column("sanity_check", String),  # its outcome, where one was made
    UniqueConstraint("call_id", "settings_hash", "attempt"),
    Index("ix_explanations_sanity_check", "sanity_check"),
    sqlite_autoincrement=True,  # positions of the outboxes: never given out twice
)

paths = Table(
    "paths",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", String, nullable=False),  # of the final answer, whose job made it
    Column("trace_id", String, nullable=False, index=True),
    Column("settings_hash", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("body", Text, nullable=False),  # without the perturbations of its steps
    UniqueConstraint("call_id", "settings_hash", "attempt"),
    sqlite_autoincrement=True,  # positions of the outboxes: never given out twice
)

observations = Table(
    "observations",
    metadata,
    Column(
        "explanation_id",
        Integer,
        ForeignKey("explanations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("mask", Text, nullable=False),  # "1011": 1 = kept
    Column("keep_probability", Float),
    Column("locality", Float),
    Column("replicate", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("fixed", Text, nullable=False),  # JSON list of unit indices
    Column("text_hash", String, nullable=False),
    Column("response", Text),
    Column("shift", Float),
    Column("failure", Text),
    Column("asked", String, nullable=False, server_default="target"),  # or "proxy"
    Column("scores", Text),  # JSON of what a scored answer has besides: log-probabilities
)

proxy_trusts = Table(
    "proxy_trusts",
    metadata,
    Column("id", Integer, primary_key=True),  # the order in which they were seen
    Column("target", String, nullable=False),
    Column("proxy", String, nullable=False),
    *_group(),
    Column("item", String, nullable=False, unique=True),  # the explanation, counted once
    Column("value", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_proxy_trusts_pair", "target", "proxy", "group_kind", "group_name", "group_version"),
)

responses = Table(
    "responses",
    metadata,
    Column("key", String, primary_key=True),
    Column("created_at", Float, nullable=False, index=True),
    Column("body", Text, nullable=False),
)

response_uses = Table(
    "response_uses",
    metadata,
    Column("key", String, ForeignKey("responses.key", ondelete="CASCADE"), primary_key=True),
    Column("trace_id", String, primary_key=True, index=True),  # whose explanation it was asked for
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("trace_hash", String, primary_key=True),  # of an id that must not come back
    Column("forgotten_at", Float, nullable=False),
)

removals = Table(
    "removals",
    metadata,
    Column("tracker", String, primary_key=True),
    Column("trace_id", String, primary_key=True),
    Column("body", Text, nullable=False),  # JSON of a ForgottenTrace
    Column("reason", Text),  # why its copy is not deleted yet
    Column("by_hand", Boolean, nullable=False, default=False),  # the tracker cannot do it
)

pulled = Table(
    "pulled",
    metadata,
    Column("source", String, primary_key=True),
    Column("place", String, primary_key=True),  # an experiment, a project
    Column("until_ms", BigInteger, nullable=False),  # what began before it was read for good
    Column("traces", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("kept", Integer, nullable=False),  # calls that are in the store
    *_reason(),  # why it cannot be read
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", String, primary_key=True),
    Column("day", String, nullable=False, index=True),
    Column("model", String, nullable=False),
    Column("explanation", String, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float),  # null = no price is known
    Column("settled", Boolean, nullable=False, default=False),
)

spend = Table(
    "spend",
    metadata,
    Column("scope", String, primary_key=True),  # "day", "model" or "explanation"
    Column("key", String, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float, nullable=False),
    Column("unpriced_calls", Integer, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("tracker", String, primary_key=True),
    Column("kind", String, primary_key=True),  # "trace", "explanation", "path" or "unexplained"
    Column("item", String, primary_key=True),  # trace id or call id
    Column("trace_id", String, nullable=False),
    Column("state", String, nullable=False),  # "waiting", "delivered", "refused" or "skipped"
    Column("attempts", Integer, nullable=False, default=0),
    Column("not_before", Float, nullable=False, default=0.0),
    *_reason(),
    Column("external_id", String),
    Column("url", Text),
    Column("created_at", Float, nullable=False),
    Index("ix_deliveries_due", "tracker", "kind", "state", "not_before"),
)

trackers = Table(
    "trackers",
    metadata,
    Column("name", String, primary_key=True),
    Column("trace_position", Integer, nullable=False, default=0),
    Column("explanation_position", Integer, nullable=False, default=0),
    Column("path_position", Integer, nullable=False, default=0, server_default=text("0")),
    Column("failures", Integer, nullable=False, default=0),
    *_reason(),
    Column("since", Float),
    Column("not_before", Float, nullable=False, default=0.0),
)

paused_models = Table(
    "paused_models",
    metadata,
    Column("name", String, primary_key=True),
    *_reason(nullable=False),
    Column("failures", Integer, nullable=False),
    Column("since", Float, nullable=False),
    Column("not_before", Float, nullable=False),
)
