"""What stands in Langfuse after a delivery: observations, scores, the picture."""

import json

import pytest

from smile_trace import semconv
from smile_trace.errors import ReasonCode
from smile_trace.records import Trace
from smile_trace.trackers import CapturedTrace, ExplainedCall, ProfiledCall, Receipt, Rejected
from smile_trace.trackers.presentation import EXPLANATION_NAME
from smile_trace_contracts.samples import sample_explanation, sample_profile, sample_trace
from smile_trace_langfuse import LangfuseTracker
from tests.support.fake_langfuse_writes import FakeLangfuseWrites

OBSERVATION = "langfuse.observation."


def deliver(tracker: LangfuseTracker, trace: Trace) -> None:
    [traced] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(traced, Receipt), traced
    for call in trace.calls:
        explanation = sample_explanation(call)
        item = ExplainedCall(
            trace=trace, call=call, explanation=explanation, traced_as=trace.trace_id
        )
        [outcome] = tracker.deliver_explanations([item])
        assert isinstance(outcome, Receipt), outcome


def test_the_picture_stands_above_the_table_in_an_evaluators_output(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    trace = sample_trace()
    deliver(tracker, trace)
    [span] = [s for s in server.spans.values() if s.name.startswith(EXPLANATION_NAME)]
    assert span.parent_id == trace.calls[0].span_id
    assert span.attributes[f"{OBSERVATION}type"] == "evaluator"
    picture, _, table = str(span.attributes[f"{OBSERVATION}output"]).partition("\n\n")
    [(media_id, content)] = server.media.items()
    assert picture == f"@@@langfuseMedia:type=image/svg+xml|id={media_id}|source=bytes@@@"
    assert content.startswith(b"<svg")
    assert "|France?|" in table
    assert not [name for name in span.attributes if name.startswith(("llm.", "input.", "output."))]


def test_scores_say_what_drove_it_and_how_sure_that_is(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    trace = sample_trace()
    deliver(tracker, trace)
    of_span = {s["name"]: s for s in server.scores.values() if "observationId" in s}
    of_trace = {s["name"]: s for s in server.scores.values() if "observationId" not in s}
    assert of_span["smile.driver"]["value"] == "France"
    assert of_span["smile.verdict"]["value"] == "reliable"
    assert of_span["smile.fidelity_r2"]["value"] == pytest.approx(0.8)
    assert {name: s["value"] for name, s in of_trace.items() if name in of_span} == {
        name: s["value"] for name, s in of_span.items()
    }


def test_each_probe_of_a_profile_is_a_score(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    trace = sample_trace()
    [call] = trace.calls
    deliver(tracker, trace)
    before = len(server.scores)
    item = ProfiledCall(
        trace=trace, call=call, profile=sample_profile(call), traced_as=trace.trace_id
    )
    for _ in range(2):
        assert isinstance(tracker.deliver_profiles([item])[0], Receipt)
    assert len(server.scores) == before + 4, "two probes, at the observation and its trace"
    said = {s["name"]: s for s in server.scores.values() if "observationId" not in s}
    assert said["smile.paraphrase"]["value"] == 1.0
    assert said["smile.paraphrase"]["comment"].startswith("changes it: 4 of 4")
    assert said["smile.stability"]["value"] == 0.0


def test_a_call_is_a_generation_with_its_messages_model_and_usage(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    trace = sample_trace()
    deliver(tracker, trace)
    [call] = trace.calls
    shown = server.spans[call.span_id].attributes
    assert shown[f"{OBSERVATION}type"] == "generation"
    assert json.loads(str(shown[f"{OBSERVATION}input"]))[-1]["content"] == call.messages[-1].content
    assert shown[f"{OBSERVATION}output"] == call.answer
    assert shown[f"{OBSERVATION}model.name"] == call.model


def test_what_was_read_from_langfuse_is_not_written_again(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    trace = read_from_langfuse(sample_trace())
    server.add(trace.spans)
    deliver(tracker, trace)
    assert [s.name.startswith(EXPLANATION_NAME) for s in server.spans.values()] == [True]


def test_one_that_was_deleted_there_meanwhile_is_a_reason(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    trace = read_from_langfuse(sample_trace())
    [outcome] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(outcome, Rejected), outcome
    assert (outcome.code, outcome.retry) == (ReasonCode.NOT_FOUND, False)
    assert server.spans == {}


def read_from_langfuse(trace: Trace) -> Trace:
    noted = {"langfuse.trace_id": trace.trace_id}
    calls = [call.model_copy(update={"external_trace": noted}) for call in trace.calls]
    return trace.model_copy(update={"calls": tuple(calls)})


def test_without_keys_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUBLIC", "SECRET"):
        monkeypatch.delenv(f"LANGFUSE_{name}_KEY", raising=False)
    assert LangfuseTracker.from_settings({}) is None
    with pytest.raises(ValueError, match="set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"):
        LangfuseTracker.from_settings({"url": "http://localhost:3000"})


def test_doctor_asks_for_the_project_of_the_keys(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    assert tracker.check()
    assert [request.path for request in server.requests] == ["/api/public/projects"]


def test_the_session_and_the_tags_stand_at_the_root(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    trace = sample_trace()
    called = trace.calls[0].model_copy(update={"session": "s1", "tags": {"team": "shop"}})
    deliver(tracker, trace.model_copy(update={"calls": (called,)}))
    root = server.spans[trace.root_span_id].attributes
    assert root[semconv.SESSION_ID] == "s1"
    assert "team:shop" in list(root["langfuse.trace.tags"])
