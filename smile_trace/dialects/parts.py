"""Messages and their parts in the GenAI conventions, and whether their request can be repeated.

Source: OpenTelemetry GenAI conventions, JSON schema of `gen_ai.input.messages`; pydantic-ai's
`result` is read, too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from smile_trace.records import (
    JSON,
    Media,
    Message,
    OtherPart,
    Part,
    Reasoning,
    TextPart,
    ToolCall,
    ToolResult,
)
from smile_trace.records.formats.answers import refusal_text, tool_calls_text
from smile_trace.records.formats.reasoning import joined
from smile_trace.records.message import TOOL_ROLES, other_parts

_RUN_HERE = ("function", "custom")
"""The types of tools that the application runs; any other is run by the server."""
_RUN_HERE_AS = ("bash_", "text_editor_", "memory_", "computer_")
"""Prefixes of Anthropic's own tool types that the application runs."""
_SERVER_SIDE = ("web_search_options", "mcp_servers")
_SENDABLE = ("https://", "http://", "data:")
"""Prefixes of addresses that are sent as they are."""
_BOUNDED = ("image", "audio")
"""What has a bounded price behind an address, or is not sent from there; a file may be of any
length, and another one at each request."""
_HELD_BY_SERVER = ("previous_response_id", "conversation", "prompt", "container")
_BETA = ("betas", "context_management")
"""Parameters for beta features, which Anthropic's plain Messages API lacks."""
_BY_HEADER = ("claude-code-", "interleaved-thinking-", "fine-grained-tool-streaming-")
"""Beginnings of `betas` that this API takes in a header, without fields of their own."""
_NOT_CAPTURED = "not_captured"


def read_message(raw: JSON) -> Message | None:
    """A message of the conventions, or None."""
    if not isinstance(raw, dict):
        return None
    role = str(raw.get("role") or "user")
    parts, extra = raw.get("parts"), _extra(raw)
    if not isinstance(parts, list):
        parts = [{"type": "text", "content": raw.get("content")}]
    if len(parts) == 1 and not extra and type(text := _only_text(parts[0])) is str:
        return Message.trusted(extra=extra, role=role, content=text, parts=())
    read = [part for item in parts if (part := _part(item)) is not None]
    return message_of(role, read, extra)


def _only_text(part: JSON) -> JSON:
    """The content of a part that is a text and nothing else."""
    plain = type(part) is dict and len(part) == 2 and part.get("type") == "text"
    return part.get("content") if plain else None


def message_of(role: str, parts: Sequence[Part], extra: dict[str, JSON] | None = None) -> Message:
    """The simplest message of these parts. Without parts and further fields, it counts as not
    captured, not as empty."""
    parts = parts or ([] if extra else [_not_captured()])
    one = parts[0] if len(parts) == 1 else None
    nameless = isinstance(one, ToolResult) and one.id is None and len(one.texts) == 1
    if nameless and role in TOOL_ROLES and isinstance(one, ToolResult):
        return Message.trusted(extra=extra or {}, role=role, content=one.texts[0], parts=())
    return Message.of(role, tuple(parts), extra or {})


def _part(raw: JSON) -> Part | None:
    if not isinstance(raw, dict):
        return None
    kind, content, extra = raw.get("type"), raw.get("content"), _extra(raw)
    if kind == "text":
        return _not_captured() if content is None else text_part(str(content), extra)
    if kind == "tool_call" and isinstance(raw.get("name"), str):
        called, arguments = raw["name"], raw.get("arguments")
        return tool_call(_text(raw, "id"), called, arguments, extra)
    if kind == "tool_call_response":
        if "response" not in raw and "result" not in raw:
            return _not_captured()
        response = raw.get("response", raw.get("result"))
        given = "" if response is None else response
        return tool_result(_text(raw, "id"), given, extra)
    if kind == "reasoning":
        return Reasoning.trusted(extra=extra, type="reasoning", content=str(content or ""))
    if kind == "media" and (uri := _text(raw, "content")):  # Genkit's
        media_type = _text(raw, "content_type")
        modality = (media_type or "image").partition("/")[0]
        return Media(modality=modality, uri=uri, media_type=media_type)
    if kind in ("blob", "uri", "file"):
        return _media(raw)
    return OtherPart(raw=raw)


def text_part(content: str, extra: dict[str, JSON] | None = None) -> TextPart:
    """A text with further fields."""
    return TextPart.trusted(extra=extra or {}, type="text", content=content)


def tool_call(
    id_: str | None, name: str, arguments: JSON, extra: dict[str, JSON] | None = None
) -> ToolCall:
    """A call of a tool."""
    return ToolCall.trusted(
        extra=extra or {}, type="tool_call", id=id_, name=name, arguments=arguments
    )


def tool_result(
    id_: str | None, response: JSON, extra: dict[str, JSON] | None = None
) -> ToolResult:
    """The result of a call of a tool."""
    return ToolResult.trusted(
        extra=extra or {}, type="tool_call_response", id=id_, response=response
    )


def offered_tool(
    tool: Mapping[str, JSON], schema: JSON, names: Sequence[str] = ("name", "description")
) -> dict[str, JSON]:
    """The definition of a tool in OpenAI's form: these fields of it, and the schema of its
    arguments."""
    described = {name: tool[name] for name in names if tool.get(name)}
    return {"type": "function", "function": {**described, "parameters": schema}}


def _not_captured() -> Part:
    return OtherPart.trusted(type="other", raw={"type": _NOT_CAPTURED})


def is_captured(message: Message) -> bool:
    """Whether all of the message's content was captured."""
    parts = message.parts
    return not parts or all(part.kind != _NOT_CAPTURED for part in other_parts((message,)))


