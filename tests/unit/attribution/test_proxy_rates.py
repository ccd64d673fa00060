"""What a proxy is worth on planted pairs, at a tenth of what benchmarks/statistics measures."""

import pytest

from benchmarks.statistics.proxy import measure, summary
from benchmarks.statistics.screen import dropped_after, trusts

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


def test_a_useless_proxy_is_dropped_within_ten_explanations_and_a_good_one_never() -> None:
    useless = [
        dropped_after(trusts("useless", number, 23, explanations=20)[1]) for number in range(20)
    ]
    assert sum(count is not None and count <= 10 for count in useless) >= 16
    assert all(useless)
    good = [trusts("monotone", number, 23, explanations=20)[1] for number in range(20)]
    assert all(dropped_after(seen) is None for seen in good)
