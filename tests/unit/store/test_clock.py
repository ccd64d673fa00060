"""The clock that all who share a store go by."""

import time

import pytest

from smile_trace.store.clock import DatabaseClock


@pytest.mark.parametrize("ahead", [3600.0, -3600.0, 0.0])
def test_it_is_the_database_s(ahead: float, monkeypatch: pytest.MonkeyPatch) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + ahead)
    clock = DatabaseClock()
    assert clock.look(right) == pytest.approx(ahead, abs=600)
    assert clock() == pytest.approx(right(), abs=600)


def test_what_the_way_there_and_back_explains_is_no_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([1000.0, 1008.0, 1010.0])
    monkeypatch.setattr(time, "time", lambda: next(times))
    clock = DatabaseClock()
    assert clock.look(lambda: 1002.0) == 2.0
    assert clock() == 1010.0
