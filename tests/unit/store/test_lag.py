"""For how long the oldest of what waits has done so, on both stores."""

import pytest

from smile_trace.errors import Reason, ReasonCode
from smile_trace.store import Store
from smile_trace.store.outbox import Outbox
from smile_trace.store.pulled import LATE_SECONDS, Pulled
from smile_trace.store.queries.lag import Lag, read_lags
from tests.support.store_rows import capture, decision, deliver, only, traces
from tests.support.stores import on_sqlite

REASON = Reason(ReasonCode.TRACKER_UNAVAILABLE, "down")


def lags(store: Store, now: float) -> list[Lag]:
    return list(read_lags(store.database, now))


def test_nothing_waits_in_an_empty_store(store: Store) -> None:
    assert lags(store, 100.0) == []


def test_calls_wait_by_model_since_they_are_due(store: Store) -> None:
    capture(store, 1, 2, 3)
    store.jobs.decide([decision(1), decision(2, model="other")], {}, now=10.0)
    store.jobs.decide([decision(3)], {}, now=40.0)
    due = {one.name: one.seconds for one in lags(store, 100.0)}
    assert due == {"planted": 90.0, "other": 60.0 + 30.0}
    first = store.jobs.due(now=50.0, limit=1)
    store.jobs.postpone(only(first), REASON, until=90.0, now=50.0)
    assert {one.name: one.seconds for one in lags(store, 80.0)} == {"planted": 40.0, "other": 70.0}
    assert {one.stage for one in lags(store, 80.0)} == {"explain"}
    for job in store.jobs.due(now=100.0, limit=3):
        assert store.jobs.start(job, now=100.0)
    assert lags(store, 200.0) == [], "what runs does not wait"


def test_deliveries_wait_by_tracker_and_refused_ones_do_not(store: Store) -> None:
    capture(store, 1, 2)
    store.outbox.add(["one", "two"])
    first, second = traces(store, "one", now=10.0)
    traces(store, "two", now=20.0)
    assert lags(store, 25.0) == [
        Lag(stage="deliver", name="one", seconds=15.0),
        Lag(stage="deliver", name="two", seconds=5.0),
    ]
    deliver(store, first)
    with store.outbox.settling() as settling:
        settling.refused(second, REASON)
    assert [one.name for one in lags(store, 25.0)] == ["two"]
    assert Outbox(store.database).forget("two") == 2
    assert lags(store, 25.0) == []


@pytest.mark.parametrize(("read", "seconds"), [(0.0, 400.0), (300.0, 100.0), (500.0, 0.0)])
def test_a_backend_is_behind_since_it_was_read_to_its_end(
    store: Store, read: float, seconds: float
) -> None:
    until = int((1000.0 + read) * 1000)
    store.pulled.note(Pulled(source="mlflow", place="support", until_ms=until))
    store.pulled.note(Pulled(source="mlflow", place="never read", reason="no such experiment"))
    assert lags(store, 1400.0 + LATE_SECONDS) == [
        Lag(stage="read", name="mlflow", place="support", seconds=seconds)
    ]


@on_sqlite  # PostgreSQL plans by what the tables hold
def test_the_index_on_what_is_due_finds_what_waits(store: Store) -> None:
    asked: list[str] = []
    with store.database.read() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_trace_callback(asked.append)
    read_lags(store.database, 1.0)
    raw.set_trace_callback(None)
    with store.database.read() as connection:
        plans = [
            " ".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}"))
            for one in asked
            if one.startswith("SELECT")
        ]
    assert "ix_jobs_state (state=?)" in plans[1]
    assert "ix_deliveries_due (tracker=? AND kind=? AND state=?)" in plans[2]
