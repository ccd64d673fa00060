"""The heatmap that fits a tracker: what is certain with the sentences around it, in the prompt's
order, and all else folded with a count.

Each part that supports the answer or works against it gets room first, the strongest part first. If
not all have room with their whole sentences, less is shown around each, then less of each
(`ROOMS`); only if that is not enough are the weakest folded. A part of several sentences, which
were not told apart, is shown by its first and its last one, since any one alone would seem to be
what matters. What room is left goes to the sentences beside them, to the other sentences of long
parts, those first that share most words with the answer, to those with open parts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from typing import NamedTuple

from smile_trace._text.telling_words import telling
from smile_trace.render.heatmap_layout import Heatmap
from smile_trace.render.pieces import CLOSES, OPENS, Block, Fold, Piece, strength

_MARK = r"[.!?\u2026\u3002\uff01\uff1f]"
_END = re.compile(rf"(?<!{_MARK}){_MARK}++[\"'\u201d\u2019)\]]*[ \t]+|\n\s*")
_CLAUSE = re.compile(r"[,;:)\]}]?\s+")
SHORTEST, LONGEST = 25, 260
"""Characters of a sentence: a shorter one goes with the next, a longer one is divided."""
CONTEXT = 160
"""Most characters of a sentence that is shown only because it is beside one."""
BLAMED = 2.0
"""The strength of a part without which the answer would be right; that of a colour is at most 1."""
SHORT_PROMPT = 1200
"""Characters of a prompt that is shown as a whole if it fits."""


class Room(NamedTuple):
    """Characters that are shown: on each side of what is certain (None: its sentence), of a certain
    part at most, of a gap that is shown rather than folded, of the answer, of the verdict."""

    context: int | None
    part: int
    gap: int
    answer: int
    verdict: int


ROOMS = (
    Room(None, LONGEST, 100, 170, 240),
    Room(40, 120, 60, 170, 240),
    Room(20, 70, 25, 75, 100),
    Room(4, 44, 8, 75, 100),
)
"""The most generous first: the first in which all that is certain fits is taken."""


@dataclass(frozen=True)
class _Sentence:
    block: int
    pieces: tuple[Piece, ...]

    @cached_property
    def size(self) -> int:
        return sum(len(piece.text) for piece in self.pieces)

    @cached_property
    def owners(self) -> dict[int, float]:
        """The certain parts in it, by identity, with the strength of their colours."""
        return {owner: strong for piece in self.pieces for owner, strong in _owners(piece)}

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words that say something, and its numbers."""
        return telling("".join(piece.text for piece in self.pieces if piece.kind != "edge"))

    @cached_property
    def open(self) -> float:
        """The largest effect that an open part in it may have; 0 if there is none."""
        unsettled = (p.segment for p in self.pieces if p.kind in ("open", "paired"))
        return max((s.at_most for s in unsettled if s), default=0.0)


def _owners(piece: Piece) -> Iterator[tuple[int, float]]:
    """Yield the certain parts that a piece shows: its own, also if another one stands in for it,
    that whose colour is behind it, at the marker of a passage's beginning the passage, and one
    without which the answer would be right, before all others."""
    if piece.culprit is not None and piece.text.strip():
        yield id(piece.culprit), BLAMED
    if piece.segment is not None and piece.strength and piece.text.strip():
        yield id(piece.segment), piece.strength
    if piece.segment is not None and piece.kind == "paired" and piece.text.strip():
        yield id(piece.segment), strength(piece.segment.at_most)
    if piece.behind is not None and piece.ground_strength:
        yield id(piece.behind), piece.ground_strength
    if _opens(piece) and piece.segment is not None and piece.sign in ("supports", "opposes"):
        yield id(piece.segment), strength(piece.segment.attribution)


def _owns(piece: Piece) -> bool:
    return any(_owners(piece))


def _opens(piece: Piece) -> bool:
    return piece.kind == "edge" and piece.text.startswith(OPENS)


def compacted(whole: Heatmap, fits: Callable[[Heatmap, Room], bool]) -> tuple[Heatmap, Room]:
    """Return the picture with as many of its sentences as fit, and the room that it has."""
    whole = replace(whole, blocks=tuple(_bare(_without_repeated(block)) for block in whole.blocks))
    answer = telling("".join(piece.text for piece in whole.answer))
    for room in ROOMS:
        sentences = [
            _Sentence(number, pieces)
            for number, block in enumerate(whole.blocks)
            for pieces in _sentences(block.pieces, room)
        ]
        needed = [number for rank, _, number in _certain(sentences, answer) if rank == 0]
        all_fit = fits(_picture(whole, sentences, needed, room), room)
        if all_fit:
            break
    ranked = list(dict.fromkeys([*needed, *_wished(sentences, needed, answer)]))
    low, high = (len(needed) if all_fit else min(1, len(ranked))), len(ranked)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(_picture(whole, sentences, ranked[:middle], room), room):
            low = middle
        else:
            high = middle - 1
    return _picture(whole, sentences, ranked[:low], room), room


