"""What stands in a real Phoenix after deliveries: fields, places, annotations, experiments."""

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from smile_trace.dialects import assemble
from smile_trace.dialects.answers import final_answer
from smile_trace.errors import ReasonCode
from smile_trace.records import Call, Explanation, Trace
from smile_trace.render import path_ends
from smile_trace.render.text import short
from smile_trace.trackers import (
    CapturedTrace,
    ComparedPrompt,
    ExplainedCall,
    ExplainedPath,
    ForgottenCall,
    ForgottenTrace,
    ProfiledCall,
    Receipt,
    Rejected,
    UnexplainedCall,
)
from smile_trace.trackers.fields import retrievers
from smile_trace.trackers.presentation import EXPLANATION_NAME, explanation_span_id
from smile_trace_contracts.samples import (
    sample_comparison,
    sample_explanation,
    sample_profile,
    sample_trace,
)
from smile_trace_contracts.source import application_trace
from smile_trace_phoenix import PhoenixSource, PhoenixTracker
from smile_trace_phoenix.spans import spans_for_phoenix
from tests.support.explained import captured, explanation
from tests.support.phoenix_server import PhoenixServer
from tests.support.phoenix_spans import write_spans
from tests.support.retrieval_traces import RETURNS, WARRANTY, explained, langchain, plain
from tests.support.sample_paths import sample_path

pytestmark = pytest.mark.phoenix
PICTURE = "llm.output_messages.0.message.contents.0.message_content.image.image.url"


class Project:
    """One project of the real server, and the tracker that delivers to it."""

    def __init__(self, server: PhoenixServer, **options: Any) -> None:
        self.server, self.name = server, server.new_project()
        made = PhoenixTracker.from_settings({"url": server.url, "project": self.name, **options})
        assert made is not None
        self.tracker = made

    def deliver(self, trace: Trace) -> Receipt:
        [receipt] = self.tracker.deliver_traces([CapturedTrace(trace=trace)])
        assert isinstance(receipt, Receipt), receipt
        return receipt

    def explain(self, trace: Trace, call: Call, found: Explanation, traced_as: str) -> Receipt:
        item = ExplainedCall(trace=trace, call=call, explanation=found, traced_as=traced_as)
        [receipt] = self.tracker.deliver_explanations([item])
        assert isinstance(receipt, Receipt), receipt
        return receipt

    def spans(self) -> dict[str, Any]:
        found = self.server.settled(f"projects/{self.name}/spans", limit=1000)
        return {span["context"]["span_id"]: span for span in found}

    def said(self, kind: str, identifier: str) -> dict[str, Any]:
        """The annotations of a span or trace, by name."""
        path = f"projects/{self.name}/{kind}_annotations"
        found = self.server.get(path, **{f"{kind}_ids": identifier, "limit": 100})
        return {one["name"]: one["result"] | {"by": one["identifier"]} for one in found}


@pytest.fixture
def project(phoenix_server: PhoenixServer) -> Iterator[Project]:
    made = Project(phoenix_server)
    yield made
    made.tracker.close()


def test_an_explanation_is_drawn_and_replaced(project: Project) -> None:
    found = explanation()
    trace, call = captured(found)
    traced_as = project.deliver(trace).external_id
    receipt = project.explain(trace, call, found, traced_as)
    newer = explanation(status="inconclusive", scores={}, r2=None, summary="Nothing is sure.")
    assert receipt.external_id == explanation_span_id(call.id)
    assert receipt.url == f"{project.server.url}/redirects/spans/{receipt.external_id}"
    late, above = (project.spans()[one] for one in (receipt.external_id, call.span_id))
    assert late["parent_id"] == call.span_id
    times = [above["start_time"], late["start_time"], late["end_time"], above["end_time"]]
    parsed = [datetime.fromisoformat(text) for text in times]
    assert parsed == sorted(parsed)
    assert parsed[0] < parsed[1]
    assert parsed[2] < parsed[3]
    head, _, data = late["attributes"][PICTURE].partition(",")
    assert head == "data:image/svg+xml;base64"
    assert b"France" in base64.b64decode(data)
    for kind, identifier in (("span", call.span_id), ("trace", trace.trace_id)):
        said = project.said(kind, identifier)
        assert said["smile.driver"]["label"] == "France"
        assert said["smile.verdict"]["label"] == "reliable"
        assert said["smile.fidelity_r2"]["score"] == 0.82
        assert {one["by"] for one in said.values()} == {"smile-trace"}
    [config] = project.server.get(f"projects/{project.name}/annotation_configs")
    assert (config["name"], config["optimization_direction"]) == ("smile.verdict", "MAXIMIZE")
    assert config["values"][0]["label"] == "reliable", "the ring that has a colour"
    assert project.explain(trace, call, newer, traced_as) == receipt
    spans = project.spans()
    assert len([span for span in spans.values() if span["name"].startswith(EXPLANATION_NAME)]) == 1
    assert "Nothing is sure" in spans[receipt.external_id]["attributes"]["output.value"]
    said = project.said("span", call.span_id)
    assert said["smile.driver"]["label"] == "(none)"
    assert said["smile.verdict"]["label"] == "inconclusive"
    assert said["smile.fidelity_r2"]["score"] is None


