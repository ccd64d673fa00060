"""Traces that stand in Opik are read as its SDK wrote them, and explained there."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace.dialects import assemble
from smile_trace.errors import ReasonCode
from smile_trace.records import ForgottenCall, ForgottenTrace, Span
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt, Rejected
from smile_trace.trackers.fields import timestamp
from smile_trace.trackers.presentation import EXPLANATION_NAME
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_contracts.samples import sample_explanation
from smile_trace_contracts.source import SourceContract, application_trace
from smile_trace_opik import OpikSource, OpikTracker
from smile_trace_opik.spans import TAG, uuid7
from tests.support.explain_a_trace import PROMPT, explain
from tests.support.explain_a_trace import model as model
from tests.support.fake_opik import FakeOpik
from tests.support.paths import DATA
from tests.support.strict_openai import StrictServer


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "opik.config"))


class TestOpikSource(SourceContract):
    places = ("shop", "bank")

    @pytest.fixture
    def server(self) -> Iterator[FakeOpik]:
        with FakeOpik() as running:
            running.projects |= set(self.places)
            yield running

    def source(self, server: FakeHttpServer, **options: float) -> OpikSource:
        assert isinstance(server, FakeOpik)
        made = OpikSource.from_settings({"url": server.api, "projects": self.places, **options}, {})
        assert made is not None
        return made

    def write(self, server: FakeHttpServer, place: str, spans: Sequence[Span]) -> str:
        assert isinstance(server, FakeOpik)
        return write(server, spans, place)

    def delete(self, server: FakeHttpServer, trace_id: str) -> None:
        assert isinstance(server, FakeOpik)
        server._delete_trace(trace_id)


def write(server: FakeOpik, spans: Sequence[Span], project: str = "shop") -> str:
    """What Opik's SDK sends of a trace; gives its id there."""
    trace_id = uuid7(0, spans[0].trace_id)
    about = {"project_name": project, "metadata": {}, "thread_id": "thread-1"}
    if trace_id not in server.traces:
        at = {"start_time": timestamp(spans[0].start_ns), "end_time": timestamp(spans[0].end_ns)}
        server.traces[trace_id] = {"id": trace_id, "name": spans[0].name, **at, **about}
    for span in spans:
        raw = as_opik_writes(span)
        server.spans[raw["id"]] = {**raw, "project_name": project, "trace_id": trace_id}
    return trace_id


def as_opik_writes(span: Span) -> dict[str, Any]:
    raw = {
        "id": uuid7(0, span.span_id),
        "parent_span_id": uuid7(0, span.parent_id) if span.parent_id else None,
        "name": span.name,
        "type": "general",
        "start_time": timestamp(span.start_ns),
        "end_time": timestamp(span.end_ns),
    }
    if span.attributes.get(semconv.KIND) == "explanation":
        return {**raw, "name": EXPLANATION_NAME, "tags": [TAG]}
    calls = assemble(span.trace_id, [span]).calls
    if not calls:
        return {**raw, "input": {"question": "?"}, "output": {"output": "!"}}
    messages = [{"role": m.role, "content": m.content} for m in calls[0].messages]
    choice = {"message": {"role": "assistant", "content": calls[0].answer}, "index": 0}
    return {
        **raw,
        "type": "llm",
        "input": {"messages": messages},
        "output": {"choices": [{**choice, "finish_reason": "stop"}]},
        "metadata": {"temperature": 0.5, "created_from": "openai", "type": "openai_chat"},
        "model": calls[0].model,
        "provider": "openai",
        "usage": {"prompt_tokens": 31, "completion_tokens": 4, "total_tokens": 35},
    }


def source(server: FakeOpik) -> OpikSource:
    made = OpikSource.from_settings({"url": server.api, "projects": ["shop"]}, {})
    assert made is not None
    return made


