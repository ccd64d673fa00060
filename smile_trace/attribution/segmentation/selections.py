"""Units picked out of a prompt that retains the rest: examples, documents, a pattern's matches, own
spans; the turns and steps of a conversation, the tools it offers and their results."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from smile_trace.attribution.segmentation.boundaries import Range, strip
from smile_trace.attribution.segmentation.structure import example_blocks
from smile_trace.attribution.segmentation.units import (
    AnyUnit,
    Spans,
    UnitMissing,
    UnitSplitter,
    exactly,
)
from smile_trace.records import Message, Place, Prompted, ToolCall, ToolResult
from smile_trace.records.formats.cells import CELLS
from smile_trace.records.formats.requests import OFFERED, chosen_tool, tool_name

WHOLE = ("turn", "step")
"""Units that remove whole messages, tool calls and images included."""

_INSTRUCTIONS = ("system", "developer")


def asks(message: Message) -> bool:
    """Whether a turn begins with the message, which then holds no results (Anthropic)."""
    results = any(isinstance(part, ToolResult) for part in message.parts)
    return message.role == "user" and not results


def turns(messages: Sequence[Message]) -> list[tuple[Place, ...]]:
    """Each user message with all that answers it, except the last: that is the question."""
    starts = [m for m, message in enumerate(messages) if asks(message)]
    return [
        tuple(_whole(messages, m) for m in range(*turn) if messages[m].role not in _INSTRUCTIONS)
        for turn in pairwise(starts)
    ]


def steps(messages: Sequence[Message]) -> list[tuple[Place, ...]]:
    """Each message that calls tools, with all results: servers refuse one without the other."""
    found = []
    for m, message in enumerate(messages):
        ids = {part.id for part in message.parts if isinstance(part, ToolCall)}
        results = list(_results(messages, m, ids)) if ids else []
        if results:
            found.append(tuple(_whole(messages, k) for k in [m, *results]))
    return found


def tool_results(messages: Sequence[Message]) -> list[tuple[Place, ...]]:
    """Each text of a tool's result."""
    found: list[tuple[Place, ...]] = []
    for m, message in enumerate(messages):
        for slot in message.slots:
            text = strip(message.content, slot.start, slot.end) if slot.result else None
            if text is not None:
                found.append(((m, *text),))
    return found


def tools(prompted: Prompted) -> list[tuple[Place, ...]]:
    """Each definition of an offered tool, except a tool that the request demands."""
    chosen = chosen_tool(prompted.parameters)
    return [
        ((m, slot.start, slot.end),)
        for m, message in enumerate(prompted.messages)
        if message.role == OFFERED
        for slot in message.slots
        if chosen is None or tool_name(message.content[slot.start : slot.end]) != chosen
    ]


def called(message: Message) -> str:
    """The tool calls of a message, a line each."""
    calls = (part for part in message.parts if isinstance(part, ToolCall))
    return "\n".join(f"{call.name}({call.arguments_text})" for call in calls)


def _results(messages: Sequence[Message], call: int, ids: set[str | None]) -> Iterator[int]:
    """The messages after a call that hold only its results; none if others hold some, too."""
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


_OF_CONVERSATIONS = {
    "tool_result": (
        tool_results,
        "The messages hold no result of a tool: explain it by the unit 'auto'.",
    ),
    "turn": (
        turns,
        "The conversation has no turn before the last question: explain it by the unit 'message'.",
    ),
    "step": (
        steps,
        "The messages hold no call of a tool with its result: explain it by the unit 'auto'.",
    ),
}
"""Units of conversations: how they are found, and what to use instead if there are none."""


_INDIVISIBLE = {
    "media": "The messages hold no image, recording or file: explain it by the unit 'auto'.",
    "reasoning": (
        "The messages hold no reasoning that was sent as text: explain it by the unit 'auto'."
    ),
}


