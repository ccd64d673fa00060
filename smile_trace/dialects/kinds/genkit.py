"""Genkit: a model's request and response as JSON, in Genkit's own form.

Its plugin for OpenAI's API (JavaScript) sends less than that. Source: the packages
`@genkit-ai/core` 1.42, `tracing/instrumentation`; `@genkit-ai/ai` 1.42, `model-types`;
`@genkit-ai/compat-oai` 1.20 to 1.42, `model`.
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
from smile_trace.dialects.call import SpanContent, call_of
from smile_trace.dialects.parts import message_of
from smile_trace.dialects.provider_json import answered
from smile_trace.records import (
    JSON,
    Call,
    Media,
    Message,
    OtherPart,
    Part,
    Reasoning,
    Span,
    TextPart,
    ToolCall,
    ToolResult,
)

_NAMES = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "logProbs": "logprobs",
    "topLogProbs": "top_logprobs",
}
_UNSENT = ("topK", "maxOutputTokens")
"""What the plugin for OpenAI's API never sends, as it sends nothing that is 0 or false."""


class Genkit:
    """A call is an action of a model; what is around it, `generate` too, is context."""

    name: ClassVar[str] = "genkit"

    def recognises(self, span: Span) -> bool:
        """Whether the span is an action of a model."""
        return span.attributes.get("genkit:metadata:subtype") == "model"

    def read_call(self, span: Span) -> Call:
        """Read the call."""
        a = span.attributes
        request, response = read_object(a.get("genkit:input")), read_object(a.get("genkit:output"))
        plugin, _, model = (first_text(a, "genkit:name") or span.name).rpartition("/")
        by_openai = plugin == "openai" and span.resource.get("telemetry.sdk.language") == "nodejs"
        content = answered(response.get("raw"))
        if not content.answers and (said := read_object(response.get("message"))):
            content.answers = [_message({"role": "model", **said})]
        sent = map(read_object, read_list(request.get("messages")))
        content.messages = list(map(_message, sent))
        config = read_object(request.get("config"))
        if by_openai:
            content.messages = list(_as_openai_is_sent(content.messages))
            config = {k: v for k, v in config.items() if v and k not in _UNSENT}
        content.parameters = {
            **{_NAMES.get(name, name): value for name, value in config.items()},
            "tool_choice": None if by_openai else request.get("toolChoice"),
            "response_format": _format(read_object(request.get("output"))),
        }
        content.tools = [_tool(read_object(t), by_openai) for t in read_list(request.get("tools"))]
        content.form, content.provider = "chat", plugin or None
        content.model = read_text(config.get("version")) or model
        _count(content, response)
        return call_of(span, self.name, content)


def _count(content: SpanContent, response: Mapping[str, JSON]) -> None:
    used = read_object(response.get("usage"))
    content.usage = content.usage or read_usage(used.get("inputTokens"), used.get("outputTokens"))
    content.finish_reason = content.finish_reason or read_text(response.get("finishReason"))


def _message(item: Mapping[str, JSON]) -> Message:
    role = read_text(item.get("role")) or "user"
    parts = [part for raw in read_list(item.get("content")) if (part := _part(read_object(raw)))]
    return message_of({"model": "assistant"}.get(role, role), parts)


def _part(raw: Mapping[str, JSON]) -> Part | None:
    if isinstance(text := raw.get("text", stringified(raw.get("data"))), str):
        return TextPart(content=text)
    if isinstance(thought := raw.get("reasoning"), str):
        return Reasoning(content=thought)
    called, result = read_object(raw.get("toolRequest")), read_object(raw.get("toolResponse"))
    if name := read_text(called.get("name")):
        arguments = stringified(called.get("input"))
        return ToolCall(id=read_text(called.get("ref")), name=name, arguments=arguments)
    if result:
        response = stringified(result.get("output"))
        return ToolResult(id=read_text(result.get("ref")), response=response or "")
    if uri := read_text(read_object(raw.get("media")).get("url")):
        return _media(uri, read_text(read_object(raw["media"]).get("contentType")))
    return OtherPart(raw=dict(raw)) if raw else None


def _media(uri: str, given: str | None) -> Media:
    written = uri[5:].partition(";")[0] if uri.startswith("data:") else None
    media_type = given or written
    modality = (media_type or "image").partition("/")[0]
    return Media(modality=modality, uri=uri, media_type=media_type)


def _tool(tool: Mapping[str, JSON], undescribed: bool) -> JSON:
    names = ("name",) if undescribed else ("name", "description")
    described = {name: tool[name] for name in names if tool.get(name)}
    return {"type": "function", "function": {**described, "parameters": tool.get("inputSchema")}}


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
        texts = all(isinstance(part, TextPart) for part in message.parts)
        if message.role == "user" and texts and message.parts:
            yield from (message_of("user", [part]) for part in message.parts)
        elif any(isinstance(part, ToolCall) for part in message.parts):
            calls = [part for part in message.parts if isinstance(part, ToolCall)]
            yield message_of(message.role, calls)
        else:
            parts = [
                part.model_copy(update={"detail": "auto"}) if isinstance(part, Media) else part
                for part in message.parts
            ]
            yield message.model_copy(update={"parts": tuple(parts)})
