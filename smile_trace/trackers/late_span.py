"""The span that shows an explanation in a trace that a backend holds, and its parent.

One span serves every backend that takes OTLP: it is a model call to those that read OpenInference
(Phoenix draws its picture and Markdown), an evaluator to Langfuse, and an evaluation under the
GenAI conventions. It names no operation, model or tokens, so it costs nothing; it lies strictly
inside the time of its parent, so nothing takes longer.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from smile_trace import semconv
from smile_trace.records import JSON, Call, Span
from smile_trace.trackers.presentation import View

EVENT = "gen_ai.evaluation.result"
_MESSAGE = "llm.output_messages.0.message"
PICTURE_ATTRIBUTES = (
    f"{_MESSAGE}.contents.0.message_content.type",
    f"{_MESSAGE}.contents.0.message_content.image.image.url",
)
"""The attributes that hold the picture; the span is complete without them."""
_EDGE_NS = 2_000
"""Distance from each edge of the parent's time: some backends round to microseconds."""
_LENGTH_NS = 1_000_000


@dataclass(frozen=True)
class Parent:
    """The span that a late span goes under; its times are Unix nanoseconds."""

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int


def late_span(parent: Parent, view: View) -> Span:
    """Make the span under `parent` that shows a view: the picture, then the table."""
    edge = min(_EDGE_NS, (parent.end_ns - parent.start_ns) // 4)
    end = parent.end_ns - edge
    event = {"name": EVENT, "time_ns": end, "attributes": dict(view.evaluation)}
    return Span(
        trace_id=parent.trace_id,
        span_id=view.span_id,
        parent_id=parent.span_id,
        name=view.name,
        start_ns=max(parent.start_ns + edge, end - _LENGTH_NS),
        end_ns=end,
        attributes={
            semconv.KIND: "explanation",
            **_openinference(view),
            "langfuse.observation.type": "evaluator",
            "langfuse.observation.input": view.answer,
            "langfuse.observation.output": view.markdown,
            **view.evaluation,
            **view.attributes,
        },
        events=(event,) if view.evaluation else (),
        status="ok",
        scope="smile-trace",
    )


def _openinference(view: View) -> dict[str, JSON]:
    """Source: the semantic conventions of OpenInference. Phoenix always draws pictures and renders
    Markdown in the message of a model call, whatever the reader has set."""
    kind, address = PICTURE_ATTRIBUTES
    picture = base64.b64encode(view.svg.encode()).decode()
    return {
        "openinference.span.kind": "LLM",
        "input.value": view.answer,
        "input.mime_type": "text/plain",
        "output.value": view.markdown,
        "output.mime_type": "text/plain",
        f"{_MESSAGE}.role": "assistant",
        kind: "image",
        address: f"data:image/svg+xml;base64,{picture}",
        f"{_MESSAGE}.contents.1.message_content.type": "text",
        f"{_MESSAGE}.contents.1.message_content.text": view.markdown,
    }


# -- in the application's own trace ---------------------------------------------------------


class HeldSpan(NamedTuple):
    """A span that a backend holds; its times are Unix nanoseconds, `end_ns` None before its end.
    `is_call`: whether the backend has it as a model call; a late span of ours is none."""

    span_id: str
    parent_id: str | None
    is_call: bool
    start_ns: int
    end_ns: int | None


def find_parent(
    trace_id: str, spans: Sequence[HeldSpan], call: Call | None, noted: str | None
) -> Parent | None:
    """Find the span that an explanation goes under; None if it has not arrived or not ended.

    It is the call recorded while ours ran, if `noted` (the id of the span that our call was made
    in) is that call or is around it; else the noted span; else, and of no call, the root. `spans`
    are all of the trace's.
    """
    if call is None:
        return find_root(trace_id, spans)
    by_id = {span.span_id: span for span in spans}
    around = by_id.get(noted or "")
    inside = [s for s in spans if around is None or _is_within(s, around.span_id, by_id)]
    calls = [s for s in inside if s.is_call and _overlap(s, call) > 0]
    if calls:
        return _parent(trace_id, max(calls, key=lambda s: _overlap(s, call)))
    return find_root(trace_id, spans) if around is None else _parent(trace_id, around)


def find_root(trace_id: str, spans: Sequence[HeldSpan]) -> Parent | None:
    """Find the root of a trace, the earliest if several; None if it has not arrived or ended."""
    roots = [span for span in spans if span.parent_id is None]
    return _parent(trace_id, min(roots, key=lambda s: s.start_ns)) if roots else None


def _parent(trace_id: str, span: HeldSpan) -> Parent | None:
    if span.end_ns is None:
        return None
    return Parent(trace_id, span.span_id, span.start_ns, span.end_ns)


def _is_within(span: HeldSpan, ancestor: str, by_id: Mapping[str, HeldSpan]) -> bool:
    at: HeldSpan | None = span
    for _ in by_id:  # no further, where parents go in a circle
        if at is None or at.span_id == ancestor:
            break
        at = by_id.get(at.parent_id or "")
    return at is not None and at.span_id == ancestor


def _overlap(span: HeldSpan, call: Call) -> int:
    return min(span.end_ns or 0, call.end_ns) - max(span.start_ns, call.start_ns)
