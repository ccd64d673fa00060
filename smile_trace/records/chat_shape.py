"""Messages in the shape of OpenAI's chat completions, which most servers and trackers take.

Source: OpenAI's API reference, "Create chat completion", `messages`.
"""

from collections.abc import Iterable

from smile_trace.records.base import JSON
from smile_trace.records.message import Message
from smile_trace.records.parts import Media, OtherPart, Part, TextPart, ToolCall, ToolResult


def chat_messages(messages: Iterable[Message]) -> list[dict[str, JSON]]:
    """The messages as they are sent: a message per result of a tool, and one for all else.

    What cannot be said in this shape (reasoning, media that was not kept) is left out.
    """
    return [shaped for message in messages for shaped in _shaped(message)]


def _shaped(message: Message) -> list[dict[str, JSON]]:
    if not message.parts:
        return [{"role": message.role, "content": message.content}]
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    shaped: list[dict[str, JSON]] = [
        {"role": "tool", "tool_call_id": part.id, "content": _result(part)} for part in results
    ]
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    contents = [content for part in message.parts if (content := _content(part)) is not None]
    if not contents and not calls and results:
        return shaped
    texts = [content["text"] for content in contents if content["type"] == "text"]
    rest: dict[str, JSON] = {"role": message.role, "content": contents}
    if not contents:
        rest["content"] = None if calls else ""
    elif len(contents) == len(texts) == 1:
        rest["content"] = texts[0]
    if calls:
        rest["tool_calls"] = calls
    return [*shaped, rest]


def _result(part: ToolResult) -> JSON:
    if len(part.texts) == 1 and not isinstance(part.response, list):
        return part.texts[0]
    return [{"type": "text", "text": text} for text in part.texts]


def _call(part: ToolCall) -> dict[str, JSON]:
    function = {"name": part.name, "arguments": part.arguments_text}
    return {"id": part.id, "type": "function", "function": function}


def _content(part: Part) -> dict[str, JSON] | None:
    """A part of the content; None for what is none in this shape."""
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.content}
    if isinstance(part, Media) and part.modality == "image" and part.uri is not None:
        image = {"url": part.uri}
        return {"type": "image_url", "image_url": image | _known("detail", part.detail)}
    if isinstance(part, Media) and part.file_id is not None:
        return {"type": "file", "file": {"file_id": part.file_id}}
    if isinstance(part, OtherPart) and part.kind == "refusal":
        return {"type": "refusal", "refusal": str(part.raw.get("content", ""))}
    return None


def _known(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}
