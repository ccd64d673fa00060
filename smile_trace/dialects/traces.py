"""The calls of a trace: the innermost spans that hold messages and an answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from smile_trace import foreign, semconv
from smile_trace.dialects.attributes import call_fields, read_external_trace, read_text
from smile_trace.dialects.base import known
from smile_trace.dialects.documents import retrieved_in, with_documents
from smile_trace.foreign import ForeignDataError
from smile_trace.records.call import Call, Feedback, Span, Trace


def read_calls(spans: Sequence[Span]) -> tuple[Call, ...]:
    """The calls among the spans of one trace, in order of start.

    A span that holds messages but no answer becomes a Call, too (its `status`, `error`,
    `no_content` say why), unless a span inside it holds messages: then it is context.
    """
    calls = {span.span_id: call for span in spans if (call := _read(span)) is not None}
    around_answers = _ancestors(spans, (i for i, call in calls.items() if call.answer is not None))
    around_calls = _ancestors(spans, calls)
    by_id = {span.span_id: span for span in spans}
    retrieved = retrieved_in(spans)
    innermost = (
        with_documents(_with_what_is_around(call, by_id), retrieved)
        for span_id, call in calls.items()
        if span_id not in (around_calls if call.answer is None else around_answers)
    )
    return tuple(sorted(innermost, key=lambda call: (call.start_ns, call.span_id)))


def read_feedback(span: Span) -> Feedback | None:
    """The feedback that a span carries; None where it carries none.

    Raises:
        ForeignDataError: the score is no finite number.
    """
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
    """A complete trace from its spans.

    The root is the span without a parent; with `root_missing`, or where there is none, the
    topmost span is taken: the earliest whose parent is not among the spans.

    Raises:
        ValueError: there are no spans, or one of another trace.
    """
    unique = {span.span_id: span for span in spans}
    ordered = sorted(unique.values(), key=lambda span: (span.start_ns, span.span_id))
    if not ordered:
        raise ValueError(f"trace {trace_id} has no spans")
    if any(span.trace_id != trace_id for span in ordered):
        raise ValueError(f"a span of another trace among those of {trace_id}")
    root = next((span for span in ordered if span.parent_id is None), None)
    topmost = next((s for s in ordered if s.parent_id not in unique), ordered[0])
    service = (root or topmost).resource.get("service.name")
    return Trace(
        trace_id=trace_id,
        spans=tuple(ordered),
        calls=read_calls(ordered),
        feedback=tuple(feedback),
        root_span_id=(root or topmost).span_id,
        root_missing=root_missing or root is None,
        service_name=service if isinstance(service, str) else None,
    )


def _read(span: Span) -> Call | None:
    for dialect in known():
        if dialect.recognises(span):
            try:
                return dialect.read_call(span)
            except ForeignDataError as error:
                said = f"its attributes cannot be read: {error}"
                return Call(**call_fields(span), messages=(), no_content=said)
    return None


def _with_what_is_around(call: Call, spans: Mapping[str, Span]) -> Call:
    """The call under the name of the innermost decorated function, with the external traces of the
    spans around it: an instrumentor notes neither."""
    own = spans[call.span_id]
    around = list(_around(own, spans))
    linked: dict[str, str] = {}
    for span in reversed(around):
        linked |= read_external_trace(span)
    named = next(filter(None, map(_function, (own, *around))), call.name)
    return call.model_copy(update={"name": named, "external_trace": linked | call.external_trace})


def _function(span: Span) -> str | None:
    """The decorated function that a span is of."""
    if span.attributes.get(semconv.KIND) == "context":
        return span.name
    return read_text(span.attributes.get(semconv.NAME))


def _around(span: Span, spans: Mapping[str, Span]) -> Iterator[Span]:
    """The spans around one, the innermost first."""
    seen = {span.span_id}
    around = spans.get(span.parent_id or "")
    while around is not None and around.span_id not in seen:
        yield around
        seen.add(around.span_id)
        around = spans.get(around.parent_id or "")


def _ancestors(spans: Sequence[Span], of: Iterable[str]) -> set[str]:
    """The ids of the ancestors of these spans."""
    parents = {span.span_id: span.parent_id for span in spans}
    found: set[str] = set()
    for span_id in of:
        parent = parents.get(span_id)
        while parent is not None and parent not in found and parent != span_id:
            found.add(parent)
            parent = parents.get(parent)
    return found
