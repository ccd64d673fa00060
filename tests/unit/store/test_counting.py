"""Counts of many rows are estimates, and say so."""

import pytest

from smile_trace.store import Store
from smile_trace.store.database import postgresql, sqlite
from smile_trace.store.queries import status
from tests.support.store_rows import capture, decision
from tests.support.stores import on_both

CALLS = 200


@pytest.fixture
def many(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store in which a part of a table is read for more than 50 rows."""
    monkeypatch.setattr(status, "MOST", 50)
    monkeypatch.setattr(sqlite, "READ_ROWS", 100)
    monkeypatch.setattr(postgresql, "READ_BYTES", 8192 * 8)
    capture(store, *range(CALLS))
    why = {"reason": "not sampled", "reason_code": "not_sampled"}
    skipped = [decision(number, "skipped", **why) for number in range(CALLS - 20)]
    store.sampling.decide(skipped, {}, now=1.0)
    return store


@on_both
def test_what_is_much_is_estimated_and_what_is_little_is_counted(many: Store) -> None:
    status = many.status()
    assert status.undecided == 20
    assert status.estimated == ("captured", "skipped")
    assert 0.3 * CALLS < status.captured < 3 * CALLS
    [reason] = status.skipped_by_reason
    assert reason.count == status.skipped
    assert 0.3 * CALLS < status.skipped < 3 * CALLS


@on_both
def test_few_calls_are_counted(store: Store) -> None:
    capture(store, *range(60))
    status = store.status()
    assert (status.captured, status.estimated) == (60, ())
