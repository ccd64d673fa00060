"""The parts that are called without effect, removed together: what no single level can see.

Each level removes its own parts and retains the rest of the prompt, so that two parts of different
levels, of which either is enough, seem without effect in both. The last calls of a study with
several levels therefore ask without all excluded parts at once. What is lost beyond what their
effects explain is looked for by halving (`narrowing`): its parts are open, and two are a
pair of which either is enough. So are two that matter on average, and cost nothing alone.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from smile_trace.attribution.design.narrowing import (
    Parts,
    fewest_losing,
    is_fewest,
    losses,
    next_removals,
)
from smile_trace.records import Interaction, Perturbation, Segment, SegmentAttribution

Removal = tuple[Perturbation, float]
"""A row and its answer change in [0, 1]."""


@dataclass(frozen=True)
class Greyed:
    """The excluded segments of all levels, and what was lost without some of them alone.

    Attributes:
        segments: the finest of each part of the prompt, in its order.
        excluded: the indices of those that are excluded.
        spared: the indices of those that matter on average, and cost little if removed alone.
        doubtful: both, and the indices of the open ones.
        lost: the answer change of each removal of doubtful segments alone, in [0, 1].
        limit: the smallest change that matters.
        times: how often a removal is asked to count.
    """

    segments: tuple[SegmentAttribution, ...]
    excluded: Parts
    spared: Parts
    doubtful: Parts
    lost: dict[Parts, float]
    limit: float
    times: int = 1

    @classmethod
    def of(
        cls,
        segments: Sequence[SegmentAttribution],
        removals: Iterable[tuple[Sequence[Segment], Removal]],
        limit: float,
        times: int,
    ) -> "Greyed":
        """From rows with the partitions that their masks are of; a removal counts once it was asked
        `times` times, with its median."""
        place = {segment.key: k for k, segment in enumerate(segments)}
        unnamed = frozenset(
            k
            for k, s in enumerate(segments)
            if not (s.protected or s.significant or s.fails_without)
        )
        excluded = frozenset(k for k in unnamed if segments[k].at_most < limit)
        spared = frozenset(k for k, s in enumerate(segments) if _is_spared(s, limit))
        doubtful = unnamed | spared
        removed = (
            (frozenset(place.get(k, -1) for k in keys_without(partition, row)), change)
            for partition, (row, change) in removals
        )
        own = ((parts, change) for parts, change in removed if parts and parts <= doubtful)
        lost = losses(own, times)
        return cls(tuple(segments), excluded, spared, doubtful, lost, limit, times)

    def next_removals(self) -> list[list[str]]:
        """The keys of the segments to remove next, one list a prompt; [] if nothing is left. The
        open ones come last, since what they cost themselves says nothing of others."""
        pairs = (of for of in self._fewest if len(of) == 2)
        alone = [frozenset({k}) for of in pairs for k in sorted(of)]
        groups = (
            [one for one in alone if one not in self.lost]
            or self._next_of(self.spared)
            or self._next_of(self.excluded)
            or self._next_of(self.doubtful)
        )
        return [[self.segments[k].key for k in sorted(of)] for of in groups]

    def _next_of(self, parts: Parts) -> list[Parts]:
        if len(parts) < 2:
            return []
        beyond = {of: change for of, change in self._beyond_expected.items() if of <= parts}
        return next_removals(parts, beyond, self.limit)

    @cached_property
    def _beyond_expected(self) -> dict[Parts, float]:
        """What was lost, or 0 where the segments explain it: their effects in sum, and for the
        excluded ones what these may differ by, which adds up as independent errors do."""
        effect = [
            (s.leave_one_out or 0.0)
            if k in self.spared
            else max(abs(s.attribution), s.leave_one_out or 0.0)
            for k, s in enumerate(self.segments)
        ]
        error = [
            s.at_most - effect[k] if k in self.excluded else 0.0
            for k, s in enumerate(self.segments)
        ]

        def expected(of: Parts) -> float:
            return sum(effect[k] for k in of) + math.hypot(*(error[k] for k in of))

        return {of: y if y > expected(of) else 0.0 for of, y in self.lost.items()}

    @cached_property
    def _fewest(self) -> list[Parts]:
        return fewest_losing(self.doubtful, self._beyond_expected, self.limit)

    def opened(self) -> tuple[SegmentAttribution, ...]:
        """The segments, with intervals that hold what was lost without them and others: excluded
        ones alone, or the fewest of these and others."""
        high: dict[int, float] = {}
        beyond = self._beyond_expected
        for parts in self._fewest:
            if not (parts <= self.excluded or is_fewest(parts, beyond, self.limit)):
                continue
            high |= {k: max(high.get(k, 0.0), self.lost[parts]) for k in parts - self.spared}
        return tuple(self._known(k, high.get(k, -1.0)) for k in range(len(self.segments)))

    def _known(self, k: int, high: float) -> SegmentAttribution:
        segment, alone = self.segments[k], self.lost.get(frozenset({k}))
        update: dict[str, float] = {}
        if high > segment.ci_high:
            update["ci_high"] = high
        if self.times == 1 and segment.leave_one_out is None and alone is not None:
            update["leave_one_out"] = alone
        return segment.model_copy(update=update) if update else segment

    def pairs(self) -> tuple[Interaction, ...]:
        """The pairs of which either is enough: much is lost without both, and little without
        each."""
        return tuple(
            Interaction(
                kind="either",
                first=self.segments[first].key,
                second=self.segments[second].key,
                value=more,
                ci_low=more,
                ci_high=more,
            )
            for first, second in (sorted(of) for of in self._fewest if len(of) == 2)
            if (more := self._beyond(first, second)) is not None
        )

    def _beyond(self, first: int, second: int) -> float | None:
        """What is lost without both beyond what each costs; None if that was not measured, or they
        do not stand in for each other."""
        lost = self.lost[frozenset((first, second))]
        costs = [self.lost.get(frozenset({k})) for k in (first, second)]
        known = [cost for cost in costs if cost is not None and cost < self.limit]
        if len(known) < 2:
            return None
        more = lost - sum(known)
        return more if more >= self.limit else None


def keys_without(partition: Sequence[Segment], row: Perturbation) -> Iterable[str]:
    """The keys of the segments that a row removes."""
    return (s.key for s, kept in zip(partition, row.mask, strict=True) if not kept)


def _is_spared(segment: SegmentAttribution, limit: float) -> bool:
    alone = segment.leave_one_out
    return segment.significant and alone is not None and alone < limit
