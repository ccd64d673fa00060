"""OpenInference, also by `smile_trace.instrument`. Source: Arize OpenInference, "Semantic
Conventions" (`llm.input_messages`, `llm.prompts`, …)."""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import (
    first_text,
    read_indexed,
    read_json,
    read_list,
    read_object,
    read_text,
    read_usage,
)
from smile_trace.dialects.call import CLIENT_RECORDS, SpanContent, call_of
from smile_trace.dialects.kinds.gen_ai import is_of_responses
from smile_trace.dialects.parts import message_of, text_part
from smile_trace.dialects.templates import Template, texts_of
from smile_trace.records import (
    JSON,
    Call,
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
_MODELS = ("llm.request.model_name", "llm.model_name")
"""The model that was asked for first; the name that answered may be a dated version of it."""
_HOLD_THE_REQUEST = (
    "openinference.instrumentation.openai",
    "openinference.instrumentation.anthropic",
)
"""The instrumentors whose `input.value` and `output.value` are what the client sent and got."""
_IN_JAVASCRIPT = "@arizeai/openinference-instrumentation-langchain"
_HOLD_THE_MESSAGES = ("openinference.instrumentation.litellm", _IN_JAVASCRIPT)
"""Their `input.value` has the messages as they were sent; their attributes have no ids of results,
and those of LangChain.js no content in parts."""
_SENT_AS = {"tool-call": "assistant", "tool-response": "user"}
"""smolagents' own roles, and the roles as which it sends them."""
_PREPARES = "._prepare_"
"""Marks names of LlamaIndex's spans of the kind LLM that ask nothing."""
_BESIDE = (None, "text", "tool_use", "tool_result")
"""Types of contents without a text that are also written elsewhere (Anthropic's calls of tools)."""


class OpenInference:
    """A call is a span of the kind LLM."""

    name: ClassVar[str] = "openinference"
    marks: ClassVar[tuple[str, ...]] = (_KIND,)
    precedence: ClassVar[int] = 1
    """OpenInference's instrumentors write into the spans of others, too."""
    content_switches: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("openinference.instrumentation", "@arizeai/openinference-instrumentation-"),
        "unset OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and their like",
    )
    tools_recorded_by: ClassVar[Mapping[str, str]] = {
        f"openinference.instrumentation.{name}": CLIENT_RECORDS
        for name in ("autogen_agentchat", "haystack")
    }
    calls_recorded_by: ClassVar[Mapping[str, str]] = {
        "openinference.instrumentation.crewai": CLIENT_RECORDS
    }

    def recognises(self, span: Span) -> bool:
        """Whether the span is of the kind LLM and asks a model."""
        return span.attributes.get(_KIND) == "LLM" and _PREPARES not in span.name

    def read_call(self, span: Span) -> Call:
        """The call; a completion if there are prompts in place of messages."""
        return call_of(span, self.name, read(span))


def read(span: Span) -> SpanContent:
    """The content of the span by these conventions."""
    a = span.attributes
    request = read_object(a.get("llm.invocation_parameters"))
    content = SpanContent(
        form="responses" if is_of_responses(a) else "chat",
        model=first_text(request, "model") or first_text(a, *_MODELS),
        provider=first_text(a, "llm.provider", "llm.system"),
        parameters=request,
        tools=[tool for item in read_indexed(a, "llm.tools") if (tool := _tool(item))]
        or read_list(a.get(semconv.TOOL_DEFINITIONS)),
        usage=read_usage(a.get("llm.token_count.prompt"), a.get("llm.token_count.completion")),
        finish_reason=read_text(a.get("llm.finish_reason")),
        template=_template(a),
        session=read_text(a.get(semconv.SESSION_ID)),
        user=read_text(a.get(semconv.USER_ID)),
        metadata=read_object(a.get("metadata")),
    )
    if span.scope in _HOLD_THE_REQUEST:
        _read_whole(content, read_json(a.get("input.value")), read_json(a.get("output.value")))
    if span.scope in _HOLD_THE_MESSAGES:
        content.messages = provider_json.sent(read_json(a.get("input.value"))).messages
    if span.scope == _IN_JAVASCRIPT:
        content.answers = provider_json.answered(read_json(a.get("output.value"))).answers
    if not content.messages:
        _read_messages(content, a)
    if not content.answers:
        answers = [_message(item) for item in read_indexed(a, "llm.output_messages")]
        content.answers = answers or _texts(a)
    return content


