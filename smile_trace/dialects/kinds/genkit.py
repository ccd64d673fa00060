"""Genkit: a model's request and response as JSON, in Genkit's own form.

Its plugin for OpenAI's API (JavaScript) sends less than that. By `@genkit-ai/otel` it writes the
conventions, without tools and schemas, and its own form where that is asked for. Source: the
packages `@genkit-ai/core` 1.42, `tracing/instrumentation`; `@genkit-ai/ai` 1.42, `model-types`;
`@genkit-ai/compat-oai` 1.20 to 1.42, `model`; `@genkit-ai/otel`, not released yet.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from smile_trace.dialects.attributes import (
    first_text,
    read_list,
    read_object,
    read_text,
    read_usage,
    stringified,
)
from smile_trace.dialects.call import call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.parts import message_of, offered_tool, read_message
from smile_trace.dialects.provider_json import answered
from smile_trace.records import JSON, Call, Media, Message, Part, Span, ToolCall

_NAMES = {
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "logProbs": "logprobs",
    "topLogProbs": "top_logprobs",
}
_SWITCH = "say captureActionIO: true to new GenAiInstrumentation()"
_UNSENT = ("topK", "maxOutputTokens")
"""What the plugin for OpenAI's API never sends, as it sends nothing that is 0 or false."""


class Genkit:
    """A call is an action of a model; what is around it, `generate` too, is context."""

    name: ClassVar[str] = "genkit"
    marks: ClassVar[tuple[str, ...]] = ("genkit:metadata:subtype", "genkit.input")
    content_switches: ClassVar[Mapping[str, str]] = {"genkit-genai": _SWITCH}
    tools_recorded_by: ClassVar[Mapping[str, str]] = {"genkit-genai": _SWITCH}

    def recognises(self, span: Span) -> bool:
        own = span.attributes.get("genkit:metadata:subtype") == "model"
        return own or ("genkit.input" in span.attributes and gen_ai.GenAI().recognises(span))

    def read_call(self, span: Span) -> Call:
        a = span.attributes
        request = read_object(first_text(a, "genkit:input", "genkit.input"))
        response = read_object(first_text(a, "genkit:output", "genkit.output"))
        plugin, _, model = (first_text(a, "genkit:name") or "").rpartition("/")
        plugin = plugin or first_text(a, "gen_ai.provider.name") or ""
        by_openai = plugin == "openai" and span.resource.get("telemetry.sdk.language") == "nodejs"
        content = answered(response.get("raw"))
        if not content.answers:
            content.answers = list(_messages([response.get("message")]))
        content.messages = list(_messages(read_list(request.get("messages"))))
        config = read_object(request.get("config"))
        if by_openai:
            content.messages = list(_as_openai_is_sent(content.messages))
            config = {k: v for k, v in config.items() if v and k not in _UNSENT}
        content.parameters = {
            **{_NAMES.get(name, name): value for name, value in config.items()},
            "tool_choice": None if by_openai else request.get("toolChoice"),
            "response_format": _format(read_object(request.get("output"))),
        }
        told = ("name",) if by_openai else ("name", "description")
        tools = map(read_object, read_list(request.get("tools")))
        content.tools = [offered_tool(tool, tool.get("inputSchema"), told) for tool in tools]
        content.form, content.provider = "chat", plugin or None
        content.model = read_text(config.get("version")) or model
        content.model = content.model or first_text(a, "gen_ai.request.model")
        said = read_object(response.get("usage"))
        used = read_usage(said.get("inputTokens"), said.get("outputTokens"))
        content.usage = content.usage or used
        content.finish_reason = content.finish_reason or read_text(response.get("finishReason"))
        return call_of(span, self.name, content)


def _messages(items: list[JSON]) -> Iterator[Message]:
    for item in filter(None, map(read_object, items)):
        role = read_text(item.get("role")) or "user"
        parts: list[JSON] = [_part(read_object(raw)) for raw in read_list(item.get("content"))]
        message = read_message({"role": {"model": "assistant"}.get(role, role), "parts": parts})
        if message is not None:
            yield message


def _part(raw: Mapping[str, JSON]) -> JSON:
    """A part as the GenAI conventions have it."""
    if called := read_object(raw.get("toolRequest")):
        given = {"name": called.get("name"), "arguments": stringified(called.get("input"))}
        return {"type": "tool_call", "id": called.get("ref"), **given}
    if result := read_object(raw.get("toolResponse")):
        response = stringified(result.get("output"))
        return {"type": "tool_call_response", "id": result.get("ref"), "response": response}
    if uri := read_text((media := read_object(raw.get("media"))).get("url")):
        written = uri[5:].partition(";")[0] if uri.startswith("data:") else "image"
        kind = read_text(media.get("contentType")) or written
        return {"type": "uri", "modality": kind.partition("/")[0], "uri": uri, "mime_type": kind}
    if "reasoning" in raw:
        return {"type": "reasoning", "content": raw["reasoning"]}
    return {"type": "text", "content": raw.get("text", stringified(raw.get("data")))}


def _format(output: Mapping[str, JSON]) -> JSON:
    if output.get("format") != "json":
        return None
    if not (schema := read_object(output.get("schema"))):
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}


def _as_openai_is_sent(messages: list[Message]) -> Iterator[Message]:
    """Each text of a user as a message of its own, calls of tools without what was said beside
    them, an image with its detail."""
    for message in messages:
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        if calls or any(isinstance(part, Media) for part in message.parts):
            yield message_of(message.role, calls or [*map(_with_detail, message.parts)])
        elif message.role == "user" and message.parts:
            yield from (message_of("user", [part]) for part in message.parts)
        else:
            yield message


def _with_detail(part: Part) -> Part:
    return part.model_copy(update={"detail": "auto"}) if isinstance(part, Media) else part
