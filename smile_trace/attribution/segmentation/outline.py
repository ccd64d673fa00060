"""The parts of a prompt that no segment crosses, and small segments joined to a few inside them.

Messages, templates, values, documents and sections are nested, and begin and end with a word: marks
go with it, also over the edge of a part. A segment lies inside a part, holds it whole, or has
nothing of it.

Joined segments are a run of whole neighbours in one part. Groups are halved where that divides
their length best, the longest first, as often as the limit allows. Parts side by side are always
split; a single part (a document, a section) or a sentence only if longer than twice its share.
"""

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, groupby

from smile_trace.attribution.segmentation.boundaries import Range, word_range
from smile_trace.attribution.segmentation.units import UnitSplitter
from smile_trace.records import Place, Prompted, Segment, Unit
from smile_trace.records.formats.cells import CELLS


class Outline:
    """The parts of a prompt, found when first asked for; `subsections` makes sections of a section
    (such as paragraphs below a label) parts, too."""

    def __init__(
        self, prompted: Prompted, splitter: UnitSplitter, *, subsections: bool = False
    ) -> None:
        self._messages = prompted.messages
        self._splitter = splitter
        self._subsections = subsections
        self._parts: dict[int, list[list[Range]]] = {}
        self._sentences: dict[int, list[Range]] = {}

    def path(self, segment: Segment) -> tuple[Place, ...]:
        """The parts around a segment, the largest first; none for a segment of several messages."""
        if len({message for message, _, _ in segment.places}) > 1:
            return ()
        inside = self._words_of(segment)
        found = {self._whole(segment.message)}
        found |= {part for kind in self._kinds(segment.message) for part in _around(kind, inside)}
        ordered = sorted(found, key=lambda part: (part[0], -part[1]))
        return tuple((segment.message, start, end) for start, end in ordered)

    def document(self, segment: Segment) -> Place | None:
        """The document around a segment, if it has the form of one."""
        if segment.also:
            return None
        documents = self._splitter.whole_documents(segment.message)
        around = _around(documents, self._words_of(segment))
        return (segment.message, *around[0]) if around else None

    def unit(self, places: Sequence[Place]) -> Unit:
        """The unit that these places form as a whole; `span` if they form none."""
        message = places[0][0]
        if self._messages[message].role == CELLS:
            return "cell"
        if message != places[-1][0]:
            return "span"
        [inside] = self._without_marks(message, [(places[0][1], places[-1][2])])
        _, values, documents, *sections = self._kinds(message)
        whole = self._splitter.indivisible(message)
        known: list[tuple[Unit, list[Range]]] = [
            *((u, self._without_marks(message, [r])) for r, u in whole.items()),
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
        places = segment.places
        [words] = self._without_marks(segment.message, [(places[0][1], places[-1][2])])
        return words

    def _without_marks(self, message: int, ranges: Sequence[Range]) -> list[Range]:
        return [word_range(self._messages[message].content, *found) for found in ranges]

    def _kinds(self, message: int) -> list[list[Range]]:
        """The parts of each kind; those of one kind in order and apart."""
        if message not in self._parts:
            splitter = self._splitter
            sections = splitter.split("section", message, *self._whole(message))
            kinds = [
                splitter.templates[message],
                splitter.values[message],
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
    k = bisect_right(parts, inside[0], key=lambda part: part[0]) - 1
    return [parts[k]] if k >= 0 and inside[1] <= parts[k][1] else []


@dataclass(frozen=True)
class Leaf:
    """A segment that is joined with others. `number` is its place among all segments; `path` holds
    the parts around it, the largest first; its first `outer` parts are larger than a sentence.
    `document`: the one around it."""

    segment: Segment
    number: int
    path: tuple[Place, ...]
    outer: int
    document: Place | None = None

    @property
    def of_documents(self) -> "Leaf":
        """The same without the parts inside its document."""
        if self.document is None:
            return self
        _, start, end = self.document
        larger = sum(not (start <= a and b <= end) for _, a, b in self.path)
        return replace(self, outer=min(self.outer, larger + 1))

    @cached_property
    def length(self) -> int:
        """The number of its characters."""
        return sum(end - start for _, start, end in self.segment.places)


Group = Sequence[Leaf]


@dataclass(frozen=True)
class _Run:
    """Leaves that share the first `depth` parts of their paths."""

    leaves: Group
    depth: int

    @cached_property
    def length(self) -> int:
        return sum(leaf.length for leaf in self.leaves)

    @property
    def between_parts(self) -> bool:
        """Whether the neighbours at this depth are larger than sentences."""
        return any(leaf.outer > self.depth for leaf in self.leaves)

    def halves(self) -> "tuple[_Run, _Run]":
        """Splits the run where the lengths differ least."""
        ends: list[int] = []
        lengths: list[int] = []
        for _, neighbours in groupby(self.leaves, key=lambda leaf: _step(leaf, self.depth)):
            run = list(neighbours)
            ends.append((ends[-1] if ends else 0) + len(run))
            lengths.append((lengths[-1] if lengths else 0) + sum(leaf.length for leaf in run))
        k = min(range(len(ends) - 1), key=lambda k: abs(2 * lengths[k] - lengths[-1]))
        first, second = self.leaves[: ends[k]], self.leaves[ends[k] :]
        return _Run(first, self.depth), _Run(second, self.depth)

    def narrowed(self) -> "_Run":
        """The same leaves at the depth where they first stand side by side."""
        depth, first, last = self.depth, self.leaves[0], self.leaves[-1]
        while len(self.leaves) > 1 and _step(first, depth) == _step(last, depth):
            depth += 1
        return _Run(self.leaves, depth)


def _step(leaf: Leaf, depth: int) -> object:
    """The part around the leaf at this depth, or the leaf itself."""
    return leaf.path[depth] if depth < len(leaf.path) else leaf.segment.places


def split_groups(
    groups: Sequence[Group], limit: int, *, into_sentences: bool = True
) -> list[list[Leaf]]:
    """Splits groups, in order, until there are `limit`, or nothing is worth splitting; without
    `into_sentences` only between larger parts."""
    runs = [_Run(group, 0).narrowed() for group in groups]
    share = sum(run.length for run in runs) / limit
    order = count()
    heap: list[tuple[float, int, _Run]] = []
    done: list[_Run] = []

    def keep(run: _Run) -> None:
        whole = run.narrowed()
        long = into_sentences and run.length > 2 * share
        worth = len(run.leaves) > 1 and (whole.between_parts or long)
        if worth:
            heapq.heappush(heap, (-run.length, next(order), whole))
        else:
            done.append(run)

    for run in runs:
        keep(run)
    while heap and len(heap) + len(done) < limit:
        for half in heapq.heappop(heap)[2].halves():
            keep(half)
    found = [*done, *(run for _, _, run in heap)]
    return sorted((list(run.leaves) for run in found), key=lambda leaves: leaves[0].segment.places)
