"""Long texts are compressed, and whoever reads them does not know."""

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import select, update

import smile_trace.store.database.packed as packed
from smile_trace.store import Store
from smile_trace.store.database.packed import as_stored, pack, unpack
from smile_trace.store.tables import calls, jobs, spans, workers
from tests.support.spooled import trace_id
from tests.support.store_rows import call_id, capture, decision

DICTIONARIES = {1: "f5078828e0ef1e0cc9c8cdd9d9ef758a3e4729b82efae0bb9f6e1641933699a2"}
"""By number, their SHA-256."""
TEXTS = {spans: "body", calls: "body", jobs: "settings"}


def stored(store: Store) -> list[tuple[str, bool, bool]]:
    """Of each row its table, and whether it holds its text, and packs it."""
    with store.database.read() as connection:
        return [
            (table.name, bool(row[name]), bool(row["packed"]))
            for table, name in TEXTS.items()
            for row in connection.execute(select(*as_stored(table))).mappings()
        ]


def unpack_all(store: Store) -> None:
    """Let every row be one of before."""
    with store.database.write() as connection:
        for table, name in TEXTS.items():
            for text in connection.execute(select(table.c[name])).scalars().all():
                values = {name: text, "packed": None}
                connection.execute(update(table).values(values).where(table.c.packed == pack(text)))


@pytest.mark.parametrize(
    "text", ["", "é\ud800\0", '{"a":"\\u0000"}', "a" * 10**6, "\x01"], ids=range(5)
)
def test_a_text_is_what_it_was(text: str) -> None:
    assert unpack(pack(text)) == text


def test_a_dictionary_never_changes() -> None:
    assert max(DICTIONARIES) == packed.NEWEST
    for number, digest in DICTIONARIES.items():
        content = Path(packed.__file__).with_name(f"packed_{number}.txt").read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_what_was_stored_before_is_read_beside_what_is_packed(store: Store) -> None:
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    before = store.traces.call(call_id(1)), store.jobs.newest(call_id(1))
    unpack_all(store)
    assert stored(store) == [(table.name, True, False) for table in TEXTS]
    assert (store.traces.call(call_id(1)), store.jobs.newest(call_id(1))) == before
    capture(store, 2)
    assert ("calls", False, True) in stored(store)
    assert [len(trace.calls) for trace in store.trace_many([trace_id(1), trace_id(2)])] == [1, 1]


def test_nothing_is_packed_while_a_worker_of_another_release_runs(store: Store) -> None:
    older = store.workers.register(4, now=1.0).id
    with store.database.write() as connection:
        connection.execute(update(workers).values(release="0.1.0"))
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    assert stored(store) == [(table.name, True, False) for table in TEXTS]
    store.workers.remove(older, died=True)
    store.workers.register(4, now=1.0)
    capture(store, 2)
    store.sampling.decide([decision(2)], {}, now=1.0)
    assert stored(store) == [(t.name, *how) for t in TEXTS for how in ((1, 0), (0, 1))]


_COMPRESSOR = packed._of_thread.compressor
NO_TEXT = b"\x01" + _COMPRESSOR.compress(b"\xff", _COMPRESSOR.FLUSH_FRAME)
SAYS_2_EXABYTES = b"\x01\x28\xb5\x2f\xfd\xe0" + (2**61).to_bytes(8, "little") + b"\x01\0\0"


@pytest.mark.parametrize("damaged_text", [b"\x01no", NO_TEXT, SAYS_2_EXABYTES], ids=range(3))
def test_a_row_that_cannot_be_unpacked_holds_up_no_other(store: Store, damaged_text: bytes) -> None:
    capture(store, 1, 2)
    with store.database.write() as connection:
        damaged = update(calls).where(calls.c.id == call_id(1))
        connection.execute(damaged.values(packed=damaged_text))
    assert [call.id for _, call in store.sampling.undecided()] == [call_id(2)]
    assert store.sampling.set_aside_unreadable([trace_id(1), trace_id(2)]) == 1
    assert store.status().unreadable_traces == 1
