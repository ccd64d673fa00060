"""The alarm is false as often as it says, over all looks, and finds a swapped model soon."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom  # type: ignore[import-untyped]

from benchmarks.drift.planted import World, first_alarm, first_alarm_of, outcomes
from smile_trace.probes.drift import evidence
from smile_trace.probes.inference import Count

ERROR, PERIODS, RUNS = 0.05, 200, 30
UNCHANGED = [World(0.05), World(0.2, equal=True), World(0.02, equal=True)]


@pytest.mark.parametrize("world", UNCHANGED, ids=str)
def test_where_nothing_changes_it_is_false_as_rarely_as_it_says(world: World) -> None:
    alarms = [first_alarm_of(world, seed, periods=PERIODS, error=ERROR) for seed in range(RUNS)]
    assert binom.cdf(sum(one is not None for one in alarms) - 1, RUNS, ERROR) < 0.999


def test_a_test_of_each_period_alone_would_be_false_most_of_the_time() -> None:
    world = World(0.2, equal=True)
    false = 0
    for seed in range(RUNS):
        _, periods = outcomes(world, seed, periods=PERIODS)
        false += any(binom.sf(one.changed - 1, one.asked, 0.2) <= ERROR for one in periods)
    assert false > RUNS / 2


@pytest.mark.parametrize("at", [0, 10, 100])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_swapped_model_is_found_within_three_periods(noise: float, at: int) -> None:
    world = World(noise, swapped=0.5, at=at)
    alarms = [first_alarm_of(world, seed, periods=at + 3, error=ERROR) for seed in range(20)]
    assert sum(one is not None and one >= at for one in alarms) >= 18


def test_the_expectation_of_the_evidence_is_at_most_one_for_cases_of_any_rates() -> None:
    """Enumerated: all outcomes of two cases, once in the reference and in two periods."""
    for rates in [(0.5, 0.5), (0.1, 0.9), (0.0, 0.4), (0.3, 0.3), (1.0, 0.2)]:
        counts = {
            0: (1 - rates[0]) * (1 - rates[1]),
            1: rates[0] * (1 - rates[1]) + rates[1] * (1 - rates[0]),
            2: rates[0] * rates[1],
        }
        expected = sum(
            counts[a] * counts[b] * counts[c]
            * math.exp(evidence(Count(a, 2), [Count(b, 2), Count(c, 2)])[-1])
            for a in counts for b in counts for c in counts
        )  # fmt: skip
        assert expected <= 1.0


def test_no_period_says_nothing_and_an_empty_one_neither() -> None:
    assert evidence(Count(0, 60), []) == []
    assert first_alarm(Count(0, 60), [], ERROR) is None
    [one] = evidence(Count(0, 60), [Count(0, 0)])
    assert one < -math.log(ERROR)


def test_evidence_goes_up_with_what_changed_and_also_where_less_changes_than_before() -> None:
    steps = [evidence(Count(0, 60), [Count(k, 20)])[-1] for k in range(2, 21)]
    assert np.all(np.diff(steps) > 0)
    steadier = [Count(0, 20)] * 3
    assert first_alarm(Count(55, 60), steadier, ERROR) is not None


def test_the_reference_keeps_learning() -> None:
    """After a long time fewer other answers are enough."""
    late = replace(World(0.0), swapped=0.2, at=100)
    soon = replace(late, at=0)
    found = {
        world.at: sum(
            first_alarm_of(world, seed, periods=world.at + 3, error=ERROR) is not None
            for seed in range(20)
        )
        for world in (soon, late)
    }
    assert found[100] > found[0]
