"""The request that Vercel's AI SDK makes of a call, of which its spans say less, or more.

Spans hold the settings as the application gave them. The provider's package leaves out what the
model or the API does not take, and writes the schema of the answer in its own form. Sources:
`@ai-sdk/openai` 3 and 4, `@ai-sdk/anthropic` 3 and 4.
"""

import re
from collections.abc import Mapping, Sequence

from smile_trace.dialects.attributes import (
    first_text,
    read_list,
    read_object,
    read_text,
    stringified,
)
from smile_trace.dialects.call import SpanContent, is_json, with_parameters
from smile_trace.records import (
    JSON,
    Call,
    Form,
    Media,
    Message,
    Part,
    Reasoning,
    Span,
    ToolCall,
    ToolResult,
)
from smile_trace.records.message import FIELD

_REASONERS = re.compile(r"o\d|gpt-([5-9]|\d\d)(?!-chat)")
_REFUSED_BY_REASONERS = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_REFUSED_BY_RESPONSES = ("seed", "stop", "frequency_penalty", "presence_penalty")
_CONTEXT, _METADATA = "ai.settings.context.", "ai.telemetry.metadata."
_SCHEMAS = ("ai.schema", f"{_METADATA}schema", f"{_CONTEXT}schema")
"""Where the schema of an answer stands: generateObject's, and one that the application wrote."""
_OLDER_CLAUDE = re.compile(r"claude-([23]|instant|(opus|sonnet)-4-(0|2))")
"""Models to which a schema is given as a tool."""
_UNCHANGED = {"type", "properties", "required", "additionalProperties", "items", "enum", "const"}
_UNCHANGED |= {"description", "title", "default", "anyOf", "$schema"}
"""Keywords of a schema that are sent to Anthropic as they are; others become a description."""

NO_SCHEMA = "the schema of its answer was not recorded"
_MAYBE_A_SCHEMA = (
    "its answer is JSON, and the AI SDK does not record a schema that generateText was given: "
    'write it, or "{}" for none, as schema into metadata (AI SDK 6) or runtimeContext (7)'
)
_NO_OPTIONS = (
    "its answer came with reasoning, and the AI SDK does not record the options that ask for it"
)
_NOT_THIS_WAY = "in which form the AI SDK sent the schema of its answer was not recorded"


def who_asked(*spans: Mapping[str, JSON]) -> tuple[str | None, str | None, dict[str, JSON]]:
    """The session, the user, and what else the application wrote beside the call into version 6's
    metadata or 7's context, but for the schema of its answer; `spans` are their attributes."""
    own = {
        name.removeprefix(prefix): value
        for prefix in (_METADATA, _CONTEXT)
        for attributes in spans
        for name, value in attributes.items()
        if name.startswith(prefix) and name not in _SCHEMAS
    }
    return read_text(own.pop("sessionId", None)), read_text(own.pop("userId", None)), own


def as_sent(content: SpanContent, form: Form, choice: JSON) -> None:
    """Change the content to what was sent, with the choice of a tool as the AI SDK writes it."""
    content.form, given = form, dict(content.parameters)
    if content.tools:
        given["tool_choice"] = tool_choice(choice)
    content.messages = [_thought(message, content.provider, form) for message in content.messages]
    if _is_openai(content.provider):
        left_out = {"top_k", *(_REFUSED_BY_RESPONSES if form == "responses" else ())}
        if _REASONERS.match(content.model or ""):
            left_out |= {*_REFUSED_BY_REASONERS}
            content.messages = [_by_developer(message) for message in content.messages]
            if form == "chat" and "max_tokens" in given:
                given["max_completion_tokens"] = given.pop("max_tokens")
        given = {name: value for name, value in given.items() if name not in left_out}
    content.parameters = given


def _thought(message: Message, provider: str | None, form: Form) -> Message:
    """The message with its reasoning as a field, which open models get back; OpenAI's chat gets
    none."""
    thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
    if not thoughts or form != "chat" or _is_anthropic(provider):
        return message
    rest: tuple[Part, ...] = tuple(p for p in message.parts if not isinstance(p, Reasoning))
    if not _is_openai(provider):
        said = "".join(part.content for part in thoughts)
        rest = (Reasoning(content=said, extra={FIELD: "reasoning_content"}), *rest)
    return message.model_copy(update={"parts": rest}) if rest else message


