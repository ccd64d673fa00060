"""The parts of a prompt that no segment crosses: messages, templates, values, documents, sections.

The parts are nested, and begin and end with a word: marks go with it, also over the edge of a
part. A segment lies inside a part, holds it whole, or has nothing of it.
"""

from bisect import bisect_right
from collections.abc import Sequence

from smile_trace.attribution.segmentation.boundaries import Range, word_range
from smile_trace.attribution.segmentation.units import UnitSplitter
from smile_trace.records import Place, Prompted, Segment, Unit


class Outline:
    """Where the parts of a prompt are, found when they are first asked for.

    Args:
        prompted: the messages.
        splitter: finds the units in them.
        subsections: whether the sections of a section (the paragraphs below a label, say) are
            parts, too.
    """

    def __init__(
        self, prompted: Prompted, splitter: UnitSplitter, *, subsections: bool = False
    ) -> None:
        self._messages = prompted.messages
        self._splitter = splitter
        self._subsections = subsections
        self._parts: dict[int, list[list[Range]]] = {}
        self._sentences: dict[int, list[Range]] = {}

    def path(self, segment: Segment) -> tuple[Place, ...]:
        """The parts around a segment, the largest first.

        None for a segment of several messages.
        """
        if len({message for message, _, _ in segment.places}) > 1:
            return ()
        inside = self._words_of(segment)
        found = {self._whole(segment.message)}
        found |= {part for kind in self._kinds(segment.message) for part in _around(kind, inside)}
        ordered = sorted(found, key=lambda part: (part[0], -part[1]))
        return tuple((segment.message, start, end) for start, end in ordered)

    def unit(self, places: Sequence[Place]) -> Unit:
        """What these places are as a whole; `span` for what is no unit of its own."""
        message = places[0][0]
        if message != places[-1][0]:
            return "span"
        [inside] = self._without_marks(message, [(places[0][1], places[-1][2])])
        _, values, documents, *sections = self._kinds(message)
        known: list[tuple[Unit, list[Range]]] = [
            ("media", self._without_marks(message, self._splitter.media(message))),
            ("message", self._without_marks(message, [self._whole(message)])),
            ("document", documents),
            ("variable", values),
            *(("section", of_kind) for of_kind in sections),
            ("sentence", self._sentences_of(message)),
        ]
        return next((unit for unit, ranges in known if inside in ranges), "span")

    def sentence(self, segment: Segment) -> Place | None:
        """The sentence around a segment."""
        around = _around(self._sentences_of(segment.message), self._words_of(segment))
        return (segment.message, *around[0]) if around else None

    def _sentences_of(self, message: int) -> list[Range]:
        if message not in self._sentences:
            found = self._splitter.split("sentence", message, *self._whole(message))
            self._sentences[message] = self._without_marks(message, found)
        return self._sentences[message]

    def _words_of(self, segment: Segment) -> Range:
        """From the first to the last character that is no mark."""
        places = segment.places
        [words] = self._without_marks(segment.message, [(places[0][1], places[-1][2])])
        return words

    def _without_marks(self, message: int, ranges: Sequence[Range]) -> list[Range]:
        return [word_range(self._messages[message].content, *found) for found in ranges]

    def _kinds(self, message: int) -> list[list[Range]]:
        """The parts of each kind, those of one kind in order and apart."""
        if message not in self._parts:
            splitter = self._splitter
            sections = splitter.split("section", message, *self._whole(message))
            kinds = [
                splitter.templates(message),
                splitter.values(message),
                splitter.documents(message),
                sections,
            ]
            if self._subsections:
                kinds.append([p for s in sections for p in splitter.split("section", message, *s)])
            self._parts[message] = [self._without_marks(message, kind) for kind in kinds]
        return self._parts[message]

    def _whole(self, message: int) -> Range:
        return 0, len(self._messages[message].content)


def _around(parts: Sequence[Range], inside: Range) -> list[Range]:
    """The one of these parts that holds a range, if there is one."""
    k = bisect_right(parts, inside[0], key=lambda part: part[0]) - 1
    return [parts[k]] if k >= 0 and inside[1] <= parts[k][1] else []
