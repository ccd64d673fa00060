"""Google's Agent Development Kit: the request and response of Gemini's API as JSON.

Source: google-adk 2.13, `telemetry/tracing.py` (`gcp.vertex.agent.llm_request`), and the API
reference of Gemini, `generateContent`.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from smile_trace.dialects.attributes import (
    first_text,
    read_list,
    read_object,
    read_text,
    read_usage,
)
from smile_trace.dialects.call import call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.parts import (
    message_of,
    offered_tool,
    text_part,
    tool_call,
    tool_result,
)
from smile_trace.records import (
    JSON,
    Call,
    Media,
    Message,
    OtherPart,
    Part,
    Reasoning,
    Span,
)

_PREFIX = "gcp.vertex.agent."
_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "candidate_count": "n",
}
_ROLES = {"model": "assistant"}


class GoogleADK:
    """A call has a request to a model; a tool's span has an empty one."""

    name: ClassVar[str] = "google_adk"
    marks: ClassVar[tuple[str, ...]] = (_PREFIX + "llm_request",)
    content_switches: ClassVar[Mapping[str, str]] = {
        "gcp.vertex.agent": "set ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN=1 (ADK 1: "
        "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true)"
    }

    def recognises(self, span: Span) -> bool:
        """Whether the span holds a request, or would if content were captured."""
        request = span.attributes.get(_PREFIX + "llm_request")
        return request is not None and "gen_ai.request.model" in span.attributes

    def read_call(self, span: Span) -> Call:
        a = span.attributes
        content = gen_ai.read(span)
        request = read_object(a.get(_PREFIX + "llm_request"))
        config = read_object(request.get("config"))
        content.messages = [
            *_system(config.get("system_instruction")),
            *(_message(read_object(item)) for item in read_list(request.get("contents"))),
        ]
        response = read_object(a.get(_PREFIX + "llm_response"))
        said = read_object(response.get("content"))
        content.answers = [_message({"role": "model", **said})] if said else []
        named = {name: config.get(key) for key, name in _NAMES.items()}
        content.parameters = {**named, **content.parameters}
        content.tools = list(_tools(read_list(config.get("tools"))))
        content.model = read_text(request.get("model")) or content.model
        counted = read_object(response.get("usage_metadata"))
        content.usage = content.usage or read_usage(
            counted.get("prompt_token_count"), counted.get("candidates_token_count")
        )
        content.finish_reason = content.finish_reason or read_text(response.get("finish_reason"))
        content.session = read_text(a.get(_PREFIX + "session_id")) or content.session
        return call_of(span, self.name, content)


def _system(written: JSON) -> list[Message]:
    if isinstance(written, str) and written:
        return [message_of("system", [text_part(written)])]
    content = read_object(written)
    return [_message({**content, "role": "system"})] if content else []


def _message(content: Mapping[str, JSON]) -> Message:
    role = read_text(content.get("role")) or "user"
    parts = [part for raw in read_list(content.get("parts")) if (part := _part(read_object(raw)))]
    return message_of(_ROLES.get(role, role), parts)


def _part(raw: Mapping[str, JSON]) -> Part | None:
    text = raw.get("text")
    if isinstance(text, str):
        if raw.get("thought") is True:
            return Reasoning.trusted(extra={}, type="reasoning", content=text)
        return text_part(text)
    called = read_object(raw.get("function_call"))
    if name := read_text(called.get("name")):
        return tool_call(_identity(called), name, called.get("args"))
    if result := read_object(raw.get("function_response")):
        return tool_result(_identity(result), result.get("response", ""))
    data = read_object(raw.get("inline_data")) or read_object(raw.get("file_data"))
    if media_type := first_text(data, "mime_type"):
        modality = media_type.partition("/")[0]
        return Media(modality=modality, uri=first_text(data, "file_uri"), media_type=media_type)
    return OtherPart(raw=dict(raw)) if raw else None


def _identity(item: Mapping[str, JSON]) -> str | None:
    """The id, or the tool's name, by which Gemini pairs calls and results without ids."""
    return first_text(item, "id", "name")


def _tools(tools: Iterable[JSON]) -> Iterable[JSON]:
    for tool in map(read_object, tools):
        declared = read_list(tool.get("function_declarations"))
        for item in map(read_object, declared):
            yield offered_tool(item, item.get("parameters_json_schema", item.get("parameters")))
        if tool and not declared:  # the server's own, such as google_search
            yield {"type": next(iter(tool)), **tool}
