"""What a store needs to be the same in PostgreSQL: its address, its texts, its numbers."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, literal, select, text

from smile_trace.settings import Settings, SettingsError
from smile_trace.store import Store, StoreError, StoreUnavailable
from smile_trace.store.database.sql import json_text
from smile_trace.store.tables import calls, groups, spans, spend
from tests.support.ledgers import ledger, reserve
from tests.support.postgres_server import OwnPostgresServer, PostgresServer
from tests.support.store_rows import capture
from tests.support.stores import on_postgresql
from tests.support.worker_settings import wait_for


@pytest.mark.parametrize(
    "url",
    [
        "mysql://a@h/d",
        "h:5432/d",
        "postgresql://a:hush@h/d",
        "postgresql://a@h/d?password=hush",
        "postgresql://a@h/d?sslmode=require&password=hush",
    ],
)
def test_an_address_that_is_none_or_holds_a_password_is_refused(tmp_path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"postgresql://role@host|password_env") as refused:
        Settings(home=tmp_path, store={"url": url})
    assert "hush" not in str(refused.value)


def test_a_password_comes_from_its_variable(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"url": "postgres://role@h:5433/d?sslmode=require", "password_env": "OF_THE_STORE"}
    settings = Settings(home=tmp_path, store=table)
    with pytest.raises(StoreError, match="set OF_THE_STORE"):
        Store.open(settings)
    monkeypatch.setenv("OF_THE_STORE", "p@ss/word")
    there = "postgresql://role:p%40ss%2Fword@h:5433/d?sslmode=require"
    assert settings.store.connection() == there


def test_a_database_that_does_not_answer_is_said(tmp_path) -> None:
    away = Settings(home=tmp_path, store={"url": "postgresql://role@127.0.0.1:9/d"})
    with pytest.raises(StoreUnavailable, match=r"postgresql://role@127.0.0.1:9/d cannot be used"):
        Store.open(away)


def test_fields_of_documents_are_found_beside_what_is_no_text(store: Store) -> None:
    bodies = {
        "a": r'{"attributes": {"session.id": "s", "x": "\u0000 \ud800"}}',
        "b": r'{"attributes": {"session.id": "t\\u0000", "x": "\udfff"}}',
        "c": r'{"attributes": {"gen_ai.conversation.id": 7}}',
        "d": r'{"attributes": {"user.id": "é"}}',
    }
    with store.database.write() as connection:
        for name, body in bodies.items():
            row = {"trace_id": name, "span_id": "1", "start_ns": 1, "body": body}
            connection.execute(insert(spans).values(row))
    assert store.forgetting.of_session("s") == ["a"]
    assert store.forgetting.of_session("t\\u0000") == ["b"]
    assert store.forgetting.of_session("7") == ["c"]
    assert store.forgetting.of_user("é") == ["d"]


@on_postgresql
def test_fields_of_documents_are_found_by_queries_that_would_run_in_parallel(store: Store) -> None:
    """The database refuses to catch an error in one of several processes."""
    capture(store, *range(100))
    with store.database.read() as connection:
        for setting in (
            "parallel_setup_cost",
            "parallel_tuple_cost",
            "min_parallel_table_scan_size",
        ):
            connection.execute(text(f"SET LOCAL {setting} = 0"))
        document = literal('{"id": "').concat(calls.c.id).concat('"}')
        query = select(func.count()).where(json_text(document, "id") == calls.c.id)
        assert connection.scalar(query) == 100


@on_postgresql
def test_texts_are_in_the_order_of_their_bytes_and_numbers_have_64_bits(store: Store) -> None:
    query = text(
        "SELECT table_name, column_name, data_type, collation_name "
        "FROM information_schema.columns WHERE table_schema = 'smile_trace' "
        "AND table_name <> 'alembic_version'"
    )
    with store.database.read() as connection:
        columns = connection.execute(query).all()
    assert len(columns) > 100
    wrong = [
        (column.table_name, column.column_name)
        for column in columns
        if column.data_type in ("integer", "smallint", "numeric")
        or (column.data_type in ("text", "character varying") and column.collation_name != "C")
    ]
    assert wrong == []


@on_postgresql
def test_a_name_with_a_nul_is_kept_without_it(store: Store) -> None:
    row = {"group_kind": "function", "group_name": "a\0b", "group_version": "", "chosen": 1}
    with store.database.write() as connection:
        connection.execute(insert(groups).values(row))
        assert connection.execute(groups.select()).one().group_name == "a\ufffdb"


@on_postgresql
def test_a_role_that_may_not_make_tables_is_told_what_to_do(
    settings: Settings, postgres_server: PostgresServer
) -> None:
    url = postgres_server.new_database("template0")
    postgres_server.execute("DROP ROLE IF EXISTS guest")
    postgres_server.execute("CREATE ROLE guest LOGIN")
    asked = settings.model_copy(
        update={"store": settings.store.model_copy(update={"url": url.replace("owner@", "guest@")})}
    )
    with pytest.raises(StoreError, match=r"guest@.* does not let this role work there"):
        Store.open(asked)


@pytest.mark.slow
def test_a_server_that_was_stopped_is_used_again_when_it_is_back(
    tmp_path: Path, own_postgres_server: OwnPostgresServer
) -> None:
    there = {"url": own_postgres_server.new_database()}
    with Store.open(Settings(home=tmp_path, store=there)) as store:
        own_postgres_server.stop()
        with pytest.raises(StoreUnavailable):
            capture(store, 1)
        own_postgres_server.start()
        capture(store, 1)
        assert store.status().captured == 1


@on_postgresql
def test_a_connection_is_tried_only_where_its_server_said_something(
    store: Store,
    settings: Settings,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an idle worker asks every second would be twice as much."""
    tried: list[Any] = []
    dialect = store.database.engine.dialect
    ping = dialect.do_ping
    monkeypatch.setattr(dialect, "do_ping", lambda one: (tried.append(one), ping(one))[1])
    for _ in range(3):
        assert store.status().captured == 0
    assert tried == []
    assert settings.store.url is not None
    name = settings.store.url.rpartition("/")[2]
    ended = (
        f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    assert all(one for [one] in postgres_server.execute(ended))
    capture(store, 1)
    assert len(tried) == 1


@on_postgresql
def test_a_reservation_that_fails_spoils_no_later_write(store: Store) -> None:
    kept = ledger(store)
    reserve(kept)
    with store.database.write() as connection:
        connection.execute(text("LOCK TABLE smile_trace.spend"))
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d "
            "ON d.oid = database AND datname = current_database() WHERE NOT granted"
        )
        with ThreadPoolExecutor() as pool:
            reserving = pool.submit(reserve, kept)
            wait_for(lambda: connection.execute(text(ended)).all())
        with pytest.raises(StoreUnavailable, match="cannot be used"):
            reserving.result()
    reserve(kept)
    with suppress(ZeroDivisionError), store.database.write() as connection:
        connection.execute(delete(spend))
        raise ZeroDivisionError
    assert kept.spent("day", kept.today()).calls == 2


@on_postgresql
def test_a_newer_store_is_refused_with_a_sentence(
    settings: Settings, postgres_server: PostgresServer
) -> None:
    database = settings.store.url.rpartition("/")[2]
    newer = "UPDATE smile_trace.alembic_version SET version_num = '9999'"
    postgres_server.execute(newer, database)
    with pytest.raises(StoreError, match=r"newer smile-trace.*: upgrade"):
        Store.open(settings)
