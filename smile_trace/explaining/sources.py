"""The sources of an explained call's drivers: a tool, an earlier call, a document, a text.

Two requests ask for the effect of the tools offered on a call of one of them. The tool definitions
are studied only if the call changes without their descriptions: a tool whose definition is missing
is never called, so the study says little beside one of the messages.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smile_trace._guards.presentable import presentable
from smile_trace._text.lists import listed, ordinal
from smile_trace._text.titles import title
from smile_trace.attribution.correction.search import MOST_FOUND
from smile_trace.attribution.reporting.named_parts import only_small, without_small
from smile_trace.dialects.answers import SHORTEST_OUTPUT, makes
from smile_trace.records import (
    JSON,
    Call,
    Correction,
    Explanation,
    Place,
    Response,
    SegmentAttribution,
    Slot,
    ToolCall,
    ToolResult,
    Trace,
)
from smile_trace.records.formats.answers import Called, read_tool_calls
from smile_trace.records.formats.requests import chosen_tool, name_of, tool_name
from smile_trace.records.path import SourceKind
from smile_trace.records.verdicts import needed_keys, outermost_drivers, telling_drivers

MISSING = "no call of this trace called that tool: its span is missing, or an earlier trace made it"
CIRCLE = "no earlier call of this trace called that tool, but a later one did: it goes in a circle"


@dataclass(frozen=True)
class Found:
    """Some drivers, the call that they come from, and the part of its answer that they are.
    `missing` says why `call` is None where there should be one. `open`: none of the drivers is
    certain, and they could matter up to so much."""

    kind: SourceKind
    name: str
    drivers: tuple[SegmentAttribution, ...]
    call: Call | None = None
    part: str | None = None
    missing: str | None = None
    open: float | None = None

    @property
    def strength(self) -> float:
        """The attribution of the strongest driver, or how much an open one could matter."""
        return self.drivers[0].attribution if self.open is None else self.open


def sources_of(explanation: Explanation, call: Call, trace: Trace) -> list[Found]:
    """The sources of a call's drivers in their order, then the earlier calls that open parts came
    from; `trace` holds its calls in order of start."""
    earlier = trace.calls[: [one.id for one in trace.calls].index(call.id)]
    found: dict[tuple[SourceKind, str, str | None], Found] = {}
    for driver in drivers_of(explanation):
        for one in _of_driver(driver, explanation, call, earlier, trace):
            same = one.kind, one.name, None if one.call is None else one.call.id
            known = found.get(same)
            if known is None:
                found[same] = one
            elif driver not in known.drivers:
                found[same] = _joined(known, one)
    certain = set(found)
    unsettled = () if explanation.corrections else explanation.segments
    is_open = [s for s in unsettled if s.verdict == "open"]

    def seems_to_matter(segment: SegmentAttribution) -> bool:
        return segment.attribution >= explanation.settings.smallest_effect

    for segment in sorted(is_open, key=lambda s: -s.at_most):
        for one in _of_driver(segment, explanation, call, earlier, trace):
            same = one.kind, one.name, None if one.call is None else one.call.id
            leads = one.call is not None or seems_to_matter(segment)
            if same in certain or not leads:
                continue
            one = replace(one, open=segment.at_most)
            found[same] = _joined(found[same], one) if same in found else one
    return list(found.values())


def drivers_of(explanation: Explanation) -> list[SegmentAttribution]:
    """The finest parts that the answer certainly depends on, as far as they carry what is around
    them. Tool results that were measured on a level of their own come first, with their pieces, the
    strongest first; then the others so. Of a wrong answer that a removal makes right, the parts
    that are removed, each with how often the answer is right then."""
    if explanation.corrections:
        found = [part for one in explanation.corrections[:MOST_FOUND] for part in _corrected(one)]
        return list({part.key: part for part in found}.values())
    segments, coarser = explanation.segments, explanation.coarser
    limit = explanation.settings.smallest_effect
    needed = needed_keys(explanation.interactions, explanation.fields)
    if not only_small((*segments, *coarser), needed, limit):
        segments, coarser = (tuple(without_small(of, needed, limit)) for of in (segments, coarser))
    outermost = outermost_drivers(segments, coarser)
    outermost.sort(key=lambda one: one.unit != "tool_result")
    return [part for one in outermost for part in telling_drivers(one, segments, coarser)]


def _corrected(found: Correction) -> list[SegmentAttribution]:
    share = found.right / found.of
    interval = {"ci_low": found.ci_low, "ci_high": found.ci_high}
    return [
        SegmentAttribution(
            **part.model_dump(exclude={"parent"}), attribution=share, **interval, significant=True
        )
        for part in found.parts
    ]


def tools_of(by_tool: Explanation) -> list[Found]:
    """The tools whose definitions the answer certainly depends on, the strongest first."""
    return [Found("tool", tool_name(d.text) or "a tool", (d,)) for d in drivers_of(by_tool)]


def call_name(call: Call, trace: Trace) -> str:
    """The name that people know a call by: its prompt's, or what the application calls it, else its
    span's. A span called after operation and model (`chat gpt-4o`) gives way to its parent."""
    if call.prompts:
        return call.prompts[0].name
    span = trace.span(call.span_id)
    if call.name != span.name or call.model is None or not call.name.endswith(f" {call.model}"):
        return call.name
    around = (one.name for one in trace.spans if one.span_id == span.parent_id)
    return next(around, call.name)


def _joined(one: Found, other: Found) -> Found:
    drivers = (*one.drivers, *other.drivers)
    return replace(one, drivers=drivers, part=None)


