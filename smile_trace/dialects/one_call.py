"""Of several spans of one call, which one becomes the Call.

Instrumentors of a framework and of a client write the same call inside each other; a stream is
written as the request, and then the answer (logfire's).
"""

from collections.abc import Iterable, Iterator, Mapping

from smile_trace.dialects.logfire import is_streamed
from smile_trace.dialects.parts import has_content
from smile_trace.records import Call, Span


def said_twice(calls: Mapping[str, Call], spans: Mapping[str, Span]) -> set[str]:
    """The ids of those that another one says as well or better.

    Of calls in each other with messages and an answer, the outer ones. One without an answer says
    less than any inside it; and than one with all around it, unless it failed: then that one tried
    again. And the request of a stream, whose answer comes in a span of its own (of another trace
    where nothing is around both).
    """
    whole = {i for i, call in calls.items() if call.answer is not None and _is_sent(call)}
    around_any = _around_some(calls, spans)
    found = whole & _around_some(whole, spans)
    for span_id in calls.keys() - whole:
        if span_id in around_any or _is_inside(calls[span_id], spans, whole):
            found.add(span_id)
    return found | {span_id for span_id in calls.keys() - whole if is_streamed(spans[span_id])}


def around(span: Span, spans: Mapping[str, Span]) -> Iterator[Span]:
    """The spans around one, the innermost first."""
    seen = {span.span_id}
    outer = spans.get(span.parent_id or "")
    while outer is not None and outer.span_id not in seen:
        yield outer
        seen.add(outer.span_id)
        outer = spans.get(outer.parent_id or "")


def _still_open(span: Span, spans: Mapping[str, Span]) -> Iterator[Span]:
    """Those around one that had not ended when it began. An instrumentor that forgets to leave a
    span makes every later call a child of it (Traceloop's for LangChain, 0.46)."""
    return (outer for outer in around(span, spans) if span.start_ns < outer.end_ns)


def _around_some(of: Iterable[str], spans: Mapping[str, Span]) -> set[str]:
    """The ids of the spans around any of these."""
    return {outer.span_id for i in of for outer in _still_open(spans[i], spans)}


def _is_sent(call: Call) -> bool:
    """Whether any of its messages was captured."""
    return any(map(has_content, call.messages))


def _is_inside(call: Call, spans: Mapping[str, Span], whole: set[str]) -> bool:
    failed = call.status != "returned" and _is_sent(call)
    return not failed and any(
        outer.span_id in whole for outer in _still_open(spans[call.span_id], spans)
    )
