"""What is old goes, what waits stays, and the file becomes smaller."""

import time
from pathlib import Path

import pytest

from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Response
from smile_trace.settings import Retention
from smile_trace.store import Store, retention
from smile_trace.store.arrivals import CorruptLine, SpoolFile
from smile_trace.store.outbox import Delivery
from smile_trace.store.retention import DAY, Removed, apply_retention
from tests.support.spooled import trace_id
from tests.support.store_rows import (
    call_id,
    capture,
    decision,
    deliver,
    explain,
    explanations,
    traces,
)
from tests.support.stores import on_sqlite

pytestmark = pytest.mark.thorough

LATER = 1000 * DAY
ALL = Retention(days=1, response_days=1, corrupt_line_days=1, megabytes=None)
SIZE = Retention(days=None, response_days=None, corrupt_line_days=None, megabytes=1)


def keep(store: Store, retention: Retention = ALL, now: float = LATER) -> Removed:
    return apply_retention(store.database, retention, clock=lambda: now)


def decide(store: Store, *numbers: int) -> None:
    store.sampling.decide([decision(n, "skipped", reason="no") for n in numbers], {}, now=1.0)


def count(store: Store, table: str) -> int:
    with store.database.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_everything_about_an_old_delivered_trace_goes(store: Store) -> None:
    capture(store, 1)
    explain(store, 1)
    decide(store, 1)
    store.ledger.reserve(model="m", explanation=f"{call_id(1)}/h/1", calls=1, tokens=1, usd=1e-3)
    deliver(store, *traces(store))
    deliver(store, *explanations(store))
    before = store.status().spent
    assert keep(store, now=1.5 * DAY) == Removed(traces=1)
    for table in ("traces", "spans", "calls", "jobs", "explanations", "observations", "deliveries"):
        assert count(store, table) == 0, table
    assert store.ledger.spent("explanation", f"{call_id(1)}/h/1").calls == 0
    assert store.status().spent == before
    capture(store, 2)  # positions are not given out twice
    assert [due.item for due in traces(store)] == [trace_id(2)]


def test_what_is_young_stays(store: Store) -> None:
    capture(store, 1)
    decide(store, 1)
    assert keep(store, now=0.9 * DAY) == Removed()
    assert keep(store, Retention(days=None), now=LATER) == Removed()
    assert keep(store).traces == 1


def test_what_is_not_decided_or_not_explained_stays(store: Store) -> None:
    capture(store, 1, 2)
    store.sampling.decide([decision(2)], {}, now=1.0)
    assert keep(store) == Removed()
    [job] = store.jobs.due(now=2.0, limit=1)
    store.jobs.start(job, now=2.0)
    assert keep(store) == Removed()
    store.jobs.fail(job.id, Reason(ReasonCode.CANNOT_EXPLAIN, "no"), now=3.0)
    assert keep(store) == Removed(traces=1)
    assert store.sampling.undecided()[0][1].id == call_id(1)


def test_what_a_tracker_has_not_got_stays(store: Store) -> None:
    def first(kind: str) -> Delivery:
        return {"trace": traces, "explanation": explanations}[kind](store)[0]

    store.outbox.fill("t", now=1.0)  # the tracker is known, and has seen nothing
    capture(store, 1)
    explain(store, 1)
    decide(store, 1)
    assert keep(store) == Removed()  # not in its outbox yet
    deliver(store, first("trace"))
    assert keep(store) == Removed()  # its explanation waits
    store.outbox.fill_since("late", 0, now=2.0)
    deliver(store, first("explanation"))
    assert keep(store) == Removed()  # another tracker still waits for it
    deliver(store, *traces(store, "late"))
    deliver(store, *explanations(store, "late"))
    assert keep(store) == Removed(traces=1)


def test_what_has_to_stay_is_passed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "TRACES", 2)
    capture(store, *range(1, 10))
    decide(store, *range(1, 10, 2), 8)
    assert keep(store) == Removed(traces=6)
    assert [call.id for _, call, *_ in store.sampling.undecided()] == [
        call_id(n) for n in (2, 4, 6)
    ]


def test_old_answers_and_corrupt_lines_go_but_not_those_of_a_job_under_way(store: Store) -> None:
    store.responses.put_many({"k": Response(text="paid for")})
    store.traces.add(SpoolFile("a", 1, 1, 1.0), corrupt=[CorruptLine(0, "no", b"{")])
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=time.time() - 60)
    now = time.time() + 5 * DAY
    assert keep(store, now=now) == Removed(corrupt_lines=1)
    store.jobs.fail(
        store.jobs.due(now=now, limit=1)[0].id, Reason(ReasonCode.CANNOT_EXPLAIN, "no"), now=now
    )
    assert keep(store, now=now) == Removed(responses=1, traces=1)


@on_sqlite
def test_beyond_its_size_the_oldest_go_and_the_file_shrinks(store: Store) -> None:
    many = {f"k{n}": Response(text="x" * 10_000) for n in range(300)}
    store.responses.put_many(many)
    capture(store, 1)
    decide(store, 1)
    size = store.database.used_bytes()
    assert size > 3 * 2**20
    removed = keep(store, SIZE, now=time.time() + 1)
    assert removed == Removed(responses=300)  # one batch was enough, and the trace stayed
    assert store.database.used_bytes() < 2**20
    with store.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() == 0
    store.database.vacuum()
    assert Path(store.database.name).stat().st_size < 2**20


@on_sqlite
def test_a_store_that_is_too_big_because_everything_waits_says_so(store: Store) -> None:
    capture(store, *range(1, 1500))
    assert keep(store, SIZE) == Removed(too_big=True)
    assert count(store, "spans") == 1499


def test_it_stops_when_it_is_told(store: Store) -> None:
    capture(store, 1)
    decide(store, 1)
    stopped = apply_retention(store.database, ALL, clock=lambda: LATER, stopping=lambda: True)
    assert stopped == Removed()
