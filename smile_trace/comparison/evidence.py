"""What the store knows of one prompt: its versions, their calls, and their perturbed prompts."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Column, Connection, Row, Select, func, select

from smile_trace.comparison.influence.pooled_effects import PooledRows
from smile_trace.comparison.templates import segment_template
from smile_trace.errors import SmileTraceError
from smile_trace.records import Call, Feedback, PromptUse, Signal, Unit
from smile_trace.records.comparison import TemplateSegment
from smile_trace.store import Store
from smile_trace.store.tables import calls, explanations, jobs, observations
from smile_trace.store.tables import feedback as feedback_table

T = TypeVar("T")

LARGEST_DESIGN = 20_000_000
"""Numbers in the largest least-squares problem: about 160 MB."""
_CHUNK = 500
_UNITS: tuple[Unit, ...] = ("sentence", "word")


class NothingToCompare(SmileTraceError):
    """The store holds nothing to compare; the message says what to do."""


@dataclass(frozen=True)
class Explained:
    """One explanation of a call: how it was made, and the call's inclusion probability."""

    explanation_id: int
    call_id: str
    settings_hash: str
    model: str
    probability: float


@dataclass
class Evidence:
    """Everything about one version of a prompt under one model.

    `traffic`: a random sample of its calls. `rows` over `segments`, from `explained` of the
    `sampled_of` explained calls; `dropped` says what was kept apart.
    """

    version: str
    model: str | None
    template: str
    calls: int
    traffic: list[Call]
    feedback: list[Feedback] = field(default_factory=list)
    unit: Unit | None = None
    segments: tuple[TemplateSegment, ...] = ()
    rows: PooledRows | None = None
    signal: Signal | None = None
    sampled_of: int = 0
    explained: int = 0
    dropped: list[str] = field(default_factory=list)


def versions_of(store: Store, prompt: str) -> dict[str, int]:
    """The versions of a prompt that were called, with their numbers of calls, oldest first.

    Raises:
        NothingToCompare: no call used a prompt of that name.
    """
    prefix = f"prompt {prompt} version "
    query = (
        select(calls.c.group, func.count(), func.min(calls.c.start_ns))
        .where(calls.c.group.startswith(prefix, autoescape=True))
        .group_by(calls.c.group)
    )
    with store.database.read() as connection:
        found = sorted(connection.execute(query), key=lambda row: row[2])
        if not found:
            raise NothingToCompare(
                f"no call of a prompt named {prompt!r} is in the store"
                f"{_known(connection)}: run `smile-trace worker --once` where calls were "
                "captured just now."
            )
    return {row[0].removeprefix(prefix): row[1] for row in found}


def models_of(store: Store, prompt: str, version: str) -> list[str]:
    """The models that a version was explained under, most often first."""
    query = (
        select(jobs.c.model, func.count())
        .select_from(jobs.join(calls, calls.c.id == jobs.c.call_id))
        .where(calls.c.group == _group(prompt, version), jobs.c.model.is_not(None))
        .group_by(jobs.c.model)
        .order_by(func.count().desc(), jobs.c.model)
    )
    with store.database.read() as connection:
        return [row[0] for row in connection.execute(query)]


def collect(
    store: Store, prompt: str, version: str, model: str | None, *, most_calls: int, seed: int
) -> Evidence:
    """Gather one version's evidence.

    Explanations under different settings are never mixed: those in pooled mode are taken where
    there are any, else the most frequent settings; the others are named in `dropped`.

    Raises:
        NothingToCompare: the version has no calls (of that model).
    """
    generator = np.random.default_rng(seed)
    with store.database.read() as connection:
        traffic, count = _traffic(connection, prompt, version, model, most_calls, generator)
        if not traffic:
            under = "" if model is None else f" under the model {model!r}"
            raise NothingToCompare(
                f"no call of {prompt!r} version {version!r}{under} is in the store."
            )
        evidence = Evidence(version, model, _use(traffic[0], prompt).template, count, traffic)
        evidence.feedback = _feedback(connection, traffic)
        _explain(connection, evidence, prompt, most_calls, generator)
    return evidence


def template_of(store: Store, prompt: str, version: str) -> str:
    """The template of a version that was called.

    Raises:
        NothingToCompare: it was not; the message says which were.
    """
    known = versions_of(store, prompt)
    if version not in known:
        raise NothingToCompare(
            f"no call of {prompt!r} used version {version!r}: there are {', '.join(sorted(known))}."
        )
    query = select(calls.c.body).where(calls.c.group == _group(prompt, version)).limit(1)
    with store.database.read() as connection:
        body = connection.execute(query).scalar_one()
    return _use(Call.model_validate_json(body), prompt).template


