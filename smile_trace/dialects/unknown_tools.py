"""Answers that are calls of tools which nobody wrote down: without them another request would be
made."""

from collections.abc import Mapping, Sequence

from smile_trace import semconv
from smile_trace.records import JSON, Span, ToolCall

_CLIENT = "use OpenTelemetry's or OpenInference's instrumentor of the model's client, too"
_GENAI = "opentelemetry-instrumentation-genai-openai records them"
_HOW = {
    "opentelemetry.instrumentation.openai_v2": _GENAI,
    "opentelemetry.util.genai": _GENAI,
    "opentelemetry.instrumentation.openai": "say OpenAIInstrumentor(use_legacy_attributes=True)",
    "openinference.instrumentation.autogen_agentchat": _CLIENT,
    "openinference.instrumentation.haystack": _CLIENT,
    "openinference.instrumentation.openai_agents": _CLIENT,
    "strands.": _CLIENT,
}
"""By the beginning of the scope of an instrumentor that leaves them out: what records them."""


def why_unknown_tools(
    span: Span, calls: Sequence[ToolCall], parameters: Mapping[str, JSON]
) -> str | None:
    """Why it is not known which tools the model was offered; None where it called none of them, or
    where they were recorded. A function that is called again offers them itself."""
    if not calls or not parameters.keys().isdisjoint(("tools", "functions")):
        return None
    if span.captured and semconv.RERUN in span.attributes:
        return None
    if semconv.KIND in span.attributes:
        how = "give record() the whole request, or instrument() the client"
    else:
        known = (how for start, how in _HOW.items() if span.scope.startswith(start))
        how = next(known, "see how its instrumentor is told to write them")
    return f"its answer calls a tool, and the tools that it was offered were not recorded: {how}"
