"""Workers of a shared store, the clock that all go by, and for how long what waits has done so."""

import time

import pytest

from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Response
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.arrivals import LATE_SECONDS, Pulled
from smile_trace.store.database import TakenOver
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.database.session import WORKERS, DatabaseClock, Session
from smile_trace.store.outbox import Outbox
from smile_trace.store.queries.status import Lag, read_lags
from tests.support.ledgers import ledger, reserve
from tests.support.store_rows import capture, decision, deliver, explanation, only, traces
from tests.support.stores import on_postgresql, on_sqlite
from tests.support.worker_settings import wait_for


def started(store: Store) -> int:
    """A registered worker with one job under way; gives its number."""
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    worker = store.workers.register(4, now=1.0)
    store.jobs.start(only(store.jobs.due(now=2.0, limit=5)), now=2.0, worker_id=worker.id)
    return worker.id


@pytest.mark.parametrize("died", [True, False])
def test_what_a_worker_had_that_is_gone_is_nobody_s(store: Store, died: bool) -> None:
    worker = started(store)
    assert [one.explaining for one in store.workers.all()] == [1]
    assert not store.jobs.any_ownerless()
    assert store.workers.remove(worker, died=died) == 1
    job = only(store.jobs.under_way([]))
    assert (job.run, job.attempt, job.crashes, job.worker_id) == (1, 1, int(died), None)
    assert store.jobs.any_ownerless()
    assert store.workers.all() == []
    assert store.workers.remove(worker, died=died) is None
    assert only(store.jobs.under_way([])).crashes == int(died)


def test_a_job_is_one_worker_s_until_that_one_is_gone(store: Store) -> None:
    worker = started(store)
    job = only(store.jobs.under_way([]))
    other = store.workers.register(4, now=1.0).id
    assert store.jobs.start(job, now=5.0, worker_id=worker)  # it has not heard that it has it
    assert not store.jobs.start(job, now=5.0, worker_id=other)
    assert not store.jobs.release(job, now=5.0)
    store.workers.remove(worker, died=False)
    assert store.jobs.start(job, now=5.0, worker_id=other)
    assert not store.jobs.release(job, now=5.0)
    store.workers.remove(other, died=False)
    assert store.jobs.release(job, now=6.0)
    assert not store.jobs.release(job, now=6.0)
    assert not store.jobs.start(job, now=6.0, worker_id=other)  # a run that is over
    assert only(store.jobs.due(now=6.0, limit=5)).run == 2


@on_postgresql
def test_a_worker_that_was_struck_off_writes_nothing_but_what_it_paid_for(
    store: Store, settings: Settings
) -> None:
    assert isinstance(store.database, PostgresDatabase)
    worker = started(store)
    store.database.worker_id = worker
    kept = ledger(store)
    reservation = reserve(kept, calls=2, tokens=100)
    job = only(store.jobs.under_way([]))
    others = Store.open(settings)
    others.workers.remove(worker, died=True)
    with pytest.raises(TakenOver, match="start it again"):
        reserve(kept)
    with pytest.raises(TakenOver):
        store.jobs.explain(job, explanation(), now=6.0)
    with pytest.raises(TakenOver):
        capture(store, 2)
    store.responses.put_many({"k": Response(text="paid for")})
    kept.settle(reservation, tokens=10, usd=None)
    assert others.responses.get_many(["k"])["k"].text == "paid for"
    assert kept.spent("day", kept.today()).tokens == 10
    assert others.explanation(job.call_id) is None
    assert kept.spent("day", kept.today()).calls == 2
    others.close()


@on_postgresql
def test_a_lock_is_held_by_one_session_and_free_when_that_ends(store: Store) -> None:
    assert isinstance(store.database, PostgresDatabase)
    worker = started(store)
    with Session(store.database) as other:
        with Session(store.database) as own:
            assert [one.alive for one in store.workers.all()] == [False]
            assert own.hold(WORKERS, worker)
            assert [one.alive for one in store.workers.all()] == [True]
            assert not other.hold(WORKERS, worker)
            with other.holding(WORKERS, worker + 1) as held:
                assert held
                assert not own.hold(WORKERS, worker + 1)
            assert own.hold(WORKERS, worker + 1)
        wait_for(lambda: other.hold(WORKERS, worker))  # the server sees the end a moment later


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


REASON = Reason(ReasonCode.TRACKER_UNAVAILABLE, "down")


def lags(store: Store, now: float) -> list[Lag]:
    return list(read_lags(store.database, now))


def test_nothing_waits_in_an_empty_store(store: Store) -> None:
    assert lags(store, 100.0) == []


def test_calls_wait_by_model_since_they_are_due(store: Store) -> None:
    capture(store, 1, 2, 3)
    store.sampling.decide([decision(1), decision(2, model="other")], {}, now=10.0)
    store.sampling.decide([decision(3)], {}, now=40.0)
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
