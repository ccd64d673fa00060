"""The edits between two templates: segments aligned, and templates with some edits applied."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_trace.records.comparison import ChangeKind, TemplateSegment

MIN_SIMILARITY_EDITED = 0.4
"""Smallest similarity, in [0, 1], of a segment and its edited form."""
MIN_SIMILARITY_MOVED = 0.9
"""Smallest similarity of a segment and its form in another place."""


@dataclass(frozen=True)
class Aligned:
    """A segment's place in the old template, in the new template, or in both."""

    kind: ChangeKind
    before: int | None
    after: int | None


def align(before: Sequence[TemplateSegment], after: Sequence[TemplateSegment]) -> list[Aligned]:
    """Align two templates.

    Segments that keep their order are found by global alignment (Needleman & Wunsch 1970), which
    maximises total similarity and prefers identical segments. Of the others, a segment that
    occurs (nearly) unchanged elsewhere has moved; the rest were removed or added. Variables match
    by name.

    Returns:
        One entry per segment in the order of the new template; a removed segment follows the
        segment that preceded it.
    """
    similarity = _similarities(before, after)
    pairs = _in_order(similarity)
    matched_before = {a for a, _ in pairs}
    matched_after = {b for _, b in pairs}
    found = {
        b: Aligned("same" if _equal(before[a], after[b]) else "edited", a, b) for a, b in pairs
    }
    for a in [a for a in range(len(before)) if a not in matched_before]:
        free = [
            b
            for b in range(len(after))
            if b not in matched_after and similarity[a, b] >= MIN_SIMILARITY_MOVED
        ]
        if free:
            b = max(free, key=lambda b: similarity[a, b])
            matched_before.add(a)
            matched_after.add(b)
            found[b] = Aligned("moved", a, b)
    for b in range(len(after)):
        found.setdefault(b, Aligned("added", None, b))
    removed = [a for a in range(len(before)) if a not in matched_before]
    return _ordered(found, removed, dict(pairs))


def _ordered(found: dict[int, Aligned], removed: list[int], pairs: dict[int, int]) -> list[Aligned]:
    """The new template in order, each removed segment after the last pair that precedes it."""
    following: dict[int, list[Aligned]] = {}
    for a in removed:
        anchor = max((b for other, b in pairs.items() if other < a), default=-1)
        following.setdefault(anchor, []).append(Aligned("removed", a, None))
    ordered = following.get(-1, [])
    for b in sorted(found):
        ordered += [found[b], *following.get(b, [])]
    return ordered


def _equal(one: TemplateSegment, other: TemplateSegment) -> bool:
    return one.variable == other.variable and _words(one) == _words(other)


def _words(segment: TemplateSegment) -> str:
    """The text with white space normalised."""
    return " ".join(segment.text.split())


def _similarities(
    before: Sequence[TemplateSegment], after: Sequence[TemplateSegment]
) -> NDArray[np.float64]:
    """Dice similarity of the sets of character bigrams; 1 only where the words are equal."""
    rows, columns = [_bigrams(s) for s in before], [_bigrams(s) for s in after]
    known = {bigram: k for k, bigram in enumerate(sorted(set().union(*rows, *columns)))}
    left, right = _incidence(rows, known), _incidence(columns, known)
    sizes = left.sum(axis=1)[:, None] + right.sum(axis=1)[None, :]
    dice: NDArray[np.float64] = 2 * (left @ right.T) / np.maximum(sizes, 1)
    for a, one in enumerate(before):
        for b, other in enumerate(after):
            if one.variable != other.variable:
                dice[a, b] = 0.0
            elif _equal(one, other):
                dice[a, b] = 1.0
            else:
                dice[a, b] = min(dice[a, b], 0.99)
    return dice


def _bigrams(segment: TemplateSegment) -> set[str]:
    text = f" {_words(segment).casefold()} "
    return {text[k : k + 2] for k in range(len(text) - 1)}


