"""A request without some of its parts, or with other texts in their places. Its parts have the
names that explanations give them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import cached_property
from itertools import pairwise
from typing import get_args

from smile_trace._guards.presentable import unpunctuated
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.reporting.segments import is_within
from smile_trace.attribution.reporting.summary import named_parts
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.selections import WHOLE
from smile_trace.attribution.segmentation.units import AnyUnit, CannotExplain
from smile_trace.errors import SmileTraceError
from smile_trace.records import Explanation, Message, Place, Prompted, Segment, Unit, Verdict
from smile_trace.records.formats.cells import as_sent, with_cells
from smile_trace.records.formats.requests import asked_with, is_offered, with_offered_tools
from smile_trace.records.message import identity_of
from smile_trace.records.tool_results import named_by_tool

MOST_SHOWN = 1000
"""Sentences that a request is shown as; of more, neighbours are joined."""
MOST_NAMED = 6
"""Parts that an error lists."""
_NAMELESS = ("auto", "word", "span")

Replaced = Sequence[tuple[Segment, str]]
"""Parts, and the texts in their places."""


class RequestEdits:
    """Edits of one request, whose tools and cells of images are parts of it, too. `explanation`: of
    its answer; one of another request is not used."""

    def __init__(self, prompted: Prompted, explanation: Explanation | None = None) -> None:
        of = () if explanation is None else explanation.messages
        orders = with_cells(with_offered_tools(prompted)), with_offered_tools(with_cells(prompted))
        fitting = (w for w in orders if identity_of(w.messages[: len(of)]) == identity_of(of))
        whole = next(fitting, None)
        self._sent, self._whole = prompted, whole or orders[0]
        self.messages = self._whole.messages
        self.explanation = explanation if whole is not None else None

    @cached_property
    def shown(self) -> tuple[Segment, ...]:
        """The parts that the explanation looked at, the longer ones as sentences; without one the
        sentences; and the tools offered. In order, and apart from each other."""
        found: Sequence[Segment] = Segmentation(self._sent, "sentence").coarse(MOST_SHOWN)
        if self.explanation is not None:
            wholes = map(_as_segment, self.explanation.segments)
            found = [part for whole in wholes for part in _pieces(whole, found)]
        tools = [] if any(part.unit == "tool" for part in found) else self._picked("tool")
        return (*found, *tools)

    @property
    def verdicts(self) -> dict[int, Verdict | None]:
        """The explanation's verdict on the parts that are shown, by their number."""
        told = () if self.explanation is None else self.explanation.segments
        parts = enumerate(self.shown)
        return {k: s.verdict for k, part in parts for s in told if is_within(part, s)}

    def part(self, name: str) -> Segment:
        """The part with this key, title, tool's name, text or
        name in a summary; else the only place where that text stands. Raises SmileTraceError,
        with candidates, if there is none, or several."""
        named = next(filter(None, self._found(name)), [])
        by_place = {part.places: part for part in named}
        found = [by_place[place] for place in sorted(by_place)]
        if not found:
            raise SmileTraceError(f"no part of the request is called {name!r}: {self._like(name)}")
        largest = max(found, key=_size)
        if all(is_within(part, largest) for part in found):
            return largest
        raise SmileTraceError(
            f"{name!r} names {len(found)} parts of the request; give a key, or more of the "
            f"text: {self._listed(found)}"
        )

    def edited(self, without: Sequence[Segment] = (), replaced: Replaced = ()) -> Prompted:
        """The request without parts, and with others' texts replaced. Raises SmileTraceError if
        parts overlap, a text has no place there, or nothing is left to send."""
        wholes = list(dict.fromkeys(without))
        removed = [p for p in wholes if not any(is_within(p, o) for o in wholes if o != p)]
        self._check_apart([*removed, *(part for part, _ in replaced)])
        messages = list(self.messages)
        for part, text in sorted(replaced, key=lambda one: one[0].places, reverse=True):
            if not self.can_change(part):
                raise SmileTraceError(f"{part.text[:60]!r} can only be removed, not replaced")
            whole = messages[part.message]
            messages[part.message] = whole.replaced(part.start, part.end, text)
        now = self._whole.model_copy(update={"messages": tuple(messages)})
        perturber = Perturber(now, [_moved(part, replaced) for part in removed])
        sent, parameters = perturber.messages([False] * len(removed)), self._whole.parameters
        if is_offered(self.messages):
            try:
                sent, parameters = asked_with(sent, parameters)
            except ValueError:
                raise SmileTraceError("the definition of a tool has to remain JSON") from None
        sent = as_sent(sent)
        if not any(message.content.strip() for message in sent):
            raise SmileTraceError("nothing would be left of the request")
        return self._sent.model_copy(update={"messages": sent, "parameters": parameters})

    def can_change(self, part: Segment) -> bool:
        """Whether a text can stand in the part's place."""
        return not part.also and part.unit not in WHOLE and _holds_text(self.messages, part)

    # -- names ----------------------------------------------------------------------------------

    def _found(self, name: str) -> Iterator[list[Segment]]:
        """The parts of that name, by one kind of name after the other."""
        wanted, parts = _plain(name), self._parts
        yield [part for part in parts if part.key == name]
        yield [part for part in parts if wanted in self._titles(part)]
        yield [p for p, said in zip(parts, self._names, strict=True) if said == wanted]
        yield [part for part in parts if _plain(part.text) == wanted]
        yield self._picked([name.strip("“”")])

    @cached_property
    def _parts(self) -> list[Segment]:
        """Everything that has a name: what the explanation looked at comes first."""
        coarser = () if self.explanation is None else self.explanation.coarser
        parts = [*self.shown, *map(_as_segment, coarser)]
        parts += [p for u in get_args(Unit) if u not in _NAMELESS for p in self._picked(u)]
        return list({part.key: part for part in reversed(parts)}.values())

    def _picked(self, unit: AnyUnit) -> list[Segment]:
        with suppress(CannotExplain, ValueError):
            found = Segmentation(self._whole, unit).segments
            return [part for part in found if not part.protected]
        return []

    @cached_property
    def _names(self) -> list[str]:
        return [_plain(said) for said in self._said(self._parts)]

    def _said(self, parts: Sequence[Segment]) -> list[str]:
        of = self.explanation
        told = ((), ()) if of is None else (of.segments, of.coarser)
        return named_parts(parts, *told, self.messages)

    def _titles(self, part: Segment) -> set[str]:
        """A document's name, a tool's, a variable's, the role of a message."""
        tool = named_by_tool(part, self.messages)
        names = [part.title, *(() if tool is None else (tool.tool, tool.brief, str(tool)))]
        if part.unit == "message":
            names += [part.role, f"the {part.role} message"]
        if part.unit == "variable":
            names.append(part.key.rpartition(":var:")[2])
        return {_plain(name) for name in names if name}

    def _like(self, name: str) -> str:
        """What there is instead."""
        alike = get_close_matches(_plain(name), [*dict.fromkeys(self._names)], MOST_NAMED, 0.5)
        close = [self._parts[self._names.index(said)] for said in alike] or self.shown
        return f"there are {self._listed(close)}; you can also give any text of the request in full"

    def _listed(self, parts: Sequence[Segment]) -> str:
        """Their names, of those alike with the text around them, and their keys."""
        told, names = list[str](), self._said(parts[:MOST_NAMED])
        for part, name in zip(parts, names, strict=False):
            text = self.messages[part.message].content[max(0, part.start - 24) : part.end + 24]
            around = f" in “… {' '.join(text.split())} …”" * (names.count(name) > 1)
            told.append(name + around + f" ({part.key})" * (part in self._parts))
        return ", ".join([*told, *(["…"] if len(parts) > MOST_NAMED else [])])

    def _check_apart(self, parts: Sequence[Segment]) -> None:
        pairs = ((place, part) for part in parts for place in part.places)
        places = sorted(pairs, key=lambda pair: pair[0])
        for ((m, _, end), one), ((n, start, _), other) in pairwise(places):
            if m == n and start < end:
                first, second = self._said([one, other])
                raise SmileTraceError(f"{first} and {second} overlap: change one of them")


