"""Which instrumentors are tried, with which application, and what they do not write."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.instrumentors.applications.texts import RETURNS, WARRANTY

OLDER = "2026-06-01"
"""The older release of each is the newest of this day."""


@dataclass(frozen=True)
class Application:
    """A file in `applications`, the packages it needs, and the names of its calls in order."""

    file: str
    packages: tuple[str, ...]
    calls: tuple[str, ...]
    documents: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Instrumentor:
    """One way of tracing an application.

    Args:
        name: in the report.
        application: what is traced.
        packages: what is installed for it, its own first.
        tracing: see `applications/tracing.py`.
        environment: variables that it is told by.
        lacks: what it does not write: fields of a row (`tools`), parameters (`seed`), a whole
            call (`stream`), or a field of one call (`parts.messages`).
        mode: what tells its recording from another one of the same release.
        older: the day of its older release; None where there is none that works.
        older_lacks: what that one does not write besides.
    """

    name: str
    application: Application
    packages: tuple[str, ...]
    tracing: str
    environment: dict[str, str] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    mode: str = ""
    older: str | None = OLDER
    older_lacks: frozenset[str] = frozenset()


_DOCUMENTS = (WARRANTY, RETURNS)
OPENAI = Application(
    "openai_client",
    ("openai",),
    ("chat", "stream", "tool_call", "tool_result", "parts", "responses"),
)
ANTHROPIC = Application(
    "anthropic_client",
    ("anthropic",),
    ("chat", "stream", "stream_helper", "tool_call", "tool_result", "parts"),
)
LANGCHAIN = Application(
    "langchain_agent",
    ("langchain-openai", "langchain", "langgraph"),
    ("chain", "stream", "tool_call", "tool_result", "parts", "agent", "agent_again"),
    {"chain": _DOCUMENTS},
)
LITELLM = Application(
    "litellm_client", ("litellm",), ("chat", "stream", "tool_call", "tool_result", "parts")
)
_OF_LITELLM = (
    *("chat", "again", "tool_call_stream", "tool_call", "tool_result", "parts", "schema"),
    *("responses", "responses_tool_call", "responses_tool_result", "responses_stream"),
    *("claude", "claude_tool_call", "claude_tool_result", "claude_thought"),
    *("native", "native_tool_call", "native_tool_result"),
)
LITELLM_CALLBACK = Application("litellm_callback", ("litellm", "anthropic"), _OF_LITELLM)
LITELLM_PROXY = Application(
    "litellm_proxy",
    ("httpx",),
    (
        *("chat", "tool_call_stream", "responses", "responses_stream"),
        *("native_stream", "native_tool_call_stream", "claude"),
    ),
)
LLAMA_INDEX = Application(
    "llama_index_engine",
    ("llama-index-core", "llama-index-llms-openai"),
    ("query", "chat", "stream", "tool_call", "tool_result"),
    {"query": _DOCUMENTS},
)
AGENTS = Application(
    "agents_sdk",
    ("openai-agents",),
    ("tool_call", "tool_result", "chat_tool_call", "chat_tool_result", "stream"),
)
DSPY = Application("dspy_program", ("dspy",), ("thought", "direct"))
PYDANTIC_AI = Application(
    "pydantic_agent",
    ("pydantic-ai-slim[openai]",),
    ("tool_call", "tool_result", "context", "stream", "responses"),
)
SMOLAGENTS = Application(
    "smolagents_agent", ("smolagents[openai]",), ("generate", "tool_call", "tool_result")
)
AGNO = Application(
    "agno_agent", ("agno", "openai"), ("context", "stream", "tool_call", "tool_result")
)
HAYSTACK = Application(
    "haystack_pipeline",
    ("haystack-ai",),
    ("pipeline", "tool_call", "tool_result"),
    {"pipeline": _DOCUMENTS},
)
AUTOGEN = Application(
    "autogen_agent",
    ("autogen-agentchat", "autogen-ext[openai]"),
    ("context", "tool_call", "tool_result"),
)
STRANDS = Application(
    "strands_agent", ("strands-agents[openai]>=1.50",), ("context", "tool_call", "tool_result")
)
ADK = Application("adk_agent", ("google-adk", "litellm"), ("context", "tool_call", "tool_result"))
AGENTS_JS = Application(
    "agents_sdk.mjs",
    ("@openai/agents", "openai"),
    (
        *("tool_call", "tool_result", "again", "object", "stream"),
        *("chat_tool_call", "chat_tool_result", "chat_object", "chat_stream"),
    ),
)
AI_SDK = Application(
    "ai_sdk.mjs",
    (),
    (
        *("plain", "stream", "tool_call", "tool_result", "chosen", "object", "output", "reasoner"),
        *("open_tool_call", "open_tool_result"),
        *("responses_tool_call", "responses_tool_result", "responses_parts", "responses_object"),
        *("thinking", "after_thinking", "anthropic_object"),
    ),
)
LANGCHAIN_JS = Application(
    "langchain.mjs",
    ("@langchain/core", "@langchain/openai", "langchain"),
    (
        *("chain", "stream", "tool_call", "tool_result", "chosen", "parts", "image", "format"),
        *("responses", "agent", "agent_again"),
    ),
    {"chain": _DOCUMENTS},
)
OPENAI_JS = Application(
    "openai_client.mjs",
    ("openai",),
    (
        *("chat", "stream", "tool_call", "tool_result", "chosen", "parts", "image", "format"),
        *("responses", "responses_list"),
    ),
)
GENKIT = Application(
    "genkit.mjs",
    ("@genkit-ai/compat-oai", "@opentelemetry/exporter-trace-otlp-proto@0.52"),
    (*("chat", "stream", "rag", "chosen", "agent", "agent_again", "parts", "image", "format"),),
    {"rag": _DOCUMENTS},
)
MASTRA = Application(
    "mastra.mjs",
    ("@mastra/core@1", "@mastra/observability@1", "zod"),
    ("chat", "stream", "agent", "agent_again", "offered", "parts", "image", "format"),
)
CLAUDE_AGENT = Application(
    "claude_agent.mjs",
    ("zod",),
    ("context", "tool_call", "tool_result"),
)
CREWAI = Application("crewai_crew", ("crewai", "litellm"), ("call", "task"))

_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_SPANS = {_CONTENT: "SPAN_ONLY"}
_LATEST = _SPANS | {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
_WHOLE = {"OPTIONS": '{"toolChoice": true, "schema": true, "runtimeContext": true}'}
_MASTRA = frozenset({"tools", "agent_again.messages", "format.parameters"})
_LANGSMITH = {
    "LANGSMITH_OTEL_ENABLED": "true",
    "LANGSMITH_OTEL_ONLY": "true",
    "LANGSMITH_TRACING": "true",
    "LANGSMITH_API_KEY": "no key",
}


def _genai(name: str, application: Application, group: str, **given: Any) -> Instrumentor:
    """One of OpenTelemetry's own."""
    return Instrumentor(
        f"genai-{name}",
        application,
        (f"opentelemetry-instrumentation-genai-{name}",),
        f"opentelemetry.instrumentation.genai.{name.replace('-', '_')}:{group}Instrumentor",
        _SPANS,
        older=given.pop("older", "2026-09-15"),
        mode="span_only",
        **given,
    )


