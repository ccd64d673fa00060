"""Messages in the shape of OpenAI's chat completions, which most servers and trackers take.

Source: OpenAI's API reference, "Create chat completion", `messages`.
"""

from collections.abc import Iterable, Sequence

from smile_trace.records.base import JSON
from smile_trace.records.message import Message
from smile_trace.records.parts import (
    Media,
    OtherPart,
    Part,
    TextPart,
    ToolCall,
    ToolResult,
    WithExtra,
)

_SENT = ("name", "refusal", "reasoning_content", "cache_control")
"""Further fields of a message that servers take. Clients' own objects have others."""


def chat_messages(messages: Iterable[Message], *, as_sent: bool = False) -> list[dict[str, JSON]]:
    """The messages as they are sent: a message per result of a tool, and one for all else.

    What cannot be said in this shape (reasoning, media that was not kept) is left out.

    Args:
        messages: of any form.
        as_sent: whether they were sent in this shape, and their further fields belong to it.
    """
    return [shaped for message in messages for shaped in _shaped(message, as_sent)]


def _shaped(message: Message, as_sent: bool) -> list[dict[str, JSON]]:
    more = {k: v for k, v in message.extra.items() if k in _SENT} if as_sent else {}
    if not message.parts:
        nothing = not message.content and "refusal" in more
        return [{"role": message.role, "content": None if nothing else message.content, **more}]
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    shaped: list[dict[str, JSON]] = [
        {"role": "tool", "tool_call_id": part.id, "content": _result(part)} for part in results
    ]
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    contents = [
        content | (_extra(part) if as_sent else {})
        for part in message.parts
        if (content := _content(part)) is not None
    ]
    if not contents and not calls and results:
        return shaped
    rest: dict[str, JSON] = {"role": message.role, "content": contents, **more}
    if not contents:
        rest["content"] = None if calls or "refusal" in more else ""
    elif len(contents) == 1 and contents[0].keys() == {"type", "text"}:
        rest["content"] = contents[0]["text"]
    return [*shaped, rest | _called(calls)]


def _called(calls: Sequence[ToolCall]) -> dict[str, JSON]:
    """The calls of tools of a message; of a function in the way before there were tools."""
    if len(calls) == 1 and calls[0].extra.get("type") == "function_call":
        return {"function_call": {"name": calls[0].name, "arguments": calls[0].arguments_text}}
    return {"tool_calls": [_call(call) for call in calls]} if calls else {}


def _result(part: ToolResult) -> JSON:
    if len(part.texts) == 1 and not isinstance(part.response, list):
        return part.texts[0]
    return [{"type": "text", "text": text} for text in part.texts]


def _call(part: ToolCall) -> dict[str, JSON]:
    if str(part.extra.get("type")).startswith("custom"):
        custom = {"name": part.name, "input": part.arguments_text}
        return {"id": part.id, "type": "custom", "custom": custom}
    function = {"name": part.name, "arguments": part.arguments_text}
    return {"id": part.id, "type": "function", "function": function}


def _extra(part: Part) -> dict[str, JSON]:
    """Not of a part that has another type in its own API, such as Anthropic's documents, nor of a
    file, which holds it further inside."""
    if not isinstance(part, WithExtra) or isinstance(part, Media) or "type" in part.extra:
        return {}
    return part.extra


def _content(part: Part) -> dict[str, JSON] | None:
    """A part of the content; None for what is none in this shape."""
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.content}
    if isinstance(part, Media):
        return _media(part)
    if isinstance(part, OtherPart) and part.kind == "refusal":
        return {"type": "refusal", "refusal": str(part.raw.get("content", ""))}
    return None


def _media(part: Media) -> dict[str, JSON] | None:
    if part.file_id is not None:
        return {"type": "file", "file": {"file_id": part.file_id}}
    if part.uri is None:
        return None
    if part.modality == "image":
        image = {"url": part.uri}
        return {"type": "image_url", "image_url": image | _known("detail", part.detail)}
    if part.modality == "audio":
        return {"type": "input_audio", "input_audio": sound(part.uri)}
    return {"type": "file", "file": {"file_data": part.uri, **part.extra}}


def sound(uri: str) -> dict[str, JSON]:
    """Inline audio as OpenAI's APIs take it."""
    head, _, data = uri.partition(",")
    return {"data": data, "format": head.removesuffix(";base64").rpartition("/")[2]}


def _known(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}
