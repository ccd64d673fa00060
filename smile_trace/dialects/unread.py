"""Spans that look like calls without content, and what to do, for `smile-trace doctor`."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from smile_trace import semconv
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.attributes import NOT_CAPTURED
from smile_trace.dialects.call import how_to_capture
from smile_trace.dialects.parts import has_content
from smile_trace.dialects.registry import dialect_of, hint
from smile_trace.dialects.traces import around
from smile_trace.records import Call, Span, Trace

_HAS_MODEL = re.compile(r"(^|[._])model([._](name|id))?$")
_HAS_CONTENT = re.compile(r"(prompt|completion|messages)([._]|$)")
_OTHER_WORK = re.compile(r"embed|rerank|moderation|agent|workflow|tool|retriev|task", re.IGNORECASE)
_NO_WORK = "create_agent"
_UNKNOWN = "its attributes are of no dialect that is known"
_BY_CLIENT = "add OpenTelemetry's or OpenInference's instrumentor of the model's client"
_OTHER_FORMS = {
    "braintrust.metadata": (re.compile('"model"'), f"Braintrust's form is not read: {_BY_CLIENT}"),
    "haystack.component.type": (
        re.compile("Generator$"),
        f"Haystack's own spans are not read: {_BY_CLIENT}",
    ),
}
"""Attributes of calls in a form of their own. Sources: `braintrust-sdk-java`, `-ruby`, `-go`;
haystack-ai, `core/pipeline/base.py`."""
_KINDS = (semconv.OPERATION_NAME, "openinference.span.kind", "llm.request.type")


class Unread(NamedTuple):
    """A span without content: the scope that wrote it, and why."""

    scope: str
    why: str


def unread(trace: Trace) -> Iterator[Unread]:
    """Calls of a trace without content, and spans that look like calls but match no dialect."""
    spans = {span.span_id: span for span in trace.spans}
    asked = {call.span_id for call in trace.calls}
    taken = set(asked)
    for call in trace.calls:
        span = spans[call.span_id]
        taken.update(outer.span_id for outer in around(span, spans))
        if semconv.KIND not in span.attributes and (why := _why_no_content(call, span)):
            yield Unread(span.scope, why)
    working = (s for s in trace.spans if s.attributes.get(semconv.OPERATION_NAME) != _NO_WORK)
    for scope in () if trace.calls else dict.fromkeys(span.scope for span in working):
        if how := hint("calls_recorded_by", scope):
            yield Unread(scope, f"it records no call of a model: {how}")
    for span in trace.spans:
        why = None if span.span_id in taken else _why_unread(span)
        if why and not any(outer.span_id in asked for outer in around(span, spans)):
            yield Unread(span.scope, why)


def _why_unread(span: Span) -> str | None:
    for name, (values, said) in _OTHER_FORMS.items():
        if values.search(str(span.attributes.get(name, ""))):
            return said
    unread = looks_like_a_call(span) and not _is_read(span)  # else another says it better
    return _UNKNOWN if unread else None


def _is_read(span: Span) -> bool:
    try:
        return dialect_of(span) is not None
    except ForeignDataError:
        return True


def looks_like_a_call(span: Span) -> bool:
    """Whether the span names a model and something like a prompt, and is no other work."""
    a = span.attributes
    if semconv.KIND in a or any(_OTHER_WORK.search(str(a.get(kind, ""))) for kind in _KINDS):
        return False
    if _OTHER_WORK.search(span.name):
        return False
    return any(map(_HAS_MODEL.search, a)) and any(map(_HAS_CONTENT.search, a))


def _why_no_content(call: Call, span: Span) -> str | None:
    if call.status != "returned" or any(map(has_content, call.messages)):
        return None
    if call.no_content is not None and not call.no_content.startswith(NOT_CAPTURED):
        return call.no_content
    how = how_to_capture(span) or "see how its instrumentor is told to write it"
    return f"content capture is off: {how}"