def _known(connection: Connection) -> str:
    names = connection.execute(
        select(calls.c.group).where(calls.c.group.startswith("prompt ")).distinct().limit(20)
    ).scalars()
    known = sorted({name.removeprefix("prompt ").rpartition(" version ")[0] for name in names})
    return f" (there are: {', '.join(known)})" if known else ""


def _group(prompt: str, version: str) -> str:
    return f"prompt {prompt} version {version}"


def _use(call: Call, prompt: str) -> PromptUse:
    return next(use for use in call.prompts if use.name == prompt)


def _traffic(
    connection: Connection,
    prompt: str,
    version: str,
    model: str | None,
    most: int,
    generator: np.random.Generator,
) -> tuple[list[Call], int]:
    """A random sample of the version's calls, in order of time, and how many there are."""
    query = select(calls.c.id).where(calls.c.group == _group(prompt, version))
    if model is not None:
        query = query.where(func.json_extract(calls.c.body, "$.model") == model)
    ids = list(connection.execute(query.order_by(calls.c.id)).scalars())
    chosen = _sample(ids, most, generator)
    rows = _in_chunks(connection, select(calls.c.body, calls.c.start_ns), calls.c.id, chosen)
    rows.sort(key=lambda row: row.start_ns)
    return [Call.model_validate_json(row.body) for row in rows], len(ids)


def _feedback(connection: Connection, traffic: Iterable[Call]) -> list[Feedback]:
    ids = list(dict.fromkeys(call.trace_id for call in traffic))
    rows = _in_chunks(connection, select(feedback_table.c.body), feedback_table.c.trace_id, ids)
    return [Feedback.model_validate_json(row.body) for row in rows]


def _explain(
    connection: Connection,
    evidence: Evidence,
    prompt: str,
    most: int,
    generator: np.random.Generator,
) -> None:
    """Fill in the rows of the perturbed prompts."""
    found = _explained(connection, prompt, evidence.version, evidence.model)
    evidence.sampled_of = len(found)
    if not found:
        return
    kept, evidence.dropped = _one_kind(found, connection)
    bodies = _Bodies(connection, prompt, evidence.version, evidence.template)
    for unit in _UNITS:
        segments = bodies.segments(unit)
        chosen = _sample(kept, most, generator)
        first = bodies.rows(chosen[:20], segments)
        if first is None:
            continue
        # Two strata at most, each with its own intercept and coefficients.
        per_call = len(first) / first.calls * 2 * (len(segments) + 1)
        chosen = _sample(chosen, max(20, int(LARGEST_DESIGN / per_call)), generator)
        evidence.rows = bodies.rows(chosen, segments)
        evidence.segments, evidence.unit, evidence.signal = segments, unit, bodies.signal
        return
    evidence.dropped.append("the explanations hold no random masks over the template's segments")


def _explained(
    connection: Connection, prompt: str, version: str, model: str | None
) -> list[Explained]:
    """The newest explanation of every call and kind of settings."""
    query = (
        select(
            func.max(explanations.c.id).label("id"),
            explanations.c.call_id,
            explanations.c.settings_hash,
            jobs.c.model,
            jobs.c.inclusion_probability,
        )
        .select_from(
            calls.join(explanations, explanations.c.call_id == calls.c.id).join(
                jobs,
                (jobs.c.call_id == explanations.c.call_id)
                & (jobs.c.settings_hash == explanations.c.settings_hash),
            )
        )
        .where(calls.c.group == _group(prompt, version))
        .group_by(explanations.c.call_id, explanations.c.settings_hash)
    )
    if model is not None:
        query = query.where(jobs.c.model == model)
    return [
        Explained(row.id, row.call_id, row.settings_hash, row.model or "", row[4] or 1.0)
        for row in connection.execute(query)
    ]


def _one_kind(
    found: Sequence[Explained], connection: Connection
) -> tuple[list[Explained], list[str]]:
    """The explanations of one model and one kind of settings, and what was kept apart."""
    kinds = Counter((item.model, item.settings_hash) for item in found)
    pooled = {
        settings_hash
        for _, settings_hash in kinds
        if _settings(connection, settings_hash).get("pooled") is True
    }
    best = max(kinds, key=lambda kind: (kind[1] in pooled, kinds[kind], kind))
    dropped = [
        f"{count} explanations of {model or 'an unknown model'} under other settings"
        for (model, settings_hash), count in sorted(kinds.items())
        if (model, settings_hash) != best
    ]
    return [item for item in found if (item.model, item.settings_hash) == best], dropped


def _settings(connection: Connection, settings_hash: str) -> dict[str, object]:
    query = select(jobs.c.settings).where(jobs.c.settings_hash == settings_hash).limit(1)
    loaded = json.loads(connection.execute(query).scalar() or "{}")
    return loaded if isinstance(loaded, dict) else {}


