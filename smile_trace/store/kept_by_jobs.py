"""What a job keeps beside its explanation: a row for each attempt."""

from typing import Any

from sqlalchemy import ColumnElement, Table, select

from smile_trace.store.database import Database
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.jobs import Job
from smile_trace.store.statements import insert


class KeptByJobs:
    """The rows of a table with `call_id`, `trace_id`, `settings_hash`, `attempt` and `body`."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table

    def _keep(self, job: Job, **values: Any) -> None:
        """Store a row; idempotent. Nothing is stored where the trace was forgotten meanwhile."""
        with self._database.write() as connection:
            if forgotten_among(connection, [job.trace_id]):
                return
            kept = insert(self._table).values(
                call_id=job.call_id,
                trace_id=job.trace_id,
                settings_hash=job.settings_hash,
                attempt=job.attempt,
                **values,
            )
            connection.execute(kept.on_conflict_do_nothing())

    def _is_there(self, job: Job, *more: ColumnElement[bool]) -> bool:
        """Whether this attempt of the job has its row already."""
        columns = self._table.c
        query = select(columns.id).where(
            columns.call_id == job.call_id,
            columns.settings_hash == job.settings_hash,
            columns.attempt == job.attempt,
            *more,
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def _newest(self, which: ColumnElement[bool]) -> str | None:
        """The body of the newest such row."""
        columns = self._table.c
        query = select(columns.body).where(which).order_by(columns.id.desc()).limit(1)
        with self._database.read() as connection:
            body: str | None = connection.execute(query).scalar()
        return body
