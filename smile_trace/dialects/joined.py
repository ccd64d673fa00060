"""What emitters write of a call beside its span, as events of that span."""

import re
from collections.abc import Mapping, Sequence

from smile_trace import semconv
from smile_trace.dialects.attributes import read_object
from smile_trace.records import JSON, Span
from smile_trace.records.formats.otlp import BODIES, LOG

RAW_REQUEST = "raw_gen_ai_request"
"""The event that a span of LiteLLM's becomes: a request as the provider got it, or the reply."""
_RAW = re.compile(r"llm\.\w[\w-]*\.(model|messages|input|id)$")


def with_requests(spans: Sequence[Span]) -> list[Span]:
    """The spans, with what LiteLLM writes into a span inside that of the call as an event of it."""
    raw = {span.parent_id: span.attributes for span in spans if is_raw_request(span)}
    if not raw:
        return list(spans)
    return _with_events(spans, {i: [{"name": RAW_REQUEST, "attributes": raw[i]}] for i in raw})


def is_raw_request(span: Span) -> bool:
    """Whether the span is part of what LiteLLM writes of another one."""
    return span.scope == "litellm" and any(map(_RAW.match, span.attributes))


def _with_events(
    spans: Sequence[Span], events: Mapping[str | None, list[dict[str, JSON]]]
) -> list[Span]:
    return [
        span.model_copy(update={"events": (*span.events, *events[span.span_id])})
        if span.span_id in events
        else span
        for span in spans
    ]


def with_logs(spans: Sequence[Span]) -> list[Span]:
    """The spans, with logs turned into events of theirs; a log about a missing span is left out."""
    if not any(LOG in span.attributes for span in spans):
        return list(spans)
    events: dict[str | None, list[dict[str, JSON]]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        if isinstance(log := span.attributes.get(LOG), dict):
            events.setdefault(span.parent_id, []).append(log)
    if not events:
        return list(spans)
    _move_choices(events, spans)
    _move_bodies(events, spans)
    return _with_events([span for span in spans if LOG not in span.attributes], events)


def _move_choices(events: dict[str | None, list[dict[str, JSON]]], spans: Sequence[Span]) -> None:
    """Move a streamed answer that was logged for the span around a call (Traceloop's) to the only
    span inside that has messages and no answer."""
    inside: dict[str | None, list[str]] = {}
    for span in spans:
        inside.setdefault(span.parent_id, []).append(span.span_id)
    for around, logs in list(events.items()):
        if any(log.get("name") != semconv.CHOICE_EVENT for log in logs):
            continue
        inner = [i for i in inside.get(around, ()) if i in events]
        waiting = [
            i for i in inner if all(log.get("name") != semconv.CHOICE_EVENT for log in events[i])
        ]
        if len(waiting) == 1:
            events[waiting[0]] += events.pop(around)


def _move_bodies(events: dict[str | None, list[dict[str, JSON]]], spans: Sequence[Span]) -> None:
    """Move the bodies of requests and responses that Claude Code logs for the span around a call to
    the call's, if only one was under way and used as many tokens."""
    calls: dict[str | None, list[Span]] = {}
    for span in spans:
        if span.name == "claude_code.llm_request":
            calls.setdefault(span.parent_id, []).append(span)
    bodies = {i: [log for log in logs if log.get("name") in BODIES] for i, logs in events.items()}
    for around in bodies:
        events[around] = [log for log in events[around] if log.get("name") not in BODIES]
    for around, logs in bodies.items():
        replies = {_body_id(log): log for log in logs if log.get("name") == BODIES[1]}
        for request in (log for log in logs if log.get("name") == BODIES[0]):
            response, at = replies.get(_body_id(request)), request.get("time_ns")
            inside = [s for s in calls.get(around, ()) if _is_in(s, at)]
            used = _output_tokens(response)
            fits = [
                s for s in inside if response is None or s.attributes.get("output_tokens") == used
            ]
            if len(fits) == 1:
                moved = [log for log in (request, response) if log is not None]
                events.setdefault(fits[0].span_id, []).extend(moved)


def _is_in(span: Span, at: JSON) -> bool:
    return isinstance(at, int) and span.start_ns <= at <= span.end_ns


def _body_id(log: dict[str, JSON]) -> JSON:
    return str(read_object(log.get("attributes")).get("request_body_id"))


def _output_tokens(response: dict[str, JSON] | None) -> JSON:
    body = read_object(read_object((response or {}).get("attributes")).get("body"))
    return read_object(body.get("usage")).get("output_tokens")