def _openinference(name: str, application: Application, group: str, **given: Any) -> Instrumentor:
    """One of Arize's."""
    return Instrumentor(
        f"openinference-{name}",
        application,
        (f"openinference-instrumentation-{name}",),
        f"openinference.instrumentation.{name.replace('-', '_')}:{group}Instrumentor",
        **given,
    )


def _traceloop(name: str, application: Application, group: str, **given: Any) -> Instrumentor:
    """One of Traceloop's."""
    return Instrumentor(
        f"traceloop-{name}",
        application,
        (f"opentelemetry-instrumentation-{name}",),
        f"opentelemetry.instrumentation.{name}:{group}Instrumentor",
        older=given.pop("older", "2025-09-01"),
        **given,
    )


def _with_client(framework: Instrumentor) -> Instrumentor:
    """A framework's instrumentor, which leaves something out, over that of its client."""
    kind = framework.name.partition("-")[0]
    client = (_openinference if kind == "openinference" else _genai)("openai", OPENAI, "OpenAI")
    return replace(
        framework,
        name=f"{framework.name}-and-client",
        packages=framework.packages + client.packages,
        tracing=f"{framework.tracing},{client.tracing}",
        mode="and_client",
    )


_UNKNOWN = {"thinking.parameters", "after_thinking.parameters"}
"""A provider's options are not recorded."""


