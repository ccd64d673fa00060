"""Traces, spans and explanations as Opik's REST interface takes them.

Field by field as opik 2.2.122 sends them, where they mean the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from smile_trace import semconv
from smile_trace.records import JSON, Call, Span, Trace, chat_messages
from smile_trace.render import STATUS_WORDS, driver_of, driver_text, fidelity_reason, to_markdown
from smile_trace.trackers import ExplainedCall, ProfiledCall, UnexplainedCall
from smile_trace.trackers.fields import (
    call_input,
    call_metadata,
    call_output,
    known,
    newest_feedback,
    prompt_uses,
    span_io,
    tags,
    timestamp,
    token_usage,
    trace_times,
)
from smile_trace.trackers.names import DRIVER, FIDELITY, VERDICT
from smile_trace.trackers.probe_scores import probe_scores
from smile_trace_opik.ids import explanation_span_id, opik_span_id, opik_trace_id

SURE = {"reliable": 1.0, "no_effect": 1.0, "partial": 0.5, "inconclusive": 0.0}
"""The score of a verdict, which Opik wants beside its category: how sure it is."""
TAG = "explained"
EXPLANATION_NAME = "why this answer?"
OWN_TRACE = "smile_trace_id"
"""Metadata of a trace that smile-trace wrote: its id here."""
EXTERNAL_TRACE, EXTERNAL_SPAN = "opik.trace_id", "opik.span_id"
EXTERNAL_PROJECT = "opik.project"
"""Keys of `Call.external_trace`, of a call that was read from Opik."""
SOURCE = "sdk"
"""Who writes; Opik knows only a few words here."""


def trace_json(trace: Trace, project: str, now_ns: int) -> dict[str, Any]:
    """The trace itself; its input and output are those of its root."""
    root = trace.span(trace.root_span_id)
    call = next((call for call in trace.calls if call.span_id == root.span_id), None)
    first = trace.calls[0] if trace.calls else None
    start, end = trace_times(trace)
    took, gave = (call_input(call), call_output(call)) if call else span_io(root)
    return known(
        {
            "id": opik_trace_id(trace),
            "project_name": project,
            "name": root.name,
            "start_time": timestamp(start),
            "end_time": timestamp(end),
            "input": took,
            "output": gave,
            "metadata": known(
                {
                    "service": trace.service_name,
                    OWN_TRACE: trace.trace_id,
                    "root_missing": trace.root_missing or None,
                    **(_metadata(first) if first and len(trace.calls) == 1 else {}),
                }
            ),
            "tags": tags(trace.calls),
            "error_info": _error(call) if call else None,
            "thread_id": first.session if first else None,
            "last_updated_at": timestamp(now_ns),
            "source": SOURCE,
        }
    )


def spans_json(trace: Trace, project: str, now_ns: int) -> list[dict[str, Any]]:
    """Every span of the trace, the root too, as Opik's own decorator sends them."""
    ids = {s.span_id: opik_span_id(s.trace_id, s.span_id, s.start_ns) for s in trace.spans}
    calls = {call.span_id: call for call in trace.calls}
    common = {
        "project_name": project,
        "trace_id": opik_trace_id(trace),
        "last_updated_at": timestamp(now_ns),
        "source": SOURCE,
    }
    return [_span_json(span, calls.get(span.span_id), ids, common) for span in trace.spans]


def _span_json(
    span: Span, call: Call | None, ids: Mapping[str, str], common: Mapping[str, JSON]
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        **common,
        "id": ids[span.span_id],
        "parent_span_id": ids.get(span.parent_id or ""),
        "name": span.name,
        "type": "general",
        "start_time": timestamp(span.start_ns),
        "end_time": timestamp(span.end_ns),
    }
    if call is None:
        took, gave = span_io(span)
        return known({**fields, "input": took, "output": gave})
    return known(
        {
            **fields,
            "input": call_input(call),
            "output": call_output(call),
            "type": "llm",
            "model": call.model,
            "provider": call.provider,
            "metadata": _metadata(call),
            "tags": tags([call]),
            "usage": token_usage([call]),
            "error_info": _error(call),
            "ttft": _first_chunk_ms(span),
        }
    )


