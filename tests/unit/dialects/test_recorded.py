"""The recorded spans of other instrumentors become the calls that a person counts in them."""

from collections import Counter
from dataclasses import replace

import pytest

from smile_trace.dialects import Dialect, read_calls
from smile_trace.dialects.joined import with_logs, with_requests
from smile_trace.dialects.registry import ours
from smile_trace.dialects.unread import unread
from smile_trace.records import Span
from smile_trace_contracts.dialect import check_dialect
from tests.support.dialects_page import PAGE, page
from tests.support.recorded_calls import (
    FILES,
    FOLDER,
    RECORDED,
    Row,
    calls_of,
    row_of,
    spans_of,
    traces_of,
)
from tests.support.written_spans import WRITTEN, span

pytestmark = pytest.mark.thorough


def _read(name: str) -> list[Row]:
    return [row_of(call) for call in calls_of(name)]


def test_every_file_is_counted() -> None:
    counted = {
        path.name.removesuffix(".requests.jsonl") for path in FOLDER.glob("*.requests.jsonl")
    }
    assert set(FILES) - counted <= RECORDED.keys() <= set(FILES)


@pytest.mark.parametrize("name", RECORDED)
def test_the_calls_of_a_file(name: str) -> None:
    """Equal messages, answers, tools, documents and parameters; none doubled, none phantom."""
    found = _read(name)
    for (which, row), read in zip(RECORDED[name].items(), found, strict=False):
        if row.session == "?":  # made anew at every run
            assert read.session
            read = replace(read, session="?")
        assert read == row, which
    assert len(found) == len(RECORDED[name])


