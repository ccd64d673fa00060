"""A prompt's captured calls and explanations: the rows of a comparison."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from smile_trace.records import Call, ExplanationSettings, Feedback, Signal
from smile_trace.records.verdicts import most_of
from smile_trace.store.database import Database, in_chunks
from smile_trace.store.database.sql import json_text
from smile_trace.store.tables import (
    Group,
    calls,
    deliveries,
    explanations,
    feedback,
    jobs,
    observations,
)


class ExplanationRow(NamedTuple):
    """One explanation of a call: how it was made, and the call's inclusion probability."""

    explanation_id: int
    call_id: str
    settings_hash: str
    model: str
    probability: float


class ExplainedVersion(NamedTuple):
    """How many calls of a version are explained, and when the newest was (Unix seconds)."""

    calls: int
    newest: float


class Partitions(NamedTuple):
    """The signal of an explanation, and the keys of its segments at each level."""

    signal: Signal
    keys: list[list[str]]


class MaskRow(NamedTuple):
    """An answered mask: "1" = retained, `fixed` are the indices of segments that could not be
    removed, `answer_change` is in [0, 1]; `keep_probability` is None if every mask of the level was
    asked, not a few at random, or every one without a single unit (`leave_one_out`)."""

    explanation_id: int
    level: int
    mask: str
    fixed: list[int]
    answer_change: float
    keep_probability: float | None
    text_hash: str
    kind: str


@contextmanager
def reading_prompts(database: Database) -> Iterator["PromptReader"]:
    """Read prompts as of one moment."""
    with database.read() as connection:
        yield PromptReader(connection)


