"""The tables of the store; `migrations/` has their history.

Times are Unix seconds (real) if we took them and Unix nanoseconds (`…_ns`) if the application did.
Documents (`body`) are JSON of the records.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    false,
    inspect,
    text,
)
from sqlalchemy.schema import CreateIndex

from smile_trace.records import Call
from smile_trace.store.database import Database
from smile_trace.store.database.packed import PACKED, PACKED_BYTES
from smile_trace.store.database.sql import INTEGER, STRING, TEXT, storable

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def _group(*, primary_key: bool = False, nullable: bool = False) -> Iterator[Column[str]]:
    """The columns of a `Group`: a prompt version, or a function without a version."""
    for name in ("group_kind", "group_name", "group_version"):
        yield Column(name, STRING, primary_key=primary_key, nullable=nullable)


def _made_by_job() -> Iterator[Column[Any]]:
    """The columns of what a job makes: its call, and the settings and the attempt of the job."""
    yield Column("id", INTEGER, primary_key=True)
    yield Column("call_id", STRING, nullable=False)
    yield Column("trace_id", STRING, nullable=False, index=True)
    yield Column("settings_hash", STRING, nullable=False)
    yield Column("attempt", INTEGER, nullable=False)


def _reason(*, nullable: bool = True) -> Iterator[Column[str]]:
    """The columns of an `errors.Reason`: a code, and the sentence that people are shown."""
    yield Column("reason_code", STRING)
    yield Column("reason", TEXT, nullable=nullable)


def _judgement() -> Iterator[Column[Any]]:
    """The columns of a variant, and of a judgement on it."""
    yield Column("variant_id", STRING, primary_key=True)
    yield Column("reviewer", STRING, primary_key=True)
    yield Column("trace_id", STRING, nullable=False, index=True)
    yield Column("probe", STRING, nullable=False)
    yield Column("prompt", STRING, nullable=False)  # hash of the request
    yield Column("change", Float, nullable=False)
    yield Column("counts", Boolean, nullable=False)
    yield Column("same_meaning", STRING, nullable=False)  # "yes", "no" or "cannot_say"
    yield Column("worse", STRING, nullable=False)
    yield Column("reason", STRING, nullable=False)
    yield Column("judged_at", STRING, nullable=False)  # ISO 8601


def _of_few(name: str, column: Column[Any], which: ColumnElement[bool]) -> None:
    """An index of those rows of a table, of which there are few."""
    Index(name, column, sqlite_where=which, postgresql_where=which)


spool_files = Table(
    "spool_files",
    metadata,
    Column("name", STRING, primary_key=True),
    Column("inode", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),  # everything before it is in the store
    Column("grown_at", Float, nullable=False),  # when it last had something new
)

corrupt_lines = Table(
    "corrupt_lines",
    metadata,
    Column("file", STRING, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("error", TEXT, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Column("kept_at", Float, nullable=False),
)

spans = Table(
    "spans",
    metadata,
    Column("trace_id", STRING, primary_key=True),
    Column("span_id", STRING, primary_key=True),
    Column("start_ns", BigInteger, nullable=False),
    Column("body", PACKED, nullable=False),
    # Its resource, which stands in the body where this is null: before migration 0021.
    Column("resource", STRING, index=True),
    Column("packed", PACKED_BYTES),
)

# What the process said of itself that made the spans: once, however many these are.
resources = Table(
    "resources",
    metadata,
    Column("hash", STRING, primary_key=True),
    Column("body", TEXT, nullable=False),
)

traces = Table(
    "traces",
    metadata,
    Column("trace_id", STRING, primary_key=True),
    Column("file", STRING, nullable=False, index=True),  # where its last span stood
    Column("has_root", Boolean, nullable=False),
    Column("root_missing", Boolean, nullable=False, default=False),
    Column("changed_at", Float, nullable=False, index=True),
    Column("error", TEXT),  # why it can be read by no dialect; it is never complete
    # Grows with every completion, also with that of a trace that got a late span:
    # the outboxes read on from the last position they have seen. Null = not complete.
    Column("position", INTEGER, unique=True),
    Index("ix_traces_open", "position", "has_root"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", STRING, primary_key=True),
    Column("trace_id", STRING, nullable=False, index=True),
    *_group(),
    Column("start_ns", BigInteger, nullable=False),
    Column("decided", Boolean, nullable=False, default=False),  # by sampling
    Column("body", PACKED, nullable=False),
    # The dialect that read it and its release; null of an imported one, and before migration 0022.
    Column("read_by", STRING),
    # It is none of its trace's any more, as late spans showed, but something was asked for it.
    Column("superseded", Boolean, nullable=False, default=False, server_default=false()),
    Column("packed", PACKED_BYTES),
    Index("ix_calls_group_start_ns", "group_kind", "group_name", "group_version", "start_ns"),
)
_of_few("ix_calls_undecided", calls.c.start_ns, calls.c.decided.is_(False))

groups = Table(
    "groups",
    metadata,
    *_group(primary_key=True),
    Column("chosen", INTEGER, nullable=False),  # how many of its calls were sampled so far
    # A call of it was asked again with the function's argument, which did not give its answer.
    Column("argument_differs", Boolean, nullable=False, server_default=false()),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", STRING, primary_key=True),
    Column("trace_id", STRING, nullable=False, index=True),
    Column("body", TEXT, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", INTEGER, primary_key=True),
    Column("call_id", STRING, nullable=False),
    Column("settings_hash", STRING, nullable=False),
    Column("settings", PACKED, nullable=False),  # JSON of ExplanationSettings
    Column("model", STRING),  # the name in the settings
    Column("state", STRING, nullable=False),
    *_reason(),  # why skipped or failed, or what a pending job waits for
    Column("attempt", INTEGER, nullable=False, default=1),  # raised by a retry
    Column("run", INTEGER, nullable=False, default=1),  # raised when it goes on after a wait
    Column("crashes", INTEGER, nullable=False, default=0),  # in this attempt, without progress
    Column("inclusion_probability", Float),
    Column("priority", INTEGER, nullable=False, default=0),
    Column("not_before", Float, nullable=False, default=0.0),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("worker_id", INTEGER),  # which of the workers of a shared store has it under way
    Column("packed", PACKED_BYTES),
    UniqueConstraint("call_id", "settings_hash"),
    Index("ix_jobs_state", "state", "priority", "id"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", INTEGER, primary_key=True),
    Column("name", STRING, nullable=False, unique=True),
    Column("host", STRING, nullable=False),
    Column("release", STRING, nullable=False),
    Column("capacity", INTEGER, nullable=False),
    Column("started_at", Float, nullable=False),
    # What it does, and the models that it asks: names, between commas; null = all of them.
    Column("roles", STRING, nullable=False, server_default="ingest,explain,deliver"),
    Column("models", TEXT),
    Column("clock_ahead", Float),  # seconds beyond the database's clock
    sqlite_autoincrement=True,  # its id is that of a lock: never given out twice
)

explanations = Table(
    "explanations",
    metadata,
    *_made_by_job(),
    Column("status", STRING, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("body", TEXT, nullable=False),  # without its perturbations
    Column("sanity_check", STRING),  # its outcome, where one was made
    # Its call's. A kind of null: look at the call. `note_groups` fills in what an earlier release
    # or an older worker left out, and what was read again.
    *_group(nullable=True),
    UniqueConstraint("call_id", "settings_hash", "attempt"),
    Index("ix_explanations_sanity_check", "sanity_check"),
    Index("ix_explanations_group", "group_kind", "group_name", "group_version"),
    sqlite_autoincrement=True,  # positions of the outboxes: never given out twice
)

paths = Table(
    "paths",
    metadata,
    *_made_by_job(),  # that of the final answer
    Column("created_at", Float, nullable=False),
    Column("body", TEXT, nullable=False),  # without the perturbations of its steps
    UniqueConstraint("call_id", "settings_hash", "attempt"),
    sqlite_autoincrement=True,  # positions of the outboxes: never given out twice
)

# What people asked for at a command or in Python: found again there, and nowhere delivered or
# exported.
requested = Table(
    "requested",
    metadata,
    Column("call_id", STRING, primary_key=True),
    Column("kind", STRING, primary_key=True),  # "explanation" or "path"
    Column("asked_hash", STRING, primary_key=True),
    Column("asked", TEXT, nullable=False),  # JSON of the options that were given
    Column("trace_id", STRING, nullable=False, index=True),
    Column("of_trace", Boolean, nullable=False),  # asked for by the trace's id: its final answer
    Column("created_at", Float, nullable=False),
    Column("body", TEXT, nullable=False),  # with its perturbations
    Column("session", STRING),
    Column("user", STRING),
)

profiles = Table(
    "profiles",
    metadata,
    *_made_by_job(),
    *_group(),
    Column("period", STRING, nullable=False),  # the UTC day that the seed is of
    Column("seed", INTEGER, nullable=False),
    Column("status", STRING, nullable=False),  # a ProbeStatus
    Column("created_at", Float, nullable=False),
    Column("body", TEXT, nullable=False),  # with every variant and its answer
    UniqueConstraint("call_id", "settings_hash", "attempt", "period"),
    Index("ix_profiles_group", "group_kind", "group_name"),
    sqlite_autoincrement=True,  # positions of the outboxes: never given out twice
)

# Figures without texts: they outlive what they are about, unless forgotten.
judgements = Table("judgements", metadata, *_judgement())
# What models said that were asked the same; never people's.
judge_judgements = Table("judge_judgements", metadata, *_judgement())

drift_cases = Table(  # the requests that are replayed every period, with their reference answers
    "drift_cases",
    metadata,
    Column("id", INTEGER, primary_key=True),
    Column("group_name", STRING, nullable=False, index=True),
    Column("call_id", STRING, nullable=False),
    Column("trace_id", STRING, nullable=False, index=True),
    Column("confirmed", Boolean, nullable=False),  # a failure that people confirmed
    Column("created_at", Float, nullable=False),
    Column("body", TEXT, nullable=False),  # messages and reference answer
    sqlite_autoincrement=True,
)

drift_answers = Table(  # figures without texts; the first period is the reference
    "drift_answers",
    metadata,
    Column("case_id", INTEGER, primary_key=True),
    Column("probe", STRING, primary_key=True),
    Column("period", STRING, primary_key=True),  # when it begins, in UTC
    Column("draw", INTEGER, primary_key=True),
    Column("group_name", STRING, nullable=False, index=True),
    Column("trace_id", STRING, nullable=False, index=True),
    Column("seed", INTEGER, nullable=False),
    Column("changed", Boolean, nullable=False),
)

drift_alarms = Table(
    "drift_alarms",
    metadata,
    Column("group_name", STRING, primary_key=True),
    Column("probe", STRING, nullable=False),
    Column("period", STRING, nullable=False),
    Column("told", Boolean, nullable=False),  # the webhook took it, or there is none
)

observations = Table(
    "observations",
    metadata,
    Column(
        "explanation_id",
        INTEGER,
        ForeignKey("explanations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", INTEGER, primary_key=True),
    Column("kind", STRING, nullable=False),
    Column("mask", TEXT, nullable=False),  # "1011": 1 = kept
    Column("keep_probability", Float),
    Column("locality", Float),
    Column("replicate", INTEGER, nullable=False),
    Column("level", INTEGER, nullable=False),
    Column("round", INTEGER, nullable=False),
    Column("fixed", TEXT, nullable=False),  # JSON list of unit indices
    Column("text_hash", STRING, nullable=False),
    Column("response", TEXT),
    Column("shift", Float),
    Column("failure", TEXT),
    Column("asked", STRING, nullable=False, server_default="target"),  # or "proxy"
    Column("scores", TEXT),  # JSON of what a scored answer has besides: log-probabilities
)

proxy_trusts = Table(
    "proxy_trusts",
    metadata,
    Column("id", INTEGER, primary_key=True),  # the order in which they were seen
    Column("target", STRING, nullable=False),
    Column("proxy", STRING, nullable=False),
    *_group(),
    Column("item", STRING, nullable=False, unique=True),  # the explanation, counted once
    Column("value", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_proxy_trusts_pair", "target", "proxy", "group_kind", "group_name", "group_version"),
)

responses = Table(
    "responses",
    metadata,
    Column("key", STRING, primary_key=True),
    Column("created_at", Float, nullable=False, index=True),
    Column("body", TEXT, nullable=False),
)

response_uses = Table(
    "response_uses",
    metadata,
    Column("key", STRING, ForeignKey("responses.key", ondelete="CASCADE"), primary_key=True),
    Column("trace_id", STRING, primary_key=True, index=True),  # whose explanation it was asked for
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("trace_hash", STRING, primary_key=True),  # of an id that must not come back
    Column("forgotten_at", Float, nullable=False),
)

removals = Table(
    "removals",
    metadata,
    Column("tracker", STRING, primary_key=True),
    Column("trace_id", STRING, primary_key=True),
    Column("body", TEXT, nullable=False),  # JSON of a ForgottenTrace
    Column("reason", TEXT),  # why its copy is not deleted yet
    Column("by_hand", Boolean, nullable=False, default=False),  # the tracker cannot do it
)

pulled = Table(
    "pulled",
    metadata,
    Column("source", STRING, primary_key=True),
    Column("place", STRING, primary_key=True),  # an experiment, a project
    Column("until_ms", BigInteger, nullable=False),  # what began before it was read for good
    Column("traces", INTEGER, nullable=False),
    Column("calls", INTEGER, nullable=False),
    Column("kept", INTEGER, nullable=False),  # calls that are in the store
    *_reason(),  # why it cannot be read
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", STRING, primary_key=True),
    Column("day", STRING, nullable=False, index=True),
    Column("model", STRING, nullable=False),
    Column("explanation", STRING, nullable=False),
    Column("calls", INTEGER, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float),  # null = no price is known
    Column("settled", Boolean, nullable=False, default=False),
)

spend = Table(
    "spend",
    metadata,
    Column("scope", STRING, primary_key=True),  # "day", "model" or "explanation"
    Column("key", STRING, primary_key=True),
    Column("calls", INTEGER, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float, nullable=False),
    Column("unpriced_calls", INTEGER, nullable=False),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("model", STRING, primary_key=True),  # its name in the settings
    Column("unit", STRING, primary_key=True),  # "requests" or "tokens"
    Column("next_at", Float, nullable=False),  # when the next attempt may be sent
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("tracker", STRING, primary_key=True),
    Column("kind", STRING, primary_key=True),  # an `outbox_news.Kind`
    Column("item", STRING, primary_key=True),  # trace id or call id
    Column("trace_id", STRING, nullable=False, index=True),
    Column("state", STRING, nullable=False),  # "waiting", "delivered", "refused" or "skipped"
    Column("attempts", INTEGER, nullable=False, default=0),
    Column("not_before", Float, nullable=False, default=0.0),
    *_reason(),
    Column("external_id", STRING),
    Column("url", TEXT),
    Column("created_at", Float, nullable=False),
    Index("ix_deliveries_due", "tracker", "kind", "state", "not_before"),
)
_of_few("ix_deliveries_with_reason", deliveries.c.tracker, deliveries.c.reason.is_not(None))

trackers = Table(
    "trackers",
    metadata,
    Column("name", STRING, primary_key=True),
    Column("trace_position", INTEGER, nullable=False, default=0),
    Column("explanation_position", INTEGER, nullable=False, default=0),
    Column("path_position", INTEGER, nullable=False, default=0, server_default=text("0")),
    Column("profile_position", INTEGER, nullable=False, default=0, server_default=text("0")),
    Column("failures", INTEGER, nullable=False, default=0),
    *_reason(),
    Column("since", Float),
    Column("not_before", Float, nullable=False, default=0.0),
)

paused_models = Table(
    "paused_models",
    metadata,
    Column("name", STRING, primary_key=True),
    *_reason(nullable=False),
    Column("failures", INTEGER, nullable=False),
    Column("since", Float, nullable=False),
    Column("not_before", Float, nullable=False),
)


def missing_tables(database: Database) -> list[str]:
    """The names of the tables that are missing; raises StoreError if the database cannot be
    read."""
    with database.read() as connection:
        there = set(inspect(connection).get_table_names())
    return [table.name for table in metadata.sorted_tables if table.name not in there]


def missing_indexes(database: Database) -> list[str]:
    """Statements for the missing indexes, whatever the names of the others. Raises StoreError if
    the database cannot be read."""
    with database.read() as connection:
        found = inspect(connection).get_multi_indexes()
        there = {
            (table, tuple(index["column_names"]))
            for (_, table), indexes in found.items()
            for index in indexes
        }
        return [
            str(CreateIndex(index).compile(dialect=connection.dialect))
            for table in metadata.sorted_tables
            for index in sorted(table.indexes, key=lambda index: str(index.name))
            if (table.name, tuple(column.name for column in index.columns)) not in there
        ]


class Group(NamedTuple):
    """A prompt version, or a function (whose `version` is empty)."""

    kind: Literal["prompt", "function"]
    name: str
    version: str = ""

    @classmethod
    def of(cls, call: Call) -> "Group":
        """The group of a call: its first prompt, else its function."""
        if call.prompts:
            prompt = call.prompts[0]
            return cls("prompt", storable(prompt.name), storable(prompt.version))
        return cls("function", storable(call.name))

    @classmethod
    def from_row(cls, row: Any) -> "Group":
        """The group in a row that has its columns."""
        return cls(row.group_kind, row.group_name, row.group_version)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" version {self.version}" if self.version else "")

    @property
    def values(self) -> dict[str, str]:
        """The columns that hold it, in every table that has them."""
        return {
            "group_kind": self.kind,
            "group_name": self.name,
            "group_version": self.version,
        }


def group_columns(table: Table) -> tuple[Column[str], ...]:
    """The columns of a `Group` in a table that has them."""
    return table.c.group_kind, table.c.group_name, table.c.group_version
