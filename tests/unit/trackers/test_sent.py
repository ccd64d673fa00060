"""What trackers send of a call: names, scores, the late span, and spans as the backend has them."""

import base64
import json
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace.dialects import assemble, is_ours, read_calls
from smile_trace.errors import ReasonCode
from smile_trace.probes import PROBES
from smile_trace.records import JSON, Span, ToolCall, Trace
from smile_trace.trackers import ExplainedCall, ProfiledCall, UnexplainedCall
from smile_trace.trackers.fields import call_label, model_label
from smile_trace.trackers.late_span import HeldSpan, Parent, find_parent, late_span
from smile_trace.trackers.presentation import (
    DRIVER,
    EXPLANATION,
    PROBE,
    PROBED,
    VERDICT,
    HeatmapView,
    present,
)
from smile_trace_comet.trace_format import llm_trace
from smile_trace_contracts.samples import (
    HOSTILE,
    chat_span,
    sample_explanation,
    sample_profile,
    sample_trace,
)
from smile_trace_langfuse.spans import spans_for_langfuse
from smile_trace_mlflow.spans import spans_for_mlflow
from smile_trace_opik.spans import trace_json
from smile_trace_phoenix.spans import spans_for_phoenix
from tests.support.explained import captured, explanation

PICTURE = "llm.output_messages.0.message.contents.0.message_content.image.image.url"


def shown(*, start_ns: int = 0, end_ns: int = 10**9, status: str = "reliable") -> Span:
    trace = sample_trace()
    [call] = trace.calls
    explanation = sample_explanation(call, status=status)  # type: ignore[arg-type]
    item = ExplainedCall(trace=trace, call=call, explanation=explanation, traced_as=trace.trace_id)
    return late_span(Parent(trace.trace_id, call.span_id, start_ns, end_ns), HeatmapView(item))


@pytest.mark.parametrize("length", [4, 1000, 10**5, 10**6, 10**12])
def test_it_lies_strictly_inside_its_parents_time(length: int) -> None:
    start = 1_764_208_951_387_200_000
    span = shown(start_ns=start, end_ns=start + length)
    assert start < span.start_ns <= span.end_ns < start + length
    if length >= 10**5:  # microseconds are all that some backends keep, and they round
        assert span.start_ns - start >= 2000
        assert start + length - span.end_ns >= 2000


APPLICATION, AROUND = HeldSpan("root", None, False, 0, 90), HeldSpan("around", "root", False, 5, 80)
ASKED, BEFORE = HeldSpan("call", "around", True, 12, 18), HeldSpan("other", "root", True, 1, 11)
OPEN = HeldSpan("open", "root", False, 8, None)


@pytest.mark.parametrize(
    ("held", "noted", "under"),
    [
        ((APPLICATION, AROUND, ASKED, BEFORE), "around", "call"),
        ((APPLICATION, AROUND, ASKED, BEFORE), None, "call"),  # its automatic logging alone
        ((APPLICATION, AROUND, BEFORE), "around", "around"),
        ((APPLICATION, AROUND), "gone", "root"),
        ((APPLICATION, OPEN), "open", None),
    ],
)
def test_in_the_applications_own_trace_it_is_under_the_call_that_was_made_meanwhile(
    held: tuple[HeldSpan, ...], noted: str | None, under: str | None
) -> None:
    [call] = sample_trace().calls
    ours = call.model_copy(update={"start_ns": 10, "end_ns": 20})
    found = find_parent("t", held, ours, noted)
    assert (found and found.span_id) == under


