"""What a proxy is worth on planted pairs, at a tenth of what benchmarks/statistics measures."""

from statistics import median

import pytest

from benchmarks.statistics.proxy import measure, summary
from benchmarks.statistics.screen import agreements, dropped_after

pytestmark = pytest.mark.slow


def test_a_good_proxy_makes_twenty_calls_as_good_as_many() -> None:
    [outcomes] = measure(["monotone"], 0.1, calls=20, seed=21).values()
    found = summary(outcomes)
    assert found["studies"] == 40
    assert found["first"] >= 0.95
    assert found["as_good"] >= 0.9
    assert found["mse_x1000"] < found["mse_same_calls"] / 3
    assert found["coverage_drivers"] >= 0.8
    assert found["false_discovery_rate"] <= 0.2


def test_a_useless_proxy_costs_nothing() -> None:
    [outcomes] = measure(["useless"], 0.1, calls=20, seed=22).values()
    found = summary(outcomes)
    assert found["first"] >= found["first_same_calls"] - 0.08
    assert found["mse_x1000"] <= 1.2 * found["mse_same_calls"]
    assert found["trust"] <= 0.2


def test_a_useless_proxy_is_dropped_and_a_good_one_of_a_steady_target_is_not() -> None:
    useless = [dropped_after(agreements("useless", number, 23)[1]) for number in range(20)]
    dropped = [count for count in useless if count is not None]
    assert len(dropped) >= 18
    assert median(dropped) <= 30
    good = [agreements("monotone", number, 23) for number in range(20)]
    assert all(dropped_after(seen) is None for noise, seen in good if noise == 0)
