"""The late span: inside its parent's time, free of cost, and no call of a model to anyone of us."""

import base64

import pytest

from smile_trace.dialects import is_ours, read_calls
from smile_trace.records import Span
from smile_trace.testing.samples import sample_explanation, sample_trace
from smile_trace.trackers import ExplainedCall
from smile_trace.trackers.late_span import (
    EXPLANATION,
    Parent,
    explanation_span,
)

PICTURE = "llm.output_messages.0.message.contents.0.message_content.image.image.url"


def shown(*, start_ns: int = 0, end_ns: int = 10**9, status: str = "reliable") -> Span:
    trace = sample_trace()
    [call] = trace.calls
    explanation = sample_explanation(call, status=status)  # type: ignore[arg-type]
    item = ExplainedCall(trace=trace, call=call, explanation=explanation, traced_as=trace.trace_id)
    return explanation_span(item, Parent(trace.trace_id, call.span_id, start_ns, end_ns))


@pytest.mark.parametrize("length", [4, 1000, 10**5, 10**6, 10**12])
def test_it_lies_strictly_inside_its_parents_time(length: int) -> None:
    start = 1_764_208_951_387_200_000
    span = shown(start_ns=start, end_ns=start + length)
    assert start < span.start_ns <= span.end_ns < start + length
    if length >= 10**5:  # microseconds are all that some backends keep, and they round
        assert span.start_ns - start >= 2000
        assert start + length - span.end_ns >= 2000


def test_it_costs_nothing_and_is_no_call() -> None:
    span = shown()
    assert is_ours(span)
    assert not list(read_calls([span]))
    assert None not in span.attributes.values()
    costing = ("gen_ai.operation.name", "gen_ai.request.model", "llm.model_name")
    assert not set(costing) & set(span.attributes)
    assert not [key for key in span.attributes if "usage" in key or "token_count" in key]


def test_it_holds_the_picture_the_table_and_the_verdict() -> None:
    span = shown()
    head, _, data = str(span.attributes[PICTURE]).partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(data).startswith(b"<svg")
    assert "|France?|" in str(span.attributes["output.value"])
    assert span.attributes["gen_ai.evaluation.score.label"] == "reliable"
    assert '"answer":"Paris"' in str(span.attributes[EXPLANATION])
    [event] = span.events
    assert event["name"] == "gen_ai.evaluation.result"
    assert span.start_ns <= event["time_ns"] <= span.end_ns


def test_a_newer_explanation_has_the_same_id() -> None:
    trace = sample_trace()
    [call] = trace.calls
    parent = Parent(trace.trace_id, call.span_id, call.start_ns, call.end_ns)
    ids = {
        explanation_span(
            ExplainedCall(
                trace=trace,
                call=call,
                explanation=sample_explanation(call, status=status),
                traced_as=trace.trace_id,
            ),
            parent,
        ).span_id
        for status in ("reliable", "no_effect")
    }
    assert len(ids) == 1