def test_the_explanations_of_a_trace_are_told_apart_by_their_names() -> None:
    trace = sample_trace(calls=4)
    tool = ToolCall(id="1", name="get_order", arguments={})
    calls = [
        call.model_copy(update={"tool_calls": tools})
        for call, tools in zip(trace.calls, [(tool,), (tool,), (), ()], strict=True)
    ]
    calls[3] = calls[3].model_copy(update={"name": "summary", "model": None})
    trace = trace.model_copy(update={"calls": tuple(calls)})
    names = [
        HeatmapView(
            ExplainedCall(
                trace=trace, call=call, explanation=sample_explanation(call), traced_as="t"
            )
        ).name.partition("? ")[2]
        for call in calls
    ]
    assert names == [
        "calls get_order, 1 of 2",
        "calls get_order, 2 of 2",
        call_label(calls[2]),
        "summary",
    ]


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
        late_span(
            parent,
            HeatmapView(
                ExplainedCall(
                    trace=trace,
                    call=call,
                    explanation=sample_explanation(call, status=status),
                    traced_as=trace.trace_id,
                )
            ),
        ).span_id
        for status in ("reliable", "no_effect")
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("ft:gpt-4o:acme::id", "ft:gpt-4o:acme::id"),
        ("/home/ann/models/smollm2.gguf", "smollm2"),
        ("./models/smollm2.Q4_K_M.gguf", "smollm2.Q4_K_M"),
        ("models/smollm2.gguf", "smollm2"),
        (r"C:\models\smollm2.gguf", "smollm2"),
        ("file:///models/llama-3.1/", "llama-3.1"),
        ("/", "/"),
        (None, ""),
    ],
)
def test_a_model_is_never_called_by_a_path(model: str | None, label: str) -> None:
    assert model_label(model) == label


def test_a_call_is_called_by_its_function_and_its_model() -> None:
    _, call = captured(explanation())
    assert call_label(call) == "ask · gpt-4o-mini"
    assert call_label(call.model_copy(update={"model": None})) == "ask"


def test_long_sessions_users_and_tags_are_shortened_and_stay_apart() -> None:
    trace = sample_trace()
    ids = {semconv.SESSION_ID: "s" * 300, semconv.USER_ID: "u" * 299 + "\0"}
    spans = tuple(s.model_copy(update={"attributes": {**s.attributes, **ids}}) for s in trace.spans)
    tags = {"t" * 300 + "a": "1", "t" * 300 + "b": "2"}
    calls = tuple(call.model_copy(update={"tags": tags}) for call in trace.calls)
    sent = list(spans_for_mlflow(trace.model_copy(update={"spans": spans, "calls": calls})))
    names = [name.removeprefix("mlflow.traceTag.") for s in sent for name in s.attributes]
    assert len([name for name in names if name.startswith("ttt")]) == 2
    assert max(map(len, names)) <= 250
    for span in sent:
        assert len(str(span.attributes[semconv.SESSION_ID])) <= 250
        assert len(str(span.attributes[semconv.USER_ID])) <= 250


def test_short_ones_are_as_they_were() -> None:
    trace = sample_trace()
    ids = {semconv.SESSION_ID: "s" * 250}
    spans = tuple(s.model_copy(update={"attributes": {**s.attributes, **ids}}) for s in trace.spans)
    sent = list(spans_for_mlflow(trace.model_copy(update={"spans": spans})))
    assert {span.attributes[semconv.SESSION_ID] for span in sent} == {"s" * 250}


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
    spans = spans_for_phoenix([trace.model_copy(update={"spans": (*trace.spans, around)})], "shop")
    assert [s.attributes["input.value"] for s in spans if s.span_id == "a" * 16] == [shown]


_REAL, _TITLE = "Your wool rug arrives on Tuesday.", "Title: order"


