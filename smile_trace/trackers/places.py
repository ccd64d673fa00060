"""Where something belongs in the application's own trace, which a backend holds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from smile_trace.records import Call
from smile_trace.trackers.late_span import Parent


class HeldSpan(NamedTuple):
    """A span that a backend holds; its times are Unix nanoseconds, `end_ns` None before its end.

    `is_call`: whether a model is called in it, as the backend has it; a late span of ours is none.
    """

    span_id: str
    parent_id: str | None
    is_call: bool
    start_ns: int
    end_ns: int | None


def find_parent(
    trace_id: str, spans: Sequence[HeldSpan], call: Call, noted: str | None
) -> Parent | None:
    """The span that an explanation goes under; None where it has not arrived, or not ended.

    Under the call that was recorded while ours ran, if the noted span is one, or is around one;
    else under the noted span; else under the root.

    Args:
        spans: all of the trace.
        noted: the id of the span that our call was made in.
    """
    by_id = {span.span_id: span for span in spans}
    around = by_id.get(noted or "")
    inside = [s for s in spans if around is None or _is_within(s, around.span_id, by_id)]
    calls = [s for s in inside if s.is_call and _overlap(s, call) > 0]
    if calls:
        return _parent(trace_id, max(calls, key=lambda s: _overlap(s, call)))
    return find_root(trace_id, spans) if around is None else _parent(trace_id, around)


def find_root(trace_id: str, spans: Sequence[HeldSpan]) -> Parent | None:
    """The root of a trace, the earliest of several; None where it has not arrived, or not ended."""
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
    """Nanoseconds in which both ran."""
    return min(span.end_ns or 0, call.end_ns) - max(span.start_ns, call.start_ns)
