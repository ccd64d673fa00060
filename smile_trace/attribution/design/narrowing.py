"""Which parts are removed together next, to clear those that an average alone excludes.

An average over random masks excludes a part, and does not tell that two stand in for each other. A
prompt without all of them does: if less than a limit is lost, no two of them do. Otherwise it is
asked without halves, and again halves of those that lose it, so that what stands beside many parts
that each lose it is soon cleared. Where both halves lose less, the fewest parts that lose it are
looked for as QuickXplain does (Junker 2004), and the others are asked without one of each such
few.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product

import numpy as np

Parts = frozenset[int]

MOST_RESTS = 8
"""Prompts in one round that leave in one of each few parts, of which there may be many."""


def losses(removals: Iterable[tuple[Parts, float]], times: int) -> dict[Parts, float]:
    """The median answer change of each removal that was asked `times` times or more."""
    changes: dict[Parts, list[float]] = defaultdict(list)
    for parts, change in removals:
        changes[parts].append(change)
    return {of: float(np.median(all_)) for of, all_ in changes.items() if len(all_) >= times}


def next_removals(doubtful: Parts, lost: Mapping[Parts, float], limit: float) -> list[Parts]:
    """The groups of `doubtful` parts to remove next, one group a prompt; [] if nothing is left.

    Args:
        lost: the answer change of each removal that was asked, in [0, 1].
        limit: the smallest change that is a loss.
    """
    cleared = [parts for parts, change in lost.items() if change < limit]
    losing = [parts for parts, change in lost.items() if change >= limit]
    if blocks := sorted(_blocks(sorted(doubtful), cleared, losing), key=len, reverse=True):
        return blocks
    few = fewest_losing(doubtful, lost, limit)
    if smaller := [group for parts in few if (group := _smaller(parts, cleared))]:
        return list(dict.fromkeys(smaller))
    rests = (doubtful - set(one_of_each) for one_of_each in product(*map(sorted, few)))
    return [
        rest
        for rest in dict.fromkeys(islice(rests, MOST_RESTS))
        if rest and not any(rest <= parts for parts in cleared)
    ]


def _blocks(
    ranked: Sequence[int], cleared: Sequence[Parts], losing: Sequence[Parts]
) -> Iterator[Parts]:
    """The groups of neighbours to ask without: halves, and again halves of those that lose."""
    block = frozenset(ranked)
    if not block or any(block <= of for of in cleared):
        return
    if not any(of <= block for of in losing):
        yield block
    elif len(ranked) > 1:
        middle = len(ranked) // 2
        yield from _blocks(ranked[:middle], cleared, losing)
        yield from _blocks(ranked[middle:], cleared, losing)


def fewest_losing(doubtful: Parts, lost: Mapping[Parts, float], limit: float) -> list[Parts]:
    """The groups of `doubtful` parts that lost `limit` or more and hold no smaller such group."""
    found: list[Parts] = []
    for parts in sorted(lost, key=len):
        if lost[parts] >= limit and parts <= doubtful and not any(few <= parts for few in found):
            found.append(parts)
    return found


def is_fewest(parts: Parts, lost: Mapping[Parts, float], limit: float) -> bool:
    """Whether each of these parts, which lose `limit` or more, is known to be needed for it."""
    return _smaller(parts, [of for of, change in lost.items() if change < limit]) is None


def _smaller(parts: Parts, cleared: Sequence[Parts]) -> Parts | None:
    """The group of fewer of these `parts`, which lose it, to ask next; None if each is needed."""
    hold_one = [rest for of in cleared if (rest := parts - of)]  # one that is needed
    needed = {k for group in hold_one if len(group) == 1 for k in group}
    untold = [group for group in hold_one if not group & needed]
    if needed == parts:
        return None
    if needed and not untold:
        return frozenset(needed)
    group: Parts = min([*untold, parts], key=len)
    removed = sorted(group)[: len(group) // 2]
    return parts.difference(removed)
