"""The segments of two templates, aligned."""

from collections.abc import Sequence
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
