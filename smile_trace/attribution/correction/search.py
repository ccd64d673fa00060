"""The search for the smallest removals that make a wrong answer right.

Single parts first, then pairs of the most suspicious, many together at random, the pieces of
single parts and all pairs; of many as few as are needed are kept by halving (QuickXplain, Junker
2004). Then the same inside of what was found.
Nothing counts as found that was not confirmed by answers of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from smile_trace._stats.intervals import wilson
from smile_trace.attribution.estimation.inference import LEVEL
from smile_trace.attribution.reporting.segments import is_within
from smile_trace.records import Correction, Segment

Removal = frozenset[Segment]
"""The parts that a prompt lacks."""

SUSPECTS = 4
"""Parts with the largest effects, which are tried again where answers vary, and in pairs."""

TRIES = 2
"""How often a removal is asked for that holds less than one with a right answer, where answers
vary."""

CONFIRMING = 10
"""Fresh answers that confirm a removal, where answers vary."""

RIGHT_SHARE = 0.5
"""A removal makes the answer right if it does so more often than that, and than the whole prompt
may, with 90 % confidence."""

HALF, FIRST_ROUNDS, MOST_ROUNDS = 0.6, 3, 100
"""The share of the parts that is removed at random, and the most rounds of such removals, before
pieces and pairs, and after them, where some may be of nothing. Of two parts of which either keeps
the answer wrong, and one that a right answer needs, two thirds would be removed best."""

MOST_FOUND = 2
"""Removals that are confirmed, of several that seem to make the answer right."""


@dataclass
class CorrectionSearch:
    """Yields removals to ask for, and keeps which answers were right.

    Args:
        parts: the parts that may be removed, the most suspicious first.
        pieces: the parts that a part consists of, [] if it is not partitioned any more.
        repeats: whether the same request gives the same answer.
        control: the largest share of right answers that the whole prompt may have.
        seed: of the removals at random.
        hints: removals of many parts with which an answer was right.
    """

    parts: Sequence[Segment]
    pieces: Callable[[Segment], Sequence[Segment]]
    repeats: bool
    control: float
    seed: Sequence[int]
    hints: Sequence[Removal] = ()
    right: Mapping[Removal, Sequence[bool]] = field(default_factory=dict, init=False)
    """Which answers without these parts were right, in the order in which they were asked; set
    before each step."""
    changed: Mapping[Removal, float] = field(default_factory=dict, init=False)
    """How far the right answers without these parts, or all if none is right, are from the logged
    one, in [0, 1]; set before each step. Of removals of as many parts, the one that changes the
    answer least is preferred."""

    def steps(self) -> Iterator[list[Removal]]:
        """The removals to ask for next, each as often as it is listed."""
        yield from self._among(self.parts)
        for removal in self._helping()[:MOST_FOUND]:
            yield from self._inside(removal)
        if not self.repeats:
            yield from self._confirm()

    @property
    def found(self) -> list[Correction]:
        """The confirmed removals that hold no smaller one, the smallest first."""
        confirmed = {one: found for one in self.right if (found := self._correction(one))}
        smallest = [
            one for one in confirmed if not any(_is_smaller(other, one) for other in confirmed)
        ]
        return [confirmed[one] for one in sorted(smallest, key=self._size)]

    @property
    def unhelpful(self) -> int:
        """How many of the parts were removed by themselves, and no answer was right."""
        alone = [self.right.get(frozenset({part}), ()) for part in self.parts]
        return sum(bool(right) and not any(right) for right in alone)

    @property
    def promising(self) -> tuple[Sequence[Segment], int, int] | None:
        """The smallest removal of which at least half of the answers were right, else the one of
        which most were, with their number and that of all, if none is confirmed."""
        tried = [(one, sum(right), len(right)) for one, right in self.right.items() if any(right)]
        if self.found or not tried:
            return None
        mostly = [one for one in tried if 2 * one[1] >= one[2]]
        mostly = [one for one in mostly if len(one[0]) == min(len(other[0]) for other in mostly)]
        best, right, of = max(mostly or tried, key=lambda one: wilson(one[1], one[2], LEVEL)[0])
        return in_order(best), right, of

    def _among(self, parts: Sequence[Segment]) -> Iterator[list[Removal]]:
        yield from self._try_each([frozenset({part}) for part in parts])
        pairs = [frozenset(two) for two in combinations(parts[:SUSPECTS], 2)]
        others = sorted(combinations(range(len(parts)), 2), key=sum)
        for attempt in (
            self._try(pairs),
            self._try(self.hints),
            self._try_halves(parts, FIRST_ROUNDS),
            self._try_pieces(parts),
            self._try_in_turn([frozenset({parts[a], parts[b]}) for a, b in others]),
            self._try_halves(parts, MOST_ROUNDS),
        ):
            if not self._helping():
                yield from attempt
        for removal in self._helping()[:1]:
            yield from self._narrow(removal)

    def _inside(self, removal: Removal) -> Iterator[list[Removal]]:
        """Replace each part of a removal by the fewest of its pieces with which it still helps."""
        for part in in_order(removal):
            others, pieces = removal - {part}, frozenset(self.pieces(part))
            if len(pieces) < 2:
                continue
            finer = [others | {piece} for piece in in_order(pieces)]
            yield from self._try_each(finer)
            if not any(map(self._helps, finer)):
                yield from self._narrow(others | pieces, others)
            for one in self._helping():
                if others < one < others | pieces:
                    yield from self._inside(one)
                    return

    def _narrow(self, removal: Removal, held: Removal = frozenset()) -> Iterator[list[Removal]]:
        """Retain half of what is removed, but for `held`, as long as the answer stays right."""
        removed = in_order(removal - held)
        size = (len(removed) + 1) // 2
        while size and len(removed) > 1:
            for start in range(0, len(removed), size):
                less = held | frozenset(removed[:start] + removed[start + size :])
                if less == held:
                    continue
                for _ in range(TRIES):  # an answer may fail, or be that of another removal
                    if self._is_worth_asking(less):
                        yield from self._try([less], again=True)
                if self._helps(less):
                    removed = in_order(less - held)
                    size = min(size, (len(removed) + 1) // 2)
                    break
            else:
                size //= 2

    def _try_pieces(self, parts: Sequence[Segment]) -> Iterator[list[Removal]]:
        """Try the pieces of each part, first of what changes the answer most, until an answer is
        right: what is to blame may stand beside what a right answer needs."""
        for part in sorted(parts, key=lambda one: -self.changed.get(frozenset({one}), 0.0)):
            if not self._helping() and len(pieces := self.pieces(part)) > 1:
                yield from self._try([frozenset({piece}) for piece in pieces])

    def _try_in_turn(self, removals: Sequence[Removal]) -> Iterator[list[Removal]]:
        """Try these, a few at a time, until an answer is right."""
        for start in range(0, len(removals), SUSPECTS):
            if not self._helping():
                yield from self._try(removals[start : start + SUSPECTS])

    def _try_halves(self, parts: Sequence[Segment], rounds: int) -> Iterator[list[Removal]]:
        """Remove half of the parts at random until an answer is right: what only helps together."""
        generator = np.random.default_rng([*self.seed, rounds])
        for _ in range(rounds):
            if self._helping():
                return
            drawn = generator.random((SUSPECTS, len(parts))) < HALF
            halves = [
                frozenset(part for part, out in zip(parts, removed, strict=True) if out)
                for removed in drawn
            ]
            yield from self._try(halves, again=True)

    def _try_each(self, removals: Sequence[Removal]) -> Iterator[list[Removal]]:
        """Try these, and the first of them again where a right answer may be missed by chance."""
        yield from self._try(removals)
        if not self.repeats and not any(map(self._helps, removals)):
            yield from self._try(removals[:SUSPECTS], again=True)

    def _try(self, removals: Sequence[Removal], *, again: bool = False) -> Iterator[list[Removal]]:
        if fresh := [one for one in removals if one and (again or one not in self.right)]:
            yield fresh

    def _confirm(self) -> Iterator[list[Removal]]:
        """Ask for fresh answers of the smallest removals that help, until enough are confirmed."""
        helping = [removal for removal in self.right if self._helps(removal)]
        for removal in sorted(helping, key=self._size):
            found = [one for one in self.right if self._correction(one) is not None]
            if len(found) == MOST_FOUND:
                return
            if not any(_is_smaller(one, removal) for one in found):
                yield [removal] * CONFIRMING

    def _is_worth_asking(self, removal: Removal) -> bool:
        """Whether an answer that is right may be missing, one of a few times it is asked for."""
        asked = len(self.right.get(removal, ()))
        return not self._helps(removal) and asked < (1 if self.repeats else TRIES)

    def _helps(self, removal: Removal) -> bool:
        return any(self.right.get(removal, ()))

    def _helping(self) -> list[Removal]:
        """The removals with a right answer that hold no smaller such, the smallest first."""
        found = [removal for removal, right in self.right.items() if any(right)]
        found.sort(key=self._size)
        return [one for one in found if not any(_is_smaller(other, one) for other in found)]

    def _size(self, removal: Removal) -> tuple[int, float, int]:
        characters = sum(len(part.text) for part in removal)
        return len(removal), self.changed.get(removal, 1.0), characters

    def _correction(self, removal: Removal) -> Correction | None:
        """A removal that was confirmed; the answers before the first right one, and this one, led
        to it and do not count."""
        right = self.right[removal]
        if True not in right:
            return None
        fresh = right if self.repeats else right[right.index(True) + 1 :]
        low, high = (1.0, 1.0) if self.repeats else wilson(sum(fresh), len(fresh), LEVEL)
        if low <= max(RIGHT_SHARE, self.control):
            return None
        parts = tuple(in_order(removal))
        return Correction(parts=parts, right=sum(fresh), of=len(fresh), ci_low=low, ci_high=high)


def in_order(parts: Iterable[Segment]) -> list[Segment]:
    """The parts as they stand in the prompt."""
    return sorted(parts, key=lambda part: part.places)


def _is_smaller(one: Removal, other: Removal) -> bool:
    """Whether a removal is of some of the other's parts, or of pieces of them."""
    return one != other and all(any(is_within(part, whole) for whole in other) for part in one)
