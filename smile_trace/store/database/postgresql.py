"""The shared store: a schema of a PostgreSQL database, for workers on many machines.

Every write takes one advisory lock first, like an immediate transaction of SQLite, which is what
the store's promises rely on. Frequent writes of many workers share it with others of their kind:
claiming jobs, keeping answers, settling deliveries. Money takes no turn at all, see
`spending.procedures`.
"""

import selectors
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    FromClause,
    Table,
    create_engine,
    event,
    func,
    literal,
    make_url,
    select,
    tablesample,
    text,
)
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as NoConnection

from smile_trace.errors import needing_extra
from smile_trace.store.database import (
    BUSY_SECONDS,
    Database,
    StoreError,
    StoreUnavailable,
    TakenOver,
)
from smile_trace.store.spending.procedures import PROCEDURES
from smile_trace.store.tables import metadata, workers

SCHEMA = "smile_trace"
"""The schema of the store's tables."""
ENGINE_SCHEMA = "smile_trace_engine"
"""The schema in which the engine keeps the runs of explanations."""
CLASS = 0x736D696C  # "smil"
"""The first half of the keys of all our advisory locks; the second half tells them apart."""
WRITING = 0
"""The second half of the key of the lock that every write takes."""
IDLE_SECONDS = 60.0
"""An idle transaction is ended after this time: its process is frozen, and blocks every writer."""
READ_BYTES = 32 * 2**20
"""Of a table, to estimate how many rows of a kind it has."""
SILENT_SECONDS = 30.0
"""A connection unused for so long is tested first: a firewall may have forgotten it silently."""
DEFAULTS = {"application_name": "smile-trace", "connect_timeout": "10"}
"""Parameters of a connection that the address may override."""

_AGAIN = (
    "08",  # the connection was lost
    "25006",  # a standby takes no writes
    "25P03",  # idle for too long in the transaction
    "40",  # a deadlock
    "53",  # a full disk, too many connections
    "55P03",  # another one has the lock
    "57",  # the server shuts down, or starts
    "58",  # its disk fails
)
"""SQLSTATE codes, or their beginnings, of errors after which the same may be tried again."""

# What `statements.json_text` calls. A document may hold escapes of NUL and of halves of characters,
# which are no text here: then they are left out, since one such document must not end a query.
# What catches an error cannot run in a parallel query.
_JSON_TEXT = r"""
CREATE OR REPLACE FUNCTION json_text(document text, path text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $$
BEGIN
    RETURN document::json #>> path;
EXCEPTION WHEN data_exception THEN
    RETURN regexp_replace(
        document, '(\\\\)|\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\1', 'g'
    )::json #>> path;
END
$$
"""


