"""Attempts to a model with limits per minute take their places, on both stores."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.settings import Budget
from smile_trace.store import Store
from smile_trace.store.spending.accounts import RateLimits
from smile_trace.store.spending.ledger import StoredLedger
from tests.support.stores import on_sqlite

HOUR = 3600.0


def ledger(store: Store, now: float = 0.0, **limits: int) -> StoredLedger:
    models = {"m": EndpointSettings.model_validate({"base_url": "http://localhost/v1", **limits})}
    return StoredLedger(store.database, Budget(), models, clock=lambda: now)


def test_of_many_that_ask_at_once_each_has_another_place(store: Store) -> None:
    limits = RateLimits(store.database, clock=lambda: 0.0)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: limits.take("m", "requests", HOUR), range(24)))
    assert sorted(round(wait / HOUR) for wait in waits) == list(range(24))


def test_each_model_and_unit_waits_for_itself(store: Store) -> None:
    kept = ledger(store, requests_per_minute=1)
    assert kept.delay(model="m", calls=1, tokens=5) == 0
    assert kept.delay(model="another", calls=1, tokens=5) == 0
    assert kept.delay(model="m", calls=1, tokens=5) > 0
    assert ledger(store, tokens_per_minute=1).delay(model="m", calls=1, tokens=5) == 0


@on_sqlite
def test_attempts_are_sent_at_even_distances_and_none_is_saved_up(store: Store) -> None:
    def wait(now: float, calls: int = 1) -> float:
        return ledger(store, now, requests_per_minute=30).delay(model="m", calls=calls, tokens=0)

    assert [wait(100), wait(100), wait(100.5)] == [0, 2, 3.5]
    assert [wait(1000), wait(1000)] == [0, 2]
    assert [wait(2000, calls=5), wait(2000)] == [0, 10]  # several requests in one attempt


@on_sqlite
def test_tokens_that_were_not_used_let_the_next_one_go_sooner(store: Store) -> None:
    kept = ledger(store, 100, tokens_per_minute=600)
    assert kept.delay(model="m", calls=1, tokens=100) == 0
    attempt = kept.reserve(model="m", explanation="e", calls=1, tokens=100, usd=None)
    kept.settle(attempt, tokens=20, usd=None)
    kept.settle(attempt, tokens=20, usd=None)  # a second time changes nothing
    assert kept.delay(model="m", calls=1, tokens=10) == pytest.approx(2)


def test_without_a_limit_nothing_is_kept(store: Store) -> None:
    assert ledger(store).delay(model="m", calls=1, tokens=5) == 0
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM rate_limits").scalar_one() == 0
