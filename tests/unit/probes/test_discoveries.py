"""What is found over many profiles: few where nothing differs, all where much does."""

import random
from functools import cache

import pytest

from smile_trace.probes.discoveries import discoveries
from smile_trace.probes.inference import Count
from smile_trace.probes.sampling import REPEATS, Sampling

PROBES = ("stability", "paraphrase", "format", "order", "length", "swap")
CALLS, PROMPTS = 50, 8
NOISE = 0.08
"""At which every request of every call gets another answer."""


@cache
def null_profiles() -> tuple[dict[str, float], ...]:
    """The p-values of what is found in profiles of calls of which no probe differs."""
    draw = random.Random(0)
    return tuple(_null_profile(draw) for _ in range(CALLS * PROMPTS))


def _null_profile(draw: random.Random) -> dict[str, float]:
    given = {name: Count(0, 0) for name in PROBES}
    budget = 48
    while True:
        sampling = Sampling(dict.fromkeys(PROBES, 16), lambda _, other: given[other])
        if not (wanted := sampling.next(budget)):
            break
        for name, number in wanted.items():
            moved = sum(draw.random() < NOISE for _ in range(number))
            given[name] = Count(given[name].changed + moved, given[name].asked + number)
            budget -= number
    p_values, found = sampling.p_values(), sampling.found()
    return {name: p_values[name] if name in found else 1.0 for name in PROBES}


def test_of_prompts_of_which_nothing_differs_few_have_a_finding() -> None:
    """Each profile by itself has one now and then, so that most prompts have several."""
    prompts = [null_profiles()[k * CALLS : (k + 1) * CALLS] for k in range(PROMPTS)]
    alone = [any(min(one.values()) < 1 for one in calls) for calls in prompts]
    together = [any(discoveries(calls)) for calls in prompts]
    assert sum(alone) >= 6
    assert sum(together) <= 2, "one of ten, by more than nineteen in twenty times"


def test_no_p_value_is_too_small_however_often_sampling_looked() -> None:
    smallest = [
        min(p_value for name, p_value in one.items() if name != REPEATS) for one in null_profiles()
    ]
    for level in (0.1, 0.05, 0.02, 0.01):
        assert sum(p_value <= level for p_value in smallest) <= level * len(smallest)


def test_among_true_findings_of_half_of_the_calls_most_stand() -> None:
    true = {name: 0.02 if name == "order" else 1.0 for name in PROBES}
    calls = [true if k % 2 else one for k, one in enumerate(null_profiles()[:CALLS])]
    found = discoveries(calls)
    assert all(found[k] == {"order"} for k in range(1, CALLS, 2))
    assert sum(bool(found[k]) for k in range(0, CALLS, 2)) <= 3


@pytest.mark.parametrize(
    ("p_values", "found"),
    [
        ([], []),
        ([{}], [frozenset()]),
        ([{"order": 0.1}], [{"order"}]),
        ([{"order": 0.06}, {"order": 1.0}], [frozenset(), frozenset()]),
        ([{"order": 0.05}, {"order": 1.0}], [{"order"}, frozenset()]),
        ([{"order": 0.1, "stability": 0.01, "swap": 1.0}], [{"order", "stability"}]),
    ],
)
def test_benjamini_and_bogomolovs_rule(
    p_values: list[dict[str, float]], found: list[frozenset[str]]
) -> None:
    assert discoveries(p_values) == found
