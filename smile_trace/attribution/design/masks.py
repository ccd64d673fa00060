"""The masks of a design (True = the segment is retained), and those that confirm a pair.

If two segments seem to work together, a third may have been removed in the same rows by chance. Two
or three masks, chosen for the pair and used in no estimate, tell:

- *either is enough*: a row that lost the answer without both, once with each retained. Each has to
  bring back as much as the pair does, since other parts may be missing there;
- *both only work together*: the whole prompt without each, and without both. Each has to lose the
  answer, and both together less than what the two lose in sum.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import product

import numpy as np

from smile_trace.attribution.estimation.interactions import Pair
from smile_trace.records import Perturbation

Mask = tuple[bool, ...]
Sendable = Callable[[Mask], bool]

KEEP_PROBABILITIES = (0.5, 0.8)
"""Keep probabilities that random masks take in turn. Independent draws make every segment's removal
probability known whatever the model does, and so the tests exact."""

DETERMINISTIC_KEEP_PROBABILITIES = (0.8, 0.5, 0.8)
"""Keep probabilities for a deterministic model: masks near the original prompt tell more of the
effects' order (docs/method.md); with noise, masks that remove half tell more of pairs."""

HALVES = (0.5,)
"""Keep probability if only sparse masks moved the answer: substitutes must go together."""

SPARSE = (0.2,)
"""Keep probability of masks that show whether parts are needed that stand in for each other."""


def random_masks(
    free: Sequence[bool],
    sendable: Sendable,
    generator: np.random.Generator,
    keep_probabilities: Sequence[float] = KEEP_PROBABILITIES,
) -> Iterator[tuple[Mask, float]]:
    """Endless independent masks with their keep probability; only unsendable ones are redrawn."""
    is_free = np.array(free)
    while True:
        for keep in keep_probabilities:
            yield _draw(is_free, keep, sendable, generator), keep


def all_masks(free: Sequence[bool], sendable: Sendable) -> list[Mask]:
    """Every mask that leaves something to send, the full one first."""
    choices = [(True, False) if is_free else (True,) for is_free in free]
    return [mask for mask in product(*choices) if sendable(mask)]


def without(parts: Set[int], size: int) -> Mask:
    """The mask of so many segments without these."""
    mask = [True] * size
    for part in parts:
        mask[part] = False
    return tuple(mask)


def leave_one_out(free: Sequence[bool], sendable: Sendable) -> list[Mask]:
    """The masks without one free segment each, if that leaves something to send."""
    masks = [without({i}, len(free)) for i, is_free in enumerate(free) if is_free]
    return [mask for mask in masks if sendable(mask)]


def fixed(mask: Mask, free: Sequence[bool], sendable: Sendable) -> tuple[int, ...]:
    """The segments that this mask had to retain, since nothing would be sent without them."""
    retained = [
        i for i, (keep, is_free) in enumerate(zip(mask, free, strict=True)) if keep and is_free
    ]
    if len(retained) != 1:  # if one is removed, another free segment remains
        return ()
    without = tuple(keep and i != retained[0] for i, keep in enumerate(mask))
    return () if sendable(without) else (retained[0],)


def _draw(
    free: np.ndarray, keep: float, sendable: Sendable, generator: np.random.Generator
) -> Mask:
    while True:
        drawn = generator.random(len(free)) < keep
        mask = tuple((drawn | ~free).tolist())
        if sendable(mask):
            return mask


MOST_CALLS = 4
"""Calls that are kept back to confirm two pairs, or one if the model varies."""


@dataclass(frozen=True)
class PairTest:
    """The masks that confirm a pair that seems to work together.

    Attributes:
        masks: one for each of the two segments; if each has to lose the answer, one without both.
        lost: the change of the row in which each brings the answer back; None if each has to lose
            it.
        half: the smallest difference, in answer change, that each has to make.
    """

    pair: Pair
    masks: tuple[Mask, ...]
    lost: float | None
    half: float

    def holds(self, changes: Sequence[Sequence[float | None]]) -> bool:
        """Whether the changes per mask, in [0, 1], confirm the pair; False if a mask has no
        answer."""
        known = [[c for c in of_mask if c is not None] for of_mask in changes]
        if not all(known):
            return False
        means = [float(np.mean(of_mask)) for of_mask in known]
        if self.lost is None:
            first, second, both = means
            made = [first, second, first + second - both]
        else:
            made = [self.lost - mean for mean in means]
        return all(difference >= self.half for difference in made)


@dataclass(frozen=True)
class Confirming:
    """A test of a pair and its rows: the repeats of each mask."""

    planned: PairTest
    rows: tuple[tuple[Perturbation, ...], ...]


def pair_test(
    pair: Pair, free: Sequence[bool], rows: Sequence[tuple[Perturbation, float]]
) -> PairTest | None:
    """The test of a pair (indices among the free segments), by the partition's rows and
    their changes, in [0, 1]; None if the pair seems not to work together, or no row lost the
    answer."""
    if pair.kind is None:
        return None
    places = np.flatnonzero(free)
    first, second = int(places[pair.first]), int(places[pair.second])
    half = min(abs(pair.value) / 2, 0.5)
    if pair.kind == "both":
        whole = (True,) * len(free)
        without = _set(whole, first, False), _set(whole, second, False)
        return PairTest(pair, (*without, _set(without[0], second, False)), None, half)
    lost = [
        (sum(row.mask), y, row.mask)
        for row, y in rows
        if y >= half and not row.mask[first] and not row.mask[second]
    ]
    if not lost:
        return None
    _, change, mask = max(lost)  # of which the most is retained
    back = _set(mask, first, True), _set(mask, second, True)
    return PairTest(pair, back, change, half)


def _set(mask: Mask, place: int, retained: bool) -> Mask:
    return (*mask[:place], retained, *mask[place + 1 :])