def message_as_sent(message: Message) -> Message:
    """The message with JSON as JavaScript writes it, and files with the names that are sent."""
    parts = tuple(_part(part, place) for place, part in enumerate(message.parts))
    return message.model_copy(update={"parts": parts}) if parts else message


def _part(part: Part, place: int) -> Part:
    match part:
        case ToolCall():
            return part.model_copy(update={"arguments": stringified(part.arguments)})
        case ToolResult(response={"type": "content", "value": value}):
            return part.model_copy(update={"response": stringified(value)})
        case ToolResult():
            return part.model_copy(update={"response": stringified(part.response)})
        case Media(media_type="application/pdf"):
            extra = {"filename": f"part-{place}.pdf", **part.extra}
            return part.model_copy(update={"modality": "file", "extra": extra})
    return part


def tool_choice(choice: JSON) -> JSON:
    """The choice of a tool in OpenAI's form."""
    chosen = read_object(choice)
    if chosen.get("type") == "tool":
        return {"type": "function", "function": {"name": chosen.get("toolName")}}
    return chosen.get("type")


def completed(call: Call, span: Span, around: Sequence[Span], *, lacks_schema: str | None) -> Call:
    """The call with the schema of its answer, which stands in one of the first two spans around it,
    those of a generateText or generateObject; or with why the request is not known as it was sent:
    `lacks_schema`, if the answer had to be JSON and there is no schema."""
    own = [one.attributes for one in (span, *around[:2])]
    said = next((a for a in own if first_text(a, *_SCHEMAS)), {})
    written = first_text(said, *_SCHEMAS)
    why = _NO_OPTIONS if call.reasoning and _is_anthropic(call.provider) else None
    if written or any(a.get("ai.settings.output") == "no-schema" for a in own):
        format_ = _answer_format(call, said, read_object(written)) if written != "{}" else {}
        why = why or (_NOT_THIS_WAY if format_ is None else None)
        call = with_parameters(call, span, call.parameters | (format_ or {}))
    else:
        why = why or lacks_schema or (_MAYBE_A_SCHEMA if is_json(call) else None)
    return call.model_copy(update={"not_repeatable": call.not_repeatable or why})


def _answer_format(
    call: Call, said: Mapping[str, JSON], schema: dict[str, JSON]
) -> dict[str, JSON] | None:
    """The parameter that says how the answer is written; None if that is not known."""
    if _is_anthropic(call.provider):
        if not _is_unchanged(schema) or _OLDER_CLAUDE.match(call.model or ""):
            return None
        return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    if not _is_openai(call.provider):
        return None
    named = {"name": first_text(said, "ai.schema.name") or "response"}
    if description := first_text(said, "ai.schema.description"):
        named["description"] = description
    inner = {**named, "schema": schema, "strict": True} if schema else {}
    kind = "json_schema" if schema else "json_object"
    if call.form == "responses":
        return {"text": {"format": {"type": kind, **inner}}}
    return {"response_format": {"type": kind, **({"json_schema": inner} if schema else {})}}


def _is_unchanged(schema: JSON) -> bool:
    """Whether Anthropic is sent the schema as it is: every object is closed and whole."""
    if not isinstance(schema, dict):
        return isinstance(schema, bool)
    properties = read_object(schema.get("properties"))
    closed = schema.get("additionalProperties") is False
    if (schema.get("type") == "object" and not closed) or schema.keys() - _UNCHANGED:
        return False
    inner = [*properties.values(), *read_list(schema.get("anyOf"))]
    inner += [schema["items"]] if "items" in schema else []
    required = {*map(str, read_list(schema.get("required")))}
    return {*properties} == required and all(map(_is_unchanged, inner))


def _is_anthropic(provider: str | None) -> bool:
    return (provider or "").startswith("anthropic")


def _is_openai(provider: str | None) -> bool:
    return re.match(r"(openai|azure(-openai)?)(\.|$)", provider or "") is not None


def _by_developer(message: Message) -> Message:
    return message.model_copy(update={"role": "developer"}) if message.role == "system" else message
