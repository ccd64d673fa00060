"""Messages in the shapes of requests (OpenAI's chat completions, which most servers and trackers
take, and its Responses API), and the definitions of tools as a message.

Sources: OpenAI's API reference, "Create chat completion" (`messages`) and "Create a model response"
(`instructions` and `input`).

The tools' message makes each tool a part that can be removed. It is the last message of a prompt
explained by the unit `tool`, and of its explanation. It is never sent: the definitions left in it
become the request's `tools` again.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from smile_trace.records.base import JSON
from smile_trace.records.blocks import are_blocks, title_of
from smile_trace.records.call import Prompted
from smile_trace.records.formats.cells import CELLS
from smile_trace.records.message import (
    AS_ITEM,
    FIELD,
    Media,
    Message,
    OtherPart,
    Part,
    Reasoning,
    TextPart,
    ToolCall,
    ToolResult,
    WithExtra,
    with_reasoning,
)

_SENT = (
    *("name", "refusal", "cache_control", "reasoning_content", "reasoning", "reasoning_details"),
    "thinking_blocks",
)
"""Further fields of a message that servers take. Clients' own objects have others."""


def chat_messages(messages: Iterable[Message], *, as_sent: bool = False) -> list[dict[str, JSON]]:
    """Return the messages as they are sent: one per tool result, and one for all else. What has no
    form in this shape (signed reasoning, media that was not kept) is left out. `as_sent`: they were
    sent in this shape, so that their further fields belong to it."""
    left = with_reasoning(messages, (FIELD,) if as_sent else ())
    return [shaped for message in left for shaped in _shaped(message, as_sent)]


def _shaped(message: Message, as_sent: bool) -> list[dict[str, JSON]]:
    more = {k: v for k, v in message.extra.items() if k in _SENT} if as_sent else {}
    more |= {str(p.extra[FIELD]): p.content for p in message.parts if isinstance(p, Reasoning)}
    if not message.parts:
        nothing = not message.content and "refusal" in more
        return [{"role": message.role, "content": None if nothing else message.content, **more}]
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    shaped: list[dict[str, JSON]] = [
        {"role": "tool", "tool_call_id": part.id, "content": _result(part)}
        | (more if message.role == "tool" else {})
        for part in results
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
    signed = {k: v for k, v in part.extra.items() if k == "extra_content"}
    return {"id": part.id, "type": "function", "function": function, **signed}


def _extra(part: Part) -> dict[str, JSON]:
    """Leave out fields of other APIs' parts, and of a file, which holds them further inside."""
    if not isinstance(part, WithExtra) or isinstance(part, Media) or "type" in part.extra:
        return {}
    return part.extra


def _content(part: Part) -> dict[str, JSON] | None:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.content}
    if isinstance(part, Media):
        return _media(part)
    return _refusal(part)


def _refusal(part: Part) -> dict[str, JSON] | None:
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
    return {"type": "file", "file": {"file_data": part.uri, **_file_name(part)}}


def _file_name(part: Media) -> dict[str, str]:
    """Return a file's name; a document of Anthropic's has a title."""
    return _known("filename", title_of(part.extra))


def sound(uri: str) -> dict[str, JSON]:
    """Return inline audio as OpenAI's APIs take it."""
    head, _, data = uri.partition(",")
    return {"data": data, "format": head.removesuffix(";base64").rpartition("/")[2]}