def _ai_sdk(
    name: str, telemetry: str = "", lacks: Iterable[str] = (), **given: Any
) -> Instrumentor:
    """Version 6, or one of the two classes of version 7's @ai-sdk/otel."""
    providers = ("openai", "anthropic", "openai-compatible")
    releases = (4, 4, 3) if telemetry else (3, 3, 2)
    packages = ["ai@7", "@ai-sdk/otel"] if telemetry else ["ai@6"]
    packages += [f"@ai-sdk/{name}@{major}" for name, major in zip(providers, releases, strict=True)]
    unknown = frozenset({*_UNKNOWN, *lacks})
    return Instrumentor(name, AI_SDK, (*packages,), telemetry, lacks=unknown, older=None, **given)


def _litellm(mode: str, lacks: str, **environment: str) -> Instrumentor:
    """One of the modes of LiteLLM's own callback. Only the default one writes messages that are
    objects of LiteLLM's, and the format of an answer."""
    always = "native_tool_call.tools native_tool_result.tools responses_tool_result.messages"
    objects = "tool_result.messages claude_tool_result.messages schema.parameters"
    return Instrumentor(
        f"{mode}-litellm" if mode else "litellm",
        LITELLM_CALLBACK,
        (),
        "litellm",
        {"OTEL_EXPORTER": "otlp_http", **environment},
        frozenset(f"{lacks} {always} {objects if mode else ''}".split()),
        mode=mode,
        older=None,
    )