def has_content(message: Message) -> bool:
    """Whether any content was captured besides the role and the names of tools."""
    if message.content:
        return True
    return any(
        part.arguments is not None
        if isinstance(part, ToolCall)
        else not isinstance(part, OtherPart)
        for part in message.parts
    )


def called_tools(message: Message) -> tuple[ToolCall, ...]:
    """The tools that an answer calls."""
    parts = message.parts
    return tuple(part for part in parts if isinstance(part, ToolCall)) if parts else ()


def answer_of(message: Message, finish_reason: str | None = None) -> str | None:
    """The text of an answer: its words (none if it is reasoning alone), the calls of tools, or the
    refusal, which is also assumed if a content filter left nothing; else None."""
    if not message.parts and finish_reason != "content_filter":
        return message.content
    if calls := called_tools(message):
        return tool_calls_text(calls)
    refused = [str(p.raw.get("content", "")) for p in other_parts([message]) if p.kind == "refusal"]
    if refused:
        return refusal_text("\n".join(refused))
    message = message.without_reasoning()
    if not message.content.strip() and finish_reason == "content_filter":
        return refusal_text("")
    only_thoughts = all(isinstance(part, Reasoning) for part in message.parts)
    text = _joined_text(message)
    return text if text or only_thoughts else None


def _joined_text(message: Message) -> str:
    """The text of an answer: the blocks of one with citations are cut where those begin and end."""
    texts = [part for part in message.parts if isinstance(part, TextPart)]
    if any("citations" in part.extra for part in texts):
        return "".join(part.content for part in texts)
    return message.content


def reasoning_of(message: Message) -> str | None:
    """The reasoning in the parts of an answer; None without any."""
    return joined(*(part.content for part in message.parts if isinstance(part, Reasoning)))


def _media(raw: Mapping[str, JSON]) -> Media:
    media_type = _text(raw, "mime_type") or _text(raw, "media_type")
    uri, data = _text(raw, "uri"), _text(raw, "content")
    if uri is None and data is not None:
        uri = f"data:{media_type or 'application/octet-stream'};base64,{data}"
    return Media(
        modality=_text(raw, "modality") or "file",
        uri=uri,
        media_type=media_type,
        size=size if isinstance(size := raw.get("bytes"), int) else None,
        file_id=_text(raw, "file_id"),
        detail=_text(raw, "detail"),
        extra=_extra(raw),
    )


def _extra(raw: Mapping[str, JSON]) -> dict[str, JSON]:
    extra = raw.get("extra")
    return extra if isinstance(extra, dict) else {}


def why_not_repeatable(messages: Sequence[Message], parameters: Mapping[str, JSON]) -> str | None:
    """Why the recorded request cannot be made again, or None. No tool is ever run, so tools run by
    the server are a reason. Reasoning is none: it may be asked without."""
    parts = [part for message in messages for part in message.parts]
    others = [part.kind for part in parts if isinstance(part, OtherPart)]
    if _NOT_CAPTURED in others:
        return "the content of a message was not captured"
    if any(message.extra and isinstance(message.extra.get("audio"), dict) for message in messages):
        return "a recording that the model made is only referred to"
    for part in parts:
        if isinstance(part, Media) and (why := _why_no_media(part)):
            return why
        if (
            isinstance(part, ToolCall | ToolResult)
            and part.id is None
            and part.extra.get("type") != "function_call"  # before tools, calls had no ids
        ):
            return "a call of a tool, or its result, was recorded without its id"
    if kinds := [kind for kind in others if kind != "refusal"]:
        return f"its messages hold what cannot be sent again: {', '.join(dict.fromkeys(kinds))}"
    held = next((name for name in _HELD_BY_SERVER if parameters.get(name)), None)
    if held is not None:
        return f"the server holds a part of its context ({held})"
    beta = [name for name in _BETA if parameters.get(name) and not _by_header(parameters[name])]
    if beta:
        return f"it uses features in beta, which are not asked for again ({', '.join(beta)})"
    if any(part.id not in called for part, called in _results(parts)):
        return "a tool's result was recorded without the call that it answers"
    return _why_not_these_tools(parameters)


def _results(parts: Iterable[Part]) -> Iterator[tuple[ToolResult, set[str | None]]]:
    """The results of tools, each with the ids of the calls before it."""
    called: set[str | None] = set()
    for part in parts:
        if isinstance(part, ToolCall):
            called.add(part.id)
        elif isinstance(part, ToolResult):
            yield part, called


def _why_no_media(part: Media) -> str | None:
    if part.modality not in _BOUNDED and str(part.uri).startswith(_SENDABLE[:2]):
        return f"its {part.modality} is only an address, so that its price has no bound"
    if str(part.uri).startswith(_SENDABLE):
        return None
    if part.file_id is not None:
        return f"its {part.modality} is only referred to ({part.file_id[:40]})"
    if part.uri is None or ":" not in part.uri or part.uri.startswith("["):
        return f"the data of its {part.modality} was not kept"
    return f"its {part.modality} cannot be sent again"


def _by_header(betas: JSON) -> bool:
    return isinstance(betas, list) and all(str(beta).startswith(_BY_HEADER) for beta in betas)


def _why_not_these_tools(parameters: Mapping[str, JSON]) -> str | None:
    tools = parameters.get("tools")
    offered = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    kinds = [str(tool.get("type") or "function") for tool in offered]
    kinds = [k for k in kinds if k not in _RUN_HERE and not k.startswith(_RUN_HERE_AS)]
    kinds += [name for name in _SERVER_SIDE if parameters.get(name) is not None]
    if not kinds:
        return None
    return f"the server runs tools of its own for it: {', '.join(dict.fromkeys(kinds))[:100]}"


def _text(raw: Mapping[str, JSON], name: str) -> str | None:
    value = raw.get(name)
    return value if isinstance(value, str) and value else None
