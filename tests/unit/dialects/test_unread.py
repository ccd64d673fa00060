"""What looks like a call and gave no content is named, with what to do; nothing else is."""

from collections import Counter

import pytest

from smile_trace.dialects.unread import unread
from tests.support.recorded_calls import RECORDED, spans_of, traces_of
from tests.support.written_spans import span

OFF = "content capture is off: "
SAID = {
    "opentelemetry-instrumentation-genai-openai-1.3b0": (9, "CAPTURE_MESSAGE_CONTENT=SPAN_ONLY"),
    "opentelemetry-instrumentation-openai-0.62.4.content_false": (9, "TRACELOOP_TRACE_CONTENT"),
    "opentelemetry-instrumentation-openai-v2-2.4b0": (7, "CAPTURE_MESSAGE_CONTENT=true"),
    "pydantic-ai-slim-2.68.0.nocontent": (5, "include_content=True"),
    "opentelemetry-instrumentation-openai-0.62.4": (1, "TRACELOOP_TRACE_CONTENT"),  # an image
    "opentelemetry-instrumentation-openai-0.44.1": (1, "TRACELOOP_TRACE_CONTENT"),
    "opentelemetry-instrumentation-openai-v2-2.4b0.latest_both": (1, "SPAN_ONLY"),
    "logfire-5.4.0": (1, "see how its instrumentor"),  # a completion
}


@pytest.mark.parametrize("name", RECORDED)
def test_of_the_recorded_spans(name: str) -> None:
    found = Counter(one for trace in traces_of(spans_of(name)) for one in unread(trace))
    count, said = SAID.get(name, (0, ""))
    assert found.total() == count
    assert all(one.why.startswith(OFF) and said in one.why for one in found)


def test_of_no_dialect() -> None:
    """Another way of writing a call: its scope is named."""
    attributes = {"acme.request.model": "m", "acme.prompt": "hi", "acme.reply": "ho"}
    [trace] = traces_of([span(9, "acme.tracing", attributes)])
    [one] = unread(trace)
    assert one == ("acme.tracing", "its attributes are of no dialect that is known")
    [trace] = traces_of([span(9, "acme.tracing", {"http.request.method": "GET"})])
    assert list(unread(trace)) == []
