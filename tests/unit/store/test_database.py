"""Opening, migrating and refusing; what a database lacks, on both stores."""

import io
import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from sqlalchemy import insert, make_url, text

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.database.sqlite import SQLiteDatabase
from smile_trace.store.migrations.scripts import our_config
from smile_trace.store.tables import Group, groups, metadata, missing_indexes, missing_tables
from smile_trace.worker.doctor import Finding, examine_database
from tests.support.newer_release import NewerConfig
from tests.support.stores import on_postgresql, on_sqlite

pytestmark = pytest.mark.thorough


def test_the_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    """Which a new store is made of at once."""
    database = SQLiteDatabase(tmp_path / "store.db")
    config = our_config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.migrate()  # it is what this release makes


BASELINE = "0020"
"""The migration of release 0.2, which makes everything; later ones bring it on."""
ADDS = re.compile(
    r"CREATE TABLE .*|CREATE INDEX .*|DROP INDEX .*"
    r"|ALTER TABLE (?P<table>\w+) ADD COLUMN .*?(?P<must> NOT NULL)?",
    re.DOTALL,
)


def later_migrations() -> list[Script]:
    """Those after the baseline, and the one that stands for a release to come in other tests."""
    config = NewerConfig()
    config.set_main_option("script_location", "smile_trace.store:migrations")
    return [*ScriptDirectory.from_config(config).iterate_revisions("head", BASELINE)]


@pytest.mark.parametrize("migration", later_migrations(), ids=lambda one: one.revision)
def test_a_migration_only_adds_so_that_older_workers_go_on(migration: Script) -> None:
    said = io.StringIO()
    how = {"as_sql": True, "output_buffer": said}
    context = MigrationContext.configure(dialect_name="postgresql", opts=how)
    with Operations.context(context):
        migration.module.upgrade()
    for statement in filter(None, map(str.strip, said.getvalue().split(";"))):
        found = ADDS.fullmatch(statement)
        assert found, f"an older worker may not live with it: {statement}"
        if found["must"]:  # what an older worker says nothing of
            assert " DEFAULT " in statement, statement
            # Its rows are made of JSON by a procedure, which takes no default for what is missing.
            assert found["table"] != "reservations", statement


@on_sqlite
def test_opening_again_changes_nothing(settings: Settings) -> None:
    Store.open(settings).close()
    before = (settings.home / "store.db").read_bytes()
    Store.open(settings).close()
    assert (settings.home / "store.db").read_bytes() == before


def test_several_that_make_a_store_at_the_same_moment_wait_for_each_other(tmp_path: Path) -> None:
    for attempt in range(8):
        settings = Settings(home=tmp_path / str(attempt))
        together = threading.Barrier(6)

        def make(settings: Settings = settings, together: threading.Barrier = together) -> None:
            together.wait()
            Store.open(settings).close()

        with ThreadPoolExecutor(6) as threads:
            for made in [threads.submit(make) for _ in range(6)]:
                made.result()


def test_the_home_is_private(store: Store, settings: Settings) -> None:
    assert settings.home.stat().st_mode & 0o077 == 0


@on_sqlite
@pytest.mark.parametrize("revision", ["9999", "0003"])
def test_a_store_of_no_known_revision_is_refused_with_a_sentence(
    revision: str, settings: Settings
) -> None:
    Store.open(settings).close()
    path = settings.home / "store.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer smile-trace, or before release 0\.2: upgrade"):
        Store.open(settings)
    assert path.read_bytes() == before


@on_sqlite
def test_a_damaged_store_is_refused_with_a_sentence(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "store.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="damaged"):
        Store.open(settings)


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="SMILE_TRACE_HOME"):
        Store.open(Settings(home=tmp_path / "file" / "home"))


def test_a_write_that_fails_in_the_middle_leaves_nothing(store: Store) -> None:
    def stumble() -> None:
        with store.database.write() as connection:
            connection.execute(insert(groups).values(**Group("function", "a").values, chosen=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stumble()
    assert store.sampling.chosen({Group("function", "a")}) == {}


def found(store: Store) -> list[Finding]:
    return list(examine_database(store.database))


def test_a_new_store_lacks_nothing(store: Store) -> None:
    assert found(store) == []


def test_a_missing_index_is_named_with_what_makes_it(store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(text("DROP INDEX ix_jobs_state"))
    [finding] = found(store)
    assert (finding.level, finding.about) == ("bad", "indexes")
    [statement] = missing_indexes(store.database)
    assert finding.said.endswith(statement)
    with store.database.write() as connection:
        connection.execute(text(statement.replace("ix_jobs_state", "of_another_name")))
    assert found(store) == []


def test_a_missing_table_is_named(store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(text("DROP TABLE pulled"))
    assert missing_tables(store.database) == ["pulled"]
    [finding] = found(store)
    assert "lacks the tables pulled: restore a backup" in finding.said


@on_postgresql
def test_a_role_that_may_only_read_is_said(store: Store, settings: Settings) -> None:
    assert settings.store.url is not None
    with store.database.write() as connection:
        for statement in (
            "CREATE ROLE only_reads LOGIN",
            "GRANT USAGE ON SCHEMA smile_trace TO only_reads",
            "GRANT SELECT ON ALL TABLES IN SCHEMA smile_trace TO only_reads",
        ):
            connection.execute(text(statement))
    url = make_url(settings.store.url).set(username="only_reads")
    reader = Store.open(
        settings.model_copy(
            update={
                "store": settings.store.model_copy(
                    update={"url": url.render_as_string(hide_password=False)}
                )
            }
        )
    )
    try:
        said = [one.said for one in found(reader) if one.about == "permissions"]
    finally:
        reader.close()
        with store.database.write() as connection:
            connection.execute(text("DROP OWNED BY only_reads"))
            connection.execute(text("DROP ROLE only_reads"))
    assert [line.partition(" in ")[0] for line in said] == [
        "the role may not DELETE",
        "the role may not INSERT",
        "the role may not UPDATE",
        "the role may not make tables",
    ]
    assert "jobs" in said[0]
