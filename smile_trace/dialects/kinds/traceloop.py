"""Traceloop (OpenLLMetry) up to 0.5x: messages in numbered attributes. Later releases write the
GenAI conventions, in JavaScript without what instructs or formats an answer. Source:
opentelemetry-instrumentation-openai 0.44, @traceloop/instrumentation-openai 0.27."""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace.dialects.attributes import (
    read_indexed,
    read_json,
    read_list,
    read_object,
    read_text,
)
from smile_trace.dialects.call import SpanContent, call_of, why_unknown_format
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.parts import offered_tool
from smile_trace.dialects.provider_json import chat_message, messages
from smile_trace.records import JSON, Call, Message, Span

_IN_JAVASCRIPT = "@traceloop/instrumentation-openai"
_REQUEST = "llm.request.type"
_ANTHROPIC_CHAT = "anthropic.chat"
"""A chat that older releases give the type of a completion."""
_SESSION = "traceloop.association.properties.session_id"
_USER = "traceloop.association.properties.user_id"


class Traceloop:
    """A call has numbered prompts, and is no embedding."""

    name: ClassVar[str] = "traceloop"
    marks: ClassVar[tuple[str, ...]] = (_IN_JAVASCRIPT, "gen_ai.prompt.0.", "gen_ai.completion.0.")
    content_switches: ClassVar[Mapping[str, str]] = {
        "opentelemetry.instrumentation": "set TRACELOOP_TRACE_CONTENT=true",
        "@traceloop/instrumentation-": "say traceContent: true in traceloop.initialize()",
    }
    tools_recorded_by: ClassVar[Mapping[str, str]] = {
        "opentelemetry.instrumentation.openai": "say OpenAIInstrumentor(use_legacy_attributes=True)"
    }

    def recognises(self, span: Span) -> bool:
        a = span.attributes
        if span.scope == _IN_JAVASCRIPT and gen_ai.GenAI().recognises(span):
            return True
        if a.get(_REQUEST) not in (None, "chat", "completion"):
            return False
        return any(key.startswith(("gen_ai.prompt.0.", "gen_ai.completion.0.")) for key in a)

    def read_call(self, span: Span) -> Call:
        """The call; a completion's prompt stands under `user`."""
        a = span.attributes
        content = gen_ai.read(span)
        if content.messages:
            _say_what_is_missing(content)
            return call_of(span, self.name, content)
        content.messages = [_message(item) for item in read_indexed(a, "gen_ai.prompt")]
        answers = read_indexed(a, "gen_ai.completion")
        content.answers = [_message({"role": "assistant", **item}) for item in answers]
        completed = a.get(_REQUEST) == "completion" and span.name != _ANTHROPIC_CHAT
        content.form = "completion" if completed else "chat"
        content.tools = [read_function(item) for item in read_indexed(a, "llm.request.functions")]
        if answers:
            content.finish_reason = read_text(answers[0].get("finish_reason"))
        content.session = content.session or read_text(a.get(_SESSION))
        content.user = content.user or read_text(a.get(_USER)) or read_text(a.get("llm.user"))
        return call_of(span, self.name, content)


def _say_what_is_missing(content: SpanContent) -> None:
    content.incomplete = why_unknown_format(content)
    if content.form == "responses":
        items = read_list(content.messages[0].content)  # a list of them is written as one text
        content.messages = messages(items) if items else content.messages
        if all(message.role != "system" for message in content.messages):
            content.incomplete = "its instructions, if it had any, were not recorded"


def _message(item: Mapping[str, JSON]) -> Message:
    if "user" in item and "role" not in item:
        item = {"role": "user", "content": item["user"]}
    content = item.get("content")
    parts = read_json(content) if isinstance(content, str) and content.startswith("[{") else None
    calls = [_called(call) for call in read_indexed(item, "tool_calls")]
    if isinstance(parts, list) and all(map(_typed, parts)):
        content = [part for part in parts if not (calls and part["type"] == "tool_use")]
    return chat_message(
        role=read_text(item.get("role")) or "user",
        content=content,
        tool_call_id=item.get("tool_call_id"),
        tool_calls=calls,
    )


def _typed(part: JSON) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str)


def _called(call: Mapping[str, JSON]) -> dict[str, JSON]:
    function = {"name": call.get("name"), "arguments": call.get("arguments")}
    return {"id": call.get("id"), "function": function}


def read_function(item: Mapping[str, JSON]) -> dict[str, JSON]:
    """A tool that was offered, by its numbered attributes."""
    schema = read_object(item.get("parameters")) or read_object(item.get("input_schema"))
    return offered_tool(item, schema)