@pytest.mark.parametrize("make", [langchain, plain], ids=lambda make: make.__name__)
def test_each_document_has_its_score(project: Project, make: Any) -> None:
    trace = make()
    [call] = [call for call in trace.calls if call.documents]
    traced_as = project.deliver(trace).external_id
    project.explain(trace, call, explained(trace), traced_as)
    [retriever] = retrievers(trace)
    shown = project.spans()[retriever]
    assert shown["span_kind"] == "RETRIEVER"
    texts = [
        shown["attributes"][f"retrieval.documents.{number}.document.content"] for number in (0, 1)
    ]
    query = """query($id: String!) { span: getSpanByOtelId(spanId: $id) {
        documentEvaluations { name documentPosition score } } }"""
    body = {"query": query, "variables": {"id": retriever}}
    answer = httpx.post(f"{project.server.url}/graphql", json=body, timeout=60).json()
    said = answer["data"]["span"]["documentEvaluations"]
    scores = {texts[one["documentPosition"]]: one["score"] for one in said}
    assert {one["name"] for one in said} == {"smile.document_attribution"}
    assert scores[WARRANTY] > 0.5
    assert abs(scores[RETURNS]) < 0.05


def test_what_was_lost_before_it_was_written_is_sent_again(project: Project) -> None:
    """A Phoenix that is killed loses what it has answered and not written."""
    found = explanation()
    trace, call = captured(found)
    item = ExplainedCall(trace=trace, call=call, explanation=found, traced_as=trace.trace_id)
    [first] = project.tracker.deliver_explanations([item])  # nothing was ever sent
    assert not isinstance(first, Rejected)
    assert set(project.spans()) == {trace.root_span_id, call.span_id}
    project.explain(trace, call, found, trace.trace_id)


def test_into_the_applications_own_trace(project: Project) -> None:
    """The application sent a trace of its own, with an LLM span inside of the noted one."""
    own, _ = captured(explanation())
    project.tracker._server.post_spans(list(spans_for_phoenix([own], project.name)))
    project.spans()
    noted = {"otel.trace_id": own.trace_id, "otel.span_id": own.root_span_id}
    found = explanation()
    trace, call = captured(found, external_trace=noted)
    moved = call.model_copy(
        update={"start_ns": own.calls[0].start_ns, "end_ns": own.calls[0].end_ns}
    )
    trace = trace.model_copy(update={"calls": (moved,)})
    receipt = project.deliver(trace)
    assert receipt.external_id == own.trace_id
    project.explain(trace, moved, found, receipt.external_id)
    spans = project.spans()
    [late] = [span for span in spans.values() if span["name"].startswith(EXPLANATION_NAME)]
    assert late["parent_id"] == own.calls[0].span_id
    assert {span["context"]["trace_id"] for span in spans.values()} == {own.trace_id}

    forgotten = ForgottenTrace(
        trace_id=trace.trace_id,
        start_ns=call.start_ns,
        calls=(ForgottenCall(id=call.id, start_ns=call.start_ns, external_trace=noted),),
        traced_as=own.trace_id,
    )
    [outcome] = project.tracker.forget([forgotten])
    assert isinstance(outcome, Rejected)
    assert own.trace_id in outcome.reason
    assert set(project.spans()) == {own.root_span_id, own.calls[0].span_id}
    said = project.said("span", own.calls[0].span_id)
    assert {one["label"] for one in said.values()} == {"forgotten"}


def test_a_newer_explanation_is_not_put_under_the_older_one(project: Project) -> None:
    """Phoenix has the late span as a model's call, here the only one in the trace."""
    own, _ = captured(explanation())
    root = own.span(own.root_span_id).model_copy(update={"end_ns": own.calls[0].end_ns})
    write_spans(project.server.url, project.name, [root])
    found = explanation()
    noted = {"otel.trace_id": own.trace_id, "otel.span_id": own.root_span_id}
    trace, call = captured(found, external_trace=noted)
    call = call.model_copy(update={"start_ns": root.start_ns, "end_ns": root.end_ns})
    trace = trace.model_copy(update={"calls": (call,)})
    for _ in range(2):
        project.explain(trace, call, found, own.trace_id)
    [late] = [s for s in project.spans().values() if s["name"].startswith(EXPLANATION_NAME)]
    assert late["parent_id"] == own.root_span_id


