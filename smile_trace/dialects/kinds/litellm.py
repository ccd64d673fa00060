"""LiteLLM's own callback `otel`, of the library and of the proxy, in its three modes.

By default a span inside that of the call holds what the provider was sent, in Python's notation, or
only what it replied (`joined.RAW_REQUEST`). `OTEL_SEMCONV_STABILITY_OPT_IN` leaves that out, and
with `LITELLM_OTEL_V2` messages are those of the provider's client. Source: litellm 1.110,
`integrations/opentelemetry.py`, `integrations/otel/mappers/genai.py`.
"""

import ast
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import (
    first_text,
    read_indexed,
    read_json,
    read_list,
    read_object,
    read_text,
)
from smile_trace.dialects.call import SpanContent, call_of, why_unknown_format
from smile_trace.dialects.joined import RAW_REQUEST
from smile_trace.dialects.kinds import gen_ai
from smile_trace.dialects.kinds.traceloop import read_function
from smile_trace.dialects.parts import called_tools, message_of
from smile_trace.records import JSON, Call, Message, Span, ToolCall

_ASKED = {
    **dict.fromkeys(("completion", "acompletion"), ("messages", "")),
    **dict.fromkeys(("text_completion", "atext_completion"), ("prompt", "")),
    **dict.fromkeys(("responses", "aresponses"), ("input", "instructions")),
    "anthropic_messages": ("messages", "system"),
}
"""What asks a language model, and the fields of its request that hold messages and instructions."""
_REPLIES = ("choices", "content", "output")
_REPLIED = frozenset(
    {"id", "object", "created", "choices", "usage", "model", "service_tier", "system_fingerprint"}
    | {"type", "role", "content", "stop_reason", "stop_sequence"}
)
"""Fields of a reply, which take the place of a request's."""
_OTHER_FORMS = frozenset({"options", "inferenceConfig", "generationConfig", "parameters"})
"""Fields of requests whose form is not OpenAI's or Anthropic's."""
_NO_TOOLS = "LiteLLM does not write which tools it was offered: ask by a chat completion"
_NO_INSTRUCTIONS = (
    "LITELLM_OTEL_V2 leaves out its instructions: unset it, or ask by a chat completion"
)
_NO_THINKING = (
    "LiteLLM does not write the thinking of earlier answers: ask by acompletion(), and leave "
    "OTEL_SEMCONV_STABILITY_OPT_IN unset"
)
_NO_ITEMS = "LiteLLM leaves out the calls of tools in its input, and their results: ask by a stream"
_UNREAD = "what LiteLLM wrote of its request cannot be read: pass messages that are plain JSON"
_DECLARED = "litellm.request.tools.declared"


class LiteLLM:
    """A call is a span with an id of LiteLLM's that asks a language model."""

    name: ClassVar[str] = "litellm"
    marks: ClassVar[tuple[str, ...]] = ("litellm.call_id",)
    content_switches: ClassVar[Mapping[str, str]] = {
        "litellm": "set OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY, and leave "
        "litellm.turn_off_message_logging unset"
    }
    tools_recorded_by: ClassVar[Mapping[str, str]] = {"litellm": "ask by a chat completion"}

    def recognises(self, span: Span) -> bool:
        return "litellm.call_id" in span.attributes and _operation(span) in _ASKED

    def read_call(self, span: Span) -> Call:
        """The call as the provider got it, where that was written; else as LiteLLM was asked."""
        a, content = span.attributes, gen_ai.read(span)
        raw = _raw(span, {message.content for message in content.messages})
        reply = raw if any(name in raw for name in _REPLIES) else {}
        content.answers = provider_json.answered(reply).answers or _answers(a, content.answers)
        asked = {name: raw[name] for name in raw if not reply or name not in _REPLIED}
        if "output" in reply or not _is_sent(asked):
            unread = _UNREAD if isinstance(asked.get("messages"), str) else None
            asked, left_out = _as_asked(span, content, reply)
            content.incomplete = unread or left_out
        sent = provider_json.sent(asked)
        content.messages, content.form = sent.messages, sent.form
        content.parameters = {**content.parameters, **sent.parameters}
        content.user = content.user or read_text(a.get("llm.user"))
        return call_of(span, self.name, content)


def _operation(span: Span) -> str | None:
    return first_text(span.attributes, "litellm.call_type", "llm.request.type")


# -- as it was sent ------------------------------------------------------------------------------


