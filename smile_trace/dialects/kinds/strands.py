"""Strands Agents: events of the GenAI conventions up to 1.36, whose contents are JSON lists of
blocks of Bedrock's Converse API for any model, or the later conventions as they are. Source:
strands-agents 1.62, `telemetry/tracer.py`; Amazon Bedrock, "Converse" (ContentBlock)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects.attributes import read_list, read_object, read_text
from smile_trace.dialects.call import CLIENT_RECORDS, call_of, with_parameters
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.parameters import sendable
from smile_trace.dialects.parts import message_of, text_part
from smile_trace.records import (
    JSON,
    Call,
    Message,
    OtherPart,
    Part,
    Span,
    ToolCall,
    ToolResult,
)


class Strands:
    """A call is what the conventions say, with an event per message."""

    name: ClassVar[str] = "strands"
    marks: ClassVar[tuple[str, ...]] = ("strands.",)
    tools_recorded_by: ClassVar[Mapping[str, str]] = {
        "strands": "have gen_ai_tool_definitions in OTEL_SEMCONV_STABILITY_OPT_IN, or "
        + CLIENT_RECORDS
    }

    def recognises(self, span: Span) -> bool:
        operation = span.attributes.get(semconv.OPERATION_NAME)
        return span.scope.startswith("strands.") and operation == "chat"

    def read_call(self, span: Span) -> Call:
        content = gen_ai.read(span)
        said = [(str(e.get("name")), read_object(e.get("attributes"))) for e in span.events]
        roles = gen_ai.ROLES
        if messages := [_message(roles[n], a.get("content")) for n, a in said if n in roles]:
            choices = (a.get("message") for n, a in said if n == semconv.CHOICE_EVENT)
            content.messages = messages
            content.answers = [_message("assistant", message) for message in choices]
        else:
            content.messages = [_with_texts(message) for message in content.messages]
        return call_of(span, self.name, content)

    def complete(self, call: Call, span: Span, around: Sequence[Span]) -> Call:
        """The call with the tools that were offered, which stand on the span of its agent."""
        written = (agent.attributes.get(semconv.TOOL_DEFINITIONS) for agent in around)
        listed = read_list(next(filter(None, written), None))
        tools = sendable({"tools": [_tool(read_object(tool)) for tool in listed]})
        return with_parameters(call, span, call.parameters | tools) if tools else call


def _tool(tool: Mapping[str, JSON]) -> JSON:
    schema = read_object(tool.get("inputSchema")).get("json")
    return {"name": tool.get("name"), "description": tool.get("description"), "parameters": schema}


def _with_texts(message: Message) -> Message:
    """The message with the texts of results: later conventions hold their blocks."""
    parts = [
        part.model_copy(update={"response": _text(part.response)})
        if isinstance(part, ToolResult) and isinstance(part.response, list)
        else part
        for part in message.parts
    ]
    return message.model_copy(update={"parts": tuple(parts)})


def _text(blocks: JSON) -> str:
    texts = [read_object(block).get("text") for block in read_list(blocks)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _message(role: str, content: JSON) -> Message:
    return message_of(role, [_part(read_object(block)) for block in read_list(content)])


def _part(block: dict[str, JSON]) -> Part:
    if isinstance(text := block.get("text"), str):
        return text_part(text)
    used, result = read_object(block.get("toolUse")), read_object(block.get("toolResult"))
    if (name := read_text(used.get("name"))) is not None:
        return ToolCall(id=read_text(used.get("toolUseId")), name=name, arguments=used.get("input"))
    if result:
        response = _text(result.get("content"))
        return ToolResult(id=read_text(result.get("toolUseId")), response=response)
    return OtherPart(raw={"type": next(iter(block), "block")})
