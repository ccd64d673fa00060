"""The edits between two templates, and which of them changed the answers.

Sentences and variables are aligned first; each phrase that differs in an edited sentence is an edit
of its own. An edit is one or more hunks, so that a moved sentence is one edit, and all hunks
together turn the old template into the new one, character by character.

The decisive edit is found by bisection over edits applied one after the other: if the answers
differ between none and all of them, those half-way say in which half, and so on (group testing by
bisection, Dorfman 1943; Zeller 1999). The half with the larger step is taken apart first, then the
others.
"""

from bisect import bisect
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Hashable,
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile, zip_longest
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from smile_trace.attribution.segmentation import boundaries
from smile_trace.comparison.answers import (
    UNCHANGED,
    Answers,
    Counted,
    Distance,
    count_changed,
    energies,
    largest_mean,
)
from smile_trace.comparison.pooled_effects import Array
from smile_trace.comparison.templates import segment_template
from smile_trace.records.comparison import ChangeKind, Edit, Hunk, TemplateSegment

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
    maximises total similarity and prefers identical segments. Of the others, a segment that occurs
    (nearly) unchanged elsewhere has moved; the rest were removed or added. Variables match by name.
    Returns one entry per segment in the order of the new template; a removed segment follows the
    segment that preceded it.
    """
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    n, m = len(before) - end, len(after) - end
    similarity = _similarities(before[start:n], after[start:m])
    pairs = [(k, k) for k in range(start)]
    pairs += [(start + a, start + b) for a, b in _in_order(similarity)]
    pairs += [(n + k, m + k) for k in range(end)]
    found = {
        b: Aligned("same" if _equal(before[a], after[b]) else "edited", a, b) for a, b in pairs
    }
    old = dict(pairs)
    free = np.array([b not in found for b in range(start, m)], bool)
    removed: list[int] = []
    for a in [a for a in range(start, n) if a not in old]:
        row = np.where(free, similarity[a - start], 0.0)
        b = int(row.argmax()) if len(row) else 0
        if free.any() and row[b] >= MIN_SIMILARITY_MOVED:
            found[start + b] = Aligned("moved", a, start + b)
            free[b] = False
        else:
            removed.append(a)
    for b in range(len(after)):
        found.setdefault(b, Aligned("added", None, b))
    return _ordered(found, removed, pairs)


def _alike(before: Iterable[TemplateSegment], after: Iterable[TemplateSegment]) -> int:
    """How many segments at the beginning are the same."""
    pairs = zip(before, after, strict=False)
    return sum(1 for _ in takewhile(lambda pair: _equal(*pair), pairs))


def _ordered(
    found: dict[int, Aligned], removed: list[int], pairs: list[tuple[int, int]]
) -> list[Aligned]:
    following: dict[int, list[Aligned]] = {}
    for a in removed:
        place = bisect(pairs, (a, 0))
        anchor = pairs[place - 1][1] if place else -1
        following.setdefault(anchor, []).append(Aligned("removed", a, None))
    ordered = following.get(-1, [])
    for b in sorted(found):
        ordered += [found[b], *following.get(b, [])]
    return ordered


def _equal(one: TemplateSegment, other: TemplateSegment) -> bool:
    return _key(one) == _key(other)


def _key(segment: TemplateSegment) -> tuple[str | None, str]:
    return segment.variable, _words(segment)


def _words(segment: TemplateSegment) -> str:
    return " ".join(segment.text.split())


def _similarities(
    before: Sequence[TemplateSegment], after: Sequence[TemplateSegment]
) -> NDArray[np.float64]:
    """Dice similarity of the sets of character bigrams; 1 only if the words are equal."""
    rows, columns = [_bigrams(s) for s in before], [_bigrams(s) for s in after]
    known = _numbered(bigram for each in (*rows, *columns) for bigram in each)
    left, right = _incidence(rows, known), _incidence(columns, known)
    sizes = left.sum(axis=1)[:, None] + right.sum(axis=1)[None, :]
    dice: NDArray[np.float64] = np.minimum(2 * (left @ right.T) / np.maximum(sizes, 1), 0.99)
    dice[~_same((s.variable for s in before), (s.variable for s in after))] = 0.0
    dice[_same(map(_key, before), map(_key, after))] = 1.0
    return dice


def _same(rows: Iterable[Hashable], columns: Iterable[Hashable]) -> NDArray[np.bool_]:
    """Whether each of the rows is each of the columns, shape (rows, columns)."""
    one, other = list(rows), list(columns)
    known = _numbered((*one, *other))
    left, right = (np.array([known[x] for x in some], int) for some in (one, other))
    same: NDArray[np.bool_] = left[:, None] == right[None, :]
    return same


def _numbered(items: Iterable[Hashable]) -> dict[Hashable, int]:
    return {item: k for k, item in enumerate(dict.fromkeys(items))}


def _bigrams(segment: TemplateSegment) -> set[str]:
    text = f" {_words(segment).casefold()} "
    return {text[k : k + 2] for k in range(len(text) - 1)}


def _incidence(sets: Sequence[set[str]], known: dict[Hashable, int]) -> NDArray[np.float64]:
    matrix = np.zeros((len(sets), len(known)))
    for row, members in enumerate(sets):
        matrix[row, [known[member] for member in members]] = 1.0
    return matrix


def _in_order(similarity: NDArray[np.float64]) -> list[tuple[int, int]]:
    n, m = similarity.shape
    # An identical segment outweighs any two similar ones, so that it is always matched.
    gain = np.where(
        similarity >= 1, 2.0, np.where(similarity >= MIN_SIMILARITY_EDITED, similarity, -1.0)
    )
    best = np.zeros((n + 1, m + 1))
    for a in range(n):
        reached = np.maximum(best[a, 1:], best[a, :-1] + gain[a])
        best[a + 1, 1:] = np.maximum.accumulate(reached)
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


Range = tuple[int, int]

MAX_WORDS_BETWEEN = 2
"""Number of unchanged words between two phrases up to which they are one phrase."""
MAX_TOKENS = 1000
"""Words and spaces of the longest sentence that is compared word by word, in quadratic time."""
MIN_RETAINED = 0.5
"""Share of retained words below which a sentence was replaced as a whole."""


def find_edits(before: str, after: str) -> list[Edit]:
    """The edits that lead from one template to the other, in the order of the old one."""
    old, new = (
        segment_template("", "", before, "sentence"),
        segment_template("", "", after, "sentence"),
    )
    tiles = _tiles([s.start for s in old], before), _tiles([s.start for s in new], after)
    changes = list(_changes(align(old, new), *tiles, before, after))
    return _with_spacing([_edit(kind, hunks, before, after) for kind, hunks in changes])


def with_edits(before: str, after: str, edits: Collection[Edit]) -> str:
    """The old template with some of `find_edits(before, after)`, in any order."""
    pieces: list[str] = []
    at = 0
    for hunk in sorted((h for edit in edits for h in edit.hunks), key=_place):
        pieces += [before[at : hunk.start], after[hunk.new_start : hunk.new_end]]
        at = hunk.end
    return "".join([*pieces, before[at:]])


def _place(hunk: Hunk) -> tuple[int, int, int]:
    return hunk.start, hunk.end, hunk.new_start


def _tiles(starts: Sequence[int], text: str) -> list[Range]:
    """Each segment with the text up to the next; together they are the whole text."""
    ends = [*starts[1:], len(text)][: len(starts)]
    return [
        (start if k else 0, end) for k, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _changes(
    aligned: Sequence[Aligned], old: list[Range], new: list[Range], before: str, after: str
) -> Iterator[tuple[ChangeKind, list[Hunk]]]:
    """The edits as their hunks; text between two matched tiles was removed or added."""
    at = new_at = 0  # where the last matched tiles end
    removed: list[Hunk] = []
    added: list[Hunk] = []
    for item in aligned:
        a = None if item.before is None else old[item.before]
        b = None if item.after is None else new[item.after]
        if item.kind == "moved" and a and b:
            yield "moved", [_hunk(a, (new_at, new_at)), _hunk((at, at), b)]
        elif a and b:
            yield from _replaced(removed, added)
            removed, added = [], []
            if before[slice(*a)] != after[slice(*b)]:
                yield from (("edited", [hunk]) for hunk in _phrases(a, b, before, after))
            at, new_at = a[1], b[1]
        elif a:
            removed.append(_hunk(a, (new_at, new_at)))
        elif b:
            added.append(_hunk((at, at), b))
    yield from _replaced(removed, added)
    bare = (0, 0 if old else len(before)), (0, 0 if new else len(after))
    if any(end for _, end in bare) and before != after:  # a text without any segment
        yield "edited", [_hunk(*bare)]


def _replaced(
    removed: Sequence[Hunk], added: Sequence[Hunk]
) -> Iterator[tuple[ChangeKind, list[Hunk]]]:
    """Hunks of texts removed and added in the same place: each pair is a replacement."""
    for gone, come in zip_longest(removed, added):
        kind: ChangeKind = "edited" if gone and come else "removed" if gone else "added"
        yield kind, [hunk for hunk in (gone, come) if hunk]


def _hunk(old: Range, new: Range) -> Hunk:
    return Hunk(start=old[0], end=old[1], new_start=new[0], new_end=new[1])


def _phrases(old: Range, new: Range, before: str, after: str) -> list[Hunk]:
    """The differences between two matched tiles: phrases, or everything if little is retained."""
    one, other = _tokens(before, old), _tokens(after, new)
    if max(len(one), len(other)) > MAX_TOKENS:
        same = before[slice(*old)] == after[slice(*new)]
        return [] if same else [_trimmed(old, new, before, after)]
    texts = [before[a:b] for a, b in one], [after[a:b] for a, b in other]
    matcher = SequenceMatcher(None, *texts, autojunk=False)
    runs: list[list[int]] = []  # first and last token on both sides
    words = retained = between = 0
    for tag, a, b, c, d in matcher.get_opcodes():
        kept = sum(not text.isspace() for text in texts[0][a:b])
        if tag == "equal":
            between, retained = kept, retained + kept
            words += 2 * kept
            continue
        words += kept + sum(not text.isspace() for text in texts[1][c:d])
        if runs and between <= MAX_WORDS_BETWEEN:
            runs[-1][1], runs[-1][3] = b, d
        else:
            runs.append([a, b, c, d])
    if runs and 2 * retained < MIN_RETAINED * words:
        runs = [[0, len(one), 0, len(other)]]
    ends = [*(a for a, _ in one), old[1]], [*(a for a, _ in other), new[1]]
    return [
        _trimmed((ends[0][a], ends[0][b]), (ends[1][c], ends[1][d]), before, after)
        for a, b, c, d in runs
    ]


def _trimmed(old: Range, new: Range, before: str, after: str) -> Hunk:
    (a, b), (c, d) = old, new
    while b > a and d > c and before[b - 1] == after[d - 1] and before[b - 1].isspace():
        b, d = b - 1, d - 1
    return _hunk((a, b), (c, d))


def _tokens(text: str, tile: Range) -> list[Range]:
    """The words of a tile and the text between them; together they are the whole tile."""
    start, end = tile
    found: list[Range] = []
    at = start
    for a, b in boundaries.words(text[start:end]):
        found += [(at, start + a)] if start + a > at else []
        found.append((start + a, start + b))
        at = start + b
    return [*found, (at, end)] if at < end else found


# -- as records -----------------------------------------------------------------------------------


def _edit(kind: ChangeKind, hunks: Sequence[Hunk], before: str, after: str) -> Edit:
    old = "".join(before[h.start : h.end] for h in hunks)
    new = "".join(after[h.new_start : h.new_end] for h in hunks)
    if kind == "edited" and not (old.strip() and new.strip()):
        kind = "removed" if old.strip() else "added"
    return Edit(kind=kind, before=old, after=new, hunks=tuple(hunks))


def _with_spacing(edits: Sequence[Edit]) -> list[Edit]:
    """Joins white space to the edit that it touches; all the rest of it is the last edit."""
    found = [edit for edit in edits if edit.before.strip() or edit.after.strip()]
    spacing = [h for edit in edits if edit not in found for h in edit.hunks]
    alone: list[Hunk] = []
    for hunk in spacing:
        beside = [k for k, edit in enumerate(found) if any(_touch(hunk, h) for h in edit.hunks)]
        if beside:
            edit = found[beside[0]]
            found[beside[0]] = edit.model_copy(update={"hunks": (*edit.hunks, hunk)})
        else:
            alone.append(hunk)
    if alone:
        found.append(Edit(kind="edited", before="", after="", hunks=tuple(alone)))
    return sorted(found, key=lambda edit: min(map(_place, edit.hunks)))


def _touch(one: Hunk, other: Hunk) -> bool:
    old = one.end == other.start or other.end == one.start
    return old and (one.new_end == other.new_start or other.new_end == one.new_start)


MIN_SHARE = 0.25
"""Smallest share of the whole change for which an edit is named."""
MIN_SHARE_APART = 0.1
"""Smallest share of the whole change for which edits are told apart."""

Ask = Callable[[int], Awaitable[Answers]]
"""Asks for the answers of the template with the first so many edits."""


@dataclass(frozen=True)
class Step:
    """The edits `[start, end)` on top of those before them, and how far the answers moved.
    `energies` holds the energy distance by aspect and input, NaN where an answer is missing.
    `counted`: the inputs whose answers changed; `share` is that of the sum of all steps."""

    start: int
    end: int
    energies: Array
    counted: Counted = UNCHANGED
    share: float = 1.0

    @property
    def known(self) -> Array:
        """The energies of the inputs that were answered."""
        return self.energies[:, ~np.isnan(self.energies[0])]

    @property
    def distance(self) -> float:
        """The mean energy distance, at least 0."""
        return largest_mean(self.known)

    @property
    def edits(self) -> int:
        """The number of edits."""
        return self.end - self.start


def splits(edits: int) -> int:
    """The most templates that are asked for until a single one of so many edits is found."""
    return ceil(log2(edits)) if edits > 1 else 0


def unresolved(steps: Sequence[Step]) -> list[Step]:
    """The steps that should be taken apart, the largest first."""
    found = [step for step in steps if step.edits > 1 and step.share >= MIN_SHARE_APART]
    return sorted(found, key=lambda step: -step.share)


class EditSearch:
    """One search between two versions' answers to the same inputs, by input and replicate. `noise`
    is the mean distance between two answers of one version, shape (aspects, inputs); the first of
    the `aspects` tells what is another answer."""

    def __init__(
        self,
        olds: Answers,
        news: Answers,
        edits: int,
        noise: Array,
        aspects: Sequence[Distance],
    ) -> None:
        self._answers = {0: olds, edits: news}
        self._noise = noise
        self._aspects = aspects
        self.steps = [self._step(0, edits)]

    async def run(self, ask: Ask, most: int) -> int:
        """Take steps apart while `most` templates allow it; returns how many were asked for."""
        asked = 0
        while asked < most and (largest := unresolved(self.steps)):
            step = largest[0]
            middle = (step.start + step.end) // 2
            self._answers[middle] = await ask(middle)
            asked += 1
            found = [s for s in self.steps if s is not step]
            found += [self._step(step.start, middle), self._step(middle, step.end)]
            self.steps = _shared(sorted(found, key=lambda s: s.start))
        return asked

    def alone(self, answers: Answers) -> float:
        """The distance of answers from the old version's, at least 0."""
        return Step(0, 1, self._energies(self._answers[0], answers)).distance

    def _step(self, start: int, end: int) -> Step:
        before, after = self._answers[start], self._answers[end]
        firsts = ((one[0], other[0]) for one, other in zip(before, after, strict=True))
        both = ((a, b) for a, b in firsts if a is not None and b is not None)
        counted = count_changed(both, self._aspects[0])
        return Step(start, end, self._energies(before, after), counted)

    def _energies(self, before: Answers, after: Answers) -> Array:
        return energies(before, after, self._noise, self._aspects)


def _shared(steps: list[Step]) -> list[Step]:
    total = sum(step.distance for step in steps)
    return [
        Step(s.start, s.end, s.energies, s.counted, s.distance / total if total else 0.0)
        for s in steps
    ]
