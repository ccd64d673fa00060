"""Turns and steps of a conversation, and what tools gave back in it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from smile_trace.attribution.segmentation.boundaries import strip
from smile_trace.records import Message, Place, Prompted, ToolCall, ToolResult
from smile_trace.records.formats.requests import OFFERED, chosen_tool, tool_name

WHOLE = ("turn", "step")
"""Units of which whole messages are removed, calls of tools and images included."""

_INSTRUCTIONS = ("system", "developer")


def asks(message: Message) -> bool:
    """Whether a turn begins with it; not where it holds results of calls before it (Anthropic)."""
    results = any(isinstance(part, ToolResult) for part in message.parts)
    return message.role == "user" and not results


def turns(messages: Sequence[Message]) -> list[tuple[Place, ...]]:
    """Each message of the user with all that answers it, but for the last: that is the question."""
    starts = [m for m, message in enumerate(messages) if asks(message)]
    return [
        tuple(_whole(messages, m) for m in range(*turn) if messages[m].role not in _INSTRUCTIONS)
        for turn in pairwise(starts)
    ]


def steps(messages: Sequence[Message]) -> list[tuple[Place, ...]]:
    """Each message that calls tools with the messages of all their results: only together may they
    be removed, since servers refuse a call without an answer and an answer without a call."""
    found = []
    for m, message in enumerate(messages):
        ids = {part.id for part in message.parts if isinstance(part, ToolCall)}
        results = list(_results(messages, m, ids)) if ids else []
        if results:
            found.append(tuple(_whole(messages, k) for k in [m, *results]))
    return found


def tool_results(messages: Sequence[Message]) -> list[tuple[Place, ...]]:
    """Each text that a tool gave back."""
    found: list[tuple[Place, ...]] = []
    for m, message in enumerate(messages):
        for slot in message.slots:
            text = strip(message.content, slot.start, slot.end) if slot.result else None
            if text is not None:
                found.append(((m, *text),))
    return found


def media(messages: Sequence[Message]) -> list[tuple[Place, ...]]:
    """Each image, recording and file."""
    return [
        ((m, slot.start, slot.end),)
        for m, message in enumerate(messages)
        for slot in message.slots
        if slot.media
    ]


def tools(prompted: Prompted) -> list[tuple[Place, ...]]:
    """Each definition of a tool in the message of the tools offered, but for one that the request
    asks for by name."""
    chosen = chosen_tool(prompted.parameters)
    return [
        ((m, slot.start, slot.end),)
        for m, message in enumerate(prompted.messages)
        if message.role == OFFERED
        for slot in message.slots
        if chosen is None or tool_name(message.content[slot.start : slot.end]) != chosen
    ]


def called(message: Message) -> str:
    """The calls of tools in a message, a line each."""
    calls = (part for part in message.parts if isinstance(part, ToolCall))
    return "\n".join(f"{call.name}({call.arguments_text})" for call in calls)


def _results(messages: Sequence[Message], call: int, ids: set[str | None]) -> Iterator[int]:
    """The messages behind a call that hold nothing but its results; none where others do, too."""
    left = set(ids)
    found = []
    for m in range(call + 1, len(messages)):
        answered = {part.id for part in messages[m].parts if isinstance(part, ToolResult)}
        if not answered & left:
            continue
        if answered - left or len(answered) < len(messages[m].parts):
            return
        found.append(m)
        left -= answered
    if not left:
        yield from found


def _whole(messages: Sequence[Message], message: int) -> Place:
    return message, 0, len(messages[message].content)
