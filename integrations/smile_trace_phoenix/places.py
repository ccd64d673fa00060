"""Where something belongs in Phoenix: in our trace, or in the application's own one."""

from smile_trace.records import Call, Trace
from smile_trace.trackers.late_span import Parent
from smile_trace.trackers.places import find_parent, find_root
from smile_trace_phoenix.server import PhoenixServer

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
    noted = call.external_trace.get(EXTERNAL_SPAN) or call.external_trace.get(OTEL_SPAN)
    return find_parent(trace_id, server.spans(trace_id) or (), call, noted)


def place_of_root(server: PhoenixServer, trace: Trace, traced_as: str) -> Parent | None:
    """The root span of a trace, ours or the application's; None where there is none yet."""
    if traced_as == trace.trace_id:
        root = trace.span(trace.root_span_id)
        return Parent(traced_as, root.span_id, root.start_ns, root.end_ns)
    return find_root(traced_as, server.spans(traced_as) or ())
