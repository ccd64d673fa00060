"""The paths of traces: from their final answers back."""

from sqlalchemy import select

from smile_trace.records.path import ExplanationPath
from smile_trace.store.database import Database
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.jobs import Job
from smile_trace.store.statements import insert
from smile_trace.store.tables import paths

_PERTURBATIONS = {"perturbations"}
_WITHOUT = {"steps": {"__all__": {"explanation": _PERTURBATIONS, "by_tool": _PERTURBATIONS}}}
"""What of a path is not stored: its answers are among the responses."""


class Paths:
    """Paths, each made by the job of its trace's final answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, trace_id: str) -> ExplanationPath | None:
        """The newest path of a trace, without the perturbations of its steps."""
        query = (
            select(paths.c.body)
            .where(paths.c.trace_id == trace_id)
            .order_by(paths.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else ExplanationPath.model_validate_json(body)

    def keep(self, job: Job, path: ExplanationPath, *, now: float) -> None:
        """Store the path of the job's trace; idempotent.

        Nothing is stored where the trace was forgotten meanwhile.
        """
        with self._database.write() as connection:
            if forgotten_among(connection, [job.trace_id]):
                return
            kept = insert(paths).values(
                call_id=job.call_id,
                trace_id=job.trace_id,
                settings_hash=job.settings_hash,
                attempt=job.attempt,
                created_at=now,
                body=path.model_dump_json(exclude=_WITHOUT),
            )
            connection.execute(kept.on_conflict_do_nothing())

    def is_there(self, job: Job) -> bool:
        """Whether this attempt of the job has its path already."""
        query = select(paths.c.id).where(
            paths.c.call_id == job.call_id,
            paths.c.settings_hash == job.settings_hash,
            paths.c.attempt == job.attempt,
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None
