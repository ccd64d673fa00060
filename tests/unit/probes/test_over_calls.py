"""A probe's rate over calls: unbiased in each, with an interval over all."""

import random
from itertools import product

import pytest
from scipy.stats import binom  # type: ignore[import-untyped]

from smile_trace.probes.inference import Count, Stage
from smile_trace.probes.over_calls import difference, mean_rate, unbiased_rate
from smile_trace.probes.sampling import ENOUGH, STAGES, stages_of
from smile_trace.records.prompt_profile import Rate


def outcomes(rate: float, *, early: bool = True) -> dict[Count, float]:
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
    ends = outcomes(rate)
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
    ends = outcomes(rate, early=False)
    found = sum(chance * unbiased_rate(end, STAGES) for end, chance in ends.items())
    assert found == pytest.approx(told, abs=1e-3)


@pytest.mark.parametrize("count", [Count(0, 3), Count(10, 10), Count(4, 8), Count(16, 16)])
def test_what_no_stage_stopped_is_a_share(count: Count) -> None:
    assert unbiased_rate(count, stages_of(count.asked)) == count.rate


def test_the_interval_over_calls_holds_the_mean_of_calls_that_differ() -> None:
    """A third of the calls are moved by everything, a third by half, a third by nothing."""
    draw = random.Random(0)
    ends = {rate: list(zip(*outcomes(rate).items(), strict=True)) for rate in (0.0, 0.5, 1.0)}
    held = 0
    for _ in range(200):
        rates = [draw.choice([0.0, 0.5, 1.0]) for _ in range(20)]
        drawn = [draw.choices(*ends[rate])[0] for rate in rates]
        found = mean_rate([unbiased_rate(end, STAGES) for end in drawn])
        held += found.ci_low <= 0.5 <= found.ci_high
    assert held >= 172, "four standard errors below nine in ten"


def test_the_difference_of_two_rates_is_newcombes() -> None:
    """His table II, (a): 56/70 less 48/80 is .2 from .0524 to .3339 at 95 %; at 90 % inside."""
    found = difference(mean_rate([1.0] * 56 + [0.0] * 14), mean_rate([1.0] * 48 + [0.0] * 32))
    assert found.value == pytest.approx(0.2)
    assert 0.0524 < found.ci_low < 0.09
    assert 0.29 < found.ci_high < 0.3339
    same = Rate(value=0.0, ci_low=0.0, ci_high=0.2)
    assert difference(same, same) == Rate(value=0.0, ci_low=-0.2, ci_high=0.2)
