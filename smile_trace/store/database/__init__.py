"""The connection to the store: transactions, faults as sentences, migrations at open."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    FromClause,
    Row,
    Select,
    Table,
    UpdateBase,
    inspect,
)

from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.store.database.sql import among, of_many
from smile_trace.store.migrations import versions

BUSY_SECONDS = 30.0
"""How long a writer waits for another one's lock."""


_REVISIONS = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""
"""Alembic's own table, as it makes it."""


class StoreError(SmileTraceError):
    """The store cannot be opened or written; the message says what to do."""

    code = ReasonCode.STORE_ERROR


class StoreUnavailable(StoreError):
    """A passing fault: a full or read-only disk, a silent database, a lock held too long. Nothing
    was written, and the same may be tried again later."""

    code = ReasonCode.STORE_UNAVAILABLE


class TakenOver(StoreError):
    """The other workers of a shared store took this one for dead, and its explanations with it."""

    def __init__(self) -> None:
        super().__init__(
            "this worker said nothing for so long that others have taken over its explanations: "
            "start it again."
        )


class Database(ABC):
    """A database, its engine and its transactions.

    Attributes:
        name: its path or its address, without a password, for messages.
        frees_space: whether `used_bytes` falls at once when rows are deleted.
        elsewhere: advice on how to use another database, for messages.
    """

    frees_space: bool
    elsewhere: str

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]:
        """A consistent view: everything read inside is of one moment."""

    @abstractmethod
    def write(
        self, *, alone: bool = True, fenced: bool = True
    ) -> AbstractContextManager[Connection]:
        """A write transaction that holds the store's one lock from its start, so that reads see all
        earlier writes. `alone`: False for writes that do no harm to others of their kind: in a
        shared store they only wait for writers that have to be alone, and those for them; `fenced`:
        False for what a worker may write after another has taken over its work: answers that were
        paid for, and their cost. Raises StoreUnavailable if nothing can be written for now, or
        another process holds the lock; TakenOver: other workers took this one for dead; StoreError
        if the database is damaged. In each case nothing was written."""

    def rows(self, query: Select[Any]) -> Sequence[Any]:
        """The rows of one query, as of one moment."""
        with self.read() as connection:
            return connection.execute(query).all()

    def column(self, query: Select[Any]) -> list[Any]:
        """The values of a query's one column."""
        return [value for (value,) in self.rows(query)]

    def first(self, query: Select[Any]) -> Any:
        """The first row of a query; None without any."""
        with self.read() as connection:
            return connection.execute(query).first()

    def value(self, query: Select[Any]) -> Any:
        """The one value of a query; None without any."""
        row = self.first(query)
        return None if row is None else row[0]

    def change(self, statement: UpdateBase, *, alone: bool = True) -> int:
        """Run one statement, in a transaction of its own; returns how many rows it changed. `alone`
        and errors are those of `write`."""
        with self.write(alone=alone) as connection:
            return connection.execute(statement).rowcount

    def migrate(self) -> None:
        """Bring the tables to this release's form; raises StoreError if a newer release or none
        made them. Workers of an earlier release may go on: a migration only adds what they need not
        know."""
        with self.read() as connection:
            if _revision(connection) == newest_revision():
                return
        with self.write() as connection:
            current = _revision(connection)
            if current is None:
                self._create(connection)
            elif current != newest_revision():
                self._upgrade(connection, current)
            self._add_procedures(connection)

    def _create(self, connection: Connection) -> None:
        """Make all tables of this release at once."""
        from smile_trace.store.tables import metadata  # which are built on this module

        metadata.create_all(connection)
        connection.exec_driver_sql(_REVISIONS)
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{newest_revision()}')")

    def _upgrade(self, connection: Connection, current: str) -> None:
        # Loaded only here: it takes as long as all the rest of a command, and a tenth of the memory
        # of a worker that waits.
        from alembic import command

        from smile_trace.store.migrations.scripts import known_revisions, our_config

        config = our_config()
        if current not in known_revisions(config):
            raise StoreError(
                f"{self.name} was written by a newer smile-trace, or before release 0.2: "
                f"upgrade this one with `pip install -U smile-trace`, or {self.elsewhere}."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    @abstractmethod
    def _add_procedures(self, connection: Connection) -> None:
        """Add what the database runs by itself."""

    @abstractmethod
    def damage(self) -> str | None:
        """The damage found in the file, None if it is sound; raises StoreError if it cannot be read
        at all."""

    def missing_rights(self) -> list[str]:
        """The rights that a worker needs and the role lacks: "may not INSERT into jobs"."""
        return []

    @abstractmethod
    def random_part(self, connection: Connection, table: Table) -> tuple[FromClause, float]:
        """Some rows of a large table, and how many times as many it has."""

    @abstractmethod
    def used_bytes(self) -> int:
        """Bytes that the store takes, without free space if `frees_space`."""

    @abstractmethod
    def shrink(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Return free space to the system, some at a time, so that writers wait briefly."""

    @abstractmethod
    def vacuum(self) -> None:
        """Rewrite everything at its smallest size; raises StoreError without room or an exclusive
        lock."""

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def rows_among(
    connection: Connection,
    query: Select[Any],
    column: Column[Any],
    values: Sequence[str] | Sequence[int],
) -> list[Row[Any]]:
    """The rows of `query` whose `column` is one of `values`, which may be very many."""
    return list(connection.execute(query.where(among(column, values)))) if values else []


def lookup(
    query: Select[Any], column: Column[Any]
) -> Callable[[Connection, Sequence[str]], list[Row[Any]]]:
    """`rows_among` for a query that is made once: making it takes longer than asking."""
    statement = query.where(among(column))
    return lambda connection, values: (
        list(connection.execute(statement, of_many(values))) if values else []
    )


def newest_revision() -> str:
    """The newest migration, by the numbers that their files' names begin with."""
    files = Path(str(versions.__file__)).parent.glob("[0-9]*.py")
    return max(file.name.partition("_")[0] for file in files)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


class OfDatabase:
    """A part of the store: its queries, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