def test_a_call_has_its_parameters_usage_and_session(server: FakeOpik) -> None:
    spans = source(server).read(write(server, application_trace()))
    [call] = assemble(spans[0].trace_id, spans).calls
    assert (call.parameters, call.provider, call.session) == (
        {"temperature": 0.5},
        "openai",
        "thread-1",
    )
    assert (call.usage.input_tokens, call.usage.output_tokens) == (31, 4)


def test_what_the_sdk_was_recorded_to_send_is_read(server: FakeOpik) -> None:
    for sent in json.loads((DATA / "comet_wire" / "opik_track.json").read_text()):
        for kind in ("traces", "spans"):
            for item in (sent.get("body") or {}).get(kind, ()):
                getattr(server, kind)[item["id"]] = item
    read = [source(server).read(trace_id) for trace_id in server.traces]
    calls = [call for spans in read if spans for call in assemble(spans[0].trace_id, spans).calls]
    sent_calls = [span for span in server.spans.values() if span["type"] == "llm"]
    assert sent_calls
    assert sorted((c.messages[0].content, c.answer, c.model) for c in calls) == sorted(
        (span["input"]["prompt"], span["output"]["output"], span["model"]) for span in sent_calls
    )


def test_an_explanation_goes_into_the_trace_that_was_read(server: FakeOpik) -> None:
    trace_id = write(server, application_trace(), "bank")
    spans = source(server).read(trace_id)
    trace = assemble(spans[0].trace_id, spans)
    before = dict(server.traces), set(server.spans)
    tracker = OpikTracker.from_settings({"url": server.api, "project": "elsewhere"})
    assert tracker is not None
    captured = CapturedTrace(trace=trace, wait_for_external=False)
    [seen] = tracker.deliver_traces([captured])
    assert isinstance(seen, Receipt)
    assert seen.external_id == trace_id
    [call] = trace.calls
    explained = {"trace": trace, "call": call, "traced_as": trace_id}
    item = ExplainedCall(explanation=sample_explanation(call), **explained)
    for _ in range(2):
        [outcome] = tracker.deliver_explanations([item])
        assert isinstance(outcome, Receipt)
    assert server.traces == before[0], "a second trace, or another one"
    [late] = [span for i, span in server.spans.items() if i not in before[1]]
    assert late["parent_span_id"] == call.external_trace["opik.span_id"]
    assert (late["trace_id"], late["project_name"]) == (trace_id, "bank")
    assert source(server).read(trace_id) == spans, "ours are left out"

    told = ForgottenCall(id=call.id, start_ns=call.start_ns, external_trace=call.external_trace)
    gone = ForgottenTrace(trace_id=trace.trace_id, start_ns=call.start_ns, calls=(told,))
    [left] = tracker.forget([gone])
    assert isinstance(left, Rejected)
    assert trace_id in left.reason
    assert trace_id in server.traces

    server._delete_trace(trace_id)
    [missing] = tracker.deliver_traces([captured])
    assert isinstance(missing, Rejected)
    assert (missing.code, missing.retry) == (ReasonCode.NOT_FOUND, False)
    assert not server.traces
    tracker.close()


def test_what_smile_trace_wrote_is_no_trace_of_an_application(server: FakeOpik) -> None:
    trace_id = write(server, application_trace())
    server.traces[trace_id]["metadata"] = {"smile_trace_id": "a" * 32}
    assert source(server).page("shop", 0, 4_102_444_800_000, 10).traces == ()


@pytest.mark.slow
def test_a_trace_is_explained_by_its_id_and_shown_there(
    tmp_path: Path, server: FakeOpik, model: StrictServer
) -> None:
    trace_id = write(server, application_trace(PROMPT))
    arguments = (trace_id, "--budget", "20", "--deliver")
    done = explain(tmp_path, model, *arguments, OPIK_URL_OVERRIDE=server.api)
    assert done.returncode == 0, done.stderr
    [late] = [span for span in server.spans.values() if span["name"].startswith(EXPLANATION_NAME)]
    assert late["trace_id"] == trace_id
