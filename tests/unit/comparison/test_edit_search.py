"""Bisection over edits, and planted pairs of versions (all: benchmarks.comparison.pairs)."""

import asyncio

import numpy as np
import pytest

from benchmarks.comparison.pairs import judge
from smile_trace.comparison.answers import Answers
from smile_trace.comparison.edit_search import EditSearch, unresolved


def _search(edits: int, *drivers: int, most: int = 99) -> tuple[EditSearch, int]:
    """Answers are the number of drivers that are in place, over 10."""

    def answers(count: int) -> Answers:
        return [[str(sum(driver < count for driver in drivers) / 10)] for _ in range(3)]

    async def ask(count: int) -> Answers:
        return answers(count)

    search = EditSearch(
        answers(0), answers(edits), edits, np.zeros(3), lambda a, b: abs(float(a) - float(b))
    )
    return search, asyncio.run(search.run(ask, most))


@pytest.mark.parametrize("edits", [1, 2, 3, 6, 16, 50])
def test_one_edit_is_found_in_the_logarithm_of_their_number(edits: int) -> None:
    for driver in range(edits):
        search, asked = _search(edits, driver)
        [step] = [step for step in search.steps if step.share]
        assert (step.start, step.end, step.share) == (driver, driver + 1, 1.0)
        assert asked <= np.ceil(np.log2(edits))


def test_two_edits_are_found() -> None:
    search, _ = _search(6, 0, 4)
    assert [step.start for step in search.steps if step.share and step.edits == 1] == [0, 4]


def test_steps_cover_all_edits_when_the_budget_ends() -> None:
    search, asked = _search(8, 6, most=1)
    assert asked == 1
    assert [(s.start, s.end) for s in search.steps] == [(0, 4), (4, 8)]
    still = unresolved(search.steps)
    assert still is not None
    assert still.start == 4


@pytest.mark.parametrize("seed", [20, 21, 22, 23])
def test_a_planted_edit_is_named(seed: int) -> None:
    assert judge(seed, matter=True).right


@pytest.mark.parametrize("seed", [20, 21])
def test_none_is_named_where_none_matters(seed: int) -> None:
    assert not judge(seed, matter=False).named