class PostgresDatabase(Database):
    """A PostgreSQL database, which any number of processes use at once. `worker_id`: the registered
    worker that writes here; None for any other process."""

    frees_space = False
    elsewhere = "name another database in [store] url"

    def __init__(self, url: str) -> None:
        asked = make_url(url).set(drivername="postgresql+psycopg")
        self.url = asked.update_query_dict({**DEFAULTS, **asked.query})
        with needing_extra("postgres", "[store] url"):
            engine = create_engine(self.url, max_overflow=20, pool_timeout=BUSY_SECONDS)
        event.listen(engine, "connect", _prepare)
        _check_when_reused(engine)
        self.worker_id: int | None = None
        shown = self.url.set(drivername="postgresql", password=None, query={})
        super().__init__(engine, shown.render_as_string())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See `Database.read`."""
        with self.describing(), self.engine.connect() as connection:
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, *, alone: bool = True, fenced: bool = True) -> Iterator[Connection]:
        """See `Database.write`."""
        with self.describing(), self.engine.begin() as connection:
            # What follows sees all that others wrote until they let go of the lock.
            connection.execute(_LOCK if alone else _SHARED_LOCK)
            if fenced and self.worker_id is not None:
                self._check_registered(connection)
            yield connection

    @contextmanager
    def calling(self) -> Iterator[Connection]:
        """A connection for single statements that take no turn."""
        with self.describing(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def call(self, statement: str, parameters: Sequence[Any]) -> Any:
        """Call a procedure that ends its own transactions and takes no turn; returns its answer,
        None without any. The driver is asked itself: with a statement of SQLAlchemy's the processor
        time of this process is twice as long."""
        with self.describing():
            pooled = self.engine.raw_connection()
            driver: Any = pooled.driver_connection
            try:
                driver.autocommit = True
                called = driver.execute(statement, parameters)
                row = called.fetchone() if called.description else (None,)
                driver.autocommit = False
            except BaseException:
                pooled.invalidate()
                raise
            pooled.close()
            return row[0]

    @contextmanager
    def describing(self) -> Iterator[None]:
        """Raise the database's faults as sentences: StoreUnavailable if a retry may help, else
        StoreError."""
        faults = self.engine.dialect.loaded_dbapi.Error
        try:
            try:
                yield
            except faults as error:  # of a pool's own connection, which SQLAlchemy leaves as it is
                raise DBAPIError.instance(None, None, error, faults) from error
        except DataError:  # what no database takes: whoever wrote it looks for it
            raise
        except DBAPIError as error:
            raise _describe_fault(self.name, error) from error
        except NoConnection as error:
            raise StoreUnavailable(
                f"{self.name} was too busy for {BUSY_SECONDS:.0f} s: see what it does."
            ) from error

    def _check_registered(self, connection: Connection) -> None:
        known = select(workers.c.id).where(workers.c.id == self.worker_id)
        if connection.execute(known).first() is None:
            raise TakenOver

    def new_engine(self, connections: int = 2) -> Engine:
        """A pool of connections to the same database, which the caller closes."""
        engine = create_engine(self.url, pool_size=connections, max_overflow=20)
        _check_when_reused(engine)
        return engine

    def _create(self, connection: Connection) -> None:
        # The schema may be there, an administrator's, whose role may make tables in it alone.
        if not connection.execute(_HAS_SCHEMA, {"name": SCHEMA}).scalar_one():
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        super()._create(connection)

    def _add_procedures(self, connection: Connection) -> None:
        connection.exec_driver_sql(_JSON_TEXT)
        for procedure in PROCEDURES:
            connection.exec_driver_sql(procedure)

    def has_schema(self, name: str) -> bool:
        """Whether a schema is in the database."""
        with self.read() as connection:
            return bool(connection.execute(_HAS_SCHEMA, {"name": name}).scalar_one())

    def constrain_text(self, schema: str, column: str, value: str) -> None:
        """Restrict a column to one text or none, in every table of a schema that has it. Raises
        StoreError if a row holds something else."""
        allowed = f"CHECK (coalesce({column}, '{value}') = '{value}')"
        wanted = {"schema": schema, "column": column, "name": f"{column}_is_{value}"}
        with self.write(fenced=False) as connection:
            for table in connection.execute(_UNCONSTRAINED, wanted).scalars().all():
                change = f'ALTER TABLE {schema}."{table}" ADD CONSTRAINT {wanted["name"]} {allowed}'
                try:
                    connection.exec_driver_sql(change)
                except IntegrityError as error:
                    raise StoreError(
                        f"{self.name} has values in {schema}.{table} that are not {value}: stop "
                        f"every worker, and DROP SCHEMA {schema} CASCADE. It is made anew, and "
                        "nothing that was paid for is lost."
                    ) from error

    def damage(self) -> str | None:
        """Return None: the server itself looks after its files."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))
        return None

    def missing_rights(self) -> list[str]:
        """See `Database.missing_rights`."""
        with self.read() as connection:
            rows = connection.execute(_RIGHTS, {"schema": SCHEMA}).all()
            may_begin = connection.execute(_MAY_MAKE_ENGINE, {"schema": ENGINE_SCHEMA}).scalar_one()
        missing = [f"may not {right} in the tables {tables}" for right, tables in rows]
        if not may_begin:
            missing.append(f"may not make tables in the schema {ENGINE_SCHEMA}, or that schema")
        return missing

    def random_part(self, connection: Connection, table: Table) -> tuple[FromClause, float]:
        """See `Database.random_part`; the same pages each time, so that counts change only as the
        table does."""
        bytes_ = connection.execute(_SIZE, {"name": f"{SCHEMA}.{table.name}"}).scalar_one()
        share = min(1.0, READ_BYTES / max(1, bytes_))
        return tablesample(table, func.system(100 * share), seed=literal(0)), 1 / share

    def used_bytes(self) -> int:
        """Bytes of the tables and their indexes, with the space that deleted rows left."""
        sizes = text(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = :schema AND c.relkind = 'r'"
        )
        with self.read() as connection:
            return int(connection.execute(sizes, {"schema": SCHEMA}).scalar_one())

    def shrink(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Do nothing: the server's own vacuum frees the space of deleted rows for new ones."""

    def vacuum(self) -> None:
        """See `Database.vacuum`."""
        with self.describing(), self.engine.connect() as connection:
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in metadata.sorted_tables:
                outside.exec_driver_sql(f"VACUUM FULL {SCHEMA}.{table.name}")


_SIZE = text("SELECT pg_relation_size(CAST(:name AS regclass))")
_HAS_SCHEMA = text("SELECT to_regnamespace(:name) IS NOT NULL")
_RIGHTS = text(
    "SELECT r.\"right\", string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r(\"right\") "
    "WHERE n.nspname = :schema AND c.relkind = 'r' AND NOT has_table_privilege(c.oid, r.\"right\") "
    'GROUP BY r."right" ORDER BY r."right"'
)
_UNCONSTRAINED = text(
    "SELECT c.relname FROM pg_attribute a "
    "JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = :schema AND a.attname = :column AND NOT a.attisdropped AND NOT EXISTS "
    "(SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conname = :name)"
)
_MAY_MAKE_ENGINE = text(
    "SELECT CASE WHEN to_regnamespace(:schema) IS NULL "
    "THEN has_database_privilege(current_database(), 'CREATE') "
    "ELSE has_schema_privilege(:schema, 'CREATE') END"
)
_LOCK = text(f"SELECT pg_advisory_xact_lock({CLASS}, {WRITING})")
_SHARED_LOCK = text(f"SELECT pg_advisory_xact_lock_shared({CLASS}, {WRITING})")


def _prepare(connection: Any, _: Any) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET search_path TO {SCHEMA}; SET lock_timeout = {BUSY_SECONDS * 1000:.0f}; "
            f"SET idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000:.0f}"
        )
    connection.autocommit = False


