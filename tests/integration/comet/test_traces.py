"""Captured traces become CometLLM traces, each once, and stay up to date."""

import json

from smile_trace import semconv
from smile_trace.dialects import assemble
from smile_trace.trackers import Receipt
from smile_trace_comet import CometTracker, sdk
from tests.support.comet_samples import TEMPLATE, captured, nested_trace, prompt_trace, score
from tests.support.fake_comet import FakeComet
from tests.support.spooled import call_span, span_id, trace_id


def data(server: FakeComet, number: int) -> dict:
    (experiment,) = server.of_key(trace_id(number))
    return json.loads(experiment.asset("comet_llm_data.json"))


def test_a_prompt_arrives_with_everything_that_was_captured(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    (receipt,) = tracker.deliver_traces(captured(prompt_trace(1, feedback=[score(1, 1.0)])))
    assert isinstance(receipt, Receipt)
    assert receipt.external_id == trace_id(1)
    assert receipt.url == f"{comet_server.url}/my-team/llm-general/{trace_id(1)}"
    document = data(comet_server, 1)
    assert document["category"] == "single_prompt"
    assert document["chain_inputs"] == {
        "final_prompt": "Name the capital of Peru.",
        "prompt_template": TEMPLATE,
        "prompt_template_variables": {"country": "Peru"},
    }
    assert document["chain_outputs"] == {"output": "It is the capital of Peru."}
    metadata = document["metadata"]
    assert metadata["prompt"] == {"name": "capital", "version": "2"}
    assert metadata["usage"] == {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}
    assert metadata["metadata"] == {"customer": {"tier": "gold"}}
    assert metadata["parameters"] == {"temperature": 0.5}
    (experiment,) = comet_server.experiments
    assert experiment.tags == {"team:geo", "capital v2"}
    assert experiment.metrics["user_feedback"] == [1.0]
    assert experiment.parameters["prompt.version"] == "2"
    assert experiment.parameters["metadata.customer.tier"] == "gold"


def test_comet_llm_finds_traces_by_their_prompt_version(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    tracker.deliver_traces(captured(prompt_trace(1, version="1"), prompt_trace(2, version="2")))
    from comet_llm.query_dsl import TraceMetadata

    found = (
        sdk.load()
        .comet_llm.API()
        .query("my-team", "llm-general", TraceMetadata("prompt.version") == "2")
    )
    assert [trace.get_key() for trace in found] == [trace_id(2)]


def test_a_nested_trace_keeps_parents_inputs_and_outputs(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    traces = [nested_trace(number) for number in range(1, 9)]
    tracker.deliver_traces(captured(*traces))
    for number in range(1, 9):
        document = data(comet_server, number)
        assert document["category"] == "chain"
        assert document["chain_inputs"] == {"question": f"question {number}"}
        assert document["chain_outputs"] == {"output": f"final {number}"}
        nodes = {node["metadata"]["span_id"]: node for node in document["chain_nodes"]}
        inner = nodes[span_id(21)]
        assert inner["parent_ids"] == []
        for i in (1, 2):
            call = nodes[span_id(i)]
            assert call["parent_ids"] == [inner["id"]]
            assert call["inputs"]["final_prompt"] == f"prompt {number}.{i}"
            assert call["outputs"] == {"output": f"a{number}.{i}"}
        assert nodes[span_id(15)]["parent_ids"] == []
        assert len({node["id"] for node in nodes.values()}) == len(nodes)


def test_a_call_around_calls_is_a_span_with_its_texts(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    outer = call_span(1, span=20, prompt="42", answer="7")
    inner = call_span(1, span=1, parent=span_id(20), prompt="asked", answer="told")
    tracker.deliver_traces(captured(assemble(trace_id(1), [outer, inner])))
    document = data(comet_server, 1)
    assert document["chain_inputs"] == {"input": "42"}
    assert document["chain_outputs"] == {"output": "7"}
    (node,) = document["chain_nodes"]
    assert node["inputs"]["final_prompt"] == "asked"


def test_chat_messages_are_kept_with_their_roles(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    messages = [
        {"role": role, "parts": [{"type": "text", "content": text}]}
        for role, text in (("system", "Be brief."), ("user", "Hi"), ("user", "Hi"))
    ]
    trace = prompt_trace(
        1,
        **{semconv.INPUT_MESSAGES: json.dumps(messages), semconv.PROMPTS: json.dumps([])},  # type: ignore[arg-type]
    )
    tracker.deliver_traces(captured(trace))
    inputs = data(comet_server, 1)["chain_inputs"]
    assert [(m["role"], m["content"]) for m in inputs["messages"]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("user", "Hi"),
    ]
    assert inputs["final_prompt"] == "Hi"


def test_feedback_and_a_late_span_are_added(comet_server: FakeComet, tracker: CometTracker) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    late = prompt_trace(1, feedback=[score(1, 0.0, at=1), score(1, 1.0, at=2)])
    tracker.deliver_traces(captured(late))
    tracker.deliver_traces(captured(late))
    (experiment,) = comet_server.experiments
    assert experiment.metrics["user_feedback"] == [1.0]
    assert data(comet_server, 1)["metadata"]["feedback"]["user_feedback"]["score"] == 1.0
    grown = assemble(trace.trace_id, [*trace.spans, call_span(1, span=7, prompt="late")])
    tracker.deliver_traces(captured(grown))
    assert len(data(comet_server, 1)["chain_nodes"]) == 2


def test_hostile_and_odd_values_arrive(comet_server: FakeComet, tracker: CometTracker) -> None:
    odd = {"a.b": 1, "a": {"b": 2}, "nan": float("nan"), "x" * 300: "y" * 5000, "": [], "\ud800": 1}
    trace = prompt_trace(1, **{semconv.METADATA: json.dumps(odd)})  # type: ignore[arg-type]
    hostile = prompt_trace(2, country="\x00\x1b[31m<script>alert(1)</script>]]>{x}\ud800\u202e😀")
    outcomes = tracker.deliver_traces(captured(trace, hostile))
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    assert data(comet_server, 1)["metadata"]["metadata"]["nan"] is None  # JSON knows none
    (one,) = comet_server.of_key(trace_id(1))
    assert one.parameters["metadata.a.b"] == 2
    assert len(one.parameters["metadata." + "x" * 300]) == 500
    assert (
        "<script>alert(1)</script>]]>{x}\ufffd"
        in data(comet_server, 2)["chain_inputs"]["final_prompt"]
    )


def test_a_call_without_an_answer_says_why(comet_server: FakeComet, tracker: CometTracker) -> None:
    span = call_span(
        1,
        answer=None,
        **{semconv.STATUS: "raised", semconv.ERROR_TYPE: "TimeoutError"},  # type: ignore[arg-type]
    )
    tracker.deliver_traces(captured(assemble(trace_id(1), [span])))
    document = data(comet_server, 1)
    assert document["chain_outputs"] == {"output": None}
    assert document["metadata"]["status"] == "raised"
    assert document["metadata"]["error"]


def test_many_traces_never_pass_the_limit(comet_server: FakeComet, tracker: CometTracker) -> None:
    comet_server.latency = 0.002
    try:
        for start in range(0, 200, 50):
            batch = captured(*(prompt_trace(n) for n in range(start + 1, start + 51)))
            assert len(tracker.deliver_traces(batch)) == 50
    finally:
        comet_server.latency = 0.0
    assert len({e.key for e in comet_server.experiments}) == len(comet_server.experiments) == 200
    assert 1 < comet_server.most_in_flight <= tracker.options.concurrency
