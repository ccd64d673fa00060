"""Opik gets what its own SDK would send, each thing once, despite errors."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace.dialects import assemble
from smile_trace.errors import ReasonCode
from smile_trace.records import JSON, Explanation, Trace
from smile_trace.records.path import ExplanationPath
from smile_trace.trackers import (
    ExplainedCall,
    ExplainedPath,
    ForgottenCall,
    ForgottenTrace,
    ProfiledCall,
    Receipt,
    Rejected,
    TrackerUnavailable,
    UnexplainedCall,
)
from smile_trace.trackers.presentation import PATH_NAME
from smile_trace_contracts.samples import sample_profile, sample_trace
from smile_trace_opik import OpikTracker
from smile_trace_opik.spans import (
    explanation_span_id,
    opik_span_id,
    opik_trace_id,
    uuid7,
)
from tests.support.comet_samples import (
    captured,
    explained,
    nested_trace,
    prompt_trace,
    prompted_span,
    score,
)
from tests.support.fake_comet import Answer, Fault
from tests.support.fake_opik import FakeOpik
from tests.support.paths import DATA
from tests.support.sample_paths import sample_path
from tests.support.spooled import START, call_span, context_span, span_id, trace_id

WIRE = DATA / "comet_wire"
KEY = "key-of-the-tests"


@pytest.fixture
def server() -> Iterator[FakeOpik]:
    with FakeOpik(api_key=KEY) as running:
        yield running


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("OPIK_API_KEY", KEY)
    return {}


def into_opik(trace: Trace, number: int = 0, **more: Any) -> ExplainedCall:
    return explained(trace, number, **more).model_copy(update={"traced_as": opik_trace_id(trace)})


def recorded(name: str, path: str) -> list[dict[str, Any]]:
    requests = json.loads((WIRE / name).read_text())
    return [request for request in requests if request["path"].endswith(path)]


# -- the same as the SDK ------------------------------------------------------------------------
@pytest.fixture
def same_as_recorded(server: FakeOpik, tracker: OpikTracker) -> FakeOpik:
    """Our requests for the trace that the recorded SDK had traced: `outer(q)` around `llm`."""
    outer = context_span(1, span=2).model_copy(
        update={
            "name": "outer",
            "attributes": {
                semconv.KIND: "context",
                semconv.INPUT: json.dumps({"q": "hello"}),
                semconv.OUTPUT: json.dumps("hi"),
            },
        }
    )
    llm = call_span(
        1,
        span=3,
        parent=span_id(2),
        prompt="hello",
        answer="hi",
        model="m",
        **{  # type: ignore[arg-type]
            semconv.OPERATION_NAME: "text_completion",
            semconv.PROVIDER_NAME: "openai",
            semconv.USAGE_INPUT_TOKENS: 1,
            semconv.USAGE_OUTPUT_TOKENS: 2,
            semconv.METADATA: json.dumps({"k": 1}),
        },
    ).model_copy(update={"name": "llm"})
    trace = assemble(trace_id(1), [outer, llm], [score(1, 0.9, name="fidelity")])
    tracker.deliver_traces(captured(trace))
    return server


def test_the_trace_is_what_the_sdk_sends(same_as_recorded: FakeOpik) -> None:
    (request,) = recorded("opik_track.json", "traces/batch")
    theirs = request["body"]["traces"][0]
    (ours,) = same_as_recorded.traces.values()
    assert set(theirs) <= set(ours)
    for name in ("project_name", "name", "input", "output", "source"):
        assert ours[name] == theirs[name]
    for name in ("start_time", "end_time", "last_updated_at"):
        assert len(ours[name]) == len(theirs[name])
        assert ours[name].endswith("Z")
    assert uuid.UUID(theirs["id"]).version == uuid.UUID(ours["id"]).version == 7


def test_the_spans_are_what_the_sdk_sends(same_as_recorded: FakeOpik) -> None:
    (request,) = recorded("opik_track.json", "spans/batch")
    their_llm, their_outer = request["body"]["spans"][:2]
    ours = {span["name"]: span for span in same_as_recorded.spans.values()}
    assert set(their_outer) == set(ours["outer"])
    for name in ("type", "input", "output", "source", "project_name"):
        assert ours["outer"][name] == their_outer[name]
        assert ours["llm"][name] == their_llm[name]
    for name in ("model", "provider"):
        assert ours["llm"][name] == their_llm[name]
    assert set(their_llm) - set(ours["llm"]) == {"tags"}  # theirs had some
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert ours["llm"]["usage"][name] == their_llm["usage"][name]
    assert ours["llm"]["metadata"]["k"] == their_llm["metadata"]["k"]
    assert their_llm["parent_span_id"] == their_outer["id"]
    assert ours["llm"]["parent_span_id"] == ours["outer"]["id"]
    assert (
        ours["llm"]["trace_id"] == ours["outer"]["trace_id"] == next(iter(same_as_recorded.traces))
    )


def test_scores_are_what_the_sdk_sends(same_as_recorded: FakeOpik) -> None:
    (request,) = recorded("opik_track.json", "traces/feedback-scores")
    theirs = request["body"]["scores"][0]
    (ours,) = same_as_recorded.scores.values()
    assert set(theirs) - set(ours) == {"category_name"}  # null
    for name in ("project_name", "name", "value", "source"):
        assert ours[name] == theirs[name]


def test_attachments_are_begun_as_the_sdk_begins_them(
    server: FakeOpik, tracker: OpikTracker
) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([into_opik(trace)])
    theirs, *_ = recorded("opik_attach.json", "upload-start")
    ours = [r for r in server.requests if r.path.endswith("upload-start")]
    assert all(set(request.body) == set(theirs["body"]) for request in ours)
    assert all(request.headers["Comet-Workspace"] == "default" for request in ours)


# -- each thing once ----------------------------------------------------------------------------
def test_a_trace_arrives_with_everything(server: FakeOpik, tracker: OpikTracker) -> None:
    trace = prompt_trace(1, feedback=[score(1, 0.0, at=1), score(1, 1.0, at=2)])
    (receipt,) = tracker.deliver_traces(captured(trace))
    assert isinstance(receipt, Receipt)
    assert receipt.external_id == opik_trace_id(trace)
    (span,) = server.spans.values()
    assert span["input"] == {"messages": [{"role": "user", "content": "Name the capital of Peru."}]}
    assert span["output"] == {"output": "It is the capital of Peru."}
    assert span["usage"] == {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}
    assert span["tags"] == ["capital v2", "team:geo"]
    (use,) = span["metadata"]["prompts"]
    assert use["variables"] == {"country": "Peru"}
    assert use["version"] == "2"
    assert span["metadata"]["customer"] == {"tier": "gold"}
    assert span["metadata"]["parameters"] == {"temperature": 0.5}
    assert server.scores["trace", opik_trace_id(trace), "user_feedback"]["value"] == 1.0


def test_the_explanation_is_a_span_under_its_call(server: FakeOpik, tracker: OpikTracker) -> None:
    trace = nested_trace(1)
    tracker.deliver_traces(captured(trace))
    item = into_opik(trace, 1)
    tracker.deliver_explanations([item])
    call = item.call
    span = server.spans[explanation_span_id(call)]
    parent = server.spans[span["parent_span_id"]]
    assert parent["id"] == opik_span_id(call.trace_id, call.span_id, call.start_ns)
    assert parent["start_time"] <= span["start_time"] <= span["end_time"] <= parent["end_time"]
    assert span["output"]["summary"] == item.explanation.summary
    content = {name: content for name, _, content in server.attachments[span["id"]]}
    assert Explanation.model_validate_json(content["explanation.json"]) == item.explanation
    assert content["heatmap.svg"].startswith(b"<svg")
    assert server.scores["span", parent["id"], "smile.fidelity_r2"]["value"] == 0.8
    verdict = server.scores["span", parent["id"], "smile.verdict"]
    assert (verdict["category_name"], verdict["value"]) == ("reliable", 1.0)
    driver = item.explanation.drivers[0]
    said = server.scores["span", parent["id"], "smile.driver"]
    assert (said["category_name"], said["value"]) == (driver.text, round(driver.attribution, 4))
    assert ("trace", opik_trace_id(trace), "smile.fidelity_r2") not in server.scores


def test_a_path_is_a_span_with_its_pictures_and_a_score_of_the_trace(
    server: FakeOpik, tracker: OpikTracker
) -> None:
    trace = nested_trace(1)
    path = sample_path().model_copy(update={"trace_id": trace.trace_id})
    traced_as = opik_trace_id(trace)
    item = ExplainedPath(trace=trace, path=path, traced_as=traced_as)
    assert isinstance(tracker.deliver_paths([item])[0], Rejected), "its trace is not there"
    tracker.deliver_traces(captured(trace))
    for _ in range(2):
        assert isinstance(tracker.deliver_paths([item])[0], Receipt)
    [span] = [span for span in server.spans.values() if span["name"] == PATH_NAME]
    assert len(server.spans) == len(trace.spans) + 1
    parent = server.spans[span["parent_span_id"]]
    assert parent["name"] == trace.span(trace.root_span_id).name
    assert parent["start_time"] <= span["start_time"] <= span["end_time"] <= parent["end_time"]
    assert span["output"]["summary"] == path.summary
    content = {name: content for name, _, content in server.attachments[span["id"]]}
    assert sorted(content) == ["path.html", "path.json", "path.svg"]
    assert ExplanationPath.model_validate_json(content["path.json"]) == path
    said = server.scores["trace", traced_as, "smile.path"]
    assert (said["value"], said["reason"]) == (2.0, path.summary)
    assert "Friday from user" in said["category_name"]
    call = trace.calls[0]
    forgotten = ForgottenTrace(
        trace_id=trace.trace_id,
        start_ns=call.start_ns,
        calls=tuple(ForgottenCall(id=c.id, start_ns=c.start_ns) for c in trace.calls),
        traced_as=traced_as,
    )
    assert isinstance(tracker.forget([forgotten])[0], Receipt)
    assert not server.spans
    assert not server.attachments.get(span["id"])


def test_a_call_that_is_not_explained_says_why(server: FakeOpik, tracker: OpikTracker) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    item = UnexplainedCall(
        trace=trace,
        call=trace.calls[0],
        state="skipped",
        code=ReasonCode.NOT_SAMPLED,
        reason="not sampled",
        traced_as=opik_trace_id(trace),
    )
    assert isinstance(tracker.deliver_unexplained([item])[0], Receipt)
    said = server.scores["trace", opik_trace_id(trace), "smile.verdict"]
    assert (said["category_name"], said["reason"]) == ("skipped: not sampled", "not sampled")


def test_each_probe_of_a_profile_is_a_score(server: FakeOpik, tracker: OpikTracker) -> None:
    trace = sample_trace()
    tracker.deliver_traces(captured(trace))
    traced_as, [call] = opik_trace_id(trace), trace.calls
    item = ProfiledCall(trace=trace, call=call, profile=sample_profile(call), traced_as=traced_as)
    assert isinstance(tracker.deliver_profiles([item])[0], Receipt)
    said = server.scores["trace", traced_as, "smile.paraphrase"]
    assert (said["value"], said["category_name"]) == (1.0, "changes it")
    assert "{+Hello! +}" in said["reason"]
    assert "- Paris\n+ Not Paris" in said["reason"]
    assert server.scores["trace", traced_as, "smile.stability"]["category_name"] == "no effect seen"
    assert ("trace", traced_as, "smile.order") not in server.scores, "it was not asked"


def test_a_newer_explanation_replaces_the_older(server: FakeOpik, tracker: OpikTracker) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([into_opik(trace)])
    tracker.deliver_explanations([into_opik(trace, status="inconclusive", r2=0.1)])
    assert len(server.spans) == 2
    span = server.spans[explanation_span_id(trace.calls[0])]
    assert "inconclusive" in span["tags"]
    assert server.scores["trace", opik_trace_id(trace), "smile.fidelity_r2"]["value"] == 0.1
    assert len(server.attachments[span["id"]]) == 3


def test_a_late_root_makes_no_second_trace(server: FakeOpik, tracker: OpikTracker) -> None:
    inner = context_span(1, span=4, parent=span_id(5)).model_copy(update={"start_ns": START})
    call = prompted_span(1).model_copy(update={"parent_id": span_id(4)})
    root = context_span(1, span=5).model_copy(update={"start_ns": START - 10**10, "name": "root"})
    tracker.deliver_traces(captured(assemble(trace_id(1), [inner, call], root_missing=True)))
    tracker.deliver_traces(captured(assemble(trace_id(1), [inner, call, root])))
    (trace,) = server.traces.values()
    assert trace["name"] == "root"
    assert len(server.spans) == 3


def test_files_may_go_to_a_storage_beside_opik(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "opik.config"))
    monkeypatch.setenv("OPIK_API_KEY", KEY)
    with FakeOpik(api_key=KEY, storage=True) as server:
        tracker = OpikTracker.from_settings({"url": server.api})
        assert tracker is not None
        trace = prompt_trace(1)
        tracker.deliver_traces(captured(trace))
        (receipt,) = tracker.deliver_explanations([into_opik(trace)])
        assert isinstance(receipt, Receipt)
        assert len(server.attachments[explanation_span_id(trace.calls[0])]) == 3
        tracker.close()


# -- errors -----------------------------------------------------------------------------------
ERRORS = {
    "401": (Answer(401, {}), "OPIK_API_KEY"),
    "403": (Answer(403, {"message": "no"}), "OPIK_WORKSPACE"),
    "404": (Answer(404, b"nothing", {}, "text/plain"), "ends with /api"),
    "429": (Answer(429, {}, {"RateLimit-Reset": "9"}), "tried again"),
    "503": (Answer(503, {}, {"Retry-After": "9"}), "tried again"),
    "a login page": (Answer(200, b"<html>log in</html>", {}, "text/html"), "is not Opik"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_unavailable_servers_get_everything_later(
    server: FakeOpik, tracker: OpikTracker, error: str
) -> None:
    given, words = ERRORS[error]
    traces = captured(prompt_trace(1))
    server.faults = [Fault("answer", given, times=2)]
    for _ in range(2):
        with pytest.raises(TrackerUnavailable) as raised:
            tracker.deliver_traces(traces)
        assert words in str(raised.value)
        assert KEY not in str(raised.value)
        assert raised.value.retry_after == (9.0 if error in ("429", "503") else None)
    (receipt,) = tracker.deliver_traces(traces)
    assert isinstance(receipt, Receipt)
    assert len(server.traces) == 1


ODD_REPLIES = {
    "deep": b"[" * 300 + b"]" * 300,
    "a list": b"[1, 2]",
    "another object": b'{"content": [7], "pre_sign_urls": []}',
}


@pytest.mark.parametrize("name", ODD_REPLIES)
@pytest.mark.parametrize("path", ["projects/retrieve", "attachment/list", "upload-start"])
def test_an_odd_reply_costs_one_explanation(
    path: str, name: str, server: FakeOpik, tracker: OpikTracker
) -> None:
    first, second = prompt_trace(1), prompt_trace(2)
    tracker.deliver_traces(captured(first, second))
    server.faults = [Fault("answer", Answer(200, ODD_REPLIES[name]), path=path)]
    items = [into_opik(first), into_opik(second)]
    refused, taken = tracker.deliver_explanations(items)
    assert isinstance(refused, Rejected)
    assert refused.retry
    assert "what Opik replied cannot be read" in refused.reason
    assert isinstance(taken, Receipt)
    assert all(isinstance(one, Receipt) for one in tracker.deliver_explanations(items))


@pytest.mark.parametrize(
    ("address", "upload_id"),
    [
        ("http://127.0.0.1:9/x", "BEMinIO"),  # to Opik itself, with our key
        ("http://169.254.169.254/x", "one of a storage"),
        ("file:///etc/hostname", "one of a storage"),
    ],
)
def test_an_upload_elsewhere_costs_one_explanation(
    address: str, upload_id: str, server: FakeOpik, tracker: OpikTracker
) -> None:
    first, second = prompt_trace(1), prompt_trace(2)
    tracker.deliver_traces(captured(first, second))
    started: JSON = {"pre_sign_urls": [address], "upload_id": upload_id}
    server.faults = [Fault("answer", Answer(200, started), path="upload-start")]
    refused, taken = tracker.deliver_explanations([into_opik(first), into_opik(second)])
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.retry) == (ReasonCode.ADDRESS_REFUSED, False)
    assert "refers to an address that is not called" in refused.reason
    assert isinstance(taken, Receipt)


@pytest.mark.slow
def test_an_unknown_certificate_makes_it_unavailable(tmp_path: Path) -> None:
    from tests.support.comet_certificates import self_signed
    from tests.support.fake_comet import FakeComet

    with FakeComet(tls=self_signed(tmp_path)) as server:
        tracker = OpikTracker.from_settings({"url": f"{server.url}/api"})
        assert tracker is not None
        with pytest.raises(TrackerUnavailable, match="SSL_CERT_FILE"):
            tracker.deliver_traces(captured(prompt_trace(1)))


def test_an_unknown_trace_takes_no_explanation(server: FakeOpik, tracker: OpikTracker) -> None:
    (outcome,) = tracker.deliver_explanations([into_opik(prompt_trace(1))])
    assert isinstance(outcome, Rejected)
    assert "deleted" in outcome.reason
    assert server.spans == {}


# -- settings and odd input -----------------------------------------------------------------------
def test_opiks_own_configuration_is_read(
    server: FakeOpik, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("OPIK_API_KEY", "OPIK_URL_OVERRIDE", "OPIK_WORKSPACE", "OPIK_PROJECT_NAME"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "opik.config"
    config.write_text(f"[opik]\nurl_override = {server.api}\nworkspace = ws\napi_key = {KEY}\n")
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(config))
    assert OpikTracker.from_settings({}) is None  # nobody asked for it
    monkeypatch.setenv("OPIK_PROJECT_NAME", "from the environment")
    tracker = OpikTracker.from_settings({"timeout_seconds": 5})
    assert tracker is not None
    tracker.deliver_traces(captured(prompt_trace(1)))
    (trace,) = server.traces.values()
    assert trace["project_name"] == "from the environment"
    assert server.requests[0].headers["Comet-Workspace"] == "ws"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"urls": "x"}, "no option 'urls': it takes timeout_seconds, max_reply_mb, url"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"url": "ftp://x"}, "ends with /api"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OpikTracker.from_settings(options)


def test_a_call_that_raised_has_its_error(server: FakeOpik, tracker: OpikTracker) -> None:
    span = call_span(1, answer=None, **{semconv.STATUS: "raised", semconv.ERROR_TYPE: "OSError"})  # type: ignore[arg-type]
    tracker.deliver_traces(captured(assemble(trace_id(1), [span])))
    (sent,) = server.spans.values()
    assert sent["error_info"]["exception_type"] == "raised"
    assert "output" not in sent


def test_ids_are_version_7_and_sorted_by_time() -> None:
    ids = [uuid7(START + n * 10**6, f"{n}") for n in range(50)]
    assert ids == sorted(ids)
    assert {uuid.UUID(one).version for one in ids} == {7}
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    assert uuid7(START, "a") == uuid7(START, "a") != uuid7(START, "b")


@pytest.mark.slow
def test_a_trace_with_many_spans_goes_in_several_requests(
    server: FakeOpik, tracker: OpikTracker
) -> None:
    spans = [call_span(1, span=n) for n in range(1, 2502)]
    tracker.deliver_traces(captured(assemble(trace_id(1), spans), prompt_trace(2)))
    assert len(server.spans) == 2502
    assert len(server.traces) == 2


def test_nothing_of_a_forgotten_trace_is_left(server: FakeOpik, tracker: OpikTracker) -> None:
    traces = [
        assemble(trace_id(n), [prompted_span(n, country=country)], [score(n, 1.0)])
        for n, country in ((1, "Zanzibar"), (2, "Peru"))
    ]
    tracker.deliver_traces(captured(*traces))
    tracker.deliver_explanations([into_opik(trace) for trace in traces])
    [call] = traces[0].calls
    noted = ForgottenCall(id=call.id, start_ns=call.start_ns)
    for traced_as in (opik_trace_id(traces[0]), None):  # its id is known without a receipt, too
        item = ForgottenTrace(
            trace_id=trace_id(1), start_ns=call.start_ns, calls=(noted,), traced_as=traced_as
        )
        [outcome] = tracker.forget([item])
        assert outcome == Receipt(external_id=opik_trace_id(traces[0]))
    assert list(server.traces) == [opik_trace_id(traces[1])]
    held = str((server.traces, server.spans, server.scores, server.attachments))
    assert "Zanzibar" not in held
    assert "Peru" in held
    assert server.attachments[explanation_span_id(call)] == []
    assert len(server.attachments[explanation_span_id(traces[1].calls[0])]) == 3