def _as_segment(part: object) -> Segment:
    return Segment.model_validate({name: getattr(part, name) for name in Segment.model_fields})


def _pieces(whole: Segment, sentences: Sequence[Segment]) -> Sequence[Segment]:
    """The sentences of a part if they are all of it, else the part."""
    inside = [one for one in sentences if not whole.also and is_within(one, whole)]
    said = "".join("".join(one.text for one in inside).split())
    return inside if said == "".join(whole.text.split()) else [whole]


def _size(part: Segment) -> int:
    return sum(end - start for _, start, end in part.places)


def _plain(text: str) -> str:
    return unpunctuated(" ".join(text.split()).strip("“”")).strip("“”").casefold()


def _moved(part: Segment, replaced: Replaced) -> Segment:
    """The part where it stands after texts before it were replaced."""

    def moved(place: Place) -> Place:
        message, start, end = place
        by = sum(
            len(text) - (other.end - other.start)
            for other, text in replaced
            if other.message == message and other.end <= start
        )
        return message, start + by, end + by

    (_, start, end), *also = map(moved, part.places)
    return part.model_copy(update={"start": start, "end": end, "also": tuple(also)})


def _holds_text(messages: Sequence[Message], part: Segment) -> bool:
    """Whether the part lies in one text of its message, which is no title of an image."""
    return any(
        slot.start <= part.start < part.end <= slot.end and not slot.media
        for slot in messages[part.message].slots
    )
