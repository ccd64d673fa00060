"""Scores: what drove an answer and how sure that is, of the call's observation and its trace.

Each has an id made from what it is about, so that a newer one takes its place.
"""

import hashlib
from collections.abc import Iterator

from smile_trace.records import JSON, Trace
from smile_trace.render import driver_text, fidelity_reason, path_ends
from smile_trace.render.text import short
from smile_trace.trackers import ExplainedCall, ExplainedPath, ProfiledCall, UnexplainedCall
from smile_trace.trackers.fields import known, newest_feedback
from smile_trace.trackers.names import DRIVER, FIDELITY, PATH, PROBED, VERDICT
from smile_trace.trackers.probe_scores import probe_scores

LONGEST = 500
"""Characters of a text that is a score; Langfuse refuses more."""

Score = dict[str, JSON]


def explained(item: ExplainedCall) -> Iterator[Score]:
    """Driver and verdict, and the held-out R² where it was measured."""
    explanation = item.explanation
    reason = fidelity_reason(explanation)
    r2 = explanation.fidelity.r2_heldout
    yield from _of_call(item, DRIVER, "TEXT", driver_text(explanation), explanation.summary)
    yield from _of_call(item, VERDICT, "CATEGORICAL", explanation.fidelity.status, reason)
    if r2 is not None:
        yield from _of_call(item, FIDELITY, "NUMERIC", round(r2, 4), reason)


def unexplained(item: UnexplainedCall) -> Iterator[Score]:
    """Why a call is not explained."""
    yield from _of_call(item, VERDICT, "CATEGORICAL", item.verdict, item.reason)


def profiled(item: ProfiledCall) -> Iterator[Score]:
    """How often each probe changed the answer, with what that means."""
    for score in probe_scores(item):
        said = f"{score.status}: {score.said}"
        yield from _of_call(item, score.name, "NUMERIC", score.value, said)


def path(item: ExplainedPath) -> Score:
    """Where the path of a trace ends."""
    ends = path_ends(item.path)
    return _score(item.traced_as, None, PATH, "TEXT", ends, item.path.summary)


def feedback(trace: Trace) -> Iterator[Score]:
    """What users thought of a trace: the newest score of each name."""
    for one in newest_feedback(trace):
        yield _score(
            trace.trace_id, None, one.name or "feedback", "NUMERIC", one.score, one.comment or ""
        )


def ids_of(trace_id: str, span_ids: list[str]) -> Iterator[str]:
    """The ids of all that was said of these spans, and of the trace for them."""
    for name in (DRIVER, VERDICT, FIDELITY, PATH, *PROBED):
        for span_id in (None, *span_ids):
            yield _id(trace_id, span_id, name)


def _of_call(
    item: ExplainedCall | ProfiledCall | UnexplainedCall,
    name: str,
    kind: str,
    value: JSON,
    said: str,
) -> Iterator[Score]:
    """Of the observation, and of the trace where it holds one call: its list shows only that."""
    spans = [item.call.span_id, *([None] if len(item.trace.calls) == 1 else [])]
    for span_id in spans:
        yield _score(item.traced_as, span_id, name, kind, value, said)


def _score(
    trace_id: str, span_id: str | None, name: str, kind: str, value: JSON, said: str
) -> Score:
    if isinstance(value, str):
        value = short(value, LONGEST) or "—"
    return known(
        {
            "id": _id(trace_id, span_id, name),
            "traceId": trace_id,
            "observationId": span_id,
            "name": name,
            "value": value,
            "dataType": kind,
            "comment": said or None,
        }
    )


def _id(trace_id: str, span_id: str | None, name: str) -> str:
    about = f"smile-trace score {trace_id} {span_id or ''} {name}"
    return hashlib.sha256(about.encode()).hexdigest()[:32]