def _read_whole(content: SpanContent, request: JSON, response: JSON) -> None:
    """Read the request and the response themselves: the attributes have no name for some of it."""
    sent, got = provider_json.sent(request), provider_json.answered(response)
    if sent.model is not None and sent.messages:
        content.messages, content.parameters, content.form = (
            sent.messages,
            sent.parameters,
            sent.form,
        )
    if got.answers:
        content.answers = got.answers
        content.finish_reason = got.finish_reason or content.finish_reason


def _read_messages(content: SpanContent, a: Mapping[str, JSON]) -> None:
    content.messages = [_message(item) for item in read_indexed(a, "llm.input_messages")]
    if not content.messages and (prompts := _prompts(a)):
        content.messages = [message_of("user", [text_part(prompts[0])])]
        content.form = "completion"


def _prompts(a: Mapping[str, JSON]) -> list[str]:
    texts = [item.get("prompt.text") for item in read_indexed(a, "llm.prompts")]
    return [str(text) for text in texts or read_list(a.get("llm.prompts")) if text is not None]


def _texts(a: Mapping[str, JSON]) -> list[Message]:
    """The answers of a completion; without choices, its text is only in the output."""
    texts = [item.get("completion.text") for item in read_indexed(a, "llm.choices")]
    if not texts:
        output = a.get("output.value")
        if isinstance(output, str) and a.get("output.mime_type") != "application/json":
            texts = [output]
        else:
            choices = read_object(output).get("choices")
            texts = [read_object(choice).get("text") for choice in read_list(choices)]
    return [message_of("assistant", [text_part(text)]) for text in texts if isinstance(text, str)]


def _template(a: Mapping[str, JSON]) -> Template | None:
    text = read_text(a.get(semconv.TEMPLATE))
    variables = texts_of(read_object(a.get(semconv.TEMPLATE_VARIABLES)))
    if text is None and not variables:
        return None
    return Template(None, read_text(a.get(semconv.TEMPLATE_VERSION)), text, variables)


def _tool(item: Mapping[str, JSON]) -> JSON:
    """The definition of a tool; a bare schema of its arguments has its name beside it."""
    schema = read_object(item.get("tool.json_schema"))
    name = read_text(item.get("tool.name"))
    if not schema or name is None or "name" in schema or "function" in schema:
        return schema or None
    described = {"name": name, "description": read_text(item.get("tool.description"))}
    return {"type": "function", "function": {**described, "parameters": schema}}


def _message(item: dict[str, JSON]) -> Message:
    """A message with its parts. Some instrumentors write its text as `content` and `contents`."""
    parts: list[Part] = []
    contents = [_content(c) for c in read_indexed(item, "message.contents")]
    parts += [part for part in contents if part is not None]
    if not contents and item.get("message.content") is not None:
        parts.append(text_part(str(item["message.content"])))
    role, answered = str(item.get("message.role") or "user"), item.get("message.tool_call_id")
    role = _SENT_AS.get(role, role)
    if parts and (role in TOOL_ROLES or answered is not None):
        result = ToolResult(id=read_text(answered), response=_response(parts))
        parts = [result, *(_unsendable(part) for part in parts if not isinstance(part, TextPart))]
    parts += [_tool_call(call) for call in read_indexed(item, "message.tool_calls")]
    if results := [v for k, v in item.items() if k.startswith("function.")]:
        return message_of("tool", [_autogen_result(read_object(said)) for said in results])
    return message_of(role, parts)


def _autogen_result(said: Mapping[str, JSON]) -> Part:
    return ToolResult(id=read_text(said.get("call_id")), response=said.get("content", ""))


def _content(item: dict[str, JSON]) -> Part | None:
    if "message_content.text" in item:
        return text_part(str(item["message_content.text"]))
    url = item.get("message_content.image.image.url")
    if url is not None:
        return Media(modality="image", uri=read_text(url))
    kind = item.get("message_content.type")
    return None if kind in _BESIDE else OtherPart(raw={"type": str(kind)})


def _unsendable(part: Part) -> Part:
    """Mark media in a tool's result, which chat completions do not take."""
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
