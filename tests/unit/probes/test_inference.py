"""Intervals and tests on planted rates, by enumeration: no simulation."""

from collections.abc import Callable
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
from smile_trace.probes.sampling import ENOUGH, STAGES


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
    rates = np.linspace(0.05, 0.95, 19)
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