def said(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def root_output(tracker: str, trace: Trace) -> object:
    """The output of a trace's root in a tracker's list."""
    if tracker == "opik":
        return trace_json(trace, "shop", 0)["output"]
    if tracker == "comet":
        return llm_trace(trace).data["chain_outputs"]
    spans = {
        "mlflow": lambda: spans_for_mlflow(trace),
        "langfuse": lambda: spans_for_langfuse(trace),
        "phoenix": lambda: spans_for_phoenix([trace], "shop"),
    }[tracker]()
    name = {"mlflow": "mlflow.spanOutputs", "langfuse": "langfuse.observation.output"}.get(tracker)
    [root] = [span for span in spans if span.span_id == trace.root_span_id]
    return root.attributes[name or "output.value"]


@pytest.mark.parametrize("tracker", ["mlflow", "langfuse", "phoenix", "opik", "comet"])
@pytest.mark.parametrize("returned", ["as a call", "as an object", "noted by another tool"])
def test_a_roots_output_is_what_it_returned_whatever_was_asked_last(
    tracker: str, returned: str
) -> None:
    kept = sample_trace().spans[0]
    given: dict[str, JSON] = {
        "as a call": {
            semconv.KIND: "call",
            semconv.OPERATION_NAME: "chat",
            semconv.INPUT_MESSAGES: said("user", "Where is it?"),
            semconv.OUTPUT_MESSAGES: said("assistant", _REAL),
        },
        "as an object": {semconv.KIND: "context", semconv.OUTPUT: json.dumps({"text": _REAL})},
        "noted by another tool": {"traceloop.entity.output": json.dumps({"text": _REAL})},
    }[returned]
    root = kept.model_copy(update={"attributes": given})
    at = root.start_ns
    inside = [
        chat_span(root, at + start, at + start + 50, answer, {}, user="Where is it?")
        for start, answer in ((100, _REAL), (200, _TITLE))
    ]
    output = str(root_output(tracker, assemble(root.trace_id, [root, *inside])))
    assert _REAL in output
    assert _TITLE not in output


def test_forgetting_looks_for_every_probe() -> None:
    assert set(PROBED) == {PROBE + probe.words.name for probe in PROBES}


def test_what_was_asked_is_told_with_its_worst_variant() -> None:
    trace = sample_trace(HOSTILE)
    [call] = trace.calls
    item = ProfiledCall(trace=trace, call=call, profile=sample_profile(call), traced_as="t")
    stable, reworded = present(item).scores
    assert (stable.name, stable.value, stable.label) == ("smile.stability", 0.0, "no effect seen")
    assert stable.reason.endswith("The answer stays: Paris")
    assert (reworded.name, reworded.value, reworded.label) == (
        "smile.paraphrase",
        1.0,
        "changes it",
    )
    assert "The prompt: {+Hello! +}" in reworded.reason
    assert not {"\x1b", "\x00", "\u202e"} & set(reworded.reason)
    assert len(reworded.reason) < 2000


def test_a_pooled_call_has_no_driver_and_no_verdict_of_its_own() -> None:
    trace = sample_trace()
    [call] = trace.calls
    found = sample_explanation(call)
    pooled = found.settings.model_copy(update={"pooled": True})
    item = ExplainedCall(
        trace=trace,
        call=call,
        explanation=found.model_copy(update={"settings": pooled}),
        traced_as="t",
    )
    shown = present(item)
    assert [(score.name, score.label) for score in shown.scores] == [(VERDICT, "pooled")]
    assert {DRIVER, VERDICT} < set(shown.names), "older values go"
    assert (shown.view, shown.documents) == (None, ())


@pytest.mark.parametrize("answers", ["", "0", "1", "01"])
def test_a_traces_scores_are_of_its_last_call_where_none_has_an_answer(answers: str) -> None:
    """A trace whose calls failed says so in the list."""
    trace = sample_trace(calls=2)
    calls = tuple(
        call if str(n) in answers else call.model_copy(update={"answer": None})
        for n, call in enumerate(trace.calls)
    )
    trace = trace.model_copy(update={"calls": calls})
    failed = [
        UnexplainedCall(
            trace=trace,
            call=call,
            traced_as=trace.trace_id,
            state="skipped",
            code=ReasonCode.CALL_FAILED,
            reason="the call failed",
        )
        for call in calls
    ]
    assert [present(item).is_of_trace for item in failed] == [answers == "0", answers != "0"]