def _known(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


_FOUND = "file_search_call"
"""The type of an item of the Responses API that holds a search of files with its results."""

INSTRUCTIONS = {"field": "instructions"}
"""The `extra` of a system message sent as `instructions`, not among the items."""


def responses_input(messages: Iterable[Message]) -> dict[str, JSON]:
    """Return the request's fields that hold the messages: `input`, and `instructions` if there are
    any. What has no form in this shape is left out."""
    items: list[JSON] = []
    found: dict[str, JSON] = {"input": items}
    for message in with_reasoning(messages, AS_ITEM):
        if message.extra == INSTRUCTIONS:
            found["instructions"] = message.content
        else:
            items += _items(message)
    if not items and "instructions" in found:  # refused: they are the only item, then
        items.append({"role": "system", "content": found.pop("instructions")})
    return found


def _items(message: Message) -> Iterator[dict[str, JSON]]:
    """Reasoning, calls and results are items of their own; a message is what lies between."""
    if not message.parts:
        yield {"role": message.role, "content": message.content, **message.extra}
    contents: list[JSON] = []
    for part in message.parts:
        if (content := _item_content(part, message.role)) is not None:
            contents.append(content)
            continue
        yield from _item_message(message, contents)
        contents = []
        if (item := _item(part)) is not None:
            yield item
    yield from _item_message(message, contents)


def _item_message(message: Message, contents: list[JSON]) -> Iterator[dict[str, JSON]]:
    if contents:
        alone = len(contents) == 1 and contents[0].keys() == {"type", "text"}
        content = contents[0]["text"] if alone else contents
        yield {"role": message.role, "content": content, **message.extra}


def _item(part: Part) -> dict[str, JSON] | None:
    match part:
        case ToolCall() if part.extra.get("type") == _FOUND:
            return None  # its item is that of the result
        case ToolResult() if part.extra.get("type") == _FOUND:
            return {"id": part.id, **part.extra, "results": _found(part.texts[0])}
        case ToolCall():
            called = {"type": "function_call", "call_id": part.id, "name": part.name, **part.extra}
            custom = called["type"] == "custom_tool_call"
            return {**called, "input" if custom else "arguments": part.arguments_text}
        case ToolResult():
            blocks = are_blocks(part.response)
            output = list(map(_block, part.response)) if blocks else part.texts[0]
            given = {"type": "function_call_output", "call_id": part.id, "output": output}
            return {**given, **part.extra}
        case Reasoning():
            return {"type": "reasoning", **part.extra}
    return None


def _found(text: str) -> JSON:
    """Return what a search of files found; nothing if it was removed."""
    return json.loads(text) if text.strip() else []


def _block(block: dict[str, JSON]) -> dict[str, JSON]:
    return {**block, "type": "input_text"} if block["type"] == "text" else block


def _item_content(part: Part, role: str) -> dict[str, JSON] | None:
    match part:
        case TextPart():
            kind = "output_text" if role == "assistant" else "input_text"
            return {"type": kind, "text": part.content, **part.extra}
        case Media():
            return _item_media(part)
    return _refusal(part)


def _item_media(part: Media) -> dict[str, JSON] | None:
    at = {"file_id": part.file_id} if part.file_id is not None else {}
    if part.modality == "image":
        if part.uri is not None:
            at = {"image_url": part.uri}
        return {"type": "input_image", **at, **_known("detail", part.detail), **part.extra}
    if part.modality == "audio" and part.uri is not None:
        return {"type": "input_audio", "input_audio": sound(part.uri)}
    if part.uri is not None:
        at = {"file_data" if part.uri.startswith("data:") else "file_url": part.uri}
    return {"type": "input_file", **at, **_file_name(part)} if at else None


OFFERED = "tools offered"

_WITH_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
"""Parameters that are refused if no tool is offered."""


def with_offered_tools(prompted: Prompted) -> Prompted:
    """Return the prompt with the message of its tools, if it offers any."""
    tools = prompted.parameters.get("tools")
    if not isinstance(tools, list) or not tools or not all(isinstance(t, dict) for t in tools):
        return prompted
    parts = tuple(TextPart(content=json.dumps(tool, ensure_ascii=False)) for tool in tools)
    offered = Message(role=OFFERED, parts=parts)
    return prompted.model_copy(update={"messages": (*prompted.messages, offered)})


NEVER_SENT = (OFFERED, CELLS)
"""The roles of messages that make something else of a request parts: tools, cells of images."""


def is_offered(messages: Sequence[Message]) -> bool:
    """Whether the message of the tools is among these."""
    return any(message.role == OFFERED for message in messages)


def asked_with(
    messages: Sequence[Message], parameters: dict[str, JSON]
) -> tuple[tuple[Message, ...], dict[str, JSON]]:
    """Return what to send for a perturbation: the messages without that of the tools, and the
    parameters with the tools that are left."""
    sent = tuple(message for message in messages if message.role != OFFERED)
    texts = [
        message.content[slot.start : slot.end]
        for message in messages
        if message.role == OFFERED
        for slot in message.slots
    ]
    if not texts:
        left = {name: value for name, value in parameters.items() if name not in _WITH_TOOLS}
        return sent, left
    return sent, {**parameters, "tools": [json.loads(text) for text in texts]}


def tool_name(definition: str) -> str | None:
    """Return a tool's name from the JSON text of its definition; None if it has none."""
    try:
        return name_of(json.loads(definition))
    except ValueError:
        return None


def name_of(tool: JSON) -> str | None:
    """Return a tool's name from its definition or from the choice of it; None if it has none."""
    inner = tool.get("function", tool) if isinstance(tool, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def chosen_tool(parameters: dict[str, JSON]) -> str | None:
    """Return the tool that the request asks for by name, which has to be offered."""
    return name_of(parameters.get("tool_choice"))
