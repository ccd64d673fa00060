"""OpenInference: what its instrumentors write (`smile_trace.instrument` uses them).

Source: Arize OpenInference, "Semantic Conventions" (`llm.input_messages`, `llm.prompts`, …).
"""

from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects.attributes import (
    NOT_CAPTURED,
    call_fields,
    read_indexed,
    read_object,
    read_prompts,
    read_status,
    read_text,
    read_usage,
)
from smile_trace.dialects.client_json import messages_of, read_got, read_sent
from smile_trace.dialects.parts import answer_of, called_tools, message_of, why_not_repeatable
from smile_trace.records import (
    JSON,
    Call,
    Form,
    Media,
    Message,
    OtherPart,
    Part,
    Span,
    TextPart,
    ToolCall,
    ToolResult,
)
from smile_trace.records.message import TOOL_ROLES

_KIND = "openinference.span.kind"
_HOLD_THE_REQUEST = (
    "openinference.instrumentation.openai",
    "openinference.instrumentation.anthropic",
)
"""The instrumentors whose `input.value` and `output.value` are what the client sent and got."""
_BESIDE = (None, "text", "tool_use", "tool_result")
"""Types of contents without a text that stand elsewhere, too (Anthropic's calls of tools)."""
_NOT_PARAMETERS = {"model", "messages", "prompt", "input", "stream", "stream_options", "user"}


class OpenInference:
    """A call is a span of the kind LLM."""

    name: ClassVar[str] = "openinference"

    def recognises(self, span: Span) -> bool:
        """Whether the span is of the kind LLM."""
        return span.attributes.get(_KIND) == "LLM"

    def read_call(self, span: Span) -> Call:
        """The call; a completion where there are prompts in place of messages."""
        a = span.attributes
        prompts = [i["prompt.text"] for i in read_indexed(a, "llm.prompts") if "prompt.text" in i]
        messages = tuple(_message(item) for item in read_indexed(a, "llm.input_messages"))
        form: Form = "chat"
        if prompts and not messages:
            messages, form = (Message(role="user", content=str(prompts[0])),), "completion"
        parameters = _parameters(a)
        whole = read_sent(a.get("input.value")) if span.scope in _HOLD_THE_REQUEST else None
        if whole is not None:
            messages, parameters, form = whole
        answer, no_content, calls = _answer(span)
        return Call(
            **call_fields(span),
            form=form,
            messages=messages,
            answer=answer,
            tool_calls=calls,
            model=_model(a),
            provider=read_text(a.get("llm.provider")) or read_text(a.get("llm.system")),
            parameters=parameters,
            usage=read_usage(a.get("llm.token_count.prompt"), a.get("llm.token_count.completion")),
            finish_reason=read_text(a.get("llm.finish_reason")),
            prompts=read_prompts(span, messages),
            session=read_text(a.get(semconv.SESSION_ID)),
            user=read_text(a.get(semconv.USER_ID)),
            metadata=read_object(a.get("metadata")),
            no_content=no_content,
            not_repeatable=why_not_repeatable(messages, parameters),
        )


def _answer(span: Span) -> tuple[str | None, str | None, tuple[ToolCall, ...]]:
    """The first answer's text, or why there is none; and the tools that it calls."""
    a = span.attributes
    got = read_got(a.get("output.value")) if span.scope in _HOLD_THE_REQUEST else None
    outputs = read_indexed(a, "llm.output_messages")
    if got is not None or outputs:
        message = _message(outputs[0]) if got is None else messages_of(got.messages)[0]
        reason = read_text(a.get("llm.finish_reason"))
        if got is not None:
            reason = next(iter(got.finish_reasons), reason)
        return answer_of(message, reason) or "", None, called_tools(message)
    return *_completion(span), ()


def _completion(span: Span) -> tuple[str | None, str | None]:
    """The text of an answer that is no message, or why there is none."""
    a = span.attributes
    choices = read_indexed(a, "llm.choices")
    if choices:
        return str(choices[0].get("completion.text", "")), None
    if read_status(span) != "returned":
        return None, None
    # Instrumentors that write no choices have a completion's text in the output only.
    output = a.get("output.value")
    if isinstance(output, str) and a.get("output.mime_type") != "application/json":
        return output, None
    found = read_object(output).get("choices")
    text = read_object(found[0]).get("text") if isinstance(found, list) and found else None
    return (text, None) if isinstance(text, str) else (None, NOT_CAPTURED)


def _message(item: dict[str, JSON]) -> Message:
    """A message with its parts. Some instrumentors write its text as `content` and `contents`."""
    parts: list[Part] = []
    contents = [_content(c) for c in read_indexed(item, "message.contents")]
    parts += [part for part in contents if part is not None]
    if not contents and item.get("message.content") is not None:
        parts.append(TextPart(content=str(item["message.content"])))
    role, answered = str(item.get("message.role") or "user"), item.get("message.tool_call_id")
    if role in TOOL_ROLES or answered is not None:
        result = ToolResult(id=read_text(answered), response=_response(parts))
        parts = [result, *(_unsendable(part) for part in parts if not isinstance(part, TextPart))]
    parts += [_tool_call(call) for call in read_indexed(item, "message.tool_calls")]
    return message_of(role, parts)


def _content(item: dict[str, JSON]) -> Part | None:
    if "message_content.text" in item:
        return TextPart(content=str(item["message_content.text"]))
    url = item.get("message_content.image.image.url")
    if url is not None:
        return Media(modality="image", uri=read_text(url))
    kind = item.get("message_content.type")
    return None if kind in _BESIDE else OtherPart(raw={"type": str(kind)})


def _unsendable(part: Part) -> Part:
    """What is no text in the result of a tool, which chat completions do not take."""
    return OtherPart(raw={"type": part.modality}) if isinstance(part, Media) else part


def _response(parts: list[Part]) -> JSON:
    texts = [part.content for part in parts if isinstance(part, TextPart)]
    if len(texts) == 1:
        return texts[0]
    return [{"type": "text", "text": text} for text in texts] or ""


def _tool_call(item: dict[str, JSON]) -> Part:
    name = read_text(item.get("tool_call.function.name"))
    if name is None:
        return OtherPart(raw={"type": "tool_call", **item})
    arguments = item.get("tool_call.function.arguments")
    return ToolCall(id=read_text(item.get("tool_call.id")), name=name, arguments=arguments)


def _model(attributes: dict[str, JSON]) -> str | None:
    """The model that was asked for; the name that answered may be a dated version of it."""
    request = read_object(attributes.get("llm.invocation_parameters"))
    for name in (request.get("model"), attributes.get("llm.request.model_name")):
        if isinstance(name, str) and name:
            return name
    return read_text(attributes.get("llm.model_name"))


def _parameters(attributes: dict[str, JSON]) -> dict[str, JSON]:
    request = read_object(attributes.get("llm.invocation_parameters"))
    found = {name: value for name, value in request.items() if name not in _NOT_PARAMETERS}
    schemas = [t.get("tool.json_schema") for t in read_indexed(attributes, "llm.tools")]
    tools = [tool for schema in schemas if (tool := read_object(schema))]
    return found if "tools" in found or not tools else {**found, "tools": tools}
