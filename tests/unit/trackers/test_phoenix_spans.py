"""Spans in OpenInference's attributes: what functions took and gave, whatever that is."""

import json
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace.testing.samples import sample_trace
from smile_trace_phoenix.spans import spans_for_phoenix


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"question": "Where?"}, "Where?"),
        ({"messages": [{"role": "user", "content": "Where?"}]}, "Where?"),
        ({"messages": "Where?"}, "Where?"),
        ({"messages": ["Where?"]}, '{"messages": ["Where?"]}'),
        ({"messages": [], "city": "Paris"}, '{"messages": [], "city": "Paris"}'),
    ],
)
def test_what_a_function_took(given: dict[str, Any], shown: str) -> None:
    trace = sample_trace()
    [call] = trace.calls
    around = trace.span(call.span_id).model_copy(
        update={"span_id": "a" * 16, "attributes": {semconv.INPUT: json.dumps(given)}}
    )
    spans = spans_for_phoenix(trace.model_copy(update={"spans": (*trace.spans, around)}), "shop")
    assert [s.attributes["input.value"] for s in spans if s.span_id == "a" * 16] == [shown]
