"""A worker's session with a shared store: locks that the database releases when it is gone.

The database ends a session that is silent for `SILENT_SECONDS` by its own clock, whether its
process died, hangs, or cannot be reached. That clock is the time of all who share the store.
"""

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from smile_trace.store.database import StoreUnavailable
from smile_trace.store.database.postgresql import CLASS, PostgresDatabase

SILENT_SECONDS = 20.0
"""How long a session may be silent."""
WORKERS, TASKS, REQUESTS = CLASS + 1, CLASS + 2, CLASS + 3
"""The first halves of the keys of locks on workers, one worker's tasks, and requests in flight."""

TIME = text("SELECT extract(epoch FROM clock_timestamp())")
"""The database's clock, in Unix seconds."""
_TRY = text("SELECT pg_try_advisory_lock(:kind, :key)")
_TRY_ONE = text(
    "SELECT key FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS key WHERE CASE "
    "WHEN key = ANY (CAST(:taken AS int[])) THEN false ELSE pg_try_advisory_lock(:kind, key) END "
    "LIMIT 1"
)
_LET_GO = text("SELECT pg_advisory_unlock(:kind, :key)")


class Held(NamedTuple):
    """A lock held by the `session`-th connection."""

    session: int
    kind: int
    key: int


class Session:
    """One connection, in autocommit, and its locks. Thread-safe. Every method raises
    StoreUnavailable if the connection is lost with all its locks; `connect` makes a new one."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._engine = database.new_engine(1)
        self._connection: Connection | None = None
        self._lock = threading.RLock()
        self._number = 0
        self._taken: set[tuple[int, int]] = set()

    def connect(self) -> None:
        """Begin anew, with no lock."""
        with self._lock, self._database.describing():
            self._forget()
            connection = self._engine.connect()
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            silent = f"SET idle_session_timeout = {SILENT_SECONDS * 1000:.0f}"
            self._connection.execute(text(silent))
            self._number += 1
            self._taken.clear()

    def ping(self) -> float:
        """Break the silence; returns the database's Unix seconds."""
        return float(self._ask(TIME))

    def hold(self, kind: int, key: int | str) -> bool:
        """Take a lock until the session ends; False if another session has it."""
        return bool(self._ask(_TRY, kind=kind, key=_number(key)))

    def hold_one(self, kind: int, first: int, most: int) -> Held | None:
        """Take a lock that this session has not, of `most` whose keys begin at `first`; None if all
        are held."""
        with self._lock:
            taken = [key for of, key in self._taken if of == kind]
            key = self._ask(_TRY_ONE, kind=kind, first=first, last=first + most - 1, taken=taken)
            if key is None:
                return None
            self._taken.add((kind, key))
            return Held(self._number, kind, key)

    def let_one_go(self, held: Held) -> None:
        """Release a lock of `hold_one`; does nothing once its session is over."""
        with self._lock:
            if held.session == self._number and (held.kind, held.key) in self._taken:
                self._taken.remove((held.kind, held.key))
                self.let_go(held.kind, held.key)

    def let_go(self, kind: int, key: int | str) -> None:
        """Release a lock of `hold`."""
        self._ask(_LET_GO, kind=kind, key=_number(key))

    @contextmanager
    def holding(self, kind: int, key: int | str) -> Iterator[bool]:
        """Hold a lock inside; yields whether it is held."""
        held = self.hold(kind, key)
        try:
            yield held
        finally:
            if held:
                self.let_go(kind, key)

    def close(self) -> None:
        """End the session."""
        with self._lock:
            self._forget()
            self._engine.dispose()

    def __enter__(self) -> "Session":
        self.connect()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, statement: Any, **values: object) -> Any:
        with self._lock, self._database.describing():
            if self._connection is None:
                raise StoreUnavailable(f"the session with {self._database.name} was lost.")
            try:
                return self._connection.execute(statement, values).scalar()
            except DBAPIError:
                self._forget()
                raise

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # never back to the pool, where its locks would stay
            self._connection.close()
            self._connection = None


def _number(key: int | str) -> int:
    """The second half of a lock's key: 31 bits."""
    return key if isinstance(key, int) else zlib.crc32(key.encode()) >> 1


class DatabaseClock:
    """Unix seconds of the database, counted on by this machine's clock between two looks: waits,
    days and the order of events are then the same for every worker."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """The time now."""
        return time.time() - self._ahead

    def look(self, ask: Callable[[], float]) -> float:
        """How many seconds this machine's clock is ahead of the database's Unix seconds, which
        `ask` gets. A difference within the question's round trip does not adjust this clock."""
        before = time.time()
        theirs = ask()
        after = time.time()
        ahead = (before + after) / 2 - theirs
        if abs(ahead - self._ahead) > after - before:
            self._ahead = ahead
        return ahead