def _without_repeated(block: Block) -> Block:
    """Leave out the markers of passages whose value a part inside them shows."""
    shown = (piece for piece in block.pieces if piece.kind != "edge" or not piece.continued)
    return replace(block, parts=tuple(shown))


def _bare(block: Block) -> Block:
    """Leave out the frames of what is inside a passage. A passage that is a whole message has its
    value beside the role, no markers, unless they alone tell of it."""
    pieces = [replace(piece, passage=None) for piece in block.pieces]
    inside = [piece for piece in pieces if piece.text.strip()]
    if len(inside) > 1 and _opens(inside[0]) and inside[0].segment is inside[-1].segment:
        first, last = inside[0], inside[-1]
        if not _owns(first) or any(_tells_of(first, piece) for piece in inside[1:-1]):
            pieces = [piece for piece in pieces if piece is not first and piece is not last]
            return replace(block, parts=tuple(pieces), whole=first)
    return replace(block, parts=tuple(pieces))


def _tells_of(opening: Piece, inside: Piece) -> bool:
    """Whether a piece has the passage's colour, or does what it does."""
    return inside.behind is opening.segment or (inside.sign == opening.sign and _owns(inside))


def _certain(
    sentences: Sequence[_Sentence], answer: frozenset[str]
) -> list[tuple[int, float, int]]:
    """Return the sentences of certain parts: 0 for both ends of a part, else how many others of it
    go before, then strength, number; the first and strongest first."""
    owned: dict[int, list[int]] = {}
    for number, sentence in enumerate(sentences):
        for owner in sentence.owners:
            owned.setdefault(owner, []).append(number)
    places: dict[int, tuple[int, float]] = {}
    for owner, numbers in owned.items():
        marker = [number for number in numbers[:1] if _is_marker(sentences[number])]
        said = numbers[len(marker) :]
        ends = {*marker, *said[:1], *said[-1:]}
        rest = sorted(said[1:-1], key=lambda n: -len(sentences[n].words & answer))
        for rank, number in [*((0, n) for n in ends), *enumerate(rest, 1)]:
            place = rank, -sentences[number].owners[owner]
            places[number] = min(place, places.get(number, place))
    return sorted((*place, number) for number, place in places.items())


def _is_marker(sentence: _Sentence) -> bool:
    return all(map(_opens, sentence.pieces))


def _wished(
    sentences: Sequence[_Sentence], needed: Sequence[int], answer: frozenset[str]
) -> Iterator[int]:
    """Yield the numbers of the other sentences, the most telling first."""
    for number in needed:
        for beside in (number - 1, number + 1):
            there = 0 <= beside < len(sentences) and sentences[beside].size <= CONTEXT
            if there and sentences[beside].block == sentences[number].block:
                yield beside
    yield from (number for rank, _, number in _certain(sentences, answer) if rank)
    by_size = sorted(range(len(sentences)), key=lambda i: -sentences[i].open)
    yield from (number for number in by_size if sentences[number].open)
    if not needed or sum(sentence.size for sentence in sentences) <= SHORT_PROMPT:
        yield from reversed(range(len(sentences)))


def _picture(
    whole: Heatmap, sentences: Sequence[_Sentence], taken: Sequence[int], room: Room
) -> Heatmap:
    """Draw the sentences taken, and what is too small to fold between them."""
    shown, by_block = set(taken), dict[int, list[tuple[bool, _Sentence]]]()
    for number, sentence in enumerate(sentences):
        by_block.setdefault(sentence.block, []).append((number in shown, sentence))
    filled = {block: list(_filled(mine, room.gap)) for block, mine in by_block.items()}
    visible = frozenset(
        id(segment)
        for mine in filled.values()
        for is_shown, sentence in mine
        for piece in sentence.pieces
        for segment in (piece.segment, piece.behind)
        if is_shown and segment is not None
    )
    blocks = (
        replace(block, parts=tuple(_parts(filled.get(number, ()), visible)))
        for number, block in enumerate(whole.blocks)
    )
    return replace(whole, blocks=tuple(blocks))


def _filled(
    sentences: Sequence[tuple[bool, _Sentence]], gap: int
) -> Iterator[tuple[bool, _Sentence]]:
    any_shown = any(is_shown for is_shown, _ in sentences)
    for is_shown, group in groupby(sentences, key=lambda one: one[0]):
        run = [sentence for _, sentence in group]
        small = any_shown and sum(sentence.size for sentence in run) <= gap
        fill = small and not any(sentence.owners for sentence in run)
        yield from ((is_shown or fill, sentence) for sentence in run)


