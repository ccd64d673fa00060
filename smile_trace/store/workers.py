"""The workers that share a store, and which of them are gone."""

import socket
import uuid
from collections.abc import Collection
from typing import Literal, get_args

from sqlalchemy import Connection, delete, func, select, text, update

from smile_trace.records import Record
from smile_trace.store.database import Database
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.database.session import TIME, WORKERS, DatabaseClock
from smile_trace.store.database.sql import insert
from smile_trace.store.packing import own_release
from smile_trace.store.tables import jobs, workers

Role = Literal["ingest", "explain", "deliver"]
ROLES: tuple[Role, ...] = get_args(Role)
"""The tasks of a worker: `ingest` reads what was captured or received, `explain` also samples and
looks after the store, `deliver` serves the trackers."""


class RegisteredWorker(Record):
    """A worker of a shared store, with a new `name` at each start.

    `explaining` counts its explanations under way, at most `capacity`. If it is not `alive`, the
    others take over from it, unless it comes back. `roles` and `models` are names between commas;
    None stands for every model. `clock_ahead`: seconds ahead of the database at its start.
    """

    id: int
    name: str
    host: str
    release: str
    capacity: int
    started_at: float
    roles: str = ",".join(ROLES)
    models: str | None = None
    clock_ahead: float | None = None
    explaining: int = 0
    alive: bool = True

    @property
    def queue(self) -> str:
        """The queue that it shares with workers of the same models and capacity: the engine bounds
        a worker's load by queue alone."""
        return f"{self.models or 'every model'}, {self.capacity} at once"

    def asks(self, table: str | None) -> bool:
        """Whether it explains the calls of a table of `[models]`."""
        return self.capacity > 0 and (self.models is None or table in self.models.split(","))


class Workers:
    """The registered workers; none if the store is a file. `clock` is the time that they agree on,
    the machine's own for a file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.clock = DatabaseClock()

    def register(
        self,
        capacity: int,
        *,
        now: float,
        roles: Collection[Role] = ROLES,
        models: Collection[str] | None = None,
    ) -> RegisteredWorker:
        """Give this process a name among the workers."""
        host = socket.gethostname()
        row = {
            "name": f"{host}-{uuid.uuid4().hex[:8]}",
            "host": host,
            "release": own_release(),
            "capacity": capacity,
            "started_at": now,
            "roles": ",".join(role for role in ROLES if role in roles),
            "models": None if models is None else ",".join(sorted(models)),
            "clock_ahead": self.clock_ahead(),
        }
        with self._database.write() as connection:
            number = connection.execute(insert(workers).values(row).returning(workers.c.id))
            return RegisteredWorker.model_validate({"id": number.scalar_one(), **row})

    def all(self) -> list[RegisteredWorker]:
        """Every registered worker, oldest first."""
        with self._database.read() as connection:
            return read_workers(connection)

    def clock_ahead(self) -> float | None:
        """How many seconds this machine's clock is ahead of the database's, which `clock` follows
        from then on; None for a file."""
        if not isinstance(self._database, PostgresDatabase):
            return None
        with self._database.read() as connection:
            connection.execute(text("SELECT 1"))  # the connection may have to be made first
            return self.clock.look(lambda: float(connection.execute(TIME).scalar_one()))

    def remove(self, worker_id: int, *, died: bool) -> int | None:
        """Strike a worker off, so that nobody owns its work: it can write nothing but answers that
        it paid for. `died` counts as a crash of each of its explanations. Returns how many it had;
        None if it was struck off before."""
        with self._database.write() as connection:
            gone = delete(workers).where(workers.c.id == worker_id).returning(workers.c.id)
            if connection.execute(gone).first() is None:
                return None
            left = (
                update(jobs)
                .where(jobs.c.state == "running", jobs.c.worker_id == worker_id)
                .values(worker_id=None, crashes=jobs.c.crashes + int(died))
            )
            return int(connection.execute(left).rowcount)


def read_workers(connection: Connection) -> list[RegisteredWorker]:
    """Every registered worker with its explanations under way, oldest first."""
    running = (
        select(jobs.c.worker_id, func.count().label("explaining"))
        .where(jobs.c.state == "running")
        .group_by(jobs.c.worker_id)
        .subquery()
    )
    query = (
        select(workers, func.coalesce(running.c.explaining, 0).label("explaining"))
        .outerjoin(running, running.c.worker_id == workers.c.id)
        .order_by(workers.c.id)
    )
    rows = connection.execute(query).all()
    shared = connection.dialect.name == "postgresql"
    alive = _alive(connection) if rows and shared else set()
    return [RegisteredWorker(**row._mapping, alive=row.id in alive) for row in rows]


def _alive(connection: Connection) -> set[int]:
    """The numbers of the workers whose sessions hold their locks."""
    held = text(
        "SELECT l.objid FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE l.locktype = 'advisory' AND l.classid = :kind AND l.granted "
        "AND d.datname = current_database()"
    )
    return {int(number) for number in connection.execute(held, {"kind": WORKERS}).scalars()}
