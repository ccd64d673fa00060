"""What release 0.2 left opens from now on: its rows stay, and its tables become those of today."""

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import text

import smile_trace.store.migrations.versions as versions
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.tables import metadata
from tests.support.paths import DATA
from tests.support.postgres_server import PostgresServer
from tests.support.release_0_2 import restore

RELEASED = {
    "0020_release_0_2.py": "7c3ba6200a6b6d0a9c4eb3b307c92d93e213f03cd20985dc9e7ecc0a16e46c45"
}
"""Migrations of releases, by the SHA-256 of their files."""
SCHEMA = {
    "columns": "SELECT table_name, column_name, data_type, collation_name, is_nullable,"
    " column_default FROM information_schema.columns WHERE table_schema = 'smile_trace'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE connamespace = 'smile_trace'::regnamespace",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'smile_trace'",
    "procedures": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc"
    " WHERE pronamespace = 'smile_trace'::regnamespace",
    "revision": "SELECT version_num FROM smile_trace.alembic_version",
}


def _open(**settings: Any) -> None:
    Store.open(Settings(**settings)).close()


def _schema(home: Path) -> dict[str, set[tuple[Any, ...]]]:
    """What a file has: columns, indexes and references, in whatever order they were added."""
    named = "FROM sqlite_master m JOIN {} ON m.type = 'table'"
    queries = {
        "columns": 'SELECT m.name, c.name, c.type, "notnull", pk '
        + named.format("pragma_table_info(m.name) c"),
        "indexes": 'SELECT m.name, i."unique", origin, seqno, c.name '
        + named.format("pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c"),
        "references": 'SELECT m.name, "table", "from", "to", on_delete '
        + named.format("pragma_foreign_key_list(m.name)"),
        "counting": "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'",
    }
    with closing(sqlite3.connect(home / "store.db")) as connection:
        return {name: set(connection.execute(query)) for name, query in queries.items()}


def _columns(home: Path) -> dict[str, list[str]]:
    """The names of the columns of each table of a file."""
    with closing(sqlite3.connect(home / "store.db")) as connection:
        found = {
            table.name: [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            for table in metadata.sorted_tables
        }
    return {table: names for table, names in found.items() if names}


def _rows(home: Path, columns: Mapping[str, list[str]]) -> dict[str, list[str]]:
    with closing(sqlite3.connect(home / "store.db")) as connection:
        return {
            table: sorted(map(repr, connection.execute(f"SELECT {', '.join(names)} FROM {table}")))
            for table, names in columns.items()
        }


def test_a_file_keeps_its_rows_and_gets_the_tables_of_a_new_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    restore(old)
    columns = _columns(old)
    before = _rows(old, columns)
    assert sum(map(len, before.values())) > 300
    _open(home=old)
    _open(home=new)
    assert _rows(old, columns) == before
    assert len(_schema(new)["columns"]) > 100
    assert _schema(old) == _schema(new)


def test_a_schema_gets_the_tables_of_a_new_one(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    dump = (DATA / "release_0_2" / "postgresql.sql").read_text(encoding="utf-8")
    urls = [postgres_server.new_database("template0") for _ in range(2)]
    postgres_server.execute(dump, urls[0].rpartition("/")[2])
    found = []
    for url in urls:
        with (
            Store.open(Settings(home=tmp_path, store={"url": url})) as store,
            store.database.read() as connection,
        ):
            found.append(
                {k: set(map(tuple, connection.execute(text(q)))) for k, q in SCHEMA.items()}
            )
    assert len(found[0]["columns"]) > 100
    assert found[0] == found[1]


def test_a_released_migration_never_changes() -> None:
    for name, digest in RELEASED.items():
        content = (Path(versions.__path__[0]) / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
