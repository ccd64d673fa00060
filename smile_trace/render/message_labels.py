"""What stands in a picture for the parts of a message that are no text, and its title."""

from collections.abc import Sequence

from smile_trace.records import Message, OtherPart, Part, Reasoning, ToolCall, ToolResult
from smile_trace.render.text import short

_LONGEST = 400
"""Characters of a label."""


def labels(message: Message) -> dict[int, list[str]]:
    """The labels of a message by their place in its content: calls of tools, images, and so on."""
    found: dict[int, list[str]] = {}
    starts = {slot.part: slot.start for slot in reversed(message.slots)} if message.parts else {}
    at = len(message.content)
    for index in reversed(range(len(message.parts))):
        label = _label(message.parts[index])
        if label is None:
            at = starts[index]
        else:
            found.setdefault(at, []).insert(0, label)
    end = len(message.content)
    return {place: [_lines(texts, place, end)] for place, texts in found.items()}


def message_title(message: Message, messages: Sequence[Message]) -> str:
    """The role; of the result of a tool also the tool's name, where a message calls it."""
    ids = [part.id for part in message.parts if isinstance(part, ToolResult)]
    if not ids:
        return message.role
    calls = (part for m in messages for part in m.parts if isinstance(part, ToolCall))
    names = {call.id: call.name for call in calls if call.id is not None}
    known = [names[answered] for answered in ids if answered in names]
    return f"{message.role}: result of {', '.join(dict.fromkeys(known))}" if known else message.role


def _lines(texts: Sequence[str], place: int, end: int) -> str:
    """Each on a line of its own, apart from the text before or after."""
    joined = "\n".join(texts)
    if place < end:
        return f"{joined}\n"
    return f"\n{joined}" if end else joined


def _label(part: Part) -> str | None:
    """What is shown of a part without a text of its own; None for one with text."""
    match part:
        case ToolCall():
            return f"calls {part.name}({short(part.arguments_text, _LONGEST)})"
        case Reasoning():
            return f"[reasoning: {short(part.content, _LONGEST)}]"
        case OtherPart():
            return f"[{short(part.kind, 60)}]"
    return None
