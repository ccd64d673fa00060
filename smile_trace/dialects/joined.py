"""What emitters write of a call beside its span, as events of that span."""

import re
from collections.abc import Iterator, Sequence

from smile_trace import semconv
from smile_trace.dialects.attributes import read_object
from smile_trace.records import JSON, Span
from smile_trace.records.formats.otlp import BODIES, LOG

RAW_REQUEST = "raw_gen_ai_request"
"""The event that a span of LiteLLM's becomes: a request as the provider got it, or the reply."""
_RAW = re.compile(r"llm\.\w[\w-]*\.(model|messages|input|id)$")


def with_requests(spans: Sequence[Span]) -> list[Span]:
    """The spans, with what LiteLLM writes into a span inside that of the call as an event of it."""
    raw = {span.parent_id: span for span in spans if is_raw_request(span)}
    return [
        span.model_copy(update={"events": (*span.events, _event(raw[span.span_id]))})
        if span.span_id in raw
        else span
        for span in spans
    ]


def is_raw_request(span: Span) -> bool:
    """Whether the span is part of what LiteLLM writes of another one."""
    return span.scope == "litellm" and any(map(_RAW.match, span.attributes))


def _event(span: Span) -> dict[str, JSON]:
    return {"name": RAW_REQUEST, "attributes": span.attributes}


def with_logs(spans: Sequence[Span]) -> list[Span]:
    """The spans, with logs turned into events of theirs; a log about a missing span is left out."""
    events: dict[str | None, list[dict[str, JSON]]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        if isinstance(log := span.attributes.get(LOG), dict):
            events.setdefault(span.parent_id, []).append(log)
    if not events:
        return list(spans)
    _move_choices(events, spans)
    _move_bodies(events, spans)
    return [
        span.model_copy(update={"events": (*span.events, *events[span.span_id])})
        if span.span_id in events
        else span
        for span in spans
        if LOG not in span.attributes
    ]


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
    for around, logs in list(events.items()):
        calls = [s for s in spans if s.parent_id == around and s.name == "claude_code.llm_request"]
        for request, response in _pairs(logs):
            fits = [span for span in calls if _asked_during(span, request, response)]
            if len(fits) == 1:
                moved = [log for log in (request, response) if log is not None]
                events.setdefault(fits[0].span_id, []).extend(moved)
        events[around] = [log for log in logs if log.get("name") not in BODIES]


def _pairs(
    logs: Sequence[dict[str, JSON]],
) -> Iterator[tuple[dict[str, JSON], dict[str, JSON] | None]]:
    """Each request of these logs, with its response."""
    said = {_body_id(log): log for log in logs if log.get("name") == BODIES[1]}
    for log in logs:
        if log.get("name") == BODIES[0]:
            yield log, said.get(_body_id(log))


def _body_id(log: dict[str, JSON]) -> JSON:
    return str(read_object(log.get("attributes")).get("request_body_id"))


def _asked_during(span: Span, request: dict[str, JSON], response: dict[str, JSON] | None) -> bool:
    at = request.get("time_ns")
    if not isinstance(at, int) or not span.start_ns <= at <= span.end_ns:
        return False
    body = read_object(read_object((response or {}).get("attributes")).get("body"))
    used = read_object(body.get("usage")).get("output_tokens")
    return response is None or used == span.attributes.get("output_tokens")
