"""Fresh masks that confirm that two segments work together, or refute it.

Where a pair seems to, the other segment that really does may have been removed in the same rows by
chance. Two masks tell that are chosen for the pair, and are in no estimate:

- *either is enough*: of a row in which the answer is lost without both, the same with the one, and
  with the other retained. Each has to bring it back, as far as the pair has it: other parts may
  be missing there, too;
- *both only work together*: the whole prompt without the one, and without the other. Each has to
  lose the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smile_trace.attribution.design.masks import Mask
from smile_trace.attribution.estimation.interactions import Pair
from smile_trace.records import Perturbation

MOST_CALLS = 4
"""Calls that are kept back for them: of two pairs, or of one where the model varies."""


@dataclass(frozen=True)
class Confirmation:
    """What is asked of a pair that seems to work together.

    Attributes:
        pair: what the answers until then say of the two.
        masks: one for each of the two segments.
        lost: the answer change, in [0, 1], of the row in which each brings the answer back; None
            where each loses it.
        half: the least difference that each has to make, in answer change.
    """

    pair: Pair
    masks: tuple[Mask, Mask]
    lost: float | None
    half: float

    def holds(self, changes: Sequence[Sequence[float | None]]) -> bool:
        """Whether the answers confirm it; not where a mask has none.

        Args:
            changes: per mask the changes of its answers, in [0, 1].
        """
        known = [[c for c in of_mask if c is not None] for of_mask in changes]
        if not all(known):
            return False
        means = [float(np.mean(of_mask)) for of_mask in known]
        made = means if self.lost is None else [self.lost - mean for mean in means]
        return all(difference >= self.half for difference in made)


@dataclass(frozen=True)
class Confirming:
    """A confirmation and its rows: per mask those that repeat it."""

    confirmation: Confirmation
    rows: tuple[tuple[Perturbation, ...], ...]


def confirmation_of(
    pair: Pair, free: Sequence[bool], rows: Sequence[tuple[Perturbation, float]]
) -> Confirmation | None:
    """What would confirm that a pair works together; None where it does not seem to, or where no
    row has lost the answer without both.

    Args:
        pair: by its indices among the free segments.
        free: which segments may be removed.
        rows: of the partition, with their answer changes, in [0, 1].
    """
    if pair.kind is None:
        return None
    places = np.flatnonzero(free)
    first, second = int(places[pair.first]), int(places[pair.second])
    half = min(abs(pair.value) / 2, 0.5)
    if pair.kind == "both":
        whole = (True,) * len(free)
        without = _set(whole, first, False), _set(whole, second, False)
        return Confirmation(pair, without, None, half)
    lost = [
        (sum(row.mask), y, row.mask)
        for row, y in rows
        if y >= half and not row.mask[first] and not row.mask[second]
    ]
    if not lost:
        return None
    _, change, mask = max(lost)  # of which the most is retained
    back = _set(mask, first, True), _set(mask, second, True)
    return Confirmation(pair, back, change, half)


def _set(mask: Mask, place: int, retained: bool) -> Mask:
    return (*mask[:place], retained, *mask[place + 1 :])
