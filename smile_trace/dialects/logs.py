"""Logs that hold the content of a call: they become events of its span.

OpenTelemetry's instrumentors may write content as logs (`EVENT_ONLY`), which come in requests of
their own, before their span. Until the trace is complete, each is kept as a span inside the one
that it is about (`records.otlp.LOG`).
"""

from collections.abc import Sequence

from smile_trace.records import JSON, Span
from smile_trace.records.formats.otlp import LOG

CHOICE = "gen_ai.choice"


def with_logs(spans: Sequence[Span]) -> list[Span]:
    """The spans without those that are logs, which are events of their spans.

    A log about a span that is missing is left out.
    """
    events: dict[str | None, list[dict[str, JSON]]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        if isinstance(log := span.attributes.get(LOG), dict):
            events.setdefault(span.parent_id, []).append(log)
    if not events:
        return list(spans)
    _move_choices(events, spans)
    return [
        span.model_copy(update={"events": (*span.events, *events[span.span_id])})
        if span.span_id in events
        else span
        for span in spans
        if LOG not in span.attributes
    ]


def _move_choices(events: dict[str | None, list[dict[str, JSON]]], spans: Sequence[Span]) -> None:
    """An answer that was streamed may be about the span around the call (Traceloop's): it goes to
    the only span in there that has messages and no answer."""
    inside: dict[str | None, list[str]] = {}
    for span in spans:
        inside.setdefault(span.parent_id, []).append(span.span_id)
    for around, logs in list(events.items()):
        if any(log.get("name") != CHOICE for log in logs):
            continue
        inner = [i for i in inside.get(around, ()) if i in events]
        waiting = [i for i in inner if all(log.get("name") != CHOICE for log in events[i])]
        if len(waiting) == 1:
            events[waiting[0]] += events.pop(around)
