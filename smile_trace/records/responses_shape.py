"""Messages in the shape of OpenAI's Responses API: instructions, and a list of input items.

Source: OpenAI's API reference, "Create a model response", `instructions` and `input`.
"""

from collections.abc import Iterable, Iterator

from smile_trace.records.base import JSON
from smile_trace.records.chat_shape import sound
from smile_trace.records.message import Message
from smile_trace.records.parts import (
    Media,
    OtherPart,
    Part,
    Reasoning,
    TextPart,
    ToolCall,
    ToolResult,
    are_blocks,
)

INSTRUCTIONS = {"field": "instructions"}
"""The `extra` of the system message that stands in `instructions`, and not among the items."""


def responses_input(messages: Iterable[Message]) -> dict[str, JSON]:
    """The fields of the request that hold the messages: `input`, and `instructions` where a
    message stands there. What cannot be said in this shape is left out."""
    items: list[JSON] = []
    found: dict[str, JSON] = {"input": items}
    for message in messages:
        if message.extra == INSTRUCTIONS:
            found["instructions"] = message.content
        else:
            items += _items(message)
    if not items and "instructions" in found:  # refused: they are the only item, then
        items.append({"role": "system", "content": found.pop("instructions")})
    return found


def _items(message: Message) -> Iterator[dict[str, JSON]]:
    """Reasoning, calls and results are items of their own; what is between them is a message."""
    if not message.parts:
        yield {"role": message.role, "content": message.content, **message.extra}
    contents: list[JSON] = []
    for part in message.parts:
        if (content := _content(part, message.role)) is not None:
            contents.append(content)
            continue
        yield from _message(message, contents)
        contents = []
        if (item := _item(part)) is not None:
            yield item
    yield from _message(message, contents)


def _message(message: Message, contents: list[JSON]) -> Iterator[dict[str, JSON]]:
    if contents:
        alone = len(contents) == 1 and contents[0].keys() == {"type", "text"}
        content = contents[0]["text"] if alone else contents
        yield {"role": message.role, "content": content, **message.extra}


def _item(part: Part) -> dict[str, JSON] | None:
    match part:
        case ToolCall():
            called = {"type": "function_call", "call_id": part.id, "name": part.name, **part.extra}
            custom = called["type"] == "custom_tool_call"
            return {**called, "input" if custom else "arguments": part.arguments_text}
        case ToolResult():
            blocks = are_blocks(part.response)
            output = list(map(_block, part.response)) if blocks else part.texts[0]
            given = {"type": "function_call_output", "call_id": part.id, "output": output}
            return {**given, **part.extra}
        case Reasoning() if part.extra:
            return {"type": "reasoning", **part.extra}
    return None


def _block(block: dict[str, JSON]) -> dict[str, JSON]:
    return {**block, "type": "input_text"} if block["type"] == "text" else block


def _content(part: Part, role: str) -> dict[str, JSON] | None:
    """A part of a message's content; None for what is none."""
    match part:
        case TextPart():
            kind = "output_text" if role == "assistant" else "input_text"
            return {"type": kind, "text": part.content, **part.extra}
        case Media():
            return _media(part)
        case OtherPart() if part.kind == "refusal":
            return {"type": "refusal", "refusal": str(part.raw.get("content", ""))}
    return None


def _media(part: Media) -> dict[str, JSON] | None:
    at = {"file_id": part.file_id} if part.file_id is not None else {}
    if part.modality == "image":
        if part.uri is not None:
            at = {"image_url": part.uri}
        detail = {} if part.detail is None else {"detail": part.detail}
        return {"type": "input_image", **at, **detail, **part.extra}
    if part.modality == "audio" and part.uri is not None:
        return {"type": "input_audio", "input_audio": sound(part.uri)}
    if part.uri is not None:
        at = {"file_data" if part.uri.startswith("data:") else "file_url": part.uri}
    return {"type": "input_file", **at, **part.extra} if at else None
