"""Explanations travel from one store to another, and a second time changes nothing."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import Imported, ImportFailed, export_lines, import_lines
from tests.support.store_rows import (
    call_id,
    capture,
    decision,
    deliver,
    explain,
    explanation,
    explanations,
    traces,
)
from tests.support.stores import on_sqlite

pytestmark = pytest.mark.thorough


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Settings(home=tmp_path / "other")) as opened:
        yield opened


def exported(store: Store) -> list[bytes]:
    return [line.encode() for line in export_lines(store.database)]


def test_what_is_imported_is_what_was_exported(store: Store, other: Store) -> None:
    capture(store, *range(1, 121))
    for number in range(1, 121):
        explain(store, number)
    lines = exported(store)
    assert import_lines(other.database, lines) == Imported(new=120)
    assert exported(other) == lines
    assert other.explanation(call_id(7)) == explanation()
    assert other.status().explained == other.status().reliable == 120
    assert import_lines(other.database, lines) == Imported(known=120)
    assert import_lines(store.database, lines) == Imported(known=120)
    assert exported(other) == exported(store) == lines


def test_what_waits_here_is_not_paid_for_once_more(store: Store, other: Store) -> None:
    capture(store, 1)
    explain(store, 1)
    capture(other, 1)
    other.sampling.decide([decision(1)], {}, now=1.0)
    import_lines(other.database, exported(store))
    assert other.jobs.due(now=9.0, limit=9) == []
    assert other.sampling.undecided() == []


def test_only_what_has_its_trace_here_is_delivered(store: Store, other: Store) -> None:
    capture(store, 1, 2)
    explain(store, 1)
    explain(store, 2)
    capture(other, 1)
    import_lines(other.database, exported(store))
    deliver(other, *traces(other))
    assert [due.item for due in explanations(other)] == [call_id(1)]
    assert other.status().trackers[0].waiting == 1


def broken(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def made(line: bytes) -> bytes:
        loaded = json.loads(line)
        change(loaded)
        return json.dumps(loaded).encode()

    return made


@on_sqlite
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (broken(lambda line: line.update(schema_version=3)), "has schema version 3"),
        (broken(lambda line: line["explanation"].update(schema_version=9)), "schema version 9"),
        (broken(lambda line: line.pop("schema_version")), "schema_version"),
        (broken(lambda line: line.pop("explanation")), "holds one explanation"),
        (broken(lambda line: line.update(attempt="x")), "attempt"),
        (broken(lambda line: line["explanation"].update(answer="\ud800")), "no explanation"),
        (lambda line: line[:-9], "no explanation"),
        (lambda line: b"\xff\x00", "no explanation"),
        (lambda line: b"[" * 100_000, "no explanation"),
        (lambda line: b"7", "no explanation"),
    ],
)
def test_a_line_that_is_none_is_refused_with_a_sentence(
    store: Store, other: Store, damage: Callable[[bytes], bytes], said: str
) -> None:
    capture(store, 1, 2)
    explain(store, 1)
    explain(store, 2)
    good, bad = exported(store)
    with pytest.raises(ImportFailed, match=said) as caught:
        import_lines(other.database, [good, b"\n", damage(bad)])
    assert str(caught.value).startswith("line 3 ")
    assert import_lines(other.database, [good, bad]).new == 2
