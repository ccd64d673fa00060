"""What was explained before is found where options agree, and what a person asks for is kept."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from smile_trace._options import TARGETS, written_options
from smile_trace.dialects.answers import final_answer
from smile_trace.records import JSON, Explanation, ExplanationSettings, Trace
from smile_trace.records.call import trace_id_of
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from smile_trace.store.database import StoreError
from smile_trace.store.explanations import read_explanation
from smile_trace.store.jobs import Job
from smile_trace.store.requested import Kind, Stored
from smile_trace.store.store import Store, has_store
from smile_trace.store.tables import explanations, paths

logger = logging.getLogger(__name__)

_QUESTION: dict[str, JSON] = {
    "model": None,
    "unit": "auto",
    "protect": [],
    "answer_part": None,
    **dict.fromkeys(TARGETS),
}
"""Options that ask another question (who is asked, about what, and what may be removed), by what is
asked without them: what was asked for with one is shown to nobody who asks without it."""
_BESIDE_PROXY = ("budget", "until_settled", "solver")
"""Options that a proxy decides about."""


@dataclass(frozen=True)
class Look:
    """What the store holds.

    Attributes:
        call_id: the call that is meant; None if the store does not know it.
        found: what agrees with the options: the newest that a worker made or that was asked for
            with the very same ones, else the newest.
        other: the same, whatever its options.
        beside: what is stored of the call beside `found`, asked for with other options: the newest
            of each.
        job: the call's newest job, where no worker has explained it.
        elsewhere: the ids of other calls of the trace that a worker has explained.
    """

    call_id: str | None = None
    found: Stored | None = None
    other: Stored | None = None
    beside: tuple[Stored, ...] = ()
    job: Job | None = None
    elsewhere: tuple[str, ...] = ()

    @property
    def explanation(self) -> Explanation | None:
        """What was found, if it is an explanation."""
        result = None if self.found is None else self.found.result
        return result if isinstance(result, Explanation) else None

    @property
    def path(self) -> ExplanationPath | None:
        """What was found, if it is a path."""
        result = None if self.found is None else self.found.result
        return result if isinstance(result, ExplanationPath) else None

    def as_thorough(self, budget: int, part: str | None) -> Explanation | None:
        """What was found, if it explains this part of the answer (None: all of it) and was given
        so many calls, or a proxy's beside them."""
        found = self.explanation
        if found is None or found.settings.answer_part != part:
            return None
        enough = found.settings.proxy is not None or found.settings.most_calls >= budget
        return found if enough else None


def of_step(path: Mapping[str, JSON], **step: Any) -> dict[str, Any]:
    """The options of a path's step: those that the path was asked for with, and its own. A target
    is that of the path's end."""
    others = ("budget", "depth", *TARGETS)
    asked = {name: value for name, value in path.items() if name not in others}
    return asked | (written_options(step) or {})


def look_up(
    wanted: str, chosen: Mapping[str, JSON], conf: Settings, kind: Kind = "explanation"
) -> Look:
    """`look` into the store of the settings; nothing is found where there is none.

    Raises:
        StoreError: the store cannot be opened.
    """
    if not has_store(conf):
        return Look()
    with Store.look(conf) as store:
        return look(store, wanted, chosen, kind)


def keep(
    result: Explanation | ExplanationPath,
    trace: Trace,
    call_id: str,
    chosen: Mapping[str, JSON],
    conf: Settings,
    *,
    wanted: str,
) -> None:
    """Keep what was asked for, so that it is found when it is asked for alike. Makes no store; if
    nothing can be written, a warning says so.

    Args:
        trace: that of the call. Where its root is missing, a later call may be its final answer, so
            that what was asked for by its id alone is read anew the next time.
        chosen: the options that the caller chose, as they are written at the command line.
        wanted: the id by which it was asked for, as in `look`.
    """
    try:
        if has_store(conf):
            with Store.look(conf) as store:
                stored = Stored(call_id, time.time(), result, dict(chosen))
                [call] = [call for call in trace.calls if call.id == call_id]
                of_trace = ":" not in wanted and not trace.root_missing
                store.requested.keep(stored, call, of_trace=of_trace)
    except StoreError as error:
        logger.warning("the explanation is not kept: %s", error)


