"""The calls of a trace: the innermost spans that hold messages and an answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects.attributes import call_fields, read_external_trace
from smile_trace.dialects.document_search import Finder
from smile_trace.dialects.documents import retrieved_in, with_documents
from smile_trace.dialects.joined import with_logs, with_requests
from smile_trace.dialects.kinds.logfire import is_streamed
from smile_trace.dialects.names import name_of
from smile_trace.dialects.parts import has_content
from smile_trace.dialects.registry import dialect_of
from smile_trace.dialects.templates import (
    linked_in,
    templates_in,
    with_linked_prompts,
    with_template,
)
from smile_trace.records import Call, Feedback, Span, Trace

MIN_PROBABILITY = 1e-6
"""No call stands for more than a million others, whatever a span says."""


def read_calls(spans: Sequence[Span]) -> tuple[Call, ...]:
    """The calls among the spans of one trace, in order of start.

    A span with messages but no answer is a Call, too: its `status`, `error`, `no_content` say why.
    A call described by several spans is read once (`said_twice`).
    """
    spans = with_requests(with_logs(spans))
    by_id = {span.span_id: span for span in spans}
    calls = {span.span_id: call for span in spans if (call := _read(span, by_id)) is not None}
    twice = said_twice(calls, by_id)
    retrieved = retrieved_in(spans)
    finder = Finder()
    templates, linked = templates_in(spans), linked_in(spans)
    probability = _probability_of(spans)
    found = []
    for span_id, call in calls.items():
        if span_id in twice:
            continue
        outer = list(around(by_id[span_id], by_id))
        call = _with_what_is_around(call, by_id[span_id], outer)
        ids = {span.span_id for span in outer}
        call = with_documents(call, retrieved, around=ids, finder=finder)
        call = with_template(call, by_id, templates)
        if _probability(by_id[span_id]) is not None:
            call = call.model_copy(update={"inclusion_probability": probability})
        found.append(with_linked_prompts(call, [by_id[span_id], *outer], linked))
    return tuple(sorted(found, key=lambda call: (call.start_ns, call.span_id)))


def read_alone(span: Span) -> Call | None:
    """The call that a span holds by itself, without what is around it."""
    return _read(span, {span.span_id: span})


def read_feedback(span: Span) -> Feedback | None:
    """The feedback that a span carries, or None; raises ForeignDataError for an infinite score."""
    attributes = span.attributes
    trace_id, score = (attributes.get(k) for k in (semconv.FEEDBACK_TRACE, semconv.FEEDBACK_SCORE))
    if attributes.get(semconv.KIND) != "feedback" or not isinstance(trace_id, str):
        return None
    if not isinstance(score, int | float):
        return None
    comment = attributes.get(semconv.FEEDBACK_COMMENT)
    return Feedback(
        id=f"{span.trace_id}:{span.span_id}",
        trace_id=trace_id,
        name=str(attributes.get(semconv.FEEDBACK_NAME) or "user_feedback"),
        score=foreign.finite(score),
        comment=None if comment is None else str(comment),
        at_ns=span.start_ns,
    )


def assemble(
    trace_id: str,
    spans: Sequence[Span],
    feedback: Sequence[Feedback] = (),
    root_missing: bool = False,
) -> Trace:
    """A complete trace, its calls read in whatever dialect; raises the errors of `trace_of`."""
    trace = trace_of(trace_id, spans, (), feedback, root_missing)
    return trace.model_copy(update={"calls": read_calls(trace.spans)})


def trace_of(
    trace_id: str,
    spans: Sequence[Span],
    calls: tuple[Call, ...],
    feedback: Sequence[Feedback] = (),
    root_missing: bool = False,
) -> Trace:
    """A trace whose calls were read already.

    The root is the span without a parent; with `root_missing`, or without such a span, it is the
    earliest whose parent is not among the spans. Logs of content become events of their spans.
    Raises ForeignDataError if there are logs, but not the spans that they are about; ValueError if
    there are no spans, or one of another trace.
    """
    if not spans:
        raise ValueError(f"trace {trace_id} has no spans")
    unique = {span.span_id: span for span in spans}
    unique = {span.span_id: span for span in with_logs(list(unique.values()))}
    ordered = sorted(unique.values(), key=lambda span: (span.start_ns, span.span_id))
    if not ordered:
        raise ForeignDataError(f"of trace {trace_id} there are logs, but no spans")
    if any(span.trace_id != trace_id for span in ordered):
        raise ValueError(f"a span of another trace among those of {trace_id}")
    root = next((span for span in ordered if span.parent_id is None), None)
    topmost = next((s for s in ordered if s.parent_id not in unique), ordered[0])
    service = (root or topmost).resource.get("service.name")
    return Trace.trusted(
        trace_id=trace_id,
        spans=tuple(ordered),
        calls=calls,
        feedback=tuple(feedback),
        root_span_id=(root or topmost).span_id,
        root_missing=root_missing or root is None,
        service_name=service if isinstance(service, str) else None,
    )


def is_ours(span: Span) -> bool:
    """Whether smile-trace wrote the span: a delivery into this trace, or its own work."""
    return span.attributes.get(semconv.KIND) in ("explanation", semconv.WORK)


def _read(span: Span, spans: Mapping[str, Span]) -> Call | None:
    if span.attributes.get(semconv.KIND, "call") != "call":  # context, feedback, what we delivered
        return None
    try:
        dialect = dialect_of(span)
        if dialect is None:
            return None
        call, complete = dialect.read_call(span), getattr(dialect, "complete", None)
        return call if complete is None else complete(call, span, tuple(around(span, spans)))
    except ForeignDataError as error:
        said = f"its attributes cannot be read: {error}"
        return Call(**call_fields(span), messages=(), no_content=said)


def _with_what_is_around(call: Call, own: Span, outer: Sequence[Span]) -> Call:
    """The call with the name that the application gave it, and with the external traces of the
    spans around it: an instrumentor notes neither."""
    linked: dict[str, str] = {}
    for span in reversed(outer):
        linked |= read_external_trace(span)
    named = name_of(own, outer) or call.name
    linked |= call.external_trace
    if (named, linked) == (call.name, call.external_trace):
        return call
    return call.model_copy(update={"name": named, "external_trace": linked})


def _probability_of(spans: Sequence[Span]) -> float | None:
    """The largest probability stated for shipping the trace, or None: any of its calls may be the
    reason to ship all of it."""
    return max((found for s in spans if (found := _probability(s)) is not None), default=None)


def _probability(span: Span) -> float | None:
    said = span.attributes.get(semconv.INCLUSION_PROBABILITY)
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return min(max(float(said), MIN_PROBABILITY), 1.0)


def said_twice(calls: Mapping[str, Call], spans: Mapping[str, Span]) -> set[str]:
    """The ids of calls that another call describes as well or better.

    Among nested whole calls (messages and answer), the outer ones. A call without an answer yields
    to any inside it, and to a whole one around it unless it failed, which the outer one may have
    retried. So does the request of a stream, whose answer is in a span of its own.
    """
    whole = {i for i, call in calls.items() if call.answer is not None and _is_sent(call)}
    around_any = _around_some(calls, spans) if len(calls) > 1 else set()
    found = whole & around_any and whole & _around_some(whole, spans)
    for span_id in calls.keys() - whole:
        if span_id in around_any or _is_inside(calls[span_id], spans, whole):
            found.add(span_id)
    return found | {i for i in calls.keys() - whole if is_streamed(spans[i])}


def around(span: Span, spans: Mapping[str, Span]) -> Iterator[Span]:
    """The spans around one, the innermost first."""
    seen = {span.span_id}
    outer = spans.get(span.parent_id or "")
    while outer is not None and outer.span_id not in seen:
        yield outer
        seen.add(outer.span_id)
        outer = spans.get(outer.parent_id or "")


def _still_open(span: Span, spans: Mapping[str, Span]) -> Iterator[Span]:
    """The spans around one that were open when it began. An instrumentor that forgets to leave a
    span makes every later call a child of it (Traceloop's for LangChain, 0.46)."""
    return (outer for outer in around(span, spans) if span.start_ns < outer.end_ns)


def _around_some(of: Iterable[str], spans: Mapping[str, Span]) -> set[str]:
    return {outer.span_id for i in of for outer in _still_open(spans[i], spans)}


def _is_sent(call: Call) -> bool:
    """Whether any of its messages was captured."""
    return any(map(has_content, call.messages))


def _is_inside(call: Call, spans: Mapping[str, Span], whole: set[str]) -> bool:
    failed = call.status != "returned" and _is_sent(call)
    return not failed and any(
        outer.span_id in whole for outer in _still_open(spans[call.span_id], spans)
    )