INSTRUMENTORS = (
    _genai("openai", OPENAI, "OpenAI", older_lacks=frozenset({"parts.messages"})),
    replace(
        _genai("openai", OPENAI, "OpenAI"),
        name="events-genai-openai",
        environment={_CONTENT: "EVENT_ONLY"},
        mode="event_only",
        older_lacks=frozenset({"parts.messages"}),
    ),
    _genai("anthropic", ANTHROPIC, "Anthropic", older="2026-10-15"),
    _genai("langchain", LANGCHAIN, "LangChain", lacks=frozenset({"documents"})),
    _genai("dspy", DSPY, "DSPy", older=None),  # 1.2b0 writes no span for a model's call
    Instrumentor(
        "openai-v2",
        OPENAI,
        ("opentelemetry-instrumentation-openai-v2", "openai<3", "opentelemetry-util-genai<1"),
        "opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor",
        {_CONTENT: "true"},
        lacks=frozenset({"tools", "responses"}),
        older="2026-03-31",
    ),
    Instrumentor(
        "latest-openai-v2",
        OPENAI,
        ("opentelemetry-instrumentation-openai-v2", "openai<3", "opentelemetry-util-genai<1"),
        "opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor",
        _LATEST,
        lacks=frozenset({"tools", "responses", "parts.messages"}),
        older=None,
        mode="latest_both",
    ),
    _openinference("openai", OPENAI, "OpenAI"),
    _openinference("anthropic", ANTHROPIC, "Anthropic"),
    _openinference("langchain", LANGCHAIN, "LangChain"),
    _openinference(
        "llama-index",
        LLAMA_INDEX,
        "LlamaIndex",
        lacks=frozenset({"temperature", "parallel_tool_calls"}),
    ),
    _openinference("litellm", LITELLM, "LiteLLM", lacks=frozenset({"model"})),
    _openinference(
        "openai-agents",
        AGENTS,
        "OpenAIAgents",
        lacks=frozenset({"chat_tool_call.tools", "chat_tool_result.tools"}),
    ),
    _openinference("dspy", DSPY, "DSPy"),
    _openinference(
        "smolagents", SMOLAGENTS, "Smolagents", lacks=frozenset({"stop", "tool_choice"})
    ),
    _openinference("agno", AGNO, "Agno"),
    _openinference(
        "haystack",
        HAYSTACK,
        "Haystack",
        lacks=frozenset({"n", "temperature", "tools", "tool_result.messages"}),
    ),
    _openinference(
        "autogen-agentchat",
        AUTOGEN,
        "AutogenAgentChat",
        lacks=frozenset({"model", "tools", "temperature"}),
    ),
    *map(
        _with_client,
        (
            _openinference("haystack", HAYSTACK, "Haystack"),
            _openinference("autogen-agentchat", AUTOGEN, "AutogenAgentChat"),
            _openinference("openai-agents", AGENTS, "OpenAIAgents"),
            _genai(
                "openai-agents", AGENTS, "OpenAIAgents", lacks=frozenset({"strict"}), older=None
            ),
        ),
    ),
    Instrumentor(  # its own spans are of crews and tasks
        "openinference-crewai",
        CREWAI,
        ("openinference-instrumentation-crewai", "openinference-instrumentation-openai"),
        "openinference.instrumentation.crewai:CrewAIInstrumentor,"
        "openinference.instrumentation.openai:OpenAIInstrumentor",
    ),
    Instrumentor(
        "openinference-pydantic-ai",
        PYDANTIC_AI,
        ("openinference-instrumentation-pydantic-ai",),
        "openinference_pydantic_ai",
        lacks=frozenset({"strict"}),
    ),
    _traceloop(
        "openai",
        OPENAI,
        "OpenAI",
        lacks=frozenset({"seed", "stop"}),
        older_lacks=frozenset({"responses.parameters"}),
    ),
    _traceloop(
        "anthropic",
        ANTHROPIC,
        "Anthropic",
        lacks=frozenset({"stop"}),
        older="2026-03-01",
        older_lacks=frozenset({"max_tokens", "parts.messages"}),  # texts of parts are joined
    ),
    _traceloop(
        "langchain",
        LANGCHAIN,
        "Langchain",
        lacks=frozenset({"seed"}),
        older_lacks=frozenset({"chain.documents"}),
    ),
    Instrumentor(
        "mlflow-openai", OPENAI, ("mlflow",), "mlflow", {"TRACED": "openai"}, mode="openai"
    ),
    Instrumentor(
        "mlflow-langchain",
        LANGCHAIN,
        ("mlflow",),
        "mlflow",
        {"TRACED": "langchain"},
        mode="langchain",
    ),
    Instrumentor("logfire-openai", OPENAI, ("logfire",), "logfire", {"TRACED": "openai"}),
    Instrumentor(
        "version-1-logfire-openai",
        OPENAI,
        ("logfire",),
        "logfire",
        {"TRACED": "openai", "VERSION": "1"},
        mode="version_1",
    ),
    Instrumentor(
        "langfuse-openai",
        OPENAI,
        ("langfuse",),
        "langfuse",
        {"TRACED": "langfuse.openai"},
        lacks=frozenset({"stop"}),
        mode="openai",
    ),
    Instrumentor(
        "langsmith-openai",
        OPENAI,
        ("langsmith[otel]",),
        "langsmith",
        _LANGSMITH,
        mode="openai-only",
    ),
    Instrumentor(
        "langsmith-langchain",
        LANGCHAIN,
        ("langsmith[otel]",),
        "langsmith",
        _LANGSMITH,
        older_lacks=frozenset({"tools"}),
        mode="langchain-only",
    ),
    Instrumentor("pydantic-ai", PYDANTIC_AI, (), "pydantic_ai", lacks=frozenset({"strict"})),
    Instrumentor(
        "version-1-pydantic-ai",
        PYDANTIC_AI,
        ("pydantic-ai-slim<2",),
        "pydantic_ai",
        {"VERSION": "1"},
        lacks=frozenset({"strict"}),
        older=None,
        mode="version_1",
    ),
    Instrumentor(
        "openlit",
        OPENAI,
        ("openlit>=1.45",),
        "openlit",
        lacks=frozenset({"tool_result.messages"}),
        older=None,
    ),
    Instrumentor(
        "strands",
        STRANDS,
        (),
        "opentelemetry",
        {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_tool_definitions"},
        lacks=frozenset({"temperature"}),
        older="2026-09-01",
    ),
    Instrumentor(
        "latest-strands",
        STRANDS,
        (),
        "opentelemetry",
        {"OTEL_SEMCONV_STABILITY_OPT_IN": ("gen_ai_latest_experimental,gen_ai_tool_definitions")},
        lacks=frozenset({"temperature"}),
        older=None,
        mode="latest",
    ),
    Instrumentor(
        "google-adk",
        ADK,
        ("google-adk>=2",),
        "opentelemetry",
        _LATEST,
        lacks=frozenset({"model", "temperature"}),
        older=None,
    ),
    Instrumentor(
        "schema-1-google-adk",
        ADK,
        ("google-adk>=2",),
        "opentelemetry",
        {"ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN": "1"},
        lacks=frozenset({"model"}),
        older=None,
        mode="schema_1",
    ),
    Instrumentor(
        "openinference-js-openai-agents",
        AGENTS_JS,
        ("@arizeai/openinference-instrumentation-openai-agents",),
        "",
        lacks=frozenset(
            {"chat_tool_call.tools", "chat_tool_result.tools", "chat_object.parameters"}
        ),
        older=None,
    ),
    _ai_sdk("vercel-ai-6"),
    _ai_sdk(
        "vercel-ai-7",
        "OpenTelemetry",
        lacks=(
            *(
                f"{name}.parameters"
                for name in ("tool_call", "chosen", "open_tool_call", "responses_tool_call")
            ),
            *(f"{name}.parameters" for name in ("object", "responses_object", "anthropic_object")),
            "output.parameters",
        ),
    ),
    _ai_sdk("vercel-ai-7-whole", "OpenTelemetry", mode="whole", environment=_WHOLE),
    _ai_sdk("vercel-ai-7-legacy", "LegacyOpenTelemetry", mode="legacy"),
    Instrumentor(
        "openinference-langchain-js",
        LANGCHAIN_JS,
        ("@arizeai/openinference-instrumentation-langchain",),
        "openinference_langchain",
        older=None,
    ),
    Instrumentor(
        "langsmith-langchain-js",
        LANGCHAIN_JS,
        ("langsmith",),
        "langsmith",
        _LANGSMITH,
        lacks=frozenset({"chain", "format.parameters", "agent", "agent_again"}),
        mode="javascript",
        older=None,
    ),
    Instrumentor(  # nor does it write a temperature of 0
        "traceloop-openai-js",
        OPENAI_JS,
        ("@traceloop/node-server-sdk",),
        "traceloop",
        lacks=frozenset(
            {"seed", "stop", "chosen.parameters", "format.parameters", "responses.messages"}
        ),
        older=None,
    ),
    Instrumentor("genkit", GENKIT, ("genkit",), "", older=None),
    Instrumentor(
        "mastra-otel",
        MASTRA,
        ("@mastra/otel-exporter@1", "@opentelemetry/exporter-trace-otlp-proto@0.218"),
        "@mastra/otel-exporter",
        lacks=_MASTRA | {"offered.parameters"},
        older=None,
    ),
    Instrumentor(
        "mastra-arize",
        MASTRA,
        ("@mastra/arize@1",),
        "@mastra/arize",
        lacks=_MASTRA | {"stop"},
        older=None,
    ),
    Instrumentor(
        "claude-agent-sdk",
        CLAUDE_AGENT,
        ("@anthropic-ai/claude-agent-sdk",),
        "",
        {
            "CLAUDE_CODE_SIMPLE": "1",
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
            "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
            "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "OTEL_LOG_RAW_API_BODIES": "1",
        },
        frozenset({"metadata", "betas"}),  # who asks, and a header
        older=None,
    ),
    _litellm("", "native.tools"),
    Instrumentor(
        "litellm-proxy",
        LITELLM_PROXY,
        ("litellm[proxy]",),
        "",
        {"OTEL_EXPORTER": "otlp_http", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        mode="proxy",
        older=None,
    ),
    _litellm(
        "semconv",
        "native.tools responses.tools responses_stream.tools responses_tool_call.tools "
        "responses_tool_result.tools claude_thought.messages",
        **_LATEST,
    ),
    _litellm(
        "v2",
        "chat responses claude responses_tool_call.messages responses_tool_call.tools "
        "responses_tool_result.tools responses_stream.messages",
        LITELLM_OTEL_V2="true",
        **_SPANS,
    ),
)
