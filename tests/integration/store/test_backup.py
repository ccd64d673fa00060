"""A shared store brought back from a dump, as docs/operating.md describes it."""

import subprocess
import uuid
from pathlib import Path

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.fleet import joining
from tests.support.ledgers import ledger, reserve
from tests.support.postgres_server import PostgresServer, programs
from tests.support.store_rows import call_id, capture, decision, explain, only
from tests.support.stores import on_postgresql

pytestmark = on_postgresql


def test_a_restored_dump_has_it_all_and_what_ran_begins_again(
    store: Store, settings: Settings, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    capture(store, 1, 2, 3)
    store.sampling.decide([decision(number) for number in (1, 2)], {}, now=1.0)
    explain(store, 1)
    reserve(ledger(store), calls=3, tokens=50)
    dump = tmp_path / "smile_trace.dump"
    restored = f"restored_{uuid.uuid4().hex[:12]}"
    postgres_server.execute(f"CREATE DATABASE {restored}")
    with joining(store, settings) as (fleet, _):
        job = only(store.jobs.due(now=9.0, limit=1))
        store.jobs.start(job, now=9.0, worker_id=fleet.worker_id)
        before = store.status()
        made = ("--format=custom", "--schema=smile_trace", f"--file={dump}")
        _postgresql("pg_dump", *made, str(settings.store.url))
        _postgresql("pg_restore", f"--dbname={postgres_server.url(restored)}", str(dump))
        explained = store.explanation(call_id(1))

    url = postgres_server.url(restored)
    back = Store.open(Settings(home=tmp_path / "other", store={"url": url}))
    [lost] = before.workers
    [listed] = back.workers.all()
    assert (listed.name, listed.alive) == (lost.name, False)
    assert back.status().model_copy(update={"workers": []}) == before.model_copy(
        update={"workers": []}
    )
    assert back.explanation(call_id(1)) == explained
    assert ledger(back).spent("day", ledger(back).today()).calls == 3
    assert not back.jobs.any_due(now=1e12)
    assert back.workers.remove(listed.id, died=True) == 1
    assert back.jobs.release(only(back.jobs.under_way([])), now=10.0)
    assert only(back.jobs.due(now=1e12, limit=2)).call_id == job.call_id
    back.close()


def _postgresql(program: str, *arguments: str) -> None:
    server = (programs() / "postgres").resolve()  # the client's programs lie beside it
    subprocess.run([server.with_name(program), *arguments], check=True)
