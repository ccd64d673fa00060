"""Many rows in one statement: the same in both databases."""

from sqlalchemy import select

from smile_trace.store import Store
from smile_trace.store.database import rows_among
from smile_trace.store.database.rows import insert_rows, skip, update_rows
from smile_trace.store.tables import traces


def row(number: int, file: str = "a") -> dict[str, object]:
    return {
        "trace_id": f"{number:032x}",
        "file": file,
        "has_root": number % 2 == 0,
        "root_missing": False,
        "changed_at": number / 7,
        "position": None,
        "error": 'it\'s \\ "{}" % 100\n' if number == 1 else None,
    }


def test_rows_are_inserted_skipped_and_updated(store: Store) -> None:
    with store.database.write() as connection:
        insert_rows(connection, traces, [row(n) for n in range(3)], skip)
        insert_rows(connection, traces, [row(n, "b") for n in range(2, 4)], skip)
        insert_rows(connection, traces, [], skip)
        places = [{"trace_id": f"{n:032x}", "position": 2**40 + n, "error": None} for n in (1, 3)]
        update_rows(connection, traces, ("trace_id",), places)
        update_rows(connection, traces, ("trace_id",), [{"trace_id": f"{2:032x}", "error": "x\0y"}])
    found = {r.trace_id[-1]: r for r in store.database.rows(select(traces))}
    assert [found[n].file for n in "0123"] == ["a", "a", "a", "b"]
    assert [found[n].position for n in "0123"] == [None, 2**40 + 1, None, 2**40 + 3]
    assert [found[n].has_root for n in "0123"] == [True, False, True, False]
    assert found["3"].changed_at == 3 / 7
    assert found["2"].error in ("x\0y", "x\ufffdy")


def test_texts_are_stored_as_they_are(store: Store) -> None:
    with store.database.write() as connection:
        insert_rows(connection, traces, [row(1)], skip)
    assert store.database.rows(select(traces.c.error))[0][0] == row(1)["error"]


def test_more_ids_are_found_than_a_statement_has_variables(store: Store) -> None:
    with store.database.write() as connection:
        insert_rows(connection, traces, [row(n) for n in range(40_000)], skip)
    wanted = [f"{n:032x}" for n in range(10_000, 50_000)]
    with store.database.read() as connection:
        found = rows_among(connection, select(traces.c.trace_id), traces.c.trace_id, wanted)
        assert len(found) == 30_000
        assert rows_among(connection, select(traces.c.trace_id), traces.c.trace_id, []) == []
