"""A prompt's captured calls and explanations: the rows of a comparison."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, func, or_, select, union_all

from smile_trace.records import Call, ExplanationSettings, Feedback, Signal
from smile_trace.records.verdicts import most_of
from smile_trace.store.database import rows_among
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

MOST_CALLS = 20_000
"""A version is compared by as many of its calls at most, the newest."""
FEW_CALLS = 1_000
"""As many say which models it is called under."""


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


class PromptReader:
    """Queries about prompts, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def names(self, limit: int) -> list[str]:
        """The names of at most `limit` prompts that were called."""
        named = calls.c.group_kind == "prompt"
        return list(islice(self._distinct(calls.c.group_name, named), limit))

    def has_function(self, name: str) -> bool:
        """Whether a function of that name, without a prompt, was called."""
        query = select(calls.c.id).where(calls.c.group_kind != "prompt", calls.c.group_name == name)
        return self._connection.execute(query.limit(1)).first() is not None

    def versions(self, prompt: str, since: float = 0.0) -> list[str]:
        """A prompt's versions with calls since then (Unix seconds), oldest first."""
        named = (calls.c.group_kind == "prompt") & (calls.c.group_name == prompt)
        first = select(func.min(calls.c.start_ns)).where(_begun(since))
        begun = {
            version: self._connection.scalar(first.where(_of(prompt, version)))
            for version in self._distinct(calls.c.group_version, named)
        }
        found = [(start, version) for version, start in begun.items() if start is not None]
        return [version for _, version in sorted(found)]

    def _distinct(self, column: Column[str], where: ColumnElement[bool]) -> Iterator[str]:
        """The values of a column of the calls' groups, in order. Each is looked up in the index:
        databases would read all calls."""
        least = select(func.min(column)).where(where)
        value = self._connection.scalar(least)
        while value is not None:
            yield value
            value = self._connection.scalar(least.where(column > value))

    def explained_versions(self) -> dict[str, dict[str, ExplainedVersion]]:
        """What is explained, by prompt with an explained call and version, the oldest version
        first."""
        query = (
            select(
                calls.c.group_name,
                calls.c.group_version,
                func.count(explanations.c.call_id.distinct()),
                func.max(explanations.c.created_at),
            )
            .select_from(explanations.join(calls, calls.c.id == explanations.c.call_id))
            .where(calls.c.group_kind == "prompt")
            .group_by(calls.c.group_name, calls.c.group_version)
        )
        explained: dict[str, dict[str, ExplainedVersion]] = {}
        for name, version, count, newest in self._connection.execute(query):
            explained.setdefault(name, {})[version] = ExplainedVersion(count, newest)
        none = ExplainedVersion(0, 0.0)
        return {
            name: {version: known.get(version, none) for version in self.versions(name)}
            for name, known in explained.items()
        }

    def models(self, prompt: str, version: str) -> list[str]:
        """The models of a version's newest calls, by the names in the settings, most often
        first."""
        newest = self.call_ids(prompt, version, most=FEW_CALLS)
        query = select(jobs.c.model).where(jobs.c.model.is_not(None))
        rows = rows_among(self._connection, query, jobs.c.call_id, newest)
        counts = Counter(row.model for row in rows)
        return sorted(counts, key=lambda model: (-counts[model], model))

    def call_ids(
        self, prompt: str, version: str, since: float = 0.0, most: int = MOST_CALLS
    ) -> list[str]:
        """The ids of a version's newest calls, begun since then, in order."""
        query = (
            select(calls.c.id)
            .where(_of(prompt, version), _begun(since))
            .order_by(calls.c.start_ns.desc())
            .limit(most)
        )
        return sorted(self._connection.execute(query).scalars())

    def calls(self, ids: Sequence[str]) -> list[Call]:
        """The calls of those ids, in order of time."""
        query = select(calls.c.body, calls.c.start_ns)
        rows = rows_among(self._connection, query, calls.c.id, ids)
        rows.sort(key=lambda row: row.start_ns)
        return [Call.model_validate_json(row.body) for row in rows]

    def feedback(self, trace_ids: Sequence[str]) -> list[Feedback]:
        """People's feedback on those traces."""
        query = select(feedback.c.body)
        rows = rows_among(self._connection, query, feedback.c.trace_id, trace_ids)
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
        each = select(explanations.c.id, explanations.c.call_id, explanations.c.settings_hash)
        of_call = (calls.c.id == explanations.c.call_id) & _of(prompt, version)
        found = union_all(
            each.where(_of(prompt, version, explanations)),
            each.join(calls, of_call).where(explanations.c.group_kind.is_(None)),
        ).subquery()
        query = (
            select(
                func.max(found.c.id).label("id"),
                found.c.call_id,
                found.c.settings_hash,
                func.max(func.coalesce(jobs.c.model, "")).label("model"),
                func.max(jobs.c.inclusion_probability).label("probability"),
            )
            .join(
                jobs,
                (jobs.c.call_id == found.c.call_id)
                & (jobs.c.settings_hash == found.c.settings_hash),
            )
            .group_by(found.c.call_id, found.c.settings_hash)
            .order_by(found.c.call_id, found.c.settings_hash)  # a sample is drawn of them
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

    def settings(self, explained: Sequence[ExplanationRow]) -> dict[str, ExplanationSettings]:
        """The settings of these explanations, by their hash."""
        found = {}
        for settings_hash, call_id in {one.settings_hash: one.call_id for one in explained}.items():
            of_job = (jobs.c.call_id == call_id) & (jobs.c.settings_hash == settings_hash)
            settings = self._connection.execute(select(jobs.c.settings).where(of_job)).scalar()
            if settings is not None:
                found[settings_hash] = ExplanationSettings.model_validate_json(settings)
        return found

    def partitions(self, explanation_ids: Sequence[int]) -> dict[int, Partitions]:
        """The signal of each explanation and the keys of its segments, by its id."""
        query = select(
            explanations.c.id,
            json_text(explanations.c.body, "signal").label("signal"),
            json_text(explanations.c.body, "partitions").label("partitions"),
        )
        rows = rows_among(self._connection, query, explanations.c.id, explanation_ids)
        return {row.id: Partitions(row.signal, json.loads(row.partitions)) for row in rows}

    def certain(self, explanation_ids: Sequence[int]) -> dict[int, dict[str, float]]:
        """By an explanation's id, how much each of its finest segments may matter that certainly
        does, by its key."""
        segments = json_text(explanations.c.body, "segments").label("segments")
        query = select(explanations.c.id, segments).where(explanations.c.status != "inconclusive")
        found: dict[int, dict[str, float]] = {}
        for row in rows_among(self._connection, query, explanations.c.id, explanation_ids):
            for one in json.loads(row.segments):
                if _is_certain(one):
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
        of = observations.c.explanation_id
        query = query.order_by(of, observations.c.number)
        rows = rows_among(self._connection, query, of, explanation_ids)
        indices = cache(json.loads)  # mostly the same few
        return [
            MaskRow(
                row.explanation_id,
                row.level,
                row.mask,
                indices(row.fixed),
                row.shift,
                row.keep_probability,
                row.text_hash,
                row.kind,
            )
            for row in rows
        ]


def _of(prompt: str, version: str, table: Table = calls) -> ColumnElement[bool]:
    group = Group("prompt", prompt, version)
    return and_(*(table.c[name] == value for name, value in group.values.items()))


def _begun(since: float) -> ColumnElement[bool]:
    return calls.c.start_ns >= min(int(since * 1e9), 2**63 - 1)


def _is_certain(segment: Mapping[str, Any]) -> bool:
    """Whether the answer certainly depends on a stored segment; those of release 0.2 have no
    verdict."""
    if "verdict" in segment:
        return segment["verdict"] in ("supports", "against")
    return bool(segment["significant"] or segment["fails_without"])
