"""The AI SDK of Vercel (JavaScript), its `experimental_telemetry`.

A `generateText` is a span around one `doGenerate` per request, which alone was sent. Source: the
package `ai` 6, `core/telemetry`; its prompt is that of `@ai-sdk/provider`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from smile_trace.dialects import ai_sdk
from smile_trace.dialects.attributes import first_text, read_list, read_object, read_text
from smile_trace.dialects.call import call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.parts import message_of, text_part
from smile_trace.records import (
    JSON,
    Call,
    Form,
    Media,
    Message,
    OtherPart,
    Part,
    Reasoning,
    Span,
    ToolCall,
    ToolResult,
)

_SETTINGS = "ai.settings."
_SIGNED = {"signature": "signature", "redactedData": "data"}
"""What Anthropic wants back with its reasoning: the SDK's names, and the service's."""
_NAMES = {
    "maxOutputTokens": "max_tokens",
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "stopSequences": "stop",
    "seed": "seed",
}


class Vercel:
    """A call is a `doGenerate` or a `doStream` with its messages."""

    name: ClassVar[str] = "vercel"
    marks: ClassVar[tuple[str, ...]] = ("ai.operationId",)
    content_switches: ClassVar[Mapping[str, str]] = {
        "ai": "say recordInputs: true and recordOutputs: true in experimental_telemetry"
    }

    def recognises(self, span: Span) -> bool:
        operation = span.attributes.get("ai.operationId")
        return isinstance(operation, str) and operation.endswith((".doGenerate", ".doStream"))

    def read_call(self, span: Span) -> Call:
        a = span.attributes
        content = gen_ai.read(span)
        content.messages = [message(item) for item in read_list(a.get("ai.prompt.messages"))]
        text = first_text(a, "ai.response.text", "ai.response.object")
        thought = first_text(a, "ai.response.reasoning")
        content.answers = answer(text, a.get("ai.response.toolCalls"), thought)
        settings = {n: a[_SETTINGS + k] for k, n in _NAMES.items() if _SETTINGS + k in a}
        content.parameters = {**settings, **content.parameters}
        content.model = first_text(a, "ai.model.id") or content.model
        content.provider = first_text(a, "ai.model.provider") or content.provider
        content.finish_reason = first_text(a, "ai.response.finishReason") or content.finish_reason
        form: Form = "responses" if str(content.provider).endswith(".responses") else "chat"
        content.tools = [_tool(tool, form) for tool in read_list(a.get("ai.prompt.tools"))]
        ai_sdk.as_sent(content, form, a.get("ai.prompt.toolChoice"))
        content.session, content.user, content.metadata = ai_sdk.who_asked(a)
        return call_of(span, self.name, content)

    def complete(self, call: Call, span: Span, around: Sequence[Span]) -> Call:
        """Add the schema of the answer, which stands in the span around the call."""
        lacks = "Object" in str(span.attributes.get("ai.operationId"))
        return ai_sdk.completed(
            call, span, around, lacks_schema=ai_sdk.NO_SCHEMA if lacks else None
        )


def answer(text: str | None, called: JSON, reasoning: str | None = None) -> list[Message]:
    """The answer, which calls these tools; none if it holds reasoning alone."""
    parts: list[Part] = [] if text is None else [text_part(text)]
    calls = map(read_object, read_list(called))
    parts += [part for call in calls if (part := _part({**call, "type": "tool-call"}))]
    if parts and reasoning:
        parts.insert(0, Reasoning(content=reasoning))
    return [message_of("assistant", parts)] if parts else []


def message(item: JSON) -> Message:
    """A message of a prompt."""
    item = read_object(item)
    role, content = read_text(item.get("role")) or "user", item.get("content")
    if isinstance(content, str):
        return message_of(role, [text_part(content)])
    parts = [part for raw in read_list(content) if (part := _part(read_object(raw)))]
    return ai_sdk.message_as_sent(message_of(role, parts))


def _part(raw: Mapping[str, JSON]) -> Part | None:
    kind = raw.get("type")
    identity = read_text(raw.get("toolCallId"))
    if kind == "text" and isinstance(raw.get("text"), str):
        return text_part(raw["text"])
    if kind == "reasoning":
        kept = read_object(read_object(raw.get("providerOptions")).get("anthropic"))
        signed = {ours: kept[name] for name, ours in _SIGNED.items() if name in kept}
        return Reasoning(content=str(raw.get("text") or ""), extra=signed)
    if kind == "tool-call" and (name := read_text(raw.get("toolName"))):
        return ToolCall(id=identity, name=name, arguments=raw.get("input", raw.get("args")))
    if kind == "tool-result":
        return ToolResult(id=identity, response=_output(raw.get("output", raw.get("result"))))
    if kind in ("file", "image"):
        media_type = first_text(raw, "mediaType", "mimeType")
        modality = (media_type or "file").partition("/")[0] if kind == "file" else "image"
        extra: dict[str, JSON] = {k: raw[k] for k in ("filename",) if read_text(raw.get(k))}
        uri = _uri(raw, media_type)
        return Media(modality=modality, uri=uri, media_type=media_type, extra=extra)
    return OtherPart(raw=dict(raw)) if raw else None


def _output(output: JSON) -> JSON:
    """A tool's output: `{"type": "json", "value": …}`, a text, or any JSON in older ones."""
    if isinstance(output, dict) and "value" in output and isinstance(output.get("type"), str):
        return output["value"]
    return "" if output is None else output


def _uri(raw: Mapping[str, JSON], media_type: str | None) -> str | None:
    data = first_text(raw, "data", "image", "url")
    if data is None or ":" in data[:12]:
        return data
    return f"data:{media_type or 'image/png'};base64,{data}"


def _tool(written: JSON, form: Form) -> JSON:
    """A tool as the provider's package sends it. The Responses API takes it for strict if nothing
    is said; version 7, which writes the description behind the schema, says that it is not."""
    tool = read_object(written)
    if tool.get("type") != "function":
        return tool
    own: dict[str, JSON] = {
        name: tool[name] for name in ("name", "description", "strict") if name in tool
    }
    function = {**own, "parameters": tool.get("inputSchema", tool.get("parameters"))}
    if form != "responses":
        return {"type": "function", "function": function}
    lenient: dict[str, JSON] = {"strict": False} if list(tool)[2:3] == ["inputSchema"] else {}
    return {"type": "function", **lenient, **function}