def _of_driver(
    driver: SegmentAttribution,
    explanation: Explanation,
    call: Call,
    earlier: Sequence[Call],
    trace: Trace,
) -> Iterator[Found]:
    traced = False
    for place in driver.places:
        output = _output(place, call, earlier)
        if output is not None:
            traced = True
            name = call_name(output, trace)
            yield Found("output", name, (driver,), output, _part(driver, output))
        for slot in call.messages[place[0]].slots:
            if slot.result and slot.start < place[2] and place[1] < slot.end:
                traced = True
                yield _tool_result(driver, place[0], slot, call, earlier, trace)
    if not traced:
        yield _end(driver, explanation, call)


def _output(place: Place, call: Call, earlier: Sequence[Call]) -> Call | None:
    """The latest earlier call whose answer stands around, or inside, this place."""
    message, start, end = place
    content = call.messages[message].content
    for before in reversed(earlier):
        answer = before.answer_without_reasoning.strip()
        if read_tool_calls(answer) is not None:
            continue
        if len(answer) < SHORTEST_OUTPUT and not (answer and answer == content.strip()):
            continue
        if content.find(answer, max(start - len(answer) + 1, 0), end + len(answer) - 1) >= 0:
            return before
    return None


def _part(driver: SegmentAttribution, output: Call) -> str | None:
    text, answer = driver.text.strip(), output.answer_without_reasoning.strip()
    return text if text in answer and text != answer else None


def _tool_result(
    driver: SegmentAttribution,
    message: int,
    slot: Slot,
    call: Call,
    earlier: Sequence[Call],
    trace: Trace,
) -> Found:
    called = _answered(message, slot, call)
    name = "a tool" if called is None else called.name
    if called is None:
        return Found("tool_result", name, (driver,), missing=MISSING)
    made = [one for one in trace.calls if makes(one, called)]
    before = [one for one in made if one in earlier]
    if before:
        return Found("tool_result", name, (driver,), before[-1])
    return Found("tool_result", name, (driver,), missing=CIRCLE if made else MISSING)


def _answered(message: int, slot: Slot, call: Call) -> ToolCall | None:
    """The earlier tool call that this result answers: by id, else the last of all."""
    sent = call.messages[message]
    result = sent.parts[slot.part] if sent.parts else None
    wanted = result.id if isinstance(result, ToolResult) else None
    before = [p for m in call.messages[:message] for p in m.parts if isinstance(p, ToolCall)]
    if wanted is None:
        return before[-1] if before else None
    return next((one for one in reversed(before) if one.id == wanted), None)


def _end(driver: SegmentAttribution, explanation: Explanation, call: Call) -> Found:
    for document in call.documents:
        if document.place is not None and _inside(driver, document.place):
            name = document.name or title(document.text) or "a document"
            return Found("document", name, (driver,))
    around = [driver]
    while around[-1].parent is not None:
        around.append(explanation.coarser[around[-1].parent])
    for segment in around:
        if segment.unit == "document":
            return Found("document", title(segment.text) or "a document", (driver,))
    return Found("message", _message_name(driver.message, call), (driver,))


def _message_name(message: int, call: Call) -> str:
    """Its role, numbered if several messages have it: "second user"."""
    role = call.messages[message].role
    same = [number for number, one in enumerate(call.messages) if one.role == role]
    return role if len(same) == 1 else f"{ordinal(same.index(message))} {role}"


def _inside(driver: SegmentAttribution, around: Place) -> bool:
    message, start, end = around
    return driver.message == message and start < driver.end and driver.start < end


class OfferedTools:
    """The tools of a request whose answer calls some: their names in order, and the others'
    definitions."""

    def __init__(self, call: Call) -> None:
        self._parameters = call.parameters
        self._called = read_tool_calls(call.answer_without_reasoning) or ()
        self.names = tuple(dict.fromkeys(one.name for one in self._called))
        held = call.parameters.get("tools")
        self._all = [tool for tool in held if isinstance(tool, dict)] if self.names and held else []
        self.others = [tool for tool in self._all if name_of(tool) not in self.names]

    def __bool__(self) -> bool:
        return len(self.others) < len(self._all)

    def undescribed(self) -> dict[str, JSON]:
        """The parameters with every tool, without the texts that describe them."""
        return {**self._parameters, "tools": [_undescribed(tool) for tool in self._all]}

    def without(self) -> dict[str, JSON] | None:
        """The parameters with the other tools; None if there are none, or the request names one."""
        if not self.others or chosen_tool(self._parameters) is not None:
            return None
        return {**self._parameters, "tools": self.others}

    def is_kept(self, response: Response) -> bool:
        """Whether the response is the logged call."""
        return _sorted(read_tool_calls(response.text or "") or ()) == _sorted(self._called)

    def instead(self, response: Response) -> str | None:
        """A sentence on which tool is called when the called ones are not offered, if one is."""
        alone = len(self.names) == 1
        place = "its place" if alone else "their place"
        calls = read_tool_calls(response.text or "")
        if calls and {call.name for call in calls} <= set(self.names):
            them = "it even where it is" if alone else "them even where they are"
            return f"The model calls {them} not offered."
        if calls:
            called = listed([presentable(call.name, longest=60) for call in calls])
            it = "it" if alone else "they"
            return f"If {it} were not offered, {called} would be called in {place}."
        return None


def _undescribed(value: Any) -> Any:
    if isinstance(value, list):
        return [_undescribed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _undescribed(item)
        for name, item in value.items()
        if not (name == "description" and isinstance(item, str))
    }


def _sorted(calls: tuple[Called, ...]) -> list[str]:
    return sorted(json.dumps(call, sort_keys=True) for call in calls)
