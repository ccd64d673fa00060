"""The masks of a design: True = the segment is retained."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

Mask = tuple[bool, ...]
Sendable = Callable[[Mask], bool]

KEEP_PROBABILITIES = (0.5, 0.8)
"""Random masks take them in turn. With independent draws every segment's removal probability is
known whatever the model does, which makes the tests exact."""

DETERMINISTIC_KEEP_PROBABILITIES = (0.8, 0.5, 0.8)
"""For a deterministic model: masks near the original prompt tell more of the effects' order
(docs/method.md); with noise, masks that remove half tell more of pairs."""

HALVES = (0.5,)
"""Where only sparse masks moved the answer: parts that stand in for each other have to be removed
together, which masks near the prompt do rarely."""

SPARSE_KEEP_PROBABILITY = 0.2
"""Of masks that show whether parts are needed that stand in for each other."""


def random_masks(
    free: Sequence[bool],
    sendable: Sendable,
    generator: np.random.Generator,
    keep_probabilities: Sequence[float] = KEEP_PROBABILITIES,
) -> Iterator[tuple[Mask, float]]:
    """Endless independent masks with their keep probability; protected segments are retained.

    A mask that leaves nothing to send is drawn again; none other is rejected.
    """
    is_free = np.array(free)
    while True:
        for keep in keep_probabilities:
            yield _draw(is_free, keep, sendable, generator), keep


def sparse_masks(
    free: Sequence[bool], sendable: Sendable, generator: np.random.Generator
) -> Iterator[Mask]:
    """Endless independent masks that retain a fifth of the free segments."""
    while True:
        yield _draw(np.array(free), SPARSE_KEEP_PROBABILITY, sendable, generator)


def all_masks(free: Sequence[bool], sendable: Sendable) -> list[Mask]:
    """Every mask that leaves something to send, the full one first."""
    choices = [(True, False) if is_free else (True,) for is_free in free]
    return [mask for mask in product(*choices) if sendable(mask)]


def leave_one_out(free: Sequence[bool], sendable: Sendable) -> list[Mask]:
    """Per free segment the mask without it alone, where that leaves something to send."""
    masks = [tuple(k != i for k in range(len(free))) for i, is_free in enumerate(free) if is_free]
    return [mask for mask in masks if sendable(mask)]


def fixed(mask: Mask, free: Sequence[bool], sendable: Sendable) -> tuple[int, ...]:
    """The segments that this mask had to retain: without them nothing would have been sent."""
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
        mask = tuple(bool(keep) for keep in drawn | ~free)
        if sendable(mask):
            return mask
