"""Traces that stand in a real Phoenix are read as they were sent, explained, and shown there."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from smile_trace.dialects import assemble
from smile_trace.records import Explanation, Span
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace_contracts.source import BEGAN_MS, application_trace
from smile_trace_phoenix import PhoenixSource
from tests.support.explain_a_trace import PROMPT, WORD, explain
from tests.support.explain_a_trace import model as model
from tests.support.paths import ROOT
from tests.support.phoenix_server import PhoenixServer
from tests.support.phoenix_spans import renewed, write_spans
from tests.support.strict_openai import StrictServer

pytestmark = pytest.mark.phoenix

RECORDED = (
    "openinference-instrumentation-openai-0.1.66",
    "openinference-instrumentation-anthropic-3.1.0",
    "openinference-instrumentation-langchain-0.1.80",
    "openinference-instrumentation-llama-index-4.6.1",
    "opentelemetry-instrumentation-openai-v2-2.4b0.latest_both",
    "pydantic-ai-slim-2.68.0",
    "ai-6.0.326",
)


@pytest.fixture
def project(phoenix_server: PhoenixServer) -> str:
    name = phoenix_server.new_project()
    httpx.post(f"{phoenix_server.url}/v1/projects", json={"name": name}).raise_for_status()
    return name


def write(server: PhoenixServer, project: str, at_ms: int = BEGAN_MS) -> str:
    spans = application_trace(PROMPT, at_ms=at_ms)
    write_spans(server.url, project, spans)
    return spans[0].trace_id


def source(server: PhoenixServer, **options: Any) -> PhoenixSource:
    made = PhoenixSource.from_settings({"url": server.url, **options}, {})
    assert made is not None
    return made


def held_spans(server: PhoenixServer, project: str, trace_id: str) -> list[dict[str, Any]]:
    wanted = {"trace_id": trace_id, "limit": "1000"}
    reply = httpx.get(f"{server.url}/v1/projects/{project}/spans", params=wanted)
    return list(reply.raise_for_status().json()["data"])


@pytest.mark.parametrize("recorded", RECORDED)
def test_what_instrumentors_sent_is_read_as_it_was_sent(
    phoenix_server: PhoenixServer, project: str, recorded: str
) -> None:
    lines = (ROOT / f"tests/data/otlp/{recorded}.jsonl").read_bytes().splitlines()
    spans = renewed([span for one in lines for span in spans_from_line(one)])
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    written = [one for one in traces if assemble(one, traces[one]).calls][:6]
    assert written
    write_spans(phoenix_server.url, project, [s for one in written for s in traces[one]])
    for trace_id in written:
        expected = assemble(trace_id, traces[trace_id]).calls
        calls = assemble(trace_id, source(phoenix_server).read(trace_id)).calls
        assert len(calls) == len(expected)
        for call, was in zip(calls, expected, strict=True):
            assert (call.messages, call.answer) == (was.messages, was.answer)
            assert (call.model, call.form, call.tool_calls) == (was.model, was.form, was.tool_calls)
            assert (call.session, call.user, call.prompts) == (was.session, was.user, was.prompts)
            assert call.parameters == was.parameters


def test_a_trace_is_explained_by_its_id_and_shown_there(
    tmp_path: Path, phoenix_server: PhoenixServer, project: str, model: StrictServer
) -> None:
    trace_id = write(phoenix_server, project)
    before = held_spans(phoenix_server, project, trace_id)
    arguments = (trace_id, "--budget", "20", "--json", "--deliver")
    for _ in range(2):
        done = explain(tmp_path, model, *arguments, PHOENIX_COLLECTOR_ENDPOINT=phoenix_server.url)
        assert done.returncode == 0, done.stderr
    explanation = Explanation.model_validate_json(done.stdout)
    assert WORD in max(explanation.segments, key=lambda segment: segment.attribution).text
    assert trace_id.encode() in done.stderr or b"/redirects/" in done.stderr
    after = held_spans(phoenix_server, project, trace_id)
    assert sorted(map(json.dumps, before)) == sorted(
        json.dumps(span) for span in after if span["id"] in {one["id"] for one in before}
    )
    [late] = [s for s in after if s["attributes"].get("smile_trace.kind") == "explanation"]
    assert len(after) == len(before) + 1
    call = next(s for s in before if s["parent_id"] is not None)
    assert late["parent_id"] == call["context"]["span_id"]
    assert len(source(phoenix_server).read(trace_id)) == len(before), "ours are left out"


def test_a_wrong_answer_is_explained_by_what_a_person_wrote_in_phoenix(
    tmp_path: Path, phoenix_server: PhoenixServer, project: str, model: StrictServer
) -> None:
    trace_id = write(phoenix_server, project)
    result = {"explanation": "I cannot know that."}
    said = {"trace_id": trace_id, "name": "expected_response", "annotator_kind": "HUMAN"}
    phoenix_server.annotate("trace", {**said, "result": result})
    arguments = (trace_id, "--wrong", "--budget", "30", "--json")
    done = explain(tmp_path, model, *arguments, PHOENIX_COLLECTOR_ENDPOINT=phoenix_server.url)
    assert b"Expected, as somebody wrote: I cannot know that." in done.stderr
    explanation = Explanation.model_validate_json(done.stdout)
    assert (explanation.met, explanation.settings.expected) == (False, "I cannot know that.")
    removed = [part.text for found in explanation.corrections for part in found.parts]
    assert WORD in " ".join(removed)
