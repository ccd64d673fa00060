"""`instrument("openai")`: the client's calls as they are really sent, by the real client to a
real model."""

import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI, OpenAIError
from openai.types.chat import ChatCompletionMessageParam
from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]
    BaseInstrumentor,
)

import smile_trace
from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.capture.instrument import CannotInstrument
from smile_trace.models.kinds.local import LocalModel
from smile_trace.records import Message
from smile_trace.testing import Captured
from tests.support.application_process import read_spool, run_application

pytestmark = pytest.mark.model
HELLO: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "Say hello."},
]


@pytest.fixture
def url(local_model: LocalModel) -> str:
    return str(local_model.start())


@pytest.fixture
def client(url: str) -> Iterator[OpenAI]:
    smile_trace.instrument("openai")
    smile_trace.instrument("openai")  # twice changes nothing
    with OpenAI(base_url=url, api_key="sk-" + "a1" * 20, max_retries=0) as client:
        yield client


def test_a_chat_under_its_function(client: OpenAI, found: Captured) -> None:
    prompt = smile_trace.Prompt("hello", version="1", template="Say {what}.")

    @smile_trace.trace
    def ask(what: str) -> str:
        messages: list[ChatCompletionMessageParam] = [
            HELLO[0],
            {"role": "user", "content": prompt.format(what=what)},
        ]
        response = client.chat.completions.create(
            model="demo", messages=messages, temperature=0, max_tokens=5
        )
        return response.choices[0].message.content or ""

    answer = ask("hello")
    [call] = found.calls
    inner, outer = found.spans
    assert inner.parent_id == outer.span_id
    assert call.span_id == inner.span_id
    assert call.answer == answer
    assert call.messages == (
        Message(role="system", content="be brief"),
        Message(role="user", content="Say hello."),
    )
    assert call.model == "demo"
    assert call.parameters == {"temperature": 0, "max_tokens": 5}
    assert call.usage is not None
    [use] = call.prompts
    assert (use.name, use.message, use.variables) == ("hello", 1, {"what": "hello"})
    assert "a1a1a1" not in b"".join(found.lines).decode()


def test_a_completion(client: OpenAI, found: Captured) -> None:
    response = client.completions.create(model="demo", prompt="The capital of", max_tokens=3)
    [call] = found.calls
    assert (call.form, call.messages[0].content) == ("completion", "The capital of")
    assert call.answer == response.choices[0].text


def test_streams(client: OpenAI, found: Captured) -> None:
    stream = client.chat.completions.create(
        model="demo", messages=HELLO, stream=True, max_tokens=5, temperature=0
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    left = client.chat.completions.create(
        model="demo", messages=HELLO, stream=True, max_tokens=5, temperature=0
    )
    next(iter(left))
    del left
    gc.collect()
    whole, _ = found.calls
    assert whole.answer == text


async def test_async(url: str, client: OpenAI, found: Captured) -> None:
    @smile_trace.trace
    async def ask(question: str) -> str:
        async with AsyncOpenAI(base_url=url, api_key="unused") as client:
            response = await client.chat.completions.create(
                model="demo", messages=HELLO, max_tokens=5, temperature=0
            )
        return response.choices[0].message.content or ""

    answer = await ask("anything")
    [call] = found.calls
    assert call.answer == answer
    assert call.trace_id == found.spans[-1].trace_id


def test_an_error_is_the_clients_own(client: OpenAI, found: Captured) -> None:
    with pytest.raises(OpenAIError):
        client.with_options(base_url="http://127.0.0.1:9/v1").chat.completions.create(
            model="demo", messages=HELLO
        )
    [call] = found.calls
    assert call.status == "raised"
    assert "APIConnectionError" in (call.error or "")


def test_our_own_calls_are_invisible(client: OpenAI, found: Captured) -> None:
    with suppress_instrumentation():
        client.completions.create(model="demo", prompt="x", max_tokens=1)
    assert found.spans == []


def test_an_unknown_client_says_what_to_install() -> None:
    said = r"its name is right; .*`pip install openinference-instrumentation-nobody`"
    with pytest.raises(CannotInstrument, match=said):
        smile_trace.instrument("nobody")


def test_an_instrumentor_may_begin_with_a_b(monkeypatch: pytest.MonkeyPatch) -> None:
    """`openinference.instrumentation.bedrock` imports the base class before it defines its own."""

    class BedrockInstrumentor(BaseInstrumentor):
        provider = None

        def instrumentation_dependencies(self) -> list[str]:
            return []

        def _instrument(self, **options: Any) -> None:
            type(self).provider = options["tracer_provider"]

        def _uninstrument(self, **_: Any) -> None: ...

    module = ModuleType("openinference.instrumentation.bedrock")
    vars(module).update(BaseInstrumentor=BaseInstrumentor, BedrockInstrumentor=BedrockInstrumentor)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    smile_trace.instrument("bedrock")
    assert BedrockInstrumentor.provider is not None


@pytest.mark.slow
def test_the_applications_own_tracing_is_untouched(url: str, tmp_path: Path) -> None:
    """Its instrumentor, its client spans, and what stands under them, with and without ours."""
    body = f"""
    import json, openai
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from openinference.instrumentation.openai import OpenAIInstrumentor
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("application")
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    smile_trace.instrument("openai")

    class Transport(openai.DefaultHttpxClient):
        def send(self, *args, **kwargs):
            with tracer.start_as_current_span("http"):
                return super().send(*args, **kwargs)

    client = openai.OpenAI(base_url={url!r}, api_key="unused", http_client=Transport())

    @smile_trace.trace
    def call(prompt):
        return client.completions.create(model="demo", prompt=prompt, max_tokens=1, temperature=0)

    with tracer.start_as_current_span("request"):
        call("x")
    spans = {{s.context.span_id: s for s in exporter.get_finished_spans()}}
    def path(span):
        above = span.parent and spans[span.parent.span_id]
        return (path(above) if above else []) + [span.name]
    print(json.dumps(sorted(path(s) for s in spans.values())))
    """
    with_us = run_application(body, tmp_path)
    without = run_application(body, tmp_path / "off", {"SMILE_TRACE_DISABLED": "1"})
    assert with_us.returncode == without.returncode == 0, with_us.stderr + without.stderr
    assert json.loads(with_us.stdout) == json.loads(without.stdout)
    assert len(json.loads(with_us.stdout)) == 3
    kinds = [span.name.split()[0] for span in read_spool(tmp_path)]
    assert sorted(kinds) == ["Completion", "text_completion"]
