"""The documents, tools and turns of one explained call, and whether each mattered to its answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from smile_trace.attribution import measured_at
from smile_trace.attribution.reporting.documents import overlap
from smile_trace.attribution.segmentation.turns import asks
from smile_trace.records import (
    Call,
    Explanation,
    Message,
    Place,
    SegmentAttribution,
    ToolCall,
    ToolResult,
)
from smile_trace.records.offered_tools import OFFERED, tool_name
from smile_trace.records.report import PartKind
from smile_trace.titles import title

Effect = Literal["supports", "against", "none", "open"]
"""`none`: no measurable difference. `open`: nothing can be said."""

_WITH_THE_CALL = "recorded with the call"
_NAMELESS = 60
"""Characters of the text by which a document without a source, an id or a title is called."""


@dataclass(frozen=True)
class CallPart:
    """A part of one call. `group` is the retriever or the tool that it came from, if any;
    `measured` is its attribution with the ends of its interval, where it was removed alone."""

    kind: PartKind
    name: str
    effect: Effect
    group: str | None = None
    measured: tuple[float, float, float] | None = None


def call_parts(call: Call, explanation: Explanation) -> list[CallPart]:
    """The parts of an explained call: documents, what tools gave back, tools, turns, instructions.

    Nothing can be said of a part that was never removed, or only together with other text that
    mattered; nor, where the explanation is inconclusive or partly sure, of what is not sure.
    """
    documents = {d.place: d for d in call.documents if d.place is not None}
    found: list[CallPart] = []
    for place, document in documents.items():
        words = " ".join(document.text.split())
        name = document.name or title(document.text) or words[:_NAMELESS]
        group = document.retriever or _WITH_THE_CALL
        found.append(_part("document", name, place, list(documents), explanation, group))
    for place, tool in _tool_results(call.messages):
        found.append(_part("tool_result", tool, place, [], explanation, tool))
    for place, tool in _offered(explanation.messages):
        found.append(_part("tool", tool, place, [], explanation, tool))
    asked = [m for m, one in enumerate(call.messages) if asks(one) and one.content.strip()]
    for before, m in enumerate(reversed(asked)):
        whole = m, 0, len(call.messages[m].content)
        found.append(_part("turn", _turn_name(before), whole, list(documents), explanation))
    for m, message in enumerate(call.messages):
        if message.role in ("system", "developer") and message.content:
            whole = m, 0, len(message.content)
            name = f"the {message.role} message"
            found.append(_part("message", name, whole, list(documents), explanation))
    return found


def _part(
    kind: PartKind,
    name: str,
    place: Place,
    documents: Sequence[Place],
    explanation: Explanation,
    group: str | None = None,
) -> CallPart:
    """A part that is a place, or a message without the documents in it."""
    others = [other for other in documents if other != place]
    found = measured_at(place, others, explanation)
    segments = found.segments
    if kind in ("turn", "message"):
        segments = tuple(s for s in segments if not _touches(s, others))
    status = explanation.status
    sure = [s for s in segments if s.significant and found.measured != "with_others"]
    effect: Effect = "open"
    if sure and status != "inconclusive":
        strongest = max(sure, key=lambda s: abs(s.attribution))
        effect = "supports" if strongest.attribution > 0 else "against"
    elif status in ("reliable", "no_effect") and segments and not found.significant:
        effect = "none"
    elif status in ("reliable", "no_effect") and segments and found.measured == "in_pieces":
        effect = "none"  # what is significant is a document inside of it
    own = found.alone
    measured = None if own is None else (own.attribution, own.ci_low, own.ci_high)
    return CallPart(kind, name, effect, group, measured)


def _touches(segment: SegmentAttribution, places: Sequence[Place]) -> bool:
    return any(overlap(own, place) for own in segment.places for place in places)


def _tool_results(messages: Sequence[Message]) -> Iterator[tuple[Place, str]]:
    """What tools gave back, with the name of the tool."""
    calls = [part for message in messages for part in message.parts if isinstance(part, ToolCall)]
    names = {call.id: call.name for call in calls if call.id is not None}
    for m, message in enumerate(messages):
        for slot in message.slots:
            if slot.result and slot.start < slot.end:
                part = message.parts[slot.part] if message.parts else None
                answered = part.id if isinstance(part, ToolResult) else None
                yield (m, slot.start, slot.end), names.get(answered or "", "a tool")


def _offered(messages: Sequence[Message]) -> Iterator[tuple[Place, str]]:
    """The definitions of tools, where the explanation has them as parts."""
    for m, message in enumerate(messages):
        if message.role == OFFERED:
            for slot in message.slots:
                name = tool_name(message.content[slot.start : slot.end])
                yield (m, slot.start, slot.end), name or "a tool"


def _turn_name(before: int) -> str:
    if before == 0:
        return "the question"
    return f"the user's message {before} turn{'' if before == 1 else 's'} before"
