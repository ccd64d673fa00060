"""The parts of one explained call, from instructions to turns, and whether each mattered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache

from smile_trace._text.prompts import VARIABLE
from smile_trace._text.titles import title_or_beginning
from smile_trace.attribution import CannotExplain, measured_at
from smile_trace.attribution.reporting.named_parts import is_small
from smile_trace.attribution.reporting.segments import Found, holds, overlap
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.selections import asks
from smile_trace.comparison.templates import segment_template, segments_in_call
from smile_trace.records import (
    Call,
    Explanation,
    Message,
    Place,
    Prompted,
    Segment,
    SegmentAttribution,
    ToolResult,
    Verdict,
)
from smile_trace.records.comparison import TemplateSegment
from smile_trace.records.formats.requests import OFFERED, tool_name, with_offered_tools
from smile_trace.records.message import tool_names
from smile_trace.records.report import PartKind
from smile_trace.records.verdicts import (
    effect,
    joint,
    needed_keys,
    outermost_drivers,
    telling_drivers,
)

_WITH_THE_CALL = "recorded with the call"


@dataclass(frozen=True)
class CallPart:
    """A part of one call: `group` is its retriever or tool, if any; `drove`: it is, or holds,
    what the answer depended on most; `measured`: attribution and interval, if removed alone."""

    kind: PartKind
    name: str
    effect: Verdict
    group: str | None = None
    drove: bool = False
    measured: tuple[float, float, float] | None = None


MAX_LABEL_WORDS = 3
"""The most words of a label, such as "Rules:"."""


def call_parts(call: Call, explanation: Explanation) -> list[CallPart]:
    """The parts of an explained call. A part is open if it was never removed, or only together with
    other text that mattered, or if the explanation is inconclusive."""
    documents = _documents(call, (*explanation.coarser, *explanation.segments))
    within = _Within(explanation, list(documents))
    named = _named(call, documents, explanation.messages)
    found = [within.part(*one) for one in named]
    templated = {use.message for use in call.prompts}
    asked = [m for m, one in enumerate(call.messages) if asks(one) and one.content.strip()]
    for before, m in enumerate(reversed(asked)):
        if m not in templated:  # its parts are the template's
            whole = m, 0, len(call.messages[m].content)
            found.append(within.part("turn", _turn_name(before), whole))
    for m, message in enumerate(call.messages):
        if message.role in ("system", "developer") and message.content and m not in templated:
            whole = m, 0, len(message.content)
            found.append(within.part("message", f"the {message.role} message", whole))
    return found


NamedPlace = tuple[PartKind, str, Place, str | None]
"""A part's kind, name and place, and its retriever or tool."""


def named_places(call: Call) -> list[NamedPlace]:
    """The parts of a call that have a name, explained or not: the sentences and variables of its
    templates, its documents and its tools, offered or with a result."""
    prompted, by_form = with_offered_tools(Prompted.of(call)), list[Segment]()
    results = [place for place, _ in _tool_results(call.messages)]
    with suppress(CannotExplain):  # there are none
        found = Segmentation(prompted, "document").segments
        by_form = [one for one in found if one.places[0] not in results]
    return [*_named(call, _documents(call, by_form), prompted.messages)]


def _named(
    call: Call, documents: Mapping[Place, tuple[str, str | None]], messages: Sequence[Message]
) -> Iterator[NamedPlace]:
    for kind, name, place in _template_parts(call, documents):
        yield kind, name, place, None
    for place, (name, retriever) in documents.items():
        yield "document", name, place, retriever
    for place, tool in _tool_results(call.messages):
        yield "tool_result", tool, place, tool
    for place, tool in _offered(messages):
        yield "tool", tool, place, tool


def _documents(
    call: Call, segments: Iterable[Segment | SegmentAttribution]
) -> dict[Place, tuple[str, str | None]]:
    """Name and retriever of each document by place; documents by form have no retriever."""
    found: dict[Place, tuple[str, str | None]] = {}
    for one in call.documents:
        if one.place is not None:
            name = one.name or title_or_beginning(one.text)
            found[one.place] = name, one.retriever or _WITH_THE_CALL
    retrieved = list(found)
    for segment in segments:
        place = segment.places[0]
        if segment.unit == "document" and not any(overlap(place, other) for other in retrieved):
            found[place] = segment.title or title_or_beginning(segment.text), None
    return found


