"""Shares of calls and their changes: intervals as in the papers that they are from."""

import pytest
from scipy import stats  # type: ignore[import-untyped]

from smile_trace.comparison.influence.shares import change_of, share_of, share_with
from smile_trace.records.report import Share


def _at_95(count: int, of: int) -> Share:
    ends = stats.binomtest(count, of).proportion_ci(0.95, method="wilson")
    return Share(count=count, of=of, share=count / of, low=ends.low, high=ends.high)


@pytest.mark.parametrize(
    ("now", "before", "low", "high"),
    # Newcombe (1998), table II, method 10, the examples without a share of 0 or 1.
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)],
)
def test_a_change_has_newcombes_interval(
    now: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    found = change_of(_at_95(*before), _at_95(*now))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.certain


def test_what_is_not_known_of_one_period_has_no_change() -> None:
    assert change_of(share_of(0, 0, 3), share_of(2, 2)) is None
    assert change_of(share_of(2, 2), share_of(0, 0)) is None


def test_a_share_that_stays_has_not_certainly_changed() -> None:
    found = change_of(share_of(5, 10), share_of(5, 10))
    assert found is not None
    assert found.grown == 0
    assert found.low == pytest.approx(-found.high)
    assert not found.certain


def test_open_calls_are_not_counted() -> None:
    found = share_with(["supports", "none", "open", "against"], ("supports", "against"))
    assert (found.count, found.of, found.open) == (2, 3, 1)
    assert found.low < 2 / 3 < found.high
