"""The heatmap that fits a tracker: the sentences around what is certain, in the prompt's order, and
all else folded with a count.

Sentences are taken in this order until the room is full: the first of each part that supports the
answer or works against it, the strongest part first; those beside them; the other sentences of long
parts; those with open parts. What is left of a part that is shown says so; a part that is not shown
is counted by its verdict.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from smile_trace.render.heatmap_layout import Fold, Heatmap, Piece

_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]+[\"'\u201d\u2019)\]]*[ \t]+|\n\s*")
_CLAUSE = re.compile(r"[,;:)\]}]?\s+")
SHORTEST, LONGEST = 25, 260
"""Characters of a sentence: a shorter one goes with the next, a longer one is divided."""
SMALLEST_FOLD = 100
"""Characters that are shown rather than folded."""
CONTEXT = 160
"""Most characters of a sentence that is shown only because it is beside one."""
SHORT_PROMPT = 1200
"""Characters of a prompt that is shown as a whole if it fits."""
MOST_TRIED = 30
"""How many sentences are tried after the first that does not fit."""


@dataclass(frozen=True)
class _Sentence:
    block: int
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        return sum(len(piece.text) for piece in self.pieces)

    @property
    def owners(self) -> dict[int, float]:
        """The certain parts in it, by identity, with the strength of their colours."""
        found: dict[int, float] = {}
        for piece in self.pieces:
            for segment, strength in (
                (piece.segment, piece.strength),
                (piece.passage, piece.ground_strength if piece.passage else 0.0),
            ):
                if segment is not None and strength and piece.text.strip():
                    found[id(segment)] = strength
        return found

    @property
    def open(self) -> float:
        """The largest effect that an open part in it may have; 0 if there is none."""
        kinds = ((p.segment.at_most if p.segment else 0.0) for p in self.pieces if p.kind == "open")
        return max(kinds, default=0.0)


def compacted(whole: Heatmap, fits: Callable[[Heatmap], bool]) -> Heatmap:
    """Return the picture with as many of its sentences as fit."""
    sentences = [
        _Sentence(number, pieces)
        for number, block in enumerate(whole.blocks)
        for pieces in _sentences(block.pieces)
    ]
    ranked = list(dict.fromkeys(_ranked(sentences)))
    low, high = min(1, len(ranked)), len(ranked)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(_picture(whole, sentences, ranked[:middle])):
            low = middle
        else:
            high = middle - 1
    taken = ranked[:low]
    for number in ranked[low + 1 : low + 1 + MOST_TRIED]:
        if fits(_picture(whole, sentences, [*taken, number])):
            taken.append(number)
    return _picture(whole, sentences, taken)


def _ranked(sentences: Sequence[_Sentence]) -> Iterator[int]:
    """Yield the numbers of sentences, the most telling first."""
    seen: dict[int, int] = {}
    certain: list[tuple[int, float, int]] = []
    for number, sentence in enumerate(sentences):
        places = []
        for owner, strength in sentence.owners.items():
            places.append((seen.get(owner, 0), -strength))
            seen[owner] = seen.get(owner, 0) + 1
        if places:
            certain.append((*min(places), number))
    certain.sort()
    first = [number for rank, _, number in certain if rank == 0]
    yield from first
    for number in first:
        for beside in (number - 1, number + 1):
            there = 0 <= beside < len(sentences) and sentences[beside].size <= CONTEXT
            if there and sentences[beside].block == sentences[number].block:
                yield beside
    yield from (number for rank, _, number in certain if rank)
    by_size = sorted(range(len(sentences)), key=lambda i: -sentences[i].open)
    yield from (number for number in by_size if sentences[number].open)
    if not certain or sum(sentence.size for sentence in sentences) <= SHORT_PROMPT:
        yield from reversed(range(len(sentences)))


def _picture(whole: Heatmap, sentences: Sequence[_Sentence], taken: Sequence[int]) -> Heatmap:
    """Draw the sentences taken, and what is too small to fold between them."""
    shown, by_block = set(taken), dict[int, list[tuple[bool, _Sentence]]]()
    for number, sentence in enumerate(sentences):
        by_block.setdefault(sentence.block, []).append((number in shown, sentence))
    filled = {block: list(_filled(mine)) for block, mine in by_block.items()}
    visible = frozenset(
        id(segment)
        for mine in filled.values()
        for is_shown, sentence in mine
        for piece in sentence.pieces
        for segment in (piece.segment, piece.passage)
        if is_shown and segment is not None
    )
    blocks = (
        replace(block, parts=tuple(_parts(filled.get(number, ()), visible)))
        for number, block in enumerate(whole.blocks)
    )
    return replace(whole, blocks=tuple(blocks))


def _filled(sentences: Sequence[tuple[bool, _Sentence]]) -> Iterator[tuple[bool, _Sentence]]:
    any_shown = any(is_shown for is_shown, _ in sentences)
    for is_shown, group in groupby(sentences, key=lambda one: one[0]):
        run = [sentence for _, sentence in group]
        small = any_shown and sum(sentence.size for sentence in run) <= SMALLEST_FOLD
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
            continue
        for piece in _stripped(pieces):
            again = piece.cut and id(piece.segment) in valued
            if piece.cut:
                valued.add(id(piece.segment))
            yield replace(piece, continued=again)


def _stripped(pieces: list[Piece]) -> list[Piece]:
    """Return pieces without empty lines at either end: a fold stands on a line of its own."""
    if pieces:
        pieces[0] = replace(pieces[0], text=pieces[0].text.lstrip("\n"))
        pieces[-1] = replace(pieces[-1], text=pieces[-1].text.rstrip("\n "))
    return [piece for piece in pieces if piece.text]


def _sentences(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, ...]]:
    """Cut a message into sentences; a piece across an edge is cut, too."""
    text = "".join(piece.text for piece in pieces)
    cuts = [0, *_cuts(text), len(text)]
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
