"""The embedded store: one SQLite file, in WAL mode, with immediate write transactions."""

import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Table,
    create_engine,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError

from smile_trace.store.database import BUSY_SECONDS, Database, StoreError, StoreUnavailable

IN_MEMORY = Path(":memory:")
"""SQLite's name for a database without a file; each thread has its own."""
VACUUM_PAGES = 2000
"""Free pages returned to the system per statement."""
READ_ROWS = 20_000
"""Of a table, to estimate how many of a kind it has."""


class SQLiteDatabase(Database):
    """One SQLite file, its engine and its transactions."""

    frees_space = True
    elsewhere = "choose another SMILE_TRACE_HOME"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(_engine(path), str(path))

    def read(self) -> AbstractContextManager[Connection]:
        """See `Database.read`."""
        return self._transaction("BEGIN")

    def write(
        self, *, alone: bool = True, fenced: bool = True
    ) -> AbstractContextManager[Connection]:
        """See `Database.write`; a home has one worker, so there is nobody to take over."""
        # A deferred BEGIN would read first and then fail with "database is locked" where
        # another process wrote in between.
        return self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        with describing_faults(self.path), self.engine.connect() as connection:
            connection = connection.execution_options(begin=begin)
            with connection.begin():
                yield connection

    def _add_procedures(self, connection: Connection) -> None:
        """Add nothing: SQLite runs no procedures."""

    def damage(self) -> str | None:
        """See `Database.damage`."""
        with self.read() as connection:
            found = str(connection.exec_driver_sql("PRAGMA quick_check").scalar_one())
        return None if found == "ok" else found

    def random_part(self, connection: Connection, table: Table) -> tuple[FromClause, float]:
        """See `Database.random_part`."""
        number: ColumnElement[int] = literal_column("rowid")
        ends = (select(end(number)).select_from(table) for end in (func.min, func.max))
        first, last = (connection.execute(end).scalar() or 0 for end in ends)
        known = range(first, last + 1)
        some = random.sample(known, min(len(known), READ_ROWS))
        read = select(func.json_each(json.dumps(some)).table_valued("value"))
        part = select(table).where(number.in_(read)).subquery()
        return part, len(known) / len(some)

    def used_bytes(self) -> int:
        """Bytes of the file without its free pages."""
        pragmas = ("page_count", "freelist_count", "page_size")
        with self.read() as connection:
            pages, free, size = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()) for name in pragmas
            )
        return (pages - free) * size

    def shrink(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """See `Database.shrink`."""
        while not stopping() and (free := self._free_pages()):
            self._script(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
            if self._free_pages() >= free:  # a file that was made without incremental vacuum
                return

    def vacuum(self) -> None:
        """See `Database.vacuum`."""
        self._script("VACUUM")
        empty_wal(self.path)

    def _free_pages(self) -> int:
        with self.read() as connection:
            return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())

    def _script(self, statement: str) -> None:
        # Neither statement may stand in a transaction, and each must be run to its very end.
        with describing_faults(self.path), closing(self.engine.raw_connection()) as connection:
            assert isinstance(connection.dbapi_connection, sqlite3.Connection)
            connection.dbapi_connection.executescript(statement)


@contextmanager
def describing_faults(path: Path) -> Iterator[None]:
    """Raise the faults of an SQLite database as StoreError."""
    try:
        yield
    except DatabaseError as error:
        raise _described(path, error.orig) from error
    except sqlite3.Error as error:
        raise _described(path, error) from error


def _described(path: Path, error: BaseException | None) -> StoreError:
    """The error for a person when SQLite cannot work on the file at `path`."""
    # Codes beyond 255 say more about the same thing.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return StoreUnavailable(f"the disk of {path.parent} is full: free some space.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StoreUnavailable(
                f"{path.parent} cannot be written: make the folder, its disk and {path.name} "
                "writable for this user."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreUnavailable(
                f"{path} was locked for {BUSY_SECONDS:.0f} s: see which process holds it."
            )
        case sqlite3.SQLITE_IOERR:
            return StoreUnavailable(
                f"the disk of {path.parent} fails ({error}): see whether it is full or broken."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreError(f"{path} is damaged ({error}): move it away, or restore a copy.")
    return StoreError(f"{path}: {error}")


def _engine(path: Path) -> Engine:
    # A prompt's lone surrogates travel as JSON escapes, so plain UTF-8 does everywhere.
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _: Any) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.isolation_level = None  # we say BEGIN ourselves
        if connection.execute("PRAGMA page_count").fetchone() == (0,):  # it can only begin so
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")  # a reservation survives a power cut
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def make_wal(path: Path) -> None:
    """Give another SQLite database the store's journal mode, which stays with the file."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(path)) as connection:
        _use_wal(connection)


def empty_wal(path: Path) -> None:
    """Move the write-ahead log into its database, and empty it. Raises StoreUnavailable if readers
    or writers keep it in use for `BUSY_SECONDS`."""
    deadline = time.monotonic() + BUSY_SECONDS
    with describing_faults(path), closing(sqlite3.connect(path, timeout=1.0)) as connection:
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"{path} was in use for {BUSY_SECONDS:.0f} s: see which process reads it."
                )
            time.sleep(0.05)


def _use_wal(connection: sqlite3.Connection) -> None:
    """SQLite itself does not wait when several make a new file a WAL one at the same moment."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
