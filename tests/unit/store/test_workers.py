"""Workers of a shared store: whose jobs are whose, and what one that was struck off may write."""

import pytest

from smile_trace.records import Response
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.database import TakenOver
from smile_trace.store.postgresql import PostgresDatabase
from smile_trace.store.session import WORKERS, Session
from tests.support.ledgers import ledger, reserve
from tests.support.store_rows import capture, decision, explanation, only
from tests.support.stores import on_postgresql
from tests.support.worker_settings import wait_for


def started(store: Store) -> int:
    """A registered worker with one job under way; gives its number."""
    capture(store, 1)
    store.jobs.decide([decision(1)], {}, now=1.0)
    worker = store.workers.register(4, now=1.0)
    store.jobs.start(only(store.jobs.due(now=2.0, limit=5)), now=2.0, worker_id=worker.id)
    return worker.id


def test_what_a_dead_worker_had_is_pending_again_as_a_new_run(store: Store) -> None:
    worker = started(store)
    assert only(store.jobs.running()).crashes == 0
    assert [one.explaining for one in store.workers.all()] == [1]
    assert store.workers.remove(worker, died=True, now=5.0) == 1
    job = only(store.jobs.due(now=5.0, limit=5))
    assert (job.run, job.attempt, job.crashes) == (2, 1, 1)
    assert store.workers.all() == []
    assert store.workers.remove(worker, died=True, now=6.0) is None
    assert only(store.jobs.due(now=6.0, limit=5)).crashes == 1


def test_one_that_leaves_returns_its_jobs_without_a_crash(store: Store) -> None:
    assert store.workers.remove(started(store), died=False, now=5.0) == 1
    assert only(store.jobs.due(now=5.0, limit=5)).crashes == 0


def test_jobs_that_run_nowhere_are_freed_and_no_others(store: Store) -> None:
    worker = started(store)
    assert store.workers.release_ownerless(now=5.0) == 0
    store.workers.remove(worker, died=False, now=5.0)
    job = only(store.jobs.due(now=5.0, limit=5))
    assert store.jobs.start(job, now=5.0, worker_id=worker + 1)
    assert store.workers.release_ownerless(now=6.0) == 1
    assert not store.jobs.start(job, now=6.0)  # a run that is over
    assert store.jobs.start(only(store.jobs.due(now=6.0, limit=5)), now=6.0)
    assert store.workers.release_ownerless(now=6.0) == 1


@on_postgresql
def test_a_worker_that_was_struck_off_writes_nothing_but_what_it_paid_for(
    store: Store, settings: Settings
) -> None:
    assert isinstance(store.database, PostgresDatabase)
    worker = started(store)
    store.database.worker_id = worker
    kept = ledger(store)
    reservation = reserve(kept, calls=2, tokens=100)
    job = only(store.jobs.running())
    others = Store.open(settings)
    others.workers.remove(worker, died=True, now=5.0)
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
    assert others.jobs.explanation(job.call_id) is None
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
