"""A store moved into a shared database: every row as it was, with work in flight."""

from pathlib import Path

import pytest
from sqlalchemy import select

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.arrivals import CorruptLine, SpoolFile
from smile_trace.store.database.copying import copy_store
from smile_trace.store.database.packed import as_stored
from smile_trace.store.tables import Group, calls, jobs, spans
from smile_trace.worker.fleet import joining
from smile_trace.worker.lock import WorkerError
from smile_trace.worker.upkeep import move
from tests.support.ledgers import ledger, reserve
from tests.support.postgres_server import PostgresServer
from tests.support.sample_profiles import sample_profile
from tests.support.store_rows import (
    call_id,
    capture,
    decision,
    deliver,
    explain,
    explanation,
    only,
    traces,
)
from tests.support.stores import on_sqlite

pytestmark = on_sqlite


def fill(store: Store) -> None:
    """Some of everything, two explanations under way among it."""
    capture(store, *range(1, 8))
    named = {Group("prompt", "nul\0name", "1"): 2}
    store.sampling.decide([decision(number) for number in range(1, 6)], named, now=1.0)
    explain(store, 1)
    for job in store.jobs.due(now=9.0, limit=2):
        store.jobs.start(job, now=9.0)
        [call] = store.traces.get([job.trace_id])[0].calls
        store.profiles.keep(job, call, sample_profile(), period="2026-11-27", now=9.0)
    reserve(ledger(store), calls=3, tokens=50)
    deliver(store, *traces(store)[:3])
    other = SpoolFile("/var/log/spans.jsonl", 5, 10, 1.0)
    store.traces.add(other, corrupt=[CorruptLine(3, "no\0JSON", b"\x00\xff")])


def packed(store: Store) -> dict[str, int]:
    """How many rows of each table are packed."""
    queries = {table.name: select(*as_stored(table)) for table in (spans, calls, jobs)}
    return {
        name: sum(bool(row.packed) for row in store.database.rows(query))
        for name, query in queries.items()
    }


def test_every_row_is_there_and_the_work_goes_on(
    store: Store, settings: Settings, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    fill(store)
    url = postgres_server.new_database()
    copied = move(settings, {"url": url, "password_env": None})
    assert copied["traces"] == 7
    assert copied["observations"] == 3
    assert copied["profiles"] == 2
    shared = Store.open(Settings(home=tmp_path / "other", store={"url": url}))
    assert packed(shared) == packed(store) == {"spans": 7, "calls": 7, "jobs": 5}
    before, after = store.status(), shared.status()
    assert after == before
    assert shared.explanation(call_id(1)) == store.explanation(call_id(1))
    kept = ledger(shared)
    assert kept.spent("day", kept.today()).calls == 3
    [foreign] = [name for name in shared.traces.files() if "/" in name]
    assert foreign.endswith(":/var/log/spans.jsonl")
    # What was under way begins again, and new ids are new.
    assert [shared.jobs.release(job, now=10.0) for job in shared.jobs.under_way([])] == [True, True]
    job = only(shared.jobs.due(now=10.0, limit=1))
    shared.jobs.explain(job, explanation("new"), now=11.0)
    assert shared.explanation(job.call_id).summary == "new"
    assert shared.explanation(call_id(1)).summary == "so it is"
    shared.close()


def test_a_store_is_copied_into_an_empty_one_only(
    store: Store, settings: Settings, postgres_server: PostgresServer
) -> None:
    fill(store)
    url = postgres_server.new_database()
    move(settings, {"url": url})
    with pytest.raises(StoreError, match="copy into an empty database"):
        move(settings, {"url": url})


def test_a_shared_store_on_which_somebody_works_is_not_copied(
    settings: Settings, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    shared = {"url": postgres_server.new_database()}
    here = Settings(home=settings.home, store=shared)
    here.home.mkdir(mode=0o700)
    elsewhere = Settings(home=tmp_path / "elsewhere", store=shared)
    store = Store.open(elsewhere)
    with joining(store, elsewhere), pytest.raises(WorkerError, match="workers run on this store"):
        move(here, {"url": postgres_server.new_database()})
    store.close()


def test_a_row_that_arrives_otherwise_is_found_and_nothing_stays(
    store: Store, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    fill(store)
    url = postgres_server.new_database()
    postgres_server.execute(
        "CREATE FUNCTION smile_trace.forge() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.calls = NEW.calls + 1; RETURN NEW; END $$; "
        "CREATE TRIGGER forge BEFORE INSERT ON smile_trace.spend FOR EACH ROW "
        "EXECUTE FUNCTION smile_trace.forge()",
        url.rpartition("/")[2],
    )
    shared = Store.open(Settings(home=tmp_path / "other", store={"url": url}))
    with pytest.raises(StoreError, match="the rows of spend did not arrive"):
        copy_store(store.database, shared.database, "here:")
    assert shared.status().captured == 0
    shared.close()