def _raw(span: Span, texts: Collection[str]) -> dict[str, JSON]:
    """The fields of the request and the reply; these texts are none of Python's notation."""
    events = [event for event in span.events if event.get("name") == RAW_REQUEST]
    written = read_object(events[-1].get("attributes")) if events else {}
    named = {name.split(".", 2)[-1]: value for name, value in written.items()}
    return {
        name: _read(value) if isinstance(value, str) and value not in texts else value
        for name, value in named.items()
        if value not in ("", None)
    }


# A text that nothing closes goes to the end: looked for again at each of its quotes, it would take
# the square of its length.
_TOKEN = re.compile(
    r"""('(?:[^'\\]++|\\.)*+'?|"(?:[^"\\]++|\\.)*+"?)|\b(None|True|False)\b""", re.DOTALL
)
_NAMES = {"None": "null", "True": "true", "False": "false"}


def _read(text: str) -> JSON:
    """What Python's notation of lists and dicts says: their texts are evaluated one by one, the
    rest is JSON. Any other text is itself."""
    if text[0] not in "[{":
        return text
    try:
        read = read_json(_TOKEN.sub(_as_json, text))
    except (SyntaxError, ValueError):
        return text
    return text if read is None else read


def _as_json(token: re.Match[str]) -> str:
    return json.dumps(ast.literal_eval(token[1])) if token[1] else _NAMES[token[2]]


def _is_sent(asked: Mapping[str, JSON]) -> bool:
    """Whether this is a request in OpenAI's or Anthropic's form."""
    messages = asked.get("messages")
    said = isinstance(messages, list) or {"input", "prompt"} & asked.keys()
    return bool(said) and _OTHER_FORMS.isdisjoint(asked)


# -- as LiteLLM was asked ------------------------------------------------------------------------


def _as_asked(
    span: Span, content: SpanContent, reply: Mapping[str, JSON]
) -> tuple[dict[str, JSON], str | None]:
    """The request by the attributes of the call, and what of it they leave out."""
    a = span.attributes
    messages, instructions = _ASKED[str(_operation(span))]
    items = [_item(read_object(item)) for item in read_list(a.get("gen_ai.input.messages"))]
    asked = provider_json.repeated(reply) if "output" in reply else {}
    if instructions:
        asked[instructions] = a.get("gen_ai.system_instructions")
    elif tools := read_indexed(a, "llm.request.functions"):
        asked["tools"] = [read_function(tool) for tool in tools]
    asked[messages] = items
    if messages == "prompt":
        asked[messages] = "".join(message.content for message in content.messages)
    if messages == "input" and any(item.get("content") == "" for item in items):
        return asked, _NO_ITEMS
    known = not instructions or "tools" in reply
    return asked, _left_out(a, asked, items, tools_known=known) or why_unknown_format(content)


def _left_out(
    a: Mapping[str, JSON],
    asked: Mapping[str, JSON],
    items: Sequence[Mapping[str, JSON]],
    *,
    tools_known: bool,
) -> str | None:
    """What the attributes of a call leave out, as far as that can be known."""
    roles = {read_text(item.get("role")) for item in items}
    tools = len(read_list(asked.get("tools")))
    if "litellm.call_type" in a:
        if "instructions" in asked or ("system" in asked and "system" not in roles):
            return _NO_INSTRUCTIONS
        return None if a.get(_DECLARED, 0) == tools else _NO_TOOLS
    if not tools_known:
        return _NO_TOOLS
    asks_claude = "claude" in str(first_text(a, "gen_ai.request.model"))
    return _NO_THINKING if "assistant" in roles and asks_claude else None


def _item(item: Mapping[str, JSON]) -> dict[str, JSON]:
    """A message as the client took it: its text is one part, its blocks are parts as they were."""
    parts = item.get("parts")
    if not isinstance(parts, list):
        thought = read_list(item.get("thinking_blocks"))
        said = {"type": "text", "text": item.get("content")}
        return {**item, "content": [*thought, said]} if thought else dict(item)
    rest = {name: value for name, value in item.items() if name != "parts"}
    one = read_object(parts[0]) if len(parts) == 1 else {}
    text = one.keys() == {"type", "content"} and one["type"] == "text"
    return {**rest, "content": one["content"] if text else parts or None}


def _answers(a: Mapping[str, JSON], answers: Sequence[Message]) -> Sequence[Message]:
    """The answers, with the calls of tools that stand beside them, without their ids."""
    called = [
        ToolCall(id=None, name=name, arguments=item.get("function_call.arguments"))
        for item in read_indexed(a, "gen_ai.completion")
        if (name := read_text(item.get("function_call.name")))
    ]
    if not called or (answers and called_tools(answers[0])):
        return answers
    said = [part for answer in answers[:1] for part in answer.parts if answer.content]
    return [message_of("assistant", [*said, *called])]
