"""Deleting a trace from Phoenix, with everything that was delivered into and about it."""

from smile_trace.errors import ReasonCode
from smile_trace.trackers import ForgottenTrace, Outcome, Receipt, Rejected
from smile_trace.trackers.late_path import path_span_id
from smile_trace.trackers.late_span import explanation_span_id
from smile_trace_phoenix import annotations
from smile_trace_phoenix.comparisons import forget_comparisons
from smile_trace_phoenix.places import EXTERNAL_TRACE, OTEL_TRACE
from smile_trace_phoenix.server import PhoenixServer


def forget_trace(server: PhoenixServer, item: ForgottenTrace) -> Outcome:
    """Delete our trace, or what we put into the application's own one; the comparisons.

    Raises:
        TrackerUnavailable: the server takes nothing.
        RequestRejected: the server does not do this.
    """
    noted = {
        trace_id
        for call in item.calls
        for key in (EXTERNAL_TRACE, OTEL_TRACE)
        if (trace_id := call.external_trace.get(key))
    }
    if item.trace_id not in noted:  # one that was read from Phoenix has its own id here
        server.delete("traces", item.trace_id)
    there = [trace_id for trace_id in sorted(noted) if _leave(server, trace_id, item)]
    forget_comparisons(server, {name for call in item.calls for name, _ in call.prompts})
    if there:
        return Rejected(
            reason=f"the application itself wrote {', '.join(there)}: the explanation was taken "
            "out of it, delete the rest there",
            code=ReasonCode.REJECTED,
            retry=False,
        )
    return Receipt(external_id=item.trace_id)


def _leave(server: PhoenixServer, trace_id: str, item: ForgottenTrace) -> bool:
    """Take the explanations out of a trace of the application's; whether we had put any there."""
    held = {span.span_id: span for span in server.spans(trace_id) or ()}
    late = [explanation_span_id(call.id) for call in item.calls]
    ours = [span_id for span_id in (*late, path_span_id(item.trace_id)) if span_id in held]
    for span_id in ours:
        server.delete("spans", span_id)
        if (parent := held[span_id].parent_id) in held:
            server.annotate(
                "span", [{**row, "span_id": parent} for row in annotations.all_forgotten()]
            )
    if ours:
        rows = annotations.all_forgotten()
        server.annotate("trace", [{**row, "trace_id": trace_id} for row in rows])
    return bool(held) and bool(ours or item.traced_as == trace_id)