class _Bodies:
    """Turns explanations into rows over the segments of a template."""

    def __init__(self, connection: Connection, prompt: str, version: str, template: str) -> None:
        self._connection = connection
        self._prompt, self._version, self._template = prompt, version, template
        self._stem = f"{prompt}:{version}:"
        self.signal: Signal | None = None

    def segments(self, unit: Unit) -> tuple[TemplateSegment, ...]:
        """The template cut by that unit."""
        return segment_template(self._prompt, self._version, self._template, unit)

    def rows(
        self, chosen: Sequence[Explained], segments: Sequence[TemplateSegment]
    ) -> PooledRows | None:
        """All random masks of these explanations whose partition holds these segments."""
        ids = [item.explanation_id for item in chosen]
        partitions = self._partitions(ids)
        place = {segment.key: k for k, segment in enumerate(segments)}
        maps: dict[tuple[int, int], np.ndarray | None] = {}
        known = {item.explanation_id: item for item in chosen}
        x, y, q, call, weight, varies = [], [], [], [], [], []
        for row in self._observations(ids):
            key = (row.explanation_id, row.level)
            if key not in maps:
                keys = partitions[row.explanation_id]
                maps[key] = self._matrix(keys[row.level], place) if row.level < len(keys) else None
            matrix = maps[key]
            if matrix is None:
                continue
            out = np.frombuffer(row.mask.encode(), dtype=np.uint8) == ord("0")
            free = np.ones(len(out), dtype=bool)
            free[json.loads(row.fixed)] = False
            x.append(out @ matrix)
            varies.append((free @ matrix) > 0.999)
            y.append(row.shift)
            q.append(1 - row.keep_probability)
            call.append(row.explanation_id)
            weight.append(1 / known[row.explanation_id].probability)
        if not y:
            return None
        return PooledRows(
            np.array(x),
            np.array(y),
            np.round(q, 6),
            np.array(call),
            np.array(weight),
            np.array(varies),
        )

    def _partitions(self, ids: Sequence[int]) -> dict[int, list[list[str]]]:
        """Per explanation and level the keys of the units; notes the signal, keeps to one."""
        query = select(
            explanations.c.id,
            func.json_extract(explanations.c.body, "$.partitions").label("partitions"),
            func.json_extract(explanations.c.body, "$.signal").label("signal"),
        )
        rows = _in_chunks(self._connection, query, explanations.c.id, ids)
        signals = Counter(row.signal for row in rows)
        if signals and self.signal is None:
            self.signal = signals.most_common(1)[0][0]
        return {
            row.id: json.loads(row.partitions) if row.signal == self.signal else [] for row in rows
        }

    def _observations(self, ids: Sequence[int]) -> list[Row[Any]]:
        query = select(
            observations.c.explanation_id,
            observations.c.level,
            observations.c.mask,
            observations.c.fixed,
            observations.c.shift,
            observations.c.keep_probability,
        ).where(
            observations.c.kind == "random",
            observations.c.asked == "target",
            observations.c.shift.is_not(None),
            observations.c.keep_probability.is_not(None),
        )
        return _in_chunks(self._connection, query, observations.c.explanation_id, ids)

    def _matrix(self, keys: Sequence[str], place: dict[str, int]) -> np.ndarray | None:
        """Units × segments: the share of a segment that a unit is. None where they do not meet.

        A variable that was cut into words is left out as far as its words are.
        """
        matrix = np.zeros((len(keys), len(place)))
        # A variable alone says nothing about how the rest was cut, unless there is no rest.
        met = all(key.startswith(f"{self._stem}var:") for key in place)
        for unit, key in enumerate(keys):
            column = place.get(key)
            if column is None and key.startswith(f"{self._stem}var:"):
                variable = key.removeprefix(self._stem).split(":")[1]
                column = place.get(f"{self._stem}var:{variable}")
            elif column is not None and not key.startswith(f"{self._stem}var:"):
                met = True
            if column is not None:
                matrix[unit, column] = 1.0
        sizes = matrix.sum(axis=0)
        return matrix / np.maximum(sizes, 1) if met else None


def _sample(items: Sequence[T], most: int, generator: np.random.Generator) -> list[T]:
    """At most that many of the items, at random, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[k] for k in sorted(generator.choice(len(items), most, replace=False))]


def _in_chunks(
    connection: Connection, query: Select[Any], column: Column[Any], values: Sequence[object]
) -> list[Row[Any]]:
    # SQLite takes a bounded number of variables in one statement.
    rows: list[Row[Any]] = []
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        rows += connection.execute(query.where(column.in_(chunk))).all()
    return rows
