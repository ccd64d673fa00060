"""Which probes are asked next, when they stop, and the rates, intervals and tests that follow."""

import random
from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, boschloo_exact  # type: ignore[import-untyped]

from smile_trace.probes.inference import (
    ALPHA,
    Count,
    Stage,
    adjusted,
    against_both_controls,
    excess,
    rate_interval,
)
from smile_trace.probes.rates import discoveries, mean_rate, unbiased_rate
from smile_trace.probes.sampling import ENOUGH, REPEATS, STAGES, Sampling, stages_of

AVAILABLE = dict.fromkeys(("stability", "paraphrase", "order", "swap"), 16)


def sampling(**counts: tuple[int, int]) -> Sampling:
    given = {name: Count(*counts.get(name, (0, 0))) for name in AVAILABLE}
    return Sampling(AVAILABLE, lambda probe, other: given[other])


UNCHANGED = {"stability": (0, 4), "paraphrase": (0, 4), "swap": (0, 4)}


@pytest.mark.parametrize(
    ("counts", "budget", "wanted"),
    [
        ({}, 40, dict.fromkeys(AVAILABLE, 4)),  # every probe has four answers,
        ({}, 10, {"stability": 4, "paraphrase": 4, "order": 2}),  # first controls
        (UNCHANGED | {"order": (0, 4)}, 40, {}),
        (UNCHANGED | {"order": (1, 4)}, 40, {"order": 3}),  # what changed goes on in stages,
        (UNCHANGED | {"order": (1, 7)}, 40, {"paraphrase": 4, "order": 4}),  # with the control
        (UNCHANGED | {"paraphrase": (0, 8), "order": (2, 11)}, 40, {}),
        (UNCHANGED | {"paraphrase": (0, 8), "order": (3, 11)}, 40, {}),
        (UNCHANGED | {"order": (4, 4)}, 40, {}),  # strong evidence ends it early
        (UNCHANGED | {"paraphrase": (1, 8), "order": (4, 11)}, 40, {"paraphrase": 4, "order": 5}),
    ],
)
def test_what_is_asked_next(
    counts: dict[str, tuple[int, int]], budget: int, wanted: dict[str, int]
) -> None:
    assert sampling(**counts).next(budget) == wanted


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"paraphrase": (0, 8), "order": (3, 11)}, ["order"]),
        ({"order": (4, 4)}, ["order"]),
        ({"paraphrase": (0, 12), "order": (2, 11)}, []),  # it stopped for lack of changes
        ({"stability": (4, 10), "order": (0, 4)}, ["stability"]),  # clearly more than a tenth
        ({"stability": (1, 4), "order": (0, 4)}, []),
    ],
)
def test_what_is_found(counts: dict[str, tuple[int, int]], found: list[str]) -> None:
    assert sampling(**UNCHANGED | counts).found() == found


def outcomes(rate: float) -> dict[Count, float]:
    """Where sampling by the stages ends, with its probability."""
    alive, at, ended = {0: 1.0}, 0, dict[Count, float]()
    for asked, stop, enough in [*STAGES[:-1], Stage(ENOUGH, ENOUGH, 0)]:
        step = binom.pmf(np.arange(asked - at + 1), asked - at, rate)
        then: dict[int, float] = {}
        for (changed, p), (more, q) in product(alive.items(), enumerate(step)):
            then[changed + more] = then.get(changed + more, 0) + p * q
        alive, at = {k: p for k, p in then.items() if stop < k < enough}, asked
        ended |= {Count(k, asked): p for k, p in then.items() if k not in alive}
    return ended


def test_an_interval_holds_the_rate_about_as_often_as_it_says() -> None:
    rates = np.linspace(0.05, 0.95, 10)
    covered = []
    for rate in rates:
        found = outcomes(rate)
        assert sum(found.values()) == pytest.approx(1)
        intervals = {count: rate_interval(count, STAGES) for count in found}
        covered.append(
            sum(p for c, p in found.items() if intervals[c][0] <= rate <= intervals[c][1])
        )
    assert min(covered) > 0.855
    assert 0.9 < np.mean(covered) < 0.95


def test_intervals_are_ordered_as_the_rates_are() -> None:
    low_and_high = [rate_interval(Count(k, 10), STAGES) for k in range(2, 11)]
    assert low_and_high == sorted(low_and_high)
    assert rate_interval(Count(0, 4), STAGES)[0] == 0
    assert rate_interval(Count(4, 4), STAGES)[1] == 1
    assert rate_interval(Count(0, 0), STAGES) == (0, 1)
    low, high = rate_interval(Count(600, 2000), ())  # more than a float counts ways of
    assert 0.283 < low < 0.3 < high < 0.318


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((3, 10), (0, 8)),
        ((2, 4), (1, 12)),
        ((10, 10), (0, 4)),
        ((5, 16), (2, 12)),
        ((1, 4), (0, 36)),
    ],
)
def test_the_test_of_two_rates_is_boschloos(one: tuple[int, int], other: tuple[int, int]) -> None:
    (k, n), (x, m) = one, other
    known = boschloo_exact([[k, x], [n - k, m - x]], alternative="greater", n=64).pvalue
    assert excess(Count(*one), Count(*other)) == pytest.approx(known, rel=0.02)


