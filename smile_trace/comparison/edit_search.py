"""Which of many edits changed the answers: bisection, as `git bisect` does it over commits.

The edits are applied one after the other. Where the answers after none and after all of them
differ, they differ over some step in between; the answers half-way say in which half, and so on
(group testing by bisection, Dorfman 1943; Zeller 1999). With several edits that matter, the half
with the larger step is taken apart first.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil, log2

import numpy as np

from smile_trace.comparison.answers import CHANGED, Answers, Distance, energies
from smile_trace.comparison.influence.regression import Array

MIN_SHARE = 0.25
"""Smallest share of the whole change that one edit or group of edits is followed up for."""

Ask = Callable[[int], Awaitable[Answers]]
"""The answers of the template with the first so many edits."""


@dataclass(frozen=True)
class Step:
    """The edits `[start, end)` on top of those before them, and how far the answers moved.

    `energies`: the energy distance per input, shape (inputs,), NaN where an answer is missing.
    `changed`: how many inputs got another answer. `share`: of the sum of all steps, in [0, 1].
    """

    start: int
    end: int
    energies: Array
    changed: int
    share: float = 1.0

    @property
    def known(self) -> Array:
        """The energies of the inputs that were answered."""
        known: Array = self.energies[~np.isnan(self.energies)]
        return known

    @property
    def distance(self) -> float:
        """The mean energy distance, at least 0."""
        return max(float(self.known.mean()), 0.0) if len(self.known) else 0.0

    @property
    def edits(self) -> int:
        """How many edits it holds."""
        return self.end - self.start


def splits(edits: int) -> int:
    """How many templates are asked for at most until one of so many edits is found alone."""
    return ceil(log2(edits)) if edits > 1 else 0


def unresolved(steps: list[Step]) -> Step | None:
    """The step that should be taken apart next; None where there is none."""
    largest = max(steps, key=lambda step: (step.edits > 1, step.share))
    return largest if largest.edits > 1 and largest.share >= MIN_SHARE else None


class EditSearch:
    """One search.

    Args:
        olds: the old version's answers, by input and replicate.
        news: the new version's answers to the same inputs.
        edits: how many edits lead from the one to the other.
        noise: the mean distance between two answers of one version, by input, shape (inputs,).
    """

    def __init__(
        self, olds: Answers, news: Answers, edits: int, noise: Array, distance: Distance
    ) -> None:
        self._answers = {0: olds, edits: news}
        self._noise = noise
        self._distance = distance
        self.steps = [self._step(0, edits)]

    async def run(self, ask: Ask, most: int) -> int:
        """Take steps apart until one edit is found, or `most` templates were asked for.

        Returns:
            How many were asked for.
        """
        asked = 0
        while asked < most and (step := unresolved(self.steps)) is not None:
            middle = (step.start + step.end) // 2
            self._answers[middle] = await ask(middle)
            asked += 1
            found = [s for s in self.steps if s is not step]
            found += [self._step(step.start, middle), self._step(middle, step.end)]
            self.steps = _shared(sorted(found, key=lambda s: s.start))
        return asked

    def alone(self, answers: Answers) -> float:
        """How far answers lie from the old version's, at least 0."""
        return Step(0, 1, self._energies(self._answers[0], answers), 0).distance

    def _step(self, start: int, end: int) -> Step:
        before, after = self._answers[start], self._answers[end]
        changed = sum(
            one[0] is not None
            and other[0] is not None
            and self._distance(one[0], other[0]) > CHANGED
            for one, other in zip(before, after, strict=True)
        )
        return Step(start, end, self._energies(before, after), changed)

    def _energies(self, before: Answers, after: Answers) -> Array:
        return energies(before, after, self._noise, self._distance)


def _shared(steps: list[Step]) -> list[Step]:
    total = sum(step.distance for step in steps)
    return [
        Step(s.start, s.end, s.energies, s.changed, s.distance / total if total else 0.0)
        for s in steps
    ]
