"""Strands Agents: events of the GenAI conventions up to 1.36, whose contents are JSON lists of
blocks of Bedrock's Converse API for any model. Later conventions are read as these. Source:
strands-agents 1.62, `telemetry/tracer.py`; Amazon Bedrock, "Converse" (ContentBlock)."""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects.attributes import read_list, read_object, read_text
from smile_trace.dialects.call import CLIENT_RECORDS, call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.parts import message_of
from smile_trace.records import (
    JSON,
    Call,
    Message,
    OtherPart,
    Part,
    Span,
    TextPart,
    ToolCall,
    ToolResult,
)

_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}


class Strands:
    """A call is what the conventions say, with an event per message."""

    name: ClassVar[str] = "strands"
    tools_recorded_by: ClassVar[Mapping[str, str]] = {
        "strands": "have gen_ai_tool_definitions in OTEL_SEMCONV_STABILITY_OPT_IN, or "
        + CLIENT_RECORDS
    }

    def recognises(self, span: Span) -> bool:
        """Whether Strands wrote the span, with an event per message, and it is a call."""
        if (
            not span.scope.startswith("strands.")
            or span.attributes.get(semconv.OPERATION_NAME) != "chat"
        ):
            return False
        return any(event.get("name") in _ROLES for event in span.events)

    def read_call(self, span: Span) -> Call:
        """Read the call."""
        content = gen_ai.read(span)
        said = [(str(e.get("name")), read_object(e.get("attributes"))) for e in span.events]
        content.messages = [_message(_ROLES[n], a.get("content")) for n, a in said if n in _ROLES]
        content.answers = [
            _message("assistant", a.get("message")) for n, a in said if n == semconv.CHOICE_EVENT
        ]
        return call_of(span, self.name, content)


def _message(role: str, content: JSON) -> Message:
    return message_of(role, [_part(read_object(block)) for block in read_list(content)])


def _part(block: dict[str, JSON]) -> Part:
    if isinstance(text := block.get("text"), str):
        return TextPart(content=text)
    used, result = read_object(block.get("toolUse")), read_object(block.get("toolResult"))
    if (name := read_text(used.get("name"))) is not None:
        return ToolCall(id=read_text(used.get("toolUseId")), name=name, arguments=used.get("input"))
    if result:
        texts = [read_object(item).get("text") for item in read_list(result.get("content"))]
        response = "\n".join(text for text in texts if isinstance(text, str))
        return ToolResult(id=read_text(result.get("toolUseId")), response=response)
    return OtherPart(raw={"type": next(iter(block), "block")})