def _incidence(sets: Sequence[set[str]], known: dict[str, int]) -> NDArray[np.float64]:
    matrix = np.zeros((len(sets), len(known)))
    for row, members in enumerate(sets):
        matrix[row, [known[member] for member in members]] = 1.0
    return matrix


def _in_order(similarity: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The pairs of the best alignment that keeps the order."""
    n, m = similarity.shape
    # An identical segment outweighs any two similar ones, so that it is always matched.
    gain = np.where(
        similarity >= 1, 2.0, np.where(similarity >= MIN_SIMILARITY_EDITED, similarity, -1.0)
    )
    best = np.zeros((n + 1, m + 1))
    for a in range(n):
        for b in range(m):
            best[a + 1, b + 1] = max(best[a, b + 1], best[a + 1, b], best[a, b] + gain[a, b])
    pairs = []
    a, b = n, m
    while a and b:
        if best[a, b] == best[a - 1, b]:
            a -= 1
        elif best[a, b] == best[a, b - 1]:
            b -= 1
        else:
            a, b = a - 1, b - 1
            pairs.append((a, b))
    return pairs[::-1]


@dataclass(frozen=True)
class Template:
    """A template's text and its segments, in order."""

    text: str
    segments: Sequence[TemplateSegment]

    def piece(self, place: int) -> tuple[str, str]:
        """The text between the previous segment and this one, and the segment's own."""
        segment = self.segments[place]
        start = self.segments[place - 1].end if place else 0
        return self.text[start : segment.start], segment.text

    @property
    def tail(self) -> str:
        """The text after the last segment."""
        return self.text[self.segments[-1].end :] if self.segments else self.text


def edits_of(aligned: Sequence[Aligned]) -> list[tuple[int, ...]]:
    """The edits, as places in `aligned`; adjacent added (or removed) segments are one edit."""
    edits: list[list[int]] = []
    for place, item in enumerate(aligned):
        if item.kind == "same":
            continue
        last = edits[-1][-1] if edits else -2
        joins = item.kind in ("added", "removed") and aligned[last].kind == item.kind
        if joins and last == place - 1:
            edits[-1].append(place)
        else:
            edits.append([place])
    return [tuple(edit) for edit in edits]


def hybrid(
    before: Template,
    after: Template,
    aligned: Sequence[Aligned],
    changed: Iterable[int],
    *,
    base: str,
) -> str:
    """The template in which only the places `changed` of `aligned` are as in the new version.

    Args:
        base: `"before"` or `"after"`: whose white space and tail are used for unchanged text.
    """
    new = set(changed)
    pieces: list[str] = []
    following = ""  # what follows the last piece in its own template
    for place, item in _laid_out(aligned):
        is_new = place in new or (item.kind == "same" and base == "after")
        source, index = (after, item.after) if is_new else (before, item.before)
        if index is None:
            continue
        gap, own = source.piece(index)
        if not pieces and index:
            gap = gap.lstrip()
        elif pieces and not index:
            gap = following
        pieces.append(gap + own)
        following = source.piece(index + 1)[0] if index + 1 < len(source.segments) else source.tail
    whole = after if base == "after" else before
    return "".join(pieces) + whole.tail


def _laid_out(aligned: Sequence[Aligned]) -> list[tuple[int, Aligned]]:
    """Every entry with its place; a moved segment occurs twice, once per side, in both places."""
    laid: list[tuple[int, Aligned]] = []
    for place, item in enumerate(aligned):
        if item.kind == "moved":
            laid.append((place, Aligned("moved", None, item.after)))
        else:
            laid.append((place, item))
    for place, item in enumerate(aligned):
        if item.kind == "moved" and item.before is not None:
            earlier = [k for k, (_, other) in enumerate(laid) if _precedes(other, item.before)]
            laid.insert(max(earlier, default=-1) + 1, (place, Aligned("moved", item.before, None)))
    return laid


def _precedes(item: Aligned, place: int) -> bool:
    return item.before is not None and item.before < place