AI_SDK = {
    *(f"chat {name}" for name in ("plain", "stream", "agent", "chosen", "object", "output")),
    *("chat reasoner", "open model", "responses agent", "responses parts", "responses object"),
    *("anthropic thinking", "anthropic object"),
}
NAMES = {
    "ai-6.0.326": AI_SDK,
    "ai-7.0.173": AI_SDK,
    "ai-7.0.173.legacy": AI_SDK,
    "arizeai-openinference-instrumentation-langchain-4.1.1": {"ChatOpenAI"},
    "genkit-1.42.0": {"openai/gpt-4o-mini", "support"},
    "google-adk-1.14.1": {"support"},
    "google-adk-2.13.0": {"support"},
    "langfuse-5.0.4.langchain": {"ChatOpenAI"},
    "langfuse-5.0.4.observe": {"own-llm", "named-generation", "with-prompt"},
    "mastra-arize-1.3.8": {"searching", "support"},
    "mastra-otel-exporter-1.4.0": {"searching", "support"},
    "mlflow-3.17.2.pulled": {"ChatOpenAI", "Completions", "answer", "chat_prompt"},
    "openinference-instrumentation-openai-agents-2.6.0": {"support"},
    "pydantic-ai-slim-2.68.0": {"rag", "support", "chat gpt-4o-mini"},  # "agent" has no other name
    "strands-agents-1.62.0": {"chat"},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_call_has_the_name_that_the_application_gave_it(name: str) -> None:
    """Of a function, an agent, a traced function; what its framework calls it does not count."""
    assert {call.name for call in calls_of(name)} == NAMES[name]


@pytest.mark.parametrize("dialect", ours(), ids=lambda dialect: dialect.name)
def test_a_dialect_keeps_its_contract(dialect: Dialect) -> None:
    """By a recorded span of middle size, of each of its forms; else by one written by hand."""
    spans = [
        s for name in FILES for s in with_requests(with_logs(spans_of(name))) if _reads(dialect, s)
    ]
    examples = [span for span in WRITTEN if _reads(dialect, span)] or spans
    whole = [span for span in examples if dialect.read_call(span).messages]
    forms = [
        [s for s in whole if ("gen_ai.operation.name" in s.attributes) is f] for f in (False, True)
    ]
    check_dialect(dialect, [form[len(form) // 2] for form in forms if form])


def _reads(dialect: Dialect, span: Span) -> bool:
    """Whether this dialect is the first that recognises the span."""
    first = next((one for one in ours() if one.recognises(span)), None)
    return first is dialect


def test_a_span_of_each_dialect_is_recorded_or_written() -> None:
    read = {call.dialect for name in FILES for call in calls_of(name)}
    read |= {call.dialect for call in read_calls(WRITTEN)}
    assert read == {dialect.name for dialect in ours()}


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.support.dialects_page"


NO_CALL = "records no call of a model: use OpenTelemetry's"
_BESIDE = "or use an instrumentor of it"
"""Anthropic's client traces itself in traces of its own."""
SAID = {
    "openinference-instrumentation-anthropic-3.1.0.live": (1, _BESIDE),
    "opentelemetry-instrumentation-anthropic-0.62.4.live": (6, _BESIDE),
    "langchain4j-observation-1.20.0.from-source": (3, "add OpenInference's instrumentor"),
    "spring-ai-2.0.1.from-source": (3, "add OpenInference's instrumentor"),
    "opentelemetry-instrumentation-genai-llama-index-1.3b0.span_only": (1, NO_CALL),
    "opentelemetry-instrumentation-genai-openai-agents-1.3b0.span_only": (2, NO_CALL),
    "opentelemetry-instrumentation-genai-openai-1.3b0": (9, "CAPTURE_MESSAGE_CONTENT=SPAN_ONLY"),
    "opentelemetry-instrumentation-openai-0.62.4.content_false": (9, "TRACELOOP_TRACE_CONTENT"),
    "opentelemetry-instrumentation-openai-v2-2.4b0": (7, "CAPTURE_MESSAGE_CONTENT=true"),
    "pydantic-ai-slim-2.68.0.nocontent": (5, "include_content=True"),
    "opentelemetry-instrumentation-openai-0.62.4": (1, "TRACELOOP_TRACE_CONTENT"),  # an image
    "opentelemetry-instrumentation-openai-0.44.1": (1, "TRACELOOP_TRACE_CONTENT"),
    "opentelemetry-instrumentation-openai-v2-2.4b0.latest_both": (1, "SPAN_ONLY"),
    "logfire-5.4.0": (1, "see how its instrumentor"),  # a completion
}


@pytest.mark.parametrize("name", FILES)
def test_of_the_recorded_spans(name: str) -> None:
    found = Counter(one for trace in traces_of(spans_of(name)) for one in unread(trace))
    count, said = SAID.get(name, (0, ""))
    assert found.total() == count
    assert all(said in one.why for one in found)


def test_of_no_dialect() -> None:
    """Another way of writing a call: its scope is named."""
    attributes = {"acme.request.model": "m", "acme.prompt": "hi", "acme.reply": "ho"}
    [trace] = traces_of([span(9, "acme.tracing", attributes)])
    [one] = unread(trace)
    assert one == ("acme.tracing", "its attributes are of no dialect that is known")
    [trace] = traces_of([span(9, "acme.tracing", {"http.request.method": "GET"})])
    assert list(unread(trace)) == []


CONTENT_OFF = {
    "@mastra/otel-exporter": "hideInput",
    "@opentelemetry/instrumentation-openai": "CAPTURE_MESSAGE_CONTENT=true",
    "@traceloop/instrumentation-openai": "traceContent: true",
    "Experimental.Microsoft.Extensions.AI": "CAPTURE_MESSAGE_CONTENT=true",
    "Microsoft.SemanticKernel.Diagnostics": "ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true",
    "agent_framework": "ENABLE_SENSITIVE_DATA=true",
    "io.opentelemetry.openai-java-1.1": "CAPTURE_MESSAGE_CONTENT=true",
    "opentelemetry.instrumentation.genai.openai": "CAPTURE_MESSAGE_CONTENT=SPAN_ONLY",
    "opentelemetry.instrumentation.google_genai": "CAPTURE_MESSAGE_CONTENT=true",
    "opentelemetry.instrumentation.openai": "TRACELOOP_TRACE_CONTENT=true",
    "openlit.otel.tracing": "capture_message_content=True",
    "org.springframework.boot": "add OpenInference's instrumentor",
    "pydantic-ai": "include_content=True",
    "semantic_kernel.utils.telemetry": "ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true",
}
"""What is said of a chat without content, by its scope."""
NO_CONTENT: dict[str, tuple[dict[str, object], str]] = {
    "@arizeai/openinference-instrumentation-langchain": (
        {"openinference.span.kind": "LLM", "llm.model_name": "m"},
        "OPENINFERENCE_HIDE_INPUTS",
    ),
    "ai": ({"ai.operationId": "ai.generateText.doGenerate"}, "recordInputs: true"),
    "com.anthropic.claude_code.tracing": (
        {"span.type": "llm_request"},
        "OTEL_LOG_RAW_API_BODIES=1",
    ),
    "gcp.vertex.agent": (
        {"gcp.vertex.agent.llm_request": "{}", "gen_ai.request.model": "m"},
        "ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN=1",
    ),
    "genkit-genai": (
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
        "captureActionIO",
    ),
    "langfuse-sdk": ({"langfuse.observation.type": "generation"}, "IO_CAPTURE_ENABLED"),
    "langsmith": ({"langsmith.span.kind": "llm"}, "LANGSMITH_HIDE_INPUTS"),
    "litellm": (
        {"litellm.call_id": "1", "llm.request.type": "acompletion"},
        "turn_off_message_logging",
    ),
    "my.service": (
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "sentry.origin": "auto"},
        "recordInputs: true",
    ),
    "my.azure.service": (
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "az.namespace": "x"},
        "AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true",
    ),
    "my.pipeline": ({"haystack.component.type": "OpenAIChatGenerator"}, "Haystack's own spans"),
    "braintrust-java": ({"braintrust.metadata": '{"model": "m"}'}, "Braintrust's form"),
}
"""The same of spans that are not written by the conventions."""


@pytest.mark.parametrize("scope", [*CONTENT_OFF, *NO_CONTENT])
def test_what_to_set_is_said_of_every_emitter(scope: str) -> None:
    """One sentence, with the name of the switch; `smile-trace calls` says it of the call, too."""
    chat: dict[str, object] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    attributes, said = NO_CONTENT.get(scope, (chat, CONTENT_OFF.get(scope, "")))
    [trace] = traces_of([span(9, scope, attributes)])
    [one] = unread(trace)
    assert (one.scope, said in one.why) == (scope, True), one.why
    assert all(said in str(call.no_content) for call in trace.calls)
