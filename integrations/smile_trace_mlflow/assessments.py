"""What MLflow's list of traces says of a call: what drove its answer, and how sure that is."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from smile_trace.records import Trace
from smile_trace.render import driver_text, fidelity_reason
from smile_trace.render.text import short
from smile_trace.trackers import ExplainedCall, ProfiledCall, UnexplainedCall
from smile_trace.trackers.fields import newest_feedback
from smile_trace.trackers.presentation import (
    DOCUMENT,
    DRIVER,
    LONGEST,
    NOT_MEASURED,
    PATH,
    PROBED,
    VERDICT,
    ScoredDocument,
    present,
)

if TYPE_CHECKING:
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

CHUNK = "chunk_index"
"""By what MLflow's own judges say which of a retriever's documents they mean, counted from 0."""


def assess(
    server: "Server",
    info: "TraceInfo",
    span_id: str,
    item: ExplainedCall,
    documents: Iterable[ScoredDocument],
) -> None:
    """Say of a call's span what an explanation found, in place of what was said before, and of the
    spans that retrieved documents what each document did.

    Args:
        documents: each on the span that it is said of.
    """
    explanation = item.explanation
    _give(server, info, span_id, DRIVER, driver_text(explanation), explanation.summary)
    verdict = explanation.fidelity.status
    _give(server, info, span_id, VERDICT, verdict, fidelity_reason(explanation))
    for document in documents:
        about = {CHUNK: str(document.position), "smile.call": item.call.id}
        if document.name:
            about["smile.document"] = short(document.name)
        server.give_feedback(
            info,
            DOCUMENT,
            NOT_MEASURED if document.value is None else document.value,
            span_id=document.span_id,
            rationale=document.reason,
            metadata=about,
        )


def assess_unexplained(
    server: "Server", info: "TraceInfo", span_id: str, item: UnexplainedCall
) -> None:
    """Say of a call's span why it is not explained."""
    _give(server, info, span_id, VERDICT, item.verdict, item.reason)


def assess_profile(server: "Server", info: "TraceInfo", span_id: str, item: ProfiledCall) -> None:
    """Say of a call's span what each probe found, in place of what was said before."""
    found = {score.name: score for score in present(item).scores}
    for name in PROBED:
        if name in found:
            status, said = found[name].label, found[name].reason
            server.give_feedback(info, name, status, span_id=span_id, rationale=said)
        else:
            _give(server, info, span_id, name, None)


def give_user_feedback(server: "Server", info: "TraceInfo", trace: Trace) -> None:
    """What users thought of a trace: the newest score of each name, at the trace itself."""
    for one in newest_feedback(trace):
        rationale = short(one.comment or "", LONGEST)
        server.give_feedback(
            info, short(one.name), one.score, span_id=None, rationale=rationale, by_user=True
        )


def say_path(server: "Server", info: "TraceInfo", ends: str, summary: str) -> None:
    """Say of a trace where its path ends."""
    _give(server, info, None, PATH, ends, summary)


def take_away(server: "Server", info: "TraceInfo", span_id: str | None) -> None:
    """Take away everything that was said of a call's span, or without one of the trace, and of the
    trace's documents."""
    server.take_feedback(info, DOCUMENT)
    for name in (DRIVER, VERDICT, PATH, *PROBED):
        _give(server, info, span_id, name, None)


def _give(
    server: "Server",
    info: "TraceInfo",
    span_id: str | None,
    name: str,
    value: str | None,
    rationale: str = "",
) -> None:
    server.give_feedback(info, name, value, span_id=span_id, rationale=short(rationale, LONGEST))