@dataclass(frozen=True)
class _Within:
    """An explanation with the places of the documents, to look up places of the messages."""

    explanation: Explanation
    documents: Sequence[Place]

    @cached_property
    def _of(self) -> Sequence[Sequence[SegmentAttribution]]:
        """The segments and the coarser ones; none of less effect than the smallest that matters
        does matter."""
        one = self.explanation
        limit, needed = one.settings.smallest_effect, needed_keys(one.interactions, one.fields)
        nothing = {"significant": False, "verdict": "excluded"}
        return [
            [s.model_copy(update=nothing) if is_small(s, needed, limit) else s for s in parts]
            for parts in (one.segments, one.coarser)
        ]

    @cached_property
    def _parts(self) -> Sequence[SegmentAttribution]:
        segments, coarser = self._of
        return *coarser, *segments

    @cached_property
    def _strongest(self) -> Sequence[SegmentAttribution]:
        """What the answer depends on most, as a whole, and the strongest part inside that carries
        it: a sentence is no weaker because its message was removed as a whole, too."""
        segments, coarser = self._of
        whole = max(outermost_drivers(segments, coarser), key=effect, default=None)
        return () if whole is None else (whole, telling_drivers(whole, segments, coarser)[0])

    def part(self, kind: PartKind, name: str, place: Place, group: str | None = None) -> CallPart:
        """A part that is a place, or a message without the documents in it."""
        documents = [] if kind in ("tool", "tool_result") else self.documents
        others = [other for other in documents if other != place]
        found = measured_at(place, others, self._parts)
        own = found.alone

        def is_in(driver: SegmentAttribution) -> bool:
            return all(holds(place, p) for p in driver.places) and not _touches(driver, others)

        return CallPart(
            kind=kind,
            name=name,
            effect=_effect(kind, found, others, self.explanation.status),
            group=group,
            drove=any(own is driver or is_in(driver) for driver in self._strongest),
            measured=None if own is None else (own.attribution, own.ci_low, own.ci_high),
        )


def _effect(kind: PartKind, found: Found, others: Sequence[Place], status: str) -> Verdict:
    segments = found.segments
    if kind in ("turn", "message"):
        segments = tuple(s for s in segments if not _touches(s, others))
    verdict = joint([s.verdict for s in segments])
    if verdict in ("open", "excluded"):
        return verdict
    if found.measured == "with_others" or status == "inconclusive":
        return "open"
    sure = [s for s in segments if s.verdict in ("supports", "against")]
    return max(sure, key=lambda s: abs(s.attribution)).verdict or verdict


def _template_parts(
    call: Call, documents: Iterable[Place]
) -> Iterator[tuple[PartKind, str, Place]]:
    """The sentences and variables of the call's templates, each by itself, so that a part is
    counted in every call that holds it; documents that fill a variable stand for themselves."""
    places = list(documents)
    for use in call.prompts:
        if len(use.variable_spans) != len(VARIABLE.findall(use.template)):
            continue  # another program's rendering, of which not every variable was found
        message = call.messages[use.message]
        parts = {part.key: part for part in _cut(use.name, use.version, use.template)}
        for segment in segments_in_call(list(parts.values()), use, message.content, message.role):
            place = segment.message, segment.start, segment.end
            text, variable = parts[segment.key].text, parts[segment.key].variable
            if variable is None:
                if not _is_label(text):
                    yield "instruction", " ".join(text.split()), place
            elif not any(overlap(place, document) for document in places):
                yield "variable", text, place


def _is_label(text: str) -> bool:
    """Whether it names what follows ("Rules:"), and asks for nothing by itself."""
    return text.rstrip().endswith(":") and len(text.split()) <= MAX_LABEL_WORDS


@lru_cache(maxsize=256)
def _cut(name: str, version: str, template: str) -> tuple[TemplateSegment, ...]:
    return segment_template(name, version, template, "sentence")


def _touches(segment: SegmentAttribution, places: Sequence[Place]) -> bool:
    return any(overlap(own, place) for own in segment.places for place in places)


def _tool_results(messages: Sequence[Message]) -> Iterator[tuple[Place, str]]:
    names = tool_names(messages)
    for m, message in enumerate(messages):
        for slot in message.slots:
            if slot.result and slot.start < slot.end:
                part = message.parts[slot.part] if message.parts else None
                answered = part.id if isinstance(part, ToolResult) else None
                yield (m, slot.start, slot.end), names.get(answered or "", "a tool")


def _offered(messages: Sequence[Message]) -> Iterator[tuple[Place, str]]:
    for m, message in enumerate(messages):
        if message.role == OFFERED:
            for slot in message.slots:
                name = tool_name(message.content[slot.start : slot.end])
                yield (m, slot.start, slot.end), name or "a tool"


def _turn_name(before: int) -> str:
    if before == 0:
        return "the question"
    return f"the user's message {before} turn{'' if before == 1 else 's'} before"