class PromptReader:
    """Queries about prompts, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def names(self, limit: int) -> list[str]:
        """The names of at most `limit` prompts that were called."""
        query = select(calls.c.group_name).where(calls.c.group_kind == "prompt").distinct()
        ordered = query.order_by(calls.c.group_name).limit(limit)
        return list(self._connection.execute(ordered).scalars())

    def has_function(self, name: str) -> bool:
        """Whether a function of that name, without a prompt, was called."""
        query = select(calls.c.id).where(calls.c.group_kind != "prompt", calls.c.group_name == name)
        return self._connection.execute(query.limit(1)).first() is not None

    def versions(self, prompt: str, since: float = 0.0) -> dict[str, int]:
        """A prompt's versions and counts of calls since then (Unix seconds), oldest first."""
        query = (
            select(calls.c.group_version, func.count())
            .where(calls.c.group_kind == "prompt", calls.c.group_name == prompt, _begun(since))
            .group_by(calls.c.group_version)
            .order_by(func.min(calls.c.start_ns))
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def explained_versions(self) -> dict[str, dict[str, ExplainedVersion]]:
        """What is explained, by prompt and version, the oldest version first."""
        query = (
            select(
                calls.c.group_name,
                calls.c.group_version,
                func.count(explanations.c.call_id.distinct()),
                func.max(explanations.c.created_at),
            )
            .select_from(calls.outerjoin(explanations, explanations.c.call_id == calls.c.id))
            .where(calls.c.group_kind == "prompt")
            .group_by(calls.c.group_name, calls.c.group_version)
            .order_by(func.min(calls.c.start_ns))
        )
        found: dict[str, dict[str, ExplainedVersion]] = {}
        for name, version, count, newest in self._connection.execute(query):
            found.setdefault(name, {})[version] = ExplainedVersion(count, newest or 0.0)
        return found

    def models(self, prompt: str, version: str) -> list[str]:
        """The models that a version was explained under, most often first."""
        query = (
            select(jobs.c.model, func.count())
            .select_from(jobs.join(calls, calls.c.id == jobs.c.call_id))
            .where(_of(prompt, version), jobs.c.model.is_not(None))
            .group_by(jobs.c.model)
            .order_by(func.count().desc(), jobs.c.model)
        )
        return [row[0] for row in self._connection.execute(query)]

    def call_ids(
        self, prompt: str, version: str, model: str | None = None, since: float = 0.0
    ) -> list[str]:
        """The ids of a version's calls (captured under `model`, begun since then), in order."""
        query = select(calls.c.id).where(_of(prompt, version), _begun(since))
        if model is not None:
            query = query.where(json_text(calls.c.body, "model") == model)
        return sorted(self._connection.execute(query).scalars())

    def calls(self, ids: Sequence[str]) -> list[Call]:
        """The calls of those ids, in order of time."""
        query = select(calls.c.body, calls.c.start_ns)
        rows = in_chunks(self._connection, query, calls.c.id, ids)
        rows.sort(key=lambda row: row.start_ns)
        return [Call.model_validate_json(row.body) for row in rows]

    def feedback(self, trace_ids: Sequence[str]) -> list[Feedback]:
        """People's feedback on those traces."""
        query = select(feedback.c.body)
        rows = in_chunks(self._connection, query, feedback.c.trace_id, trace_ids)
        return [Feedback.model_validate_json(row.body) for row in rows]

    def delivered_as(self, prompt: str, version: str, tracker: str, limit: int) -> tuple[str, ...]:
        """The tracker's ids of at most `limit` traces that hold a call of the version."""
        query = (
            select(deliveries.c.external_id)
            .select_from(calls.join(deliveries, deliveries.c.trace_id == calls.c.trace_id))
            .where(
                _of(prompt, version),
                deliveries.c.tracker == tracker,
                deliveries.c.kind == "trace",
                deliveries.c.external_id.is_not(None),
            )
            .distinct()
            .limit(limit)
        )
        return tuple(self._connection.execute(query).scalars())

    def explanations(
        self, prompt: str, version: str, model: str | None = None
    ) -> list[ExplanationRow]:
        """The newest explanation of every call of a version under each of its settings."""
        query = (
            select(
                func.max(explanations.c.id).label("id"),
                explanations.c.call_id,
                explanations.c.settings_hash,
                func.max(func.coalesce(jobs.c.model, "")).label("model"),
                func.max(jobs.c.inclusion_probability).label("probability"),
            )
            .select_from(
                calls.join(explanations, explanations.c.call_id == calls.c.id).join(
                    jobs,
                    (jobs.c.call_id == explanations.c.call_id)
                    & (jobs.c.settings_hash == explanations.c.settings_hash),
                )
            )
            .where(_of(prompt, version))
            .group_by(explanations.c.call_id, explanations.c.settings_hash)
        )
        if model is not None:
            query = query.where(jobs.c.model == model)
        rows = self._connection.execute(query)
        return [
            ExplanationRow(
                row.id, row.call_id, row.settings_hash, row.model, row.probability or 1.0
            )
            for row in rows
        ]

    def settings(self, settings_hash: str) -> ExplanationSettings | None:
        """The settings of that hash; None if no job has them."""
        query = select(jobs.c.settings).where(jobs.c.settings_hash == settings_hash).limit(1)
        found = self._connection.execute(query).scalar()
        return None if found is None else ExplanationSettings.model_validate_json(found)

    def partitions(self, explanation_ids: Sequence[int]) -> dict[int, Partitions]:
        """The signal of each explanation and the keys of its segments, by its id."""
        query = select(
            explanations.c.id,
            json_text(explanations.c.body, "signal").label("signal"),
            json_text(explanations.c.body, "partitions").label("partitions"),
        )
        rows = in_chunks(self._connection, query, explanations.c.id, explanation_ids)
        return {row.id: Partitions(row.signal, json.loads(row.partitions)) for row in rows}

    def certain(self, explanation_ids: Sequence[int]) -> dict[int, dict[str, float]]:
        """By an explanation's id, how much each of its finest segments may matter that certainly
        does, by its key."""
        segments = json_text(explanations.c.body, "segments").label("segments")
        query = select(explanations.c.id, segments).where(explanations.c.status != "inconclusive")
        found: dict[int, dict[str, float]] = {}
        for row in in_chunks(self._connection, query, explanations.c.id, explanation_ids):
            for one in json.loads(row.segments):
                if one["verdict"] in ("supports", "against"):
                    most = most_of(one["ci_low"], one["ci_high"])
                    known = found.setdefault(row.id, {})
                    known[one["key"]] = 1.0 if one["fails_without"] else most
        return found

    def masks(self, explanation_ids: Sequence[int]) -> list[MaskRow]:
        """The masks of those explanations that the target model answered: the random ones, those
        without a single unit, and of some levels every mask but the full one."""
        query = select(
            observations.c.explanation_id,
            observations.c.level,
            observations.c.mask,
            observations.c.fixed,
            observations.c.shift,
            observations.c.keep_probability,
            observations.c.text_hash,
            observations.c.kind,
        ).where(
            or_(
                observations.c.kind.in_(("enumerated", "leave_one_out")),
                and_(observations.c.kind == "random", observations.c.keep_probability.is_not(None)),
            ),
            observations.c.asked == "target",
            observations.c.shift.is_not(None),
        )
        rows = in_chunks(self._connection, query, observations.c.explanation_id, explanation_ids)
        return [
            MaskRow(
                row.explanation_id,
                row.level,
                row.mask,
                json.loads(row.fixed),
                row.shift,
                row.keep_probability,
                row.text_hash,
                row.kind,
            )
            for row in rows
        ]


def _of(prompt: str, version: str) -> ColumnElement[bool]:
    group = Group("prompt", prompt, version)
    return and_(*(calls.c[name] == value for name, value in group.values.items()))


def _begun(since: float) -> ColumnElement[bool]:
    return calls.c.start_ns >= min(int(since * 1e9), 2**63 - 1)
