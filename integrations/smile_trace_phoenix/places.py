"""Where something belongs in Phoenix: in our trace, or in the application's own one."""

from collections.abc import Mapping, Sequence

from smile_trace.records import Call, Trace
from smile_trace.trackers.late_span import Parent
from smile_trace_phoenix.server import HeldSpan, PhoenixServer

EXTERNAL_TRACE, EXTERNAL_SPAN = "phoenix.trace_id", "phoenix.span_id"
"""Keys of `Call.external_trace`: of a call that was read from Phoenix."""
OTEL_TRACE, OTEL_SPAN = "otel.trace_id", "otel.span_id"
"""Those of the application's own OpenTelemetry, which may send to the same Phoenix."""


def external_trace(call: Call) -> str | None:
    """The id of the application's own trace that a call was made in."""
    noted = call.external_trace
    return noted.get(EXTERNAL_TRACE) or noted.get(OTEL_TRACE)


def external_traces(trace: Trace) -> list[str]:
    """The application's own traces, where every call of ours was made inside of one."""
    ids = [external_trace(call) for call in trace.calls]
    return list(dict.fromkeys(i for i in ids if i is not None)) if all(ids) else []


def was_read(trace: Trace) -> bool:
    """Whether the trace itself was read from a Phoenix."""
    return any(c.external_trace.get(EXTERNAL_TRACE) == trace.trace_id for c in trace.calls)


def place_of_call(server: PhoenixServer, trace: Trace, call: Call, traced_as: str) -> Parent | None:
    """The span that belongs to a call; None where the application's trace has no spans yet."""
    if traced_as == trace.trace_id:
        return Parent(traced_as, call.span_id, call.start_ns, call.end_ns)
    trace_id = external_trace(call) or traced_as
    return find_parent(trace_id, server.spans(trace_id) or (), call)


def place_of_root(server: PhoenixServer, trace: Trace, traced_as: str) -> Parent | None:
    """The root span of a trace, ours or the application's; None where there is none yet."""
    if traced_as == trace.trace_id:
        root = trace.span(trace.root_span_id)
        return Parent(traced_as, root.span_id, root.start_ns, root.end_ns)
    return _root(traced_as, server.spans(traced_as) or ())


def find_parent(trace_id: str, spans: Sequence[HeldSpan], call: Call) -> Parent | None:
    """The span of the application's own trace that an explanation goes under.

    Under the LLM span that was recorded while the call ran, if there is one below the span that
    was noted; else under the noted span; else under the root.
    """
    by_id = {span.span_id: span for span in spans}
    noted = call.external_trace.get(EXTERNAL_SPAN) or call.external_trace.get(OTEL_SPAN) or ""
    own = by_id.get(noted)
    inside = [s for s in spans if own is None or _is_below(s, own.span_id, by_id)]
    llm = [s for s in inside if s.kind == "LLM" and _overlap(s, call) > 0]
    if llm:
        return _parent(trace_id, max(llm, key=lambda s: _overlap(s, call)))
    return _parent(trace_id, own) if own is not None else _root(trace_id, spans)


def _root(trace_id: str, spans: Sequence[HeldSpan]) -> Parent | None:
    roots = [span for span in spans if span.parent_id is None]
    return _parent(trace_id, min(roots, key=lambda s: s.start_ns)) if roots else None


def _parent(trace_id: str, span: HeldSpan) -> Parent:
    return Parent(trace_id, span.span_id, span.start_ns, span.end_ns)


def _is_below(span: HeldSpan, ancestor: str, by_id: Mapping[str, HeldSpan]) -> bool:
    at: HeldSpan | None = span
    for _ in by_id:
        if at is None or at.span_id == ancestor:
            break
        at = by_id.get(at.parent_id or "")
    return at is not None and at.span_id == ancestor


def _overlap(span: HeldSpan, call: Call) -> int:
    """Nanoseconds in which both ran."""
    return min(span.end_ns, call.end_ns) - max(span.start_ns, call.start_ns)
