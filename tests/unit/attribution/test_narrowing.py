"""Which parts are removed together next: the fewest that lose it, and all others cleared."""

from itertools import combinations
from random import Random

import pytest

from smile_trace.attribution.design.narrowing import Parts, fewest_losing, next_removals

LIMIT = 0.1


def removals(parts: Parts, groups: list[Parts], lost: dict[Parts, float]) -> dict[Parts, float]:
    """Asks until nothing is left: a removal loses a half if it holds one of the groups."""
    while asked := next_removals(parts, lost, LIMIT):
        assert not any(of in lost for of in asked)
        lost |= {of: 0.5 * any(group <= of for group in groups) for of in asked}
    return lost


@pytest.mark.parametrize("seed", range(20))
def test_the_fewest_that_lose_it_are_found_and_all_other_pairs_are_cleared(seed: int) -> None:
    random = Random(seed)
    parts = frozenset(range(random.randint(4, 14)))
    sizes = [random.randint(1, 3) for _ in range(random.randint(0, 2))]
    drawn = [frozenset(random.sample(sorted(parts), size)) for size in sizes]
    groups = [group for group in drawn if not any(other < group for other in drawn)]
    lost = removals(parts, groups, {})
    assert set(fewest_losing(parts, lost, LIMIT)) == set(groups)
    cleared = [of for of, change in lost.items() if change < LIMIT]
    for pair in map(frozenset, combinations(sorted(parts), 2)):
        loses = any(group <= pair for group in groups)
        assert loses or any(pair <= of for of in cleared)


def test_what_no_two_parts_do_takes_one_prompt() -> None:
    assert list(removals(frozenset(range(30)), [], {})) == [frozenset(range(30))]


def test_a_pair_among_eight_takes_few_prompts_and_what_was_asked_is_not_asked_again() -> None:
    alone = {frozenset({k}): 0.0 for k in range(8)}
    parts, pair = frozenset(range(8)), frozenset({2, 7})
    assert len(removals(parts, [pair], {**alone, parts: 0.5})) - len(alone) <= 11


def test_what_does_not_lose_it_beside_many_that_do_is_cleared_block_by_block() -> None:
    parts, needed = frozenset(range(40)), range(10, 20)
    lost: dict[Parts, float] = {}
    while not frozenset(range(20, 40)) <= frozenset().union(*(k for k, y in lost.items() if not y)):
        asked = next_removals(parts, lost, LIMIT)
        lost |= {of: 0.3 * any(k in of for k in needed) for of in asked}
    assert len(lost) <= 3
