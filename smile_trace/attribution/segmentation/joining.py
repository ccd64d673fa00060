"""Many small segments joined to a few: whole neighbours, inside the parts of the prompt.

A group is a run of neighbours that stand side by side in one part, each of them whole. Groups are
split in two where that divides their length best, the longest first, as often as the limit
allows. What is side by side in the prompt's outline is always split; a single part (a document, a
section) or a sentence only where it is longer than twice its share.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, groupby

from smile_trace.records import Place, Segment


@dataclass(frozen=True)
class Leaf:
    """A segment that is joined with others.

    `number` is its place among all segments; `path` the parts around it, the largest first, of
    which the first `outer` are larger than a sentence.
    """

    segment: Segment
    number: int
    path: tuple[Place, ...]
    outer: int

    @cached_property
    def length(self) -> int:
        """Its characters."""
        return sum(end - start for _, start, end in self.segment.places)


Group = Sequence[Leaf]


@dataclass(frozen=True)
class _Run:
    """Leaves that share the first `depth` parts of their paths."""

    leaves: Group
    depth: int

    @cached_property
    def length(self) -> int:
        return sum(leaf.length for leaf in self.leaves)

    @property
    def between_parts(self) -> bool:
        """Whether what stands side by side here is larger than sentences."""
        return any(leaf.outer > self.depth for leaf in self.leaves)

    def halves(self) -> "tuple[_Run, _Run]":
        """Split where the lengths differ least."""
        ends: list[int] = []
        lengths: list[int] = []
        for _, neighbours in groupby(self.leaves, key=lambda leaf: _step(leaf, self.depth)):
            run = list(neighbours)
            ends.append((ends[-1] if ends else 0) + len(run))
            lengths.append((lengths[-1] if lengths else 0) + sum(leaf.length for leaf in run))
        k = min(range(len(ends) - 1), key=lambda k: abs(2 * lengths[k] - lengths[-1]))
        first, second = self.leaves[: ends[k]], self.leaves[ends[k] :]
        return _Run(first, self.depth), _Run(second, self.depth)

    def narrowed(self) -> "_Run":
        """The same leaves, seen where they first stand side by side."""
        depth, first, last = self.depth, self.leaves[0], self.leaves[-1]
        while len(self.leaves) > 1 and _step(first, depth) == _step(last, depth):
            depth += 1
        return _Run(self.leaves, depth)


def _step(leaf: Leaf, depth: int) -> object:
    """What holds the leaf at this depth: a part, or itself."""
    return leaf.path[depth] if depth < len(leaf.path) else leaf.segment.places


def split(groups: Sequence[Group], limit: int, *, into_sentences: bool = True) -> list[list[Leaf]]:
    """Splits groups until there are `limit`, or nothing is worth splitting; in their order.

    Without `into_sentences` only between parts that are larger than sentences.
    """
    runs = [_Run(group, 0).narrowed() for group in groups]
    share = sum(run.length for run in runs) / limit
    order = count()
    heap: list[tuple[float, int, _Run]] = []
    done: list[_Run] = []

    def keep(run: _Run) -> None:
        whole = run.narrowed()
        long = into_sentences and run.length > 2 * share
        worth = len(run.leaves) > 1 and (whole.between_parts or long)
        if worth:
            heapq.heappush(heap, (-run.length, next(order), whole))
        else:
            done.append(run)

    for run in runs:
        keep(run)
    while heap and len(heap) + len(done) < limit:
        for half in heapq.heappop(heap)[2].halves():
            keep(half)
    found = [*done, *(run for _, _, run in heap)]
    return sorted((list(run.leaves) for run in found), key=lambda leaves: leaves[0].segment.places)