def picked_units(prompted: Prompted, unit: AnyUnit) -> list[tuple[Place, ...]] | None:
    """The places of every example, document, match or own span, in order; None for other units.

    Examples are those of `example_blocks` and the pairs of a user's and an assistant's message
    before the last user's. Documents are those of `document_blocks`, and every other message of the
    role `tool` or `function`. Raises UnitMissing if there are none in this prompt; ValueError: own
    spans are outside the prompt, empty or overlapping.
    """
    splitter = UnitSplitter(prompted)
    messages = range(len(prompted.messages))
    units: list[tuple[Place, ...]]
    if isinstance(unit, re.Pattern):
        units = [((m, a, b),) for m in messages for a, b in _matches(unit, prompted, m)]
        missing = f"The pattern {unit.pattern!r} matches nothing in the prompt: change it."
    elif not isinstance(unit, str):
        units = _given_spans(prompted, unit)
        missing = "None of the given texts is in the prompt: give others, or another unit."
    elif unit == "example":
        pairs = _pairs(prompted)
        in_pairs = {m for pair in pairs for m, _, _ in pair}
        units = pairs + [
            ((m, a, b),)
            for m in messages
            if m not in in_pairs
            for a, b in splitter.blocks(example_blocks, m)
        ]
        missing = (
            "The prompt shows no examples (messages in pairs, <example> elements, Q: and A:, "
            "or numbered ones): give a pattern or spans as the unit, or take 'section'."
        )
    elif unit == "document":
        units = [((m, a, b),) for m in messages for a, b in splitter.documents(m)]
        missing = (
            "The prompt shows no documents (<document> elements, [1] or 'Document 1:' blocks, "
            "tool messages): give a pattern or spans as the unit, or take 'section'."
        )
    elif unit == "cell":
        of_images = [m for m in messages if prompted.messages[m].role == CELLS]
        whole = ((m, len(prompted.messages[m].content)) for m in of_images)
        units = [((m, a, b),) for m, end in whole for a, b in splitter.split("section", m, 0, end)]
        missing = "No image could be cut into cells: explain it by the unit 'auto'."
    elif unit == "tool":
        units = tools(prompted)
        missing = "The request offers no tools: explain it by the unit 'auto'."
    elif unit in _INDIVISIBLE:
        pieces = [
            (m, *r) for m in messages for r, u in splitter.indivisible(m).items() if u == unit
        ]
        units, missing = [(piece,) for piece in pieces], _INDIVISIBLE[unit]
    elif unit in _OF_CONVERSATIONS:
        find, missing = _OF_CONVERSATIONS[unit]
        units = find(prompted.messages)
    else:
        return None
    if not units:
        raise UnitMissing(missing)
    return sorted(tuple(splitter.outside_values(place) for place in places) for places in units)


def _pairs(prompted: Prompted) -> list[tuple[Place, ...]]:
    """Each user message and the assistant message after it, before the last user message."""
    roles = [message.role for message in prompted.messages]
    last = max((m for m, role in enumerate(roles) if role == "user"), default=0)
    return [
        tuple((m, 0, len(prompted.messages[m].content)) for m in pair)
        for pair in pairwise(range(last))
        if [roles[m] for m in pair] == ["user", "assistant"]
        and all(prompted.messages[m].content.strip() for m in pair)
    ]


def _matches(pattern: re.Pattern[str], prompted: Prompted, message: int) -> list[Range]:
    text = prompted.messages[message].content
    stripped = (strip(text, *match.span()) for match in pattern.finditer(text))
    return [match for match in stripped if match is not None]


def _given_spans(prompted: Prompted, spans: Spans) -> list[tuple[Place, ...]]:
    places: list[Place] = []
    for span in spans:
        if isinstance(span, str):
            for m in range(len(prompted.messages)):
                places += [(m, a, b) for a, b in _matches(exactly(span), prompted, m) if span]
        else:
            places.append(_place(prompted, span))
    places.sort()
    for (m, _, end), (n, start, _) in pairwise(places):
        if m == n and start < end:
            raise ValueError(f"The spans around character {start} of message {m} overlap.")
    return [(place,) for place in places]


def _place(prompted: Prompted, span: tuple[int, ...]) -> Place:
    if len(span) == 2 and len(prompted.messages) > 1:
        raise ValueError(f"The span {span} needs its message: (message, start, end).")
    message, start, end = span if len(span) == 3 else (0, *span)
    if 0 <= message < len(prompted.messages):
        text = prompted.messages[message].content
        inside = strip(text, start, end) if 0 <= start < end <= len(text) else None
        if inside is not None:
            return message, *inside
    raise ValueError(f"There is no text at {span} of the prompt.")
