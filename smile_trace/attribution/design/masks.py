"""Which segments are kept in which perturbation."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

Mask = tuple[bool, ...]
Sendable = Callable[[Mask], bool]

KEEP_PROBABILITIES = (0.5, 0.8)
"""Random masks take them in turn. Independent draws keep every segment's chance of being left
out known whatever the model does, which is what makes the tests exact."""

NEAR = (0.8, 0.5, 0.8)
"""For a model without noise: near the prompt that was sent more is learnt of the order of words
(docs/method.md); with noise, masks that leave out half say more of pairs."""


def random_masks(
    free: Sequence[bool],
    sendable: Sendable,
    generator: np.random.Generator,
    *,
    near: bool = False,
) -> Iterator[tuple[Mask, float]]:
    """Endless independent masks with their keep probability; protected segments are always kept.

    A mask that leaves nothing to send is drawn again; none other is rejected. `near`: more
    masks that leave out little.
    """
    is_free = np.array(free)
    while True:
        for keep in NEAR if near else KEEP_PROBABILITIES:
            mask = _draw(is_free, keep, generator)
            while not sendable(mask):
                mask = _draw(is_free, keep, generator)
            yield mask, keep


def all_masks(free: Sequence[bool], sendable: Sendable) -> list[Mask]:
    """Every mask that leaves something to send, the full one first."""
    choices = [(True, False) if is_free else (True,) for is_free in free]
    return [mask for mask in product(*choices) if sendable(mask)]


def leave_one_out(free: Sequence[bool], sendable: Sendable) -> list[Mask]:
    """Per free segment the mask without it alone, where that leaves something to send."""
    masks = [tuple(k != i for k in range(len(free))) for i, is_free in enumerate(free) if is_free]
    return [mask for mask in masks if sendable(mask)]


def fixed(mask: Mask, free: Sequence[bool], sendable: Sendable) -> tuple[int, ...]:
    """The segments that this mask could not have left out: nothing would have been sent."""
    kept = [i for i, (keep, is_free) in enumerate(zip(mask, free, strict=True)) if keep and is_free]
    if len(kept) != 1:  # another free segment is kept, so leaving one out leaves that other
        return ()
    without = tuple(keep and i != kept[0] for i, keep in enumerate(mask))
    return () if sendable(without) else (kept[0],)


def _draw(free: np.ndarray, keep: float, generator: np.random.Generator) -> Mask:
    drawn = generator.random(len(free)) < keep
    return tuple(bool(kept) for kept in drawn | ~free)
