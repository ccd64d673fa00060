"""Traces, spans and views as Opik's REST interface takes them.

Fields are as opik 2.2.122 sends them. Opik's ids are UUIDs of version 7, here made from ours, so
that they are the same every time.
"""

import hashlib
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from smile_trace import semconv
from smile_trace.records import JSON, Call, ForgottenCall, Span, Trace
from smile_trace.render import STATUS_WORDS
from smile_trace.trackers.fields import (
    call_input,
    call_metadata,
    call_output,
    known,
    prompt_uses,
    span_io,
    tags,
    timestamp,
    token_usage,
    trace_io,
    trace_times,
)
from smile_trace.trackers.late_span import Parent
from smile_trace.trackers.presentation import HeatmapView, Score, View

TAG = "explained"
OWN_TRACE = "smile_trace_id"
"""Metadata of a trace that smile-trace wrote: its id here."""
EXTERNAL_TRACE, EXTERNAL_SPAN = "opik.trace_id", "opik.span_id"
EXTERNAL_PROJECT = "opik.project"
"""Keys of `Call.external_trace` of a call that was read from Opik."""
SOURCE = "sdk"
"""The writer; Opik knows only a few words here."""


# -- ids ------------------------------------------------------------------------------------


@lru_cache(1024)
def uuid7(at_ns: int, name: str) -> str:
    """Make a UUID of version 7 (RFC 9562, section 5.7) whose random part is a hash of `name`. Opik
    sorts by the milliseconds in it, from `at_ns` (Unix nanoseconds)."""
    random = int.from_bytes(hashlib.sha256(f"smile-trace {name}".encode()).digest()[:10], "big")
    value = (at_ns // 1_000_000 & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def time_of(made: str) -> int:
    """Return the time in an id of version 7, in Unix nanoseconds."""
    return (uuid.UUID(made).int >> 80) * 1_000_000


def opik_trace_id(trace: Trace) -> str:
    """Return Opik's id of a trace. Its time is that of the first call, not of the root: a root that
    comes late, after another span stood in for it, must not make a second trace."""
    first = trace.calls[0] if trace.calls else trace.span(trace.root_span_id)
    return uuid7(first.start_ns, trace.trace_id)


def opik_span_id(trace_id: str, span_id: str, start_ns: int) -> str:
    """Return Opik's id of a span."""
    return uuid7(start_ns, f"{trace_id}:{span_id}")


def path_span_id(trace_id: str, start_ns: int) -> str:
    """Return the id of the span with a trace's path; `start_ns` is that of its first call."""
    return uuid7(start_ns, f"path of {trace_id}")


def explanation_span_id(call: Call | ForgottenCall, key: str = "") -> str:
    """Return the id of a call's explanation span, the same for a newer explanation; `key` is
    another one of its `view_keys` than the first."""
    return uuid7(call.start_ns, f"explanation of {key or call.id}")


# -- traces ---------------------------------------------------------------------------------


def trace_json(trace: Trace, project: str, now_ns: int) -> dict[str, Any]:
    """Make the trace itself; its input and output are those of its root."""
    root = trace.span(trace.root_span_id)
    call = next((call for call in trace.calls if call.span_id == root.span_id), None)
    first = trace.calls[0] if trace.calls else None
    start, end = trace_times(trace)
    took, gave = trace_io(trace)
    about = {
        "service": trace.service_name,
        OWN_TRACE: trace.trace_id,
        "root_missing": trace.root_missing or None,
        **(_metadata(first) if first and len(trace.calls) == 1 else {}),
    }
    return known(
        {
            "id": opik_trace_id(trace),
            "project_name": project,
            "name": root.name,
            "start_time": timestamp(start),
            "end_time": timestamp(end),
            "input": took,
            "output": gave,
            "metadata": known(about),
            "tags": tags(trace.calls),
            "error_info": _error(call) if call else None,
            "thread_id": first.session if first else None,
            "last_updated_at": timestamp(now_ns),
            "source": SOURCE,
        }
    )


def spans_json(trace: Trace, project: str, now_ns: int) -> list[dict[str, Any]]:
    """Make every span of the trace, the root too, as Opik's own decorator sends them."""
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
    first_chunk = span.attributes.get(semconv.FIRST_CHUNK_SECONDS)
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
            "ttft": first_chunk * 1000 if isinstance(first_chunk, int | float) else None,
        }
    )


def _metadata(call: Call) -> dict[str, JSON]:
    usage = call.usage and known(call.usage.model_dump())
    return known({**call_metadata(call), "usage": usage, "prompts": prompt_uses(call)}) | known(
        call.metadata
    )


def _error(call: Call) -> dict[str, str] | None:
    if call.error is None:
        return None
    return {"exception_type": call.status, "message": call.error, "traceback": ""}


# -- what is known of calls ------------------------------------------------------------------


def view_json(
    place: Parent, span_id: str, call: Call | None, view: View, project: str, now_ns: int
) -> dict[str, Any]:
    """Make the span of a call's or trace's view, in its parent's time; pictures are attached."""
    fields = {
        "id": span_id,
        "project_name": project,
        "trace_id": place.trace_id,
        "parent_span_id": place.span_id,
        "type": "general",
        "start_time": timestamp(place.start_ns),
        "end_time": timestamp(place.end_ns),
        "last_updated_at": timestamp(now_ns),
        "source": SOURCE,
    }
    if call is None or not isinstance(view, HeatmapView):
        shown = {"name": view.name, "input": {"answer": view.answer}, "tags": [TAG]}
        return {**fields, **shown, "output": {"summary": view.summary, "path": _ATTACHED}}
    explanation, fidelity = view.explanation, view.explanation.fidelity
    words = STATUS_WORDS[fidelity.status]
    about = {
        "status": words,
        "fidelity": fidelity.model_dump(),
        "cost": explanation.cost.model_dump(),
        "explained_at": explanation.explained_at,
        "signal": explanation.signal,
        "settings": explanation.settings.model_dump(mode="json"),
    }
    output = {"summary": view.summary, "top_segments": view.markdown, "heatmap": _ATTACHED}
    shown = {"name": view.name, "input": call_input(call), "output": output}
    return {**fields, **shown, "metadata": {"smile_trace": about}, "tags": [TAG, words]}


_ATTACHED = "see the attachments"


def score_json(entity: str, score: Score, project: str) -> JSON:
    """Make a feedback score of a span or a trace. Opik takes no category without a number."""
    value = score.as_number if score.value is None else score.value
    about = {"id": entity, "project_name": project, "name": score.name, "value": value}
    said = {"category_name": score.label, "reason": score.reason or None}
    return known({**about, **said, "source": SOURCE})
