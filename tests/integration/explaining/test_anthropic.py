"""A model of Anthropic's is explained: by name, with its tools, and without a trace of it."""

import json
from pathlib import Path
from typing import Any

import pytest

import smile_trace
from smile_trace.explaining.spending import estimate
from smile_trace.models.kinds.anthropic import AnthropicModel, AnthropicSettings
from smile_trace.settings import Settings
from smile_trace.worker.doctor import examine
from tests.support.application_process import run_application
from tests.support.strict_anthropic import StrictAnthropic, strict

TOOLS = [
    {"name": name, "description": description, "input_schema": {"type": "object"}}
    for name, description in (("get_order", "Looks up."), ("cancel_order", "Cancels."))
]

REQUEST: list[dict[str, Any]] = [
    {"role": "system", "content": "You are the assistant of a shop. Answer in one sentence."},
    {"role": "user", "content": "Hello. I am waiting for order 4711. When does it arrive?"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {"number": 4711}},
            {"type": "tool_use", "id": "toolu_2", "name": "get_order", "input": {"number": 1}},
        ],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "content": '{"carrier": "Parcel Post", "arrives": "Friday", "left": "Hamburg"}',
            },
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": "none", "is_error": True},
            {"type": "text", "text": "Be exact."},
        ],
    },
]


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-none")


def _arrival(body: dict[str, Any]) -> str:
    return "It arrives on Friday." if "Friday" in json.dumps(body["messages"]) else "I am not sure."


def _model(server: StrictAnthropic) -> AnthropicModel:
    settings = AnthropicSettings(kind="anthropic", base_url=server.base_url)
    return AnthropicModel("claude-opus-5-5", settings)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["auto", "tool_result", "turn", "tool"])
def test_not_one_request_of_an_explanation_is_refused(unit):
    with strict(_arrival) as server:
        explanation = smile_trace.explain(
            REQUEST, model=_model(server), parameters={"tools": TOOLS}, unit=unit, budget=40
        )
        assert server.refused == []
        assert explanation.answer == "It arrives on Friday."
        assert explanation.cost.target_calls == len(server.bodies)
    if unit in ("auto", "tool_result"):
        assert "Friday" in explanation.drivers[0].text


def test_by_its_name_in_the_settings(tmp_path: Path, monkeypatch):
    """Explained, estimated, and looked at by the doctor."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))
    name, prompt = "claude-opus-5-5", "Today is Friday, they say."
    with strict(_arrival) as server:
        table = f'[models."{name}"]\nkind = "anthropic"\nbase_url = "{server.base_url}"\n'
        Path("smile_trace.toml").write_text(table, encoding="utf-8")
        explanation = smile_trace.explain(prompt, model=name, budget=20)
        most = estimate(prompt, model=name, budget=20)
        found = {one.about: one for one in examine(Settings())}
    assert server.refused == []
    assert explanation.drivers[0].text.startswith("Friday")
    assert most.address == server.base_url
    assert most.calls >= explanation.cost.target_calls
    assert most.tokens is not None
    assert found[f"model {name}"].said == "can be asked"
    gone = {one.about: one for one in examine(Settings())}[f"model {name}"]
    assert (gone.level, "correct base_url" in gone.said) == ("bad", True)


@pytest.mark.slow
def test_nobody_sees_our_own_calls(tmp_path: Path):
    """Neither the client's own tracing, nor an instrumentor, nor the spool, also where nothing is
    suppressed; and no request carries the application's trace."""
    with strict(_arrival) as server:
        body = f"""
        import asyncio, json, os
        os.environ["ANTHROPIC_API_KEY"] = "none"
        import anthropic
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from smile_trace.models import Request
        from smile_trace.records import Message
        from smile_trace.models.kinds.anthropic import AnthropicModel
        from smile_trace.models.kinds.anthropic import AnthropicSettings

        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        smile_trace.instrument("anthropic")
        client = anthropic.Anthropic(base_url={server.base_url!r})
        with trace.get_tracer("application").start_as_current_span("request"):
            client.messages.create(
                model="m", max_tokens=9, messages=[{{"role": "user", "content": "Friday"}}]
            )
            how = AnthropicSettings(kind="anthropic", base_url={server.base_url!r})
            asked = Request(messages=(Message(role="user", content="It is Friday."),))
            asyncio.run(AnthropicModel("m", how).generate([asked] * 3))
        print(json.dumps([span.name for span in exporter.get_finished_spans()]))
        """
        done = run_application(body, tmp_path)
        assert done.returncode == 0, done.stderr
        traced = ["traceparent" in headers for headers in server.headers]
    assert json.loads(done.stdout) == ["anthropic.messages.create", "request"]
    assert traced[0]
    assert not any(traced[1:])
    assert len(traced) == 4
    spool = b"".join(path.read_bytes() for path in tmp_path.rglob("*.jsonl"))
    assert spool.count(b'"messages.create"') == 1