def test_where_nothing_changed_or_nothing_was_asked_nothing_is_shown() -> None:
    assert excess(Count(0, 4), Count(0, 8)) == 1
    assert excess(Count(4, 4), Count(0, 0)) == 1


def planted(counts: dict[str, tuple[int, int]]) -> Callable[[str, str], Count]:
    return lambda probe, other: Count(*counts[other])


def test_three_changes_of_ten_are_found_beside_seven_probes_without_any() -> None:
    counts = {"stability": (0, 4), "paraphrase": (0, 8), "order": (3, 10)}
    counts |= dict.fromkeys("abcdef", (0, 4))
    p_values = against_both_controls(
        tuple(counts), planted(counts), repeats="stability", paraphrase="paraphrase"
    )
    assert p_values["order"] <= ALPHA
    assert {p for name, p in p_values.items() if name != "order"} == {1.0}


def test_a_probe_that_moves_no_more_than_a_paraphrase_is_not_found() -> None:
    counts = {"stability": (0, 10), "paraphrase": (5, 10), "swap": (7, 10)}
    counts |= dict.fromkeys("abcdef", (0, 4))
    p_values = against_both_controls(
        tuple(counts), planted(counts), repeats="stability", paraphrase="paraphrase"
    )
    assert p_values["paraphrase"] <= ALPHA < p_values["swap"]


def test_unchanged_answers_of_others_count_as_if_each_set_were_written_out() -> None:
    counts = {"control": (1, 8), "a": (3, 10), "b": (1, 7), "c": (0, 4), "d": (0, 4)}
    between = planted(counts)
    found = adjusted("abcd", between, ["control"])
    for one in "ab":
        worst = 0.0
        for chosen in product((False, True), repeat=4):
            members = [name for name, taken in zip("abcd", chosen, strict=True) if taken]
            if one not in members:
                continue
            smallest = 1.0
            for member in members:
                rest = [counts[name] for name in ("control", *members) if name != member]
                pool = Count(sum(k for k, _ in rest), sum(n for _, n in rest))
                smallest = min(smallest, excess(Count(*counts[member]), pool))
            worst = max(worst, min(1.0, len(members) * smallest))
        assert found[one] == pytest.approx(worst)


def ends_of(rate: float, *, early: bool = True) -> dict[Count, float]:
    """How sampling by stages can end, and how likely each end is; `early`: also for changes."""
    alive, ends, at = {0: 1.0}, dict[Count, float](), 0
    for stage in (*STAGES[:2], Stage(ENOUGH, ENOUGH, ENOUGH)):
        more = dict[int, float]()
        for (changed, weight), k in product(alive.items(), range(stage.asked - at + 1)):
            chance = weight * float(binom.pmf(k, stage.asked - at, rate))
            more[changed + k] = more.get(changed + k, 0.0) + chance
        at = stage.asked
        over = {k for k in more if k <= stage.stop or (early and k >= stage.enough)}
        ends |= {Count(k, at): more.pop(k) for k in over}
        alive = more
    return ends


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
def test_the_rate_of_a_call_is_right_in_the_mean_wherever_sampling_stops(rate: float) -> None:
    ends = ends_of(rate)
    assert sum(ends.values()) == pytest.approx(1)
    found = sum(chance * unbiased_rate(end, STAGES) for end, chance in ends.items())
    assert found == pytest.approx(rate)
    if rate == 0.2:
        shares = sum(chance * end.rate for end, chance in ends.items())
        assert shares < 0.16, "what is corrected is worth it"


@pytest.mark.parametrize(("rate", "told"), [(0.2, 0.199), (0.5, 0.472), (0.8, 0.690)])
def test_where_nothing_stops_for_changes_a_large_rate_is_told_as_smaller(
    rate: float, told: float
) -> None:
    ends = ends_of(rate, early=False)
    found = sum(chance * unbiased_rate(end, STAGES) for end, chance in ends.items())
    assert found == pytest.approx(told, abs=1e-3)


@pytest.mark.parametrize("count", [Count(0, 3), Count(10, 10), Count(4, 8), Count(16, 16)])
def test_what_no_stage_stopped_is_a_share(count: Count) -> None:
    assert unbiased_rate(count, stages_of(count.asked)) == count.rate


def test_the_interval_over_calls_holds_the_mean_of_calls_that_differ() -> None:
    """A third of the calls are moved by everything, a third by half, a third by nothing."""
    draw = random.Random(0)
    ends = {rate: list(zip(*ends_of(rate).items(), strict=True)) for rate in (0.0, 0.5, 1.0)}
    held = 0
    for _ in range(200):
        rates = [draw.choice([0.0, 0.5, 1.0]) for _ in range(20)]
        drawn = [draw.choices(*ends[rate])[0] for rate in rates]
        found = mean_rate([unbiased_rate(end, STAGES) for end in drawn])
        held += found.ci_low <= 0.5 <= found.ci_high
    assert held >= 172, "four standard errors below nine in ten"


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


@pytest.mark.slow
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
