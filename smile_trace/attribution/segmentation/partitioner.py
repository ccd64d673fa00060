"""The segments of a prompt: the protocol of a partitioner, and the default one."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Protocol

from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.segmentation.citing import cited_in
from smile_trace.attribution.segmentation.keys import key_stem
from smile_trace.attribution.segmentation.outline import Group, Leaf, Outline, split_groups
from smile_trace.attribution.segmentation.selections import (
    WHOLE,
    called,
    picked_units,
    tool_results,
)
from smile_trace.attribution.segmentation.units import (
    AnyUnit,
    CannotExplain,
    Protection,
    UnitMissing,
    UnitSplitter,
    named,
    overlapping,
    protected_ranges,
    split_around,
)
from smile_trace.records import Document, Place, Prompted, Segment, Unit
from smile_trace.records.formats.cells import CELLS
from smile_trace.records.formats.cells import places as cells_in

_Piece = tuple[tuple[Place, ...], bool]
"""The places of a segment, and whether it is protected."""


class Partitioner(Protocol):
    """Partitions one prompt into segments, coarse or fine. The segments of a partition are in the
    order of the prompt and do not overlap. A segment is free (it can be removed) or protected."""

    segments: tuple[Segment, ...]
    """The finest partition of the prompt."""

    def is_finest(self, segment: Segment) -> bool:
        """Whether a segment is in the finest partition."""
        ...

    def is_sentence(self, segment: Segment) -> bool:
        """Whether a segment is a single sentence or field, or inside one."""
        ...

    def coarse(self, limit: int, structure: int | None = None) -> tuple[Segment, ...]:
        """The partition of the prompt to begin with: the finest with at most `limit` (≥ 1) free
        segments, or at most `structure` if they are the prompt's own parts, not joined. It may
        protect what is to have its turn in the next one, which is then `refine` of these."""
        ...

    def refine(self, coarse: Sequence[Segment], limit: int) -> tuple[Segment, ...]:
        """The finest partition of these segments with at most `limit` (≥ 1) free segments; all are
        protected if they are never removed."""
        ...


MAX_CHARACTERS, MAX_PIECES = 4_000_000, 200_000
"""Limits of a prompt, tool results included: more characters than a context of a million tokens
holds, and as many words or JSON values as take a minute and a gigabyte."""

MIN_CALLS_IN_TURN = 24
"""Calls below which `auto` does not give tool results a level of their own."""

FEW = 4
"""Number of parts of a prompt below which `auto` begins with smaller ones."""

MOST_WORDS = 60
"""Words of a prompt up to which `auto` begins with them. In a longer prompt the strongest are too
close to tell apart, and its sentences come first."""


class Segmentation:
    """The default partitioner: segments of one unit, or coarser ones if there are too many.

    `auto` begins with the prompt's structure (messages, documents, sections, values) and ends with
    words. It begins with words if the limit is at least twice their number, or if the structure has
    fewer than FEW parts and the words fit; with sentences if they do not. Retrieved documents
    and cells of images are parts of the structure, which `auto` then always begins with. Two or
    more documents of an answer that cites them, else two or more tool results, come first, each a
    segment, then the other messages: few segments, of which every combination may be asked, tell of
    the second cause beside the first.

    `word`, `sentence`, `section`, `message` and `variable` cover the prompt; for the other units
    (`example`, `document`, patterns, own spans) the rest of the prompt is a protected `span`.
    Raises CannotExplain if the prompt is empty, or everything in it is protected; UnitMissing if it
    has no units of that kind; ValueError if a string names no unit, or own spans are not in the
    prompt.
    """

    def __init__(self, prompted: Prompted, unit: AnyUnit, protect: Protection = ()) -> None:
        self.unit: Unit = named(unit)
        self._messages = prompted.messages
        self._uses = prompted.prompts
        self._retrieved = prompted.documents
        self._protected = protected_ranges(prompted.messages, protect)
        self._splitter = UnitSplitter(prompted)
        self._outline = Outline(prompted, self._splitter, subsections=self.unit == "auto")
        if not any(message.content.strip() for message in prompted.messages):
            raise CannotExplain("The prompt is empty, so there is nothing to remove.")
        if sum(len(message.content) for message in prompted.messages) > MAX_CHARACTERS:
            raise CannotExplain(
                f"The prompt has more than {MAX_CHARACTERS:,} characters, the most that can be "
                "explained: send less of it."
            )
        if unit == "variable" and not prompted.prompts:
            raise UnitMissing(
                "No Prompt was rendered into this call, so it has no template variables: "
                "explain it by the unit 'word'."
            )
        picked = picked_units(prompted, unit)
        self._of_words = self.unit in ("word", "auto")
        if picked is None:
            finest: Unit = "word" if self._of_words else self.unit
            self.segments = self._split(finest)
        else:
            self.segments = self._with_the_rest(picked, self.unit)
        if all(segment.protected for segment in self.segments):
            raise CannotExplain("Everything in the prompt is protected: protect less of it.")
        if self.unit == "section" and len(self.segments) == 1:
            raise UnitMissing(
                "The prompt is one section (it has no second heading, XML element, label, "
                "numbered item or paragraph): explain it by the unit 'sentence' or 'word'."
            )
        self._numbers = {segment.places: k for k, segment in enumerate(self.segments)}
        self._leaves: dict[int, Leaf] = {}
        self._first = self._in_turn(prompted) if self.unit == "auto" else ()

    def is_finest(self, segment: Segment) -> bool:
        """See `Partitioner`."""
        return segment.places in self._numbers

    def is_sentence(self, segment: Segment) -> bool:
        """See `Partitioner`."""
        return len(segment.places) == 1 and self._outline.sentence(segment) is not None

    def coarse(self, limit: int, structure: int | None = None) -> tuple[Segment, ...]:
        """See `Partitioner`."""
        most = max(structure or 0, limit)
        if (structure or 0) >= MIN_CALLS_IN_TURN and 2 <= _free(self._first) <= limit:
            return self._first
        if self.unit == "auto" and self._retrieved:  # each is to have a value of its own
            return self._parts([self.segments], limit, most, fewest=2, whole=True)
        of_image = any(message.role == CELLS for message in self._messages)
        if self.unit != "auto" or (not of_image and self._begins_with_words(limit)):
            return self._fit([self.segments], limit)
        return self._parts([self.segments], limit, most, fewest=FEW, whole=True)

    def _begins_with_words(self, limit: int) -> bool:
        """Whether `auto` begins with the words: they fit easily, or without a structure."""
        words = _free(self.segments)
        if words > MOST_WORDS:
            return False
        if words > limit or 2 * words <= limit:
            return words <= limit
        leaves = [self._leaf(s) for s in self.segments if not s.protected]
        return len(split_groups([leaves], FEW, into_sentences=False)) < FEW

    def refine(self, coarse: Sequence[Segment], limit: int) -> tuple[Segment, ...]:
        """See `Partitioner`."""
        groups = self._inside(coarse)
        if self.unit != "auto":
            return self._fit(groups, limit)
        if all(segment.protected for segment in coarse):
            return self._messages_of(groups, limit)
        return self._parts(groups, limit, limit, fewest=2)

    def _in_turn(self, prompted: Prompted) -> tuple[Segment, ...]:
        """The documents of an answer that cites them, else each result of a tool, and the rest of
        the prompt protected; () without any."""
        cited = [one.place for one in cited_in(prompted).documents if one.place is not None]
        unit: Unit = "document" if cited else "tool_result"
        places = cited or [place for [place] in tool_results(self._messages)]
        whole = [(self._splitter.outside_values(place),) for place in places]
        return self._with_the_rest(whole, unit) if whole else ()

    def _messages_of(self, groups: Sequence[Sequence[Segment]], limit: int) -> tuple[Segment, ...]:
        """Each group, which is a message or what of it is no result, as a segment; with retrieved
        documents finer, and joined with its neighbours if there are more than `limit`."""
        free: Sequence[Group] = self._free_leaves(groups)
        too_many = len(free) > limit
        if too_many:
            free = [[leaf for group in free for leaf in group]]
        if too_many or self._retrieved:
            free = split_groups(free, limit, into_sentences=False)
        return self._pieces(free, self._protected_pieces(chain(*groups)))

    def _inside(self, coarse: Sequence[Segment]) -> list[list[Segment]]:
        """The segments of the finest kind that begin in each coarse one, in order."""
        places = sorted((place, k) for k, segment in enumerate(coarse) for place in segment.places)
        starts = [(message, start) for (message, start, _), _ in places]
        found: list[list[Segment]] = [[] for _ in coarse]
        for segment in self.segments:
            k = bisect_right(starts, (segment.message, segment.start)) - 1
            if k < 0:
                continue
            (message, start, end), owner = places[k]
            inside = segment.start < end or segment.start == start  # a message may have no text
            if message == segment.message and inside:
                found[owner].append(segment)
        return found

    # -- the unit itself ------------------------------------------------------------------------

    def _split(self, unit: Unit) -> tuple[Segment, ...]:
        pieces = [
            (((message, c, d),), protected)
            for message, sent in enumerate(self._messages)
            for a, b in self._splitter.split(unit, message, 0, len(sent.content))
            for c, d, protected in self._around(message, a, b, whole=unit == "word")
        ]
        if len(pieces) > MAX_PIECES:
            raise CannotExplain(
                f"The prompt has {len(pieces):,} parts of the unit {unit!r}, and at most "
                f"{MAX_PIECES:,} can be told apart: use a coarser unit."
            )
        return self._named(pieces, unit)

    def _around(
        self, message: int, start: int, end: int, *, whole: bool = False
    ) -> Sequence[tuple[int, int, bool]]:
        hits = overlapping(self._protected[message], start, end)
        whole = whole or (start, end) in self._splitter.indivisible(message)
        if not hits or whole or self._splitter.json_around(message, start, end) is not None:
            return [(start, end, bool(hits))]
        return list(split_around(self._messages[message].content, start, end, hits))

    def _with_the_rest(
        self, picked: Sequence[tuple[Place, ...]], unit: Unit
    ) -> tuple[Segment, ...]:
        chosen: list[_Piece] = []
        rest: list[Place] = []
        for places in picked:
            parts = [((m, c, d), f) for m, a, b in places for c, d, f in self._around(m, a, b)]
            if unit in WHOLE and any(protected for _, protected in parts):
                parts = [(place, True) for place in places]
            if free := tuple(place for place, protected in parts if not protected):
                chosen.append((free, False))
            rest += [(m, c, d) for (m, c, d), protected in parts if protected and c < d]
        rest += self._gaps([place for places in picked for place in places])
        protected = self._named([((place,), True) for place in sorted(rest)], "span", key="rest")
        free_ones = self._named(chosen, unit)
        return tuple(sorted([*free_ones, *protected], key=lambda s: s.places))

    def _gaps(self, taken: Sequence[Place]) -> list[Place]:
        edges: list[list[boundaries.Range]] = [[] for _ in self._messages]
        for message, start, end in sorted(taken):
            edges[message].append((start, end))
        found: list[Place] = []
        for message, inside in enumerate(edges):
            text, at = self._messages[message].content, 0
            for start, end in [*inside, (len(text), len(text))]:
                if (gap := boundaries.strip(text, at, start)) is not None:
                    found.append((message, *gap))
                at = end
        return found

    # -- coarser than the unit ------------------------------------------------------------------

    def _parts(
        self,
        groups: Sequence[Sequence[Segment]],
        limit: int,
        most: int,
        *,
        fewest: int,
        whole: bool = False,
    ) -> tuple[Segment, ...]:
        """Splits each group into the prompt's own parts (documents as a `whole`) if there are at
        least `fewest`, else sentences or words; fits words into `limit` segments if over `most`."""
        free = self._free_leaves(groups)
        parts = [part for group in free for part in _finer(group, most + 1, fewest, whole)]
        if len(parts) > most:
            return self._fit(groups, limit)
        return self._pieces(parts, self._protected_pieces(chain(*groups)))

    def _fit(self, groups: Sequence[Sequence[Segment]], limit: int) -> tuple[Segment, ...]:
        """The groups' segments; joins whole neighbours, words to sentences, if too many."""
        everything = tuple(chain(*groups))
        if _free(everything) <= limit:
            return everything
        free = self._free_leaves(groups)
        sentences = [run for group in free for run in _sentences(group)]
        fits = self._of_words and len(sentences) <= limit
        joined = split_groups(sentences if fits else free, limit)
        protected = self._protected_pieces(everything)
        if self.unit == "auto":
            return self._pieces(joined, protected)
        whole = fits and len(joined) == len(sentences)
        pieces = [*protected, *((_together(group), False) for group in joined)]
        joined_unit: Unit = self.unit if self.unit in WHOLE else "span"
        return self._named(sorted(pieces), "sentence" if whole else joined_unit)

    def _free_leaves(self, groups: Sequence[Sequence[Segment]]) -> list[list[Leaf]]:
        """The free segments of each group that has any."""
        free = ([self._leaf(s) for s in group if not s.protected] for group in groups)
        return [group for group in free if group]

    def _pieces(self, groups: Sequence[Group], protected: Iterable[_Piece]) -> tuple[Segment, ...]:
        """Groups and protected pieces in order, each named by its unit."""
        words = [group[0].segment for group in groups if len(group) == 1]
        joined = [(self._places(group), False) for group in groups if len(group) > 1]
        pieces = sorted([*protected, *joined])
        units = [self._outline.unit(places) for places, _ in pieces]
        return tuple(sorted([*words, *self._named(pieces, units)], key=lambda s: s.places))

    def _places(self, group: Group) -> tuple[Place, ...]:
        """The places of a group; of all that is in a document the document itself, braces of its
        JSON included."""
        first, last, document = group[0].number, group[-1].number, group[0].document
        inside = [self._outline.document(s) == document for s in self.segments[first : last + 1]]
        beside = [*self.segments[max(first - 1, 0) : first], *self.segments[last + 1 : last + 2]]
        others = [self._outline.document(s) != document for s in beside]
        if document is not None and len(inside) == len(group) and all([*inside, *others]):
            return (document,)
        return _together(group)

    def _leaf(self, segment: Segment) -> Leaf:
        number = self._numbers[segment.places]
        if number not in self._leaves:
            self._leaves[number] = self._new_leaf(segment, number)
        return self._leaves[number]

    def _new_leaf(self, segment: Segment, number: int) -> Leaf:
        parts = self._outline.path(segment)
        document = self._outline.document(segment)
        sentence = self._outline.sentence(segment) if self._of_words else None
        if sentence is None:
            return Leaf(segment, number, parts, len(parts), document)
        (_, start, end) = sentence
        outer = [p for p in parts if p[1] <= start and end <= p[2] and p != sentence]
        inner = [p for p in parts if p not in outer and p != sentence]
        return Leaf(segment, number, (*outer, sentence, *inner), len(outer), document)

    def _protected_pieces(self, segments: Iterable[Segment]) -> Iterator[_Piece]:
        """The protected pieces; neighbouring words of one sentence form one piece."""
        for protected, run in groupby(segments, lambda segment: segment.protected):
            if not protected:
                continue
            if not self._of_words:
                yield from ((segment.places, True) for segment in run)
                continue
            for _, neighbours in groupby(run, self._outline.sentence):
                words = list(neighbours)
                yield ((words[0].message, words[0].start, words[-1].end),), True

    # -- records --------------------------------------------------------------------------------

    def _named(
        self, pieces: Sequence[_Piece], unit: Unit | Sequence[Unit], *, key: str | None = None
    ) -> tuple[Segment, ...]:
        keys: Counter[str] = Counter()
        segments: list[Segment] = []
        units_of = [unit] * len(pieces) if isinstance(unit, str) else unit
        for (((message, start, end), *also), protected), unit in zip(pieces, units_of, strict=True):
            sent = self._messages[message]
            if not also:
                unit = self._splitter.indivisible(message).get((start, end), unit)
            unit = "cell" if sent.role == CELLS else unit
            half = unit == "cell" and len(cells_in(sent.content[start:end])) == 1
            kind = key or ("half" if half else unit)
            place, counted = key_stem(self._uses, message, start, kind)
            retrieved = self._document_at(message, start, end) if unit == "document" else None
            title = self._splitter.title(message, start, end)
            if retrieved is not None and retrieved.id is not None:
                place, counted = f"document:{retrieved.id}", False
            keys[place] += 1
            ordinal = keys[place] - 1
            segments.append(
                Segment(
                    text=sent.content[start:end] or called(sent),
                    message=message,
                    role=sent.role,
                    start=start,
                    end=end,
                    unit=unit,
                    key=f"{place}:{ordinal}" if counted or ordinal else place,
                    protected=protected,
                    also=tuple(also),
                    title=title if retrieved is None else retrieved.name,
                )
            )
        return tuple(segments)

    def _document_at(self, message: int, start: int, end: int) -> Document | None:
        """The only retrieved document in a segment of the unit `document`, if there is one."""
        inside = [
            document
            for document in self._retrieved
            if document.place is not None and document.place[0] == message
            if start <= document.place[1] and document.place[2] <= end
        ]
        return inside[0] if len(inside) == 1 else None


def _free(segments: Sequence[Segment]) -> int:
    return sum(not segment.protected for segment in segments)


def _finer(group: Group, most: int, fewest: int, whole: bool) -> Sequence[Group]:
    """The prompt's own parts in a group of words, its sentences, or the words."""
    outer = [leaf.of_documents for leaf in group] if whole else group
    parts = split_groups([outer], most, into_sentences=False)
    if len(parts) < fewest:
        parts = _sentences(group)
    return parts if len(parts) >= fewest else [[leaf] for leaf in group]


def _sentences(words: Sequence[Leaf]) -> list[list[Leaf]]:
    return [list(run) for _, run in groupby(words, lambda leaf: leaf.path[: leaf.outer + 1])]


def _together(group: Sequence[Leaf]) -> tuple[Place, ...]:
    """The places of a group; neighbours of one message are one place."""
    places: list[Place] = []
    last = None
    for leaf in group:
        (message, start, end), *also = leaf.segment.places
        if places and last == leaf.number - 1 and places[-1][0] == message:
            start = places.pop()[1]
        places += [(message, start, end), *also]
        last = leaf.number
    return tuple(places)