def look(store: Store, wanted: str, chosen: Mapping[str, JSON], kind: Kind = "explanation") -> Look:
    """Look for the explanation of a call, or the path that begins at it.

    Args:
        wanted: a trace's id or the beginning of one, also in the form of a backend, for its final
            answer; or `trace_id:span_id`.
        chosen: the options that the caller chose, as they are written at the command line.
    """
    beginning, _, span_id = wanted.partition(":")
    beginning = beginning.removeprefix("tr-").replace("-", "")  # MLflow's, and a UUID
    ids = store.traces.find_calls(beginning)
    of_traces = {trace_id_of(one) for one in ids}
    if len(of_traces) > 1:
        return Look()
    if not of_traces:
        by_people = (
            store.requested.of_call(kind, f"{beginning}:{span_id}")
            if span_id
            else store.requested.of_trace(kind, beginning)
        )
        return _chosen(None, by_people, chosen)
    call_id = _meant(store, of_traces.pop(), span_id, ids)
    if call_id is None:
        return Look()
    by_people = store.requested.of_call(kind, call_id)
    with store.database.read() as connection:
        made = _made(connection, kind, call_id)
        elsewhere = () if made else _explained(connection, ids)
    found = _chosen(call_id, [*made, *by_people], chosen)
    if made or kind == "path":
        return found
    return replace(found, job=store.jobs.newest(call_id), elsewhere=elsewhere)


def _meant(store: Store, trace_id: str, span_id: str, ids: Sequence[str]) -> str | None:
    """The call of a span, or of the trace's final answer; None if there is none that holds an
    answer. Of an imported trace, which has no spans here, the last call."""
    for trace in store.trace_many([trace_id]):
        call = final_answer(trace, [c for c in trace.calls if c.span_id.startswith(span_id)])
        return None if call is None else call.id
    beginning = f"{trace_id}:{span_id}"
    return next((one for one in reversed(ids) if one.startswith(beginning)), None)


def differences(stored: Stored, asked: Mapping[str, JSON]) -> dict[str, JSON]:
    """The stored values of the options that somebody asks for otherwise."""
    result = stored.result
    first = result if isinstance(result, Explanation) else result.steps[0].explanation
    has = _written(first.settings)
    if isinstance(result, ExplanationPath):
        has |= {"budget": result.budget, "depth": None}
    given = stored.asked or {}
    has |= given
    if stored.asked is None and first.settings.proxy is not None:
        has |= {name: asked[name] for name in _BESIDE_PROXY if name in asked}
    if stored.asked is None and asked.keys() & {"unit", "protect"}:  # not as the settings choose
        given = {"answer_part": None, "protect": None}
    asked = {name: plain for name, plain in _QUESTION.items() if name in given} | dict(asked)
    differing = {name: has.get(name) for name, value in asked.items() if has.get(name) != value}
    if differing.get("signal") and asked["signal"] == first.signal:  # asked for as auto
        del differing["signal"]
    if first.settings.pooled:
        differing["pooled"] = True
    return differing


def _chosen(call_id: str | None, stored: Sequence[Stored], asked: Mapping[str, JSON]) -> Look:
    """The one that was asked for alike, or that a worker made, comes before others that agree."""

    def rank(one: Stored) -> tuple[bool, float]:
        return one.asked is None or one.asked == asked, one.made_at

    fitting = [one for one in stored if not differences(one, asked)]
    found, other = (max(few, key=rank, default=None) for few in (fitting, stored))
    seen = [] if found is None else [found]
    for one in sorted(stored, key=lambda one: -one.made_at) if seen else ():
        if all((one.asked or {}) != (before.asked or {}) for before in seen):
            seen.append(one)
    return Look(call_id, found, other, tuple(seen[1:]))


def _written(settings: ExplanationSettings) -> dict[str, Any]:
    """Settings as they are written at the command line."""
    unit = settings.unit if settings.pattern is None else f"/{settings.pattern}/"
    return {**settings.model_dump(mode="json"), "unit": unit}


def _made(connection: Connection, kind: Kind, call_id: str) -> list[Stored]:
    """What workers made of a call, the newest first."""
    table = explanations if kind == "explanation" else paths
    query = select(table.c.id, table.c.created_at, table.c.body).where(table.c.call_id == call_id)
    return [
        Stored(
            call_id,
            row.created_at,
            read_explanation(connection, row)
            if kind == "explanation"
            else ExplanationPath.model_validate_json(row.body),
        )
        for row in connection.execute(query.order_by(table.c.id.desc())).all()
    ]


def _explained(connection: Connection, ids: Sequence[str]) -> tuple[str, ...]:
    query = select(explanations.c.call_id).where(explanations.c.call_id.in_(ids)).distinct()
    known = set(connection.execute(query).scalars())
    return tuple(one for one in ids if one in known)
