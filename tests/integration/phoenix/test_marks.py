"""What people wrote in a real Phoenix: annotations and examples of datasets, read back as marks."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from smile_trace.trackers import CapturedTrace, ExplainedCall
from smile_trace.trackers.marks import Mark
from smile_trace_phoenix import PhoenixTracker
from tests.support.explained import captured, explanation
from tests.support.phoenix_server import PhoenixServer, wait_until_written

pytestmark = pytest.mark.phoenix

ADD = """mutation($to: ID!, $spans: [ID!]!) { addSpansToDataset(
    input: {datasetId: $to, spanIds: $spans}) { dataset { id } } }"""
EDIT = """mutation($to: ID!, $example: ID!, $value: JSON!) { patchDatasetExamples(input: {
    datasetId: $to, operations: [{replace: {exampleId: $example, field: OUTPUT, value: $value}}]
    }) { dataset { id } } }"""
"""What Phoenix's page sends where a person adds spans to a dataset, and edits an example of it."""


@pytest.fixture
def tracker(phoenix_server: PhoenixServer) -> Iterator[PhoenixTracker]:
    made = PhoenixTracker.from_settings(
        {"url": phoenix_server.url, "project": phoenix_server.new_project()}
    )
    assert made is not None
    yield made
    made.close()


def graphql(server: PhoenixServer, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    reply = httpx.post(f"{server.url}/graphql", json=body, timeout=60).json()
    assert "errors" not in reply, reply
    return reply["data"]


def annotate(server: PhoenixServer, kind: str, **row: Any) -> None:
    result = {name: row.pop(name, None) for name in ("label", "score", "explanation")}
    server.annotate(kind, {"annotator_kind": "HUMAN", **row, "result": result})


def test_annotations_of_people_and_edited_examples_are_marks_and_nothing_else_is(
    phoenix_server: PhoenixServer, tracker: PhoenixTracker
) -> None:
    explained, calls = explanation(), []
    for _ in range(2):
        trace, call = captured(explained)
        tracker.deliver_traces([CapturedTrace(trace=trace)])
        wait_until_written(phoenix_server.url)
        item = {"trace": trace, "call": call, "traced_as": trace.trace_id}
        tracker.deliver_explanations([ExplainedCall(explanation=explained, **item)])
        calls.append(call)
    (trace_id, span_id), (other, other_span) = (call.id.split(":") for call in calls)
    assert tracker.read_marks([trace_id, other, "0" * 32]) == []  # with our own scores

    annotate(phoenix_server, "span", span_id=span_id, name="correctness", label="incorrect")
    annotate(phoenix_server, "span", span_id=span_id, name="toxicity", label="no")
    for kind, name in (("LLM", "expected_response"), ("CODE", "correctness")):
        judged = {"annotator_kind": kind, "label": "incorrect", "span_id": other_span}
        annotate(phoenix_server, "span", name=name, **judged)
    annotate(phoenix_server, "trace", trace_id=other, name="thumbs_up", score=0)
    facts = "It opens at ten.\nOn Sundays, too."
    annotate(phoenix_server, "trace", trace_id=trace_id, name="expected_facts", explanation=facts)
    about = [
        Mark(trace_id=trace_id, span_id=span_id, wrong=True),
        Mark(trace_id=trace_id, facts=tuple(facts.splitlines())),
        Mark(trace_id=other, wrong=True),
    ]
    assert sorted(tracker.read_marks([trace_id, other]), key=str) == sorted(about, key=str)

    name = f"right answers {uuid.uuid4().hex[:8]}"
    create = "mutation($name: String!) { createDataset(input: {name: $name}) { dataset { id } } }"
    dataset = graphql(phoenix_server, create, name=name)["createDataset"]["dataset"]["id"]
    asked = "query($id: String!) { getSpanByOtelId(spanId: $id) { id } }"
    spans = [
        graphql(phoenix_server, asked, id=one)["getSpanByOtelId"]["id"]
        for one in (span_id, other_span)
    ]
    graphql(phoenix_server, ADD, to=dataset, spans=spans)
    assert len(tracker.read_marks([trace_id, other])) == 3  # copies of the logged answers
    examples = phoenix_server.get(f"datasets/{dataset}/examples")["examples"]
    [example] = [one for one in examples if one["source"]["span_id"] == span_id]
    answer = {"messages": [{"role": "assistant", "content": "At ten."}]}
    graphql(phoenix_server, EDIT, to=dataset, example=example["node_id"], value=answer)
    edited = Mark(trace_id=trace_id, span_id=span_id, expected="At ten.", by=f"the dataset {name}")
    assert sorted(tracker.read_marks([trace_id, other]), key=str) == sorted(
        [*about, edited], key=str
    )