def test_a_trace_that_was_read_from_phoenix_is_explained_in_place(project: Project) -> None:
    made = {"name": project.name}
    httpx.post(f"{project.server.url}/v1/projects", json=made, timeout=60).raise_for_status()
    sent = application_trace("Where is the Eiffel Tower?")
    write_spans(project.server.url, project.name, sent)
    source = PhoenixSource.from_settings({"url": project.server.url}, {})
    assert source is not None
    trace = assemble(sent[0].trace_id, source.read(sent[0].trace_id))
    [call] = trace.calls
    assert project.deliver(trace).external_id == trace.trace_id
    project.explain(trace, call, sample_explanation(call), trace.trace_id)
    spans = project.spans()
    [late] = [one for one in spans if spans[one]["name"].startswith(EXPLANATION_NAME)]
    assert set(spans) - {late} == {span.span_id for span in sent}
    assert spans[late]["parent_id"] == call.span_id
    assert assemble(trace.trace_id, source.read(trace.trace_id)).calls == trace.calls
    project.server.delete(f"traces/{trace.trace_id}")
    [gone] = project.tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(gone, Rejected)
    assert "was deleted there" in gone.reason
    assert project.spans() == {}


def test_traces_that_the_application_sends_itself_are_not_written(
    phoenix_server: PhoenixServer,
) -> None:
    project = Project(phoenix_server, traces=False)
    trace = sample_trace()
    assert project.deliver(trace).external_id == trace.trace_id
    assert project.spans() == {}
    project.tracker.close()


def test_why_a_call_is_not_explained_and_where_a_path_ends(project: Project) -> None:
    trace = sample_trace()
    [call] = trace.calls
    traced_as = project.deliver(trace).external_id
    skipped = UnexplainedCall(
        trace=trace,
        call=call,
        state="skipped",
        code=ReasonCode.NOT_SAMPLED,
        reason="it was not sampled",
        traced_as=traced_as,
    )
    path = sample_path().model_copy(update={"trace_id": trace.trace_id})
    item = ExplainedPath(trace=trace, path=path, traced_as=traced_as)
    for outcome in (
        *project.tracker.deliver_unexplained([skipped]),
        *project.tracker.deliver_paths([item]),
    ):
        assert isinstance(outcome, Receipt), outcome
    assert project.said("span", call.span_id)["smile.verdict"]["label"] == "skipped: not sampled"
    said = project.said("trace", trace.trace_id)["smile.path"]
    assert said["score"] is None  # a list prefers it to the label
    assert said["label"] == short(path_ends(path), 40)
    [shown] = [s for s in project.spans().values() if s["name"] == "Where did this come from?"]
    assert shown["parent_id"] == trace.root_span_id
    assert "it is due on Friday" in shown["attributes"]["output.value"]


def test_each_probe_of_a_profile_is_an_annotation(project: Project) -> None:
    trace = sample_trace()
    [call] = trace.calls
    traced_as = project.deliver(trace).external_id
    item = ProfiledCall(trace=trace, call=call, profile=sample_profile(call), traced_as=traced_as)
    assert isinstance(project.tracker.deliver_profiles([item])[0], Receipt)
    for said in (project.said("span", call.span_id), project.said("trace", trace.trace_id)):
        assert (said["smile.paraphrase"]["label"], said["smile.paraphrase"]["score"]) == (
            "changes it",
            1.0,
        )
        assert "{+Hello! +}" in said["smile.paraphrase"]["explanation"]
        assert said["smile.stability"]["label"] == "no effect seen"
        assert "smile.order" not in said


def test_prompt_versions_stand_side_by_side(project: Project) -> None:
    prompt = f"answer {project.name}"
    item = ComparedPrompt(comparison=sample_comparison(prompt))
    for _ in range(2):
        receipt = project.tracker.deliver_comparison(item)
        assert isinstance(receipt, Receipt), receipt
        experiments = project.server.get(f"datasets/{receipt.external_id}/experiments")
        assert sorted(one["name"] for one in experiments) == ["1", "2"]
    for one in experiments:
        assert one["id"] in str(receipt.url)
        [run] = project.server.get(f"experiments/{one['id']}/runs")
        assert run["output"] == {"text": "1 part was not measured: too few calls removed it"}
    calls = (ForgottenCall(id="a:b", start_ns=1, prompts=((prompt, "1"),)),)
    never = ForgottenTrace(trace_id=sample_trace().trace_id, start_ns=1, calls=calls)
    [outcome] = project.tracker.forget([never])
    assert isinstance(outcome, Receipt)
    assert project.server.get("datasets", name=f"{prompt}: prompt versions") == []


def test_several_calls_of_one_trace_are_explained_at_once(project: Project) -> None:
    trace = sample_trace(calls=6)
    traced_as = project.deliver(trace).external_id
    items = [
        ExplainedCall(
            trace=trace, call=call, explanation=sample_explanation(call), traced_as=traced_as
        )
        for call in trace.calls
    ]
    receipts = project.tracker.deliver_explanations(items)
    assert [one.external_id for one in receipts if isinstance(one, Receipt)] == [
        explanation_span_id(call.id) for call in trace.calls
    ]
    of_trace = project.server.get(
        f"projects/{project.name}/trace_annotations", trace_ids=trace.trace_id, limit=100
    )
    final = final_answer(trace)
    assert final is not None
    assert {one["metadata"]["call"] for one in of_trace} == {final.id}