def _check_when_reused(engine: Engine) -> None:
    """Check that a connection still works before it is used again. Testing each, as `pool_pre_ping`
    does, would double the transactions of an idle worker; the socket tells whether the server has
    closed it."""

    def note_use(_: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    def check(connection: Any, record: Any, _: Any) -> None:
        now = time.monotonic()
        silent = now - record.info.get("used", now) > SILENT_SECONDS
        try:
            if silent or connection.closed or _has_something_to_read(connection.fileno()):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", check)


def _has_something_to_read(socket: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(socket, selectors.EVENT_READ)
        return bool(selector.select(0))


def _describe_fault(name: str, error: DBAPIError) -> StoreError:
    code = getattr(error.orig, "sqlstate", None) or ""
    said = " ".join(str(error.orig).split())
    if code.startswith("53100"):
        return StoreUnavailable(f"the disk of {name} is full: free some space there.")
    if code == "55P03":
        return StoreUnavailable(
            f"{name} was locked for {BUSY_SECONDS:.0f} s: see in pg_stat_activity by whom."
        )
    if code == "42501":
        return StoreError(
            f"{name} does not let this role work there ({said}): grant it what docs/operating.md "
            "says."
        )
    lost = not code and isinstance(error, (OperationalError, InterfaceError))
    if lost or error.connection_invalidated or code.startswith(_AGAIN):
        return StoreUnavailable(
            f"{name} cannot be used ({said}): see whether it runs and takes this role's "
            "connections."
        )
    return StoreError(f"{name}: {said}")
