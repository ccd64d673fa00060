"""How a tool offered and a part that is the whole result of one are named: by the tool, never by
values in it, since it was measured as a whole."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from smile_trace._guards.presentable import presentable
from smile_trace._text.lists import ordinal
from smile_trace.records.explanation import SegmentAttribution
from smile_trace.records.formats.cells import CellName, cell_name
from smile_trace.records.formats.requests import tool_name
from smile_trace.records.message import Message, ToolResult, tool_names
from smile_trace.records.perturbation import Place, Segment

_LONGEST = 60
"""Characters of a tool's name."""

UNKNOWN = "a tool"
"""A tool whose call is not among the messages."""


class ToolName(NamedTuple):
    """The name of a tool, and which of its results is meant; "" if it is the only one, None if it
    is the tool itself."""

    tool: str
    which: str | None

    @property
    def brief(self) -> str:
        """The name in a column: `get_order`, `get_order (second)`."""
        return f"{self.tool} ({self.which})" if self.which else self.tool

    def __str__(self) -> str:
        if self.which is None:
            return f"the tool “{self.tool}”"
        return f"the {self.which} result of {self.tool}".replace("  ", " ")


def named_by_tool(
    segment: Segment | SegmentAttribution, messages: Sequence[Message]
) -> ToolName | CellName | None:
    """Return the name of a tool offered, of a tool's result, or of an image's cell; None for any
    other part, a part of a result or a document with a title included."""
    if segment.unit == "tool" and (tool := tool_name(segment.text)) is not None:
        return ToolName(presentable(tool, longest=_LONGEST), None)
    if segment.unit == "cell" and segment.message < len(messages):
        return cell_name(segment.text, messages[segment.message])
    if segment.unit not in ("tool_result", "message") or segment.title is not None:
        return None
    results = list(_results(messages))
    for place, tool in results:
        if _is_all(segment, place, messages):
            same = [one for one, name in results if name == tool]
            return ToolName(
                presentable(tool, longest=_LONGEST),
                ordinal(same.index(place)) if len(same) > 1 else "",
            )
    return None


def _is_all(
    segment: Segment | SegmentAttribution, place: Place, messages: Sequence[Message]
) -> bool:
    """Whether the segment is what stands there, but for blanks at its ends."""
    message, start, end = place
    low, high = segment.start, segment.end
    if message != segment.message or not start <= low < high <= end:
        return False
    text = messages[message].content
    return not text[start:low].strip() and not text[high:end].strip()


def _results(messages: Sequence[Message]) -> Iterator[tuple[Place, str]]:
    """Yield the place of each text of a result, and the name of its tool."""
    names = tool_names(messages)
    for number, message in enumerate(messages):
        for slot in message.slots:
            if slot.result:
                part = message.parts[slot.part] if message.parts else None
                id = part.id if isinstance(part, ToolResult) else None
                tool = UNKNOWN if id is None else names.get(id, UNKNOWN)
                yield (number, slot.start, slot.end), tool
