"""Tables, indexes and rights that a database lacks, on both stores."""

from sqlalchemy import make_url, text

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.tables import missing_indexes, missing_tables
from smile_trace.worker.doctor.database import examine_database
from smile_trace.worker.doctor.findings import Finding
from tests.support.stores import on_postgresql


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
    assert "lacks the tables pulled: bring back a backup" in finding.said


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
