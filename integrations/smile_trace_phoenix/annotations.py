"""What Phoenix's lists and charts say: of a call and its trace, and of each retrieved document."""

from collections.abc import Collection
from typing import Any, Literal

from smile_trace.records import JSON, Trace
from smile_trace.render import driver_text, fidelity_reason, path_ends
from smile_trace.render.text import short
from smile_trace.trackers import ExplainedCall, ExplainedPath, ProfiledCall, UnexplainedCall
from smile_trace.trackers.fields import newest_feedback
from smile_trace.trackers.names import DRIVER, FIDELITY, PATH, PROBED, VERDICT
from smile_trace.trackers.probe_scores import probe_scores
from smile_trace.trackers.scored_documents import (
    DOCUMENT,
    LONGEST,
    NOT_MEASURED,
    scored_documents,
)

FORGOTTEN = "forgotten"
IDENTIFIER = "smile-trace"
"""Of the annotations of spans and traces: with the name, what a newer one replaces."""

Kind = Literal["span", "trace", "document"]
Row = dict[str, JSON]


def explained(item: ExplainedCall) -> list[Row]:
    """What an explanation found: the driver, the verdict, the held-out R².

    Of an annotation that has both, Phoenix's lists show the score: the driver has a label alone.
    """
    explanation = item.explanation
    r2 = explanation.fidelity.r2_heldout
    reason = fidelity_reason(explanation)
    about = {"call": item.call.id, "model": explanation.settings.model}
    return [
        _row(DRIVER, driver_text(explanation), None, explanation.summary, about),
        _row(VERDICT, explanation.fidelity.status, None, reason, about),
        _row(
            FIDELITY,
            NOT_MEASURED if r2 is None else None,
            None if r2 is None else round(r2, 4),
            reason,
            about,
        ),
    ]


def unexplained(item: UnexplainedCall) -> list[Row]:
    """Why a call is not explained."""
    return [_row(VERDICT, item.verdict, None, item.reason, {"call": item.call.id})]


def profiled(item: ProfiledCall) -> list[Row]:
    """What each probe found: how often it changed the answer, and what that means."""
    about = {"call": item.call.id, "model": item.profile.model}
    return [
        _row(score.name, score.status, score.value, score.said, about)
        for score in probe_scores(item)
    ]


def path(item: ExplainedPath) -> list[Row]:
    """Where the path of a trace ends, beside the number of its steps."""
    return [_row(PATH, path_ends(item.path), float(len(item.path.steps)), item.path.summary, {})]


def documents(item: ExplainedCall, spans: Collection[str]) -> list[Row]:
    """What each retrieved document did, at its place in the span that retrieved it.

    Args:
        spans: the ids of the spans that show documents.
    """
    found = []
    for document in scored_documents(item):
        if document.span_id not in spans:
            continue
        label = NOT_MEASURED if document.value is None else None
        row = _row(DOCUMENT, label, document.value, document.said, {"call": item.call.id})
        row["span_id"] = document.span_id
        row["document_position"] = document.position
        del row["identifier"]  # which Phoenix takes of no document
        found.append(row)
    return found


def feedback(trace: Trace) -> list[Row]:
    """What users thought of a trace: the newest score of each name."""
    return [
        _row(_name(one.name), None, one.score, one.comment or "", {}, kind="HUMAN")
        | {"trace_id": trace.trace_id}
        for one in newest_feedback(trace)
    ]


def _name(name: str) -> str:
    """A user's own name, as Phoenix takes it: "note" is one of its own."""
    return "feedback: note" if name == "note" else short(name)


def all_forgotten() -> list[Row]:
    """Annotations that say nothing any more: Phoenix deletes none of a single span."""
    return [
        _row(name, FORGOTTEN, None, "", {}) for name in (DRIVER, VERDICT, FIDELITY, PATH, *PROBED)
    ]


def _row(
    name: str,
    label: str | None,
    score: float | None,
    explanation: str,
    about: Row,
    *,
    kind: str = "CODE",
) -> Row:
    result: dict[str, Any] = {"label": label, "score": score}
    said = short(explanation, LONGEST)
    return {
        "name": name,
        "annotator_kind": kind,
        "result": {**result, "explanation": said or None},
        "metadata": about,
        "identifier": IDENTIFIER,
    }
