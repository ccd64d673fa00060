"""Beside the application's own OpenTelemetry: it sees nothing of us, and we lose nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from smile_trace.capture.instrument import span_processor
from smile_trace.dialects import read_calls
from smile_trace.testing import Captured
from tests.support.application_process import read_spool, run_application

APPLICATION = """
import asyncio, json, os
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import smile_trace

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("application")

@smile_trace.trace(model="m")
def ask(prompt):
    with tracer.start_as_current_span("inside") as span:
        span.set_attribute("prompt.length", len(prompt))
    return "answer to " + prompt

@smile_trace.trace
async def stream(prompt):
    with tracer.start_as_current_span("streaming"):
        yield ask(prompt)

app = FastAPI()
FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)

@app.get("/")
@smile_trace.trace
async def read(prompt: str) -> str:
    return "".join([part async for part in stream(prompt)])

client = TestClient(app)
unsampled = {"traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-00"}
for i in range(5):
    assert client.get("/", params={"prompt": str(i) * 100}).status_code == 200
    assert client.get("/", params={"prompt": str(i) * 100}, headers=unsampled).status_code == 200
with tracer.start_as_current_span("around"):
    ask("x" * 100)

names = {}
def normal(id):
    return None if id is None else names.setdefault(id, len(names))
spans = exporter.get_finished_spans()
ids = {s.context.span_id for s in spans}
print(json.dumps(sorted(
    [s.name, s.parent is None, s.parent and (s.parent.span_id in ids or s.parent.is_remote),
     sorted((k, str(v)) for k, v in s.attributes.items() if "port" not in k),
     s.status.status_code.name, len(s.events), s.instrumentation_scope.name]
    for s in spans)))
"""

LIMITS = {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "10", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1"}


@pytest.mark.parametrize(
    "env",
    [
        pytest.param(LIMITS, id="limits"),
        *(
            pytest.param(env, id=name, marks=pytest.mark.slow)
            for name, env in {
                "default": {},
                "sampler off": {"OTEL_TRACES_SAMPLER": "always_off"},
                "SDK disabled": {"OTEL_SDK_DISABLED": "true"},
            }.items()
        ),
    ],
)
def test_capture_and_the_applications_tracing_are_independent(
    env: dict[str, str], tmp_path: Path
) -> None:
    env = {"OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "", **env}
    with_us = run_application(APPLICATION, tmp_path, env, preamble="")
    without = run_application(
        APPLICATION, tmp_path / "off", {**env, "SMILE_TRACE_DISABLED": "1"}, preamble=""
    )
    assert with_us.returncode == without.returncode == 0, with_us.stderr + without.stderr
    assert json.loads(with_us.stdout) == json.loads(without.stdout)
    spans = read_spool(tmp_path)
    calls = [c for span in spans if span.name == "chat m" for c in read_calls([span])]
    assert len(calls) == 11
    assert {len(c.messages[0].content) for c in calls} == {100}
    assert {len(c.answer or "") for c in calls} == {110}
    known = {span.span_id for span in spans}
    assert all(span.parent_id is None or span.parent_id in known for span in spans)
    if not env.get("OTEL_SDK_DISABLED"):
        assert all("otel.trace_id" in call.external_trace for call in calls)


def test_our_spool_on_a_provider_of_your_own(found: Captured) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(span_processor())
    tracer = provider.get_tracer("yours", "1.0")
    messages = [{"role": "user", "parts": [{"type": "text", "content": "hi, sk-" + "a1" * 20}]}]
    answers = [{"role": "assistant", "parts": [{"type": "text", "content": "ho"}]}]
    with tracer.start_as_current_span("outer"), tracer.start_as_current_span("chat m") as span:
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": json.dumps(messages),
            "gen_ai.output.messages": json.dumps(answers),
            "image": "data:image/png;base64," + "aGVsbG8=" * 40_000,  # above the text limit
        }
        span.set_attributes(attributes)
    [call] = found.calls
    assert (call.model, call.answer) == ("m", "ho")
    assert call.messages[0].content == "hi, [redacted: openai-key]"
    inner, outer = found.spans
    assert inner.parent_id == outer.span_id
    assert inner.attributes["image"].startswith("[image/png: 240000 bytes, sha256 ")
    assert inner.attributes["smile_trace.redacted"] == 1
    assert outer.scope == "yours"