def explanation_json(item: ExplainedCall, project: str, now_ns: int) -> dict[str, Any]:
    """The explanation as a span under its call's, inside that one's time."""
    call, explanation = item.call, item.explanation
    return known(
        {
            "id": explanation_span_id(call),
            "project_name": project,
            "trace_id": item.traced_as,
            "parent_span_id": shown_span_id(call),
            "name": EXPLANATION_NAME,
            "type": "general",
            "start_time": timestamp(call.start_ns),
            "end_time": timestamp(call.end_ns),
            "input": {"messages": chat_messages(call.messages)},
            "output": {
                "summary": explanation.summary,
                "top_segments": to_markdown(explanation),
                "heatmap": "see the attachments",
            },
            "metadata": {
                "smile_trace": {
                    "status": STATUS_WORDS[explanation.fidelity.status],
                    "fidelity": explanation.fidelity.model_dump(),
                    "cost": explanation.cost.model_dump(),
                    "explained_at": explanation.explained_at,
                    "signal": explanation.signal,
                    "settings": explanation.settings.model_dump(mode="json"),
                }
            },
            "tags": [TAG, STATUS_WORDS[explanation.fidelity.status]],
            "last_updated_at": timestamp(now_ns),
            "source": SOURCE,
        }
    )


def shown_span_id(call: Call) -> str:
    """The id there of the span of a call: the application's own one where it was read from Opik."""
    own = opik_span_id(call.trace_id, call.span_id, call.start_ns)
    return call.external_trace.get(EXTERNAL_SPAN, own)


def explanation_scores(item: ExplainedCall, project: str) -> tuple[list[JSON], list[JSON]]:
    """Feedback scores of the explanation: (for the span, for the trace).

    The driver by its text, with its attribution; the verdict; the held-out R², where there is
    one. The trace gets them, too, where it holds one call: the list of traces shows only the
    scores of traces.
    """
    explanation, reason = item.explanation, fidelity_reason(item.explanation)
    status, r2 = explanation.fidelity.status, explanation.fidelity.r2_heldout
    driver = driver_of(explanation)
    found = [
        (
            DRIVER,
            0.0 if driver is None else round(driver.attribution, 4),
            explanation.summary,
            driver_text(explanation),
        ),
        (VERDICT, SURE[status], reason, status),
    ]
    if r2 is not None:
        found.append((FIDELITY, round(r2, 4), reason, ""))
    return _scores(item, found, project)


def unexplained_scores(item: UnexplainedCall, project: str) -> tuple[list[JSON], list[JSON]]:
    """The verdict on a call that is not explained: (for the span, for the trace)."""
    return _scores(item, [(VERDICT, 0.0, item.reason, item.verdict)], project)


def profile_scores(item: ProfiledCall, project: str) -> tuple[list[JSON], list[JSON]]:
    """How often each probe changed the answer: (for the span, for the trace)."""
    found = [(one.name, one.value, one.said, one.status) for one in probe_scores(item)]
    return _scores(item, found, project)


def _scores(
    item: ExplainedCall | ProfiledCall | UnexplainedCall,
    found: Sequence[tuple[str, float, str, str]],
    project: str,
) -> tuple[list[JSON], list[JSON]]:
    """`found`: names, values, reasons and categories."""
    span_id = shown_span_id(item.call)
    of_span, of_trace = (
        [_score(entity, *score[:3], project, category=score[3] or None) for score in found]
        for entity in (span_id, item.traced_as)
    )
    return of_span, of_trace if len(item.trace.calls) == 1 else []


def feedback_scores(trace: Trace, project: str) -> list[JSON]:
    """What users thought of the trace: the newest score of each name."""
    return [
        _score(opik_trace_id(trace), one.name, one.score, one.comment, project)
        for one in newest_feedback(trace)
    ]


def _score(
    entity: str,
    name: str,
    value: float,
    reason: str | None,
    project: str,
    category: str | None = None,
) -> JSON:
    score = {"id": entity, "project_name": project, "name": name, "value": value}
    return known({**score, "category_name": category, "reason": reason, "source": SOURCE})


def _metadata(call: Call) -> dict[str, JSON]:
    usage = call.usage and known(call.usage.model_dump())
    return known({**call_metadata(call), "usage": usage, "prompts": prompt_uses(call)}) | known(
        call.metadata
    )


def _error(call: Call) -> dict[str, str] | None:
    if call.error is None:
        return None
    return {"exception_type": call.status, "message": call.error, "traceback": ""}


def _first_chunk_ms(span: Span) -> float | None:
    seconds = span.attributes.get(semconv.FIRST_CHUNK_SECONDS)
    return seconds * 1000 if isinstance(seconds, int | float) else None