def _parts(
    sentences: Sequence[tuple[bool, _Sentence]], visible: frozenset[int]
) -> Iterator[Piece | Fold]:
    valued: set[int] = set()
    for is_shown, group in groupby(sentences, key=lambda one: one[0]):
        pieces = [piece for _, sentence in group for piece in sentence.pieces]
        if not is_shown:
            yield Fold(tuple(pieces), visible)
            yield from _closing(pieces, visible)
            continue
        for piece in _stripped(pieces):
            again = piece.cut and id(piece.segment) in valued
            if piece.cut:
                valued.add(id(piece.segment))
            yield replace(piece, continued=piece.continued or again)


def _closing(folded: Sequence[Piece], visible: frozenset[int]) -> Iterator[Piece]:
    """Yield the markers of where a passage ends that began above."""
    begun = {id(piece.segment) for piece in folded if _opens(piece)}
    for piece in folded:
        if piece.text == CLOSES and id(piece.segment) in visible - begun:
            yield piece


def _stripped(pieces: list[Piece]) -> list[Piece]:
    """Return pieces without empty lines at either end: a fold stands on a line of its own."""
    if pieces:
        pieces[0] = replace(pieces[0], text=pieces[0].text.lstrip("\n"))
        pieces[-1] = replace(pieces[-1], text=pieces[-1].text.rstrip("\n "))
    return [piece for piece in pieces if piece.text]


def _sentences(pieces: Sequence[Piece], room: Room) -> Iterator[tuple[Piece, ...]]:
    """Cut a message into sentences, or what is certain out of them; a piece across an edge is cut,
    too."""
    text = "".join(piece.text for piece in pieces)
    windows = [] if room.context is None else list(_windows(pieces, text, room.context, room.part))
    between = {at for at in _cuts(text) if not any(a < at < b for a, b in windows)}
    between |= set(_marked(pieces))
    cuts = sorted({0, len(text), *between, *(at for window in windows for at in window)})
    rest, at = list(pieces), 0
    for _, end in pairwise(cuts):
        sentence: list[Piece] = []
        while rest and at + len(rest[0].text) <= end:
            at += len(rest[0].text)
            sentence.append(rest.pop(0))
        if rest and at < end:
            inside, rest[0] = _divided(rest[0], end - at)
            sentence.append(inside)
            at = end
        if sentence:
            yield tuple(sentence)


def _marked(pieces: Sequence[Piece]) -> Iterator[int]:
    """Yield where the marker of a passage that matters as a whole begins and ends."""
    at = 0
    for piece, following in pairwise(pieces):
        end = at + len(piece.text)
        if _opens(piece) and following.behind is piece.segment:
            yield from (at, end)
        at = end


def _windows(
    pieces: Sequence[Piece], text: str, context: int, longest: int
) -> Iterator[tuple[int, int]]:
    """Yield where what is certain stands, with whole words around it."""
    spans: dict[int, tuple[int, int]] = {}
    at = 0
    for piece in pieces:
        end = at + len(piece.text)
        for owner, _ in _owners(piece):
            start, before = spans.get(owner, (at, at))
            if before == at:
                spans[owner] = (start, end)
        at = end
    last = 0
    for start, end in sorted(spans.values()):
        if end - start > longest:
            end = _word_end(text, start + longest // 2, start + longest)
        else:
            end = _word_end(text, end, min(end + context, len(text)))
        begin = max(start - context, last)
        if begin < start and begin > last:
            begin += len(text[begin:start]) - len(text[begin:start].partition(" ")[2])
        begin = max(text.rfind("\n", begin, start) + 1, begin, last)
        if end > begin:
            yield begin, end
            last = end


def _word_end(text: str, low: int, high: int) -> int:
    """Return where the last whole word before `high` ends, on `low`'s line; no less than `low`."""
    line = text.find("\n", low, high)
    if line >= 0:
        return line
    if high == len(text):
        return high
    return max(text.rfind(" ", low, high), low) if text[low:high].strip() else high


def _divided(piece: Piece, at: int) -> tuple[Piece, Piece]:
    return (
        replace(piece, text=piece.text[:at], cut=True),
        replace(piece, text=piece.text[at:], cut=True),
    )


def _cuts(text: str) -> Iterator[int]:
    begin = 0
    for end in [*(match.end() for match in _END.finditer(text)), len(text)]:
        if end - begin < SHORTEST and end < len(text):
            continue
        while end - begin > LONGEST:
            ends = [m.end() for m in _CLAUSE.finditer(text, begin + LONGEST // 2, begin + LONGEST)]
            begin = ends[-1] if ends else begin + LONGEST
            yield begin
        if end < len(text):
            yield end
        begin = end
