"""A job's results beside its explanation: the path of its trace, a profile of its call."""

from collections.abc import Iterator
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Table, func, select

from smile_trace.records import Call, Record
from smile_trace.records.path import ExplanationPath
from smile_trace.records.profile import Profile
from smile_trace.store.database import OfDatabase
from smile_trace.store.database.sql import insert
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.jobs import Job
from smile_trace.store.tables import Group, paths, profiles


class KeptByJobs(OfDatabase):
    """The rows of a table with `call_id`, `trace_id`, `settings_hash`, `attempt` and `body`."""

    _table: ClassVar[Table]

    def _keep(self, job: Job, **values: Any) -> None:
        """Store a row; idempotent. Stores nothing of a forgotten trace."""
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
        columns = self._table.c
        query = select(columns.id).where(
            columns.call_id == job.call_id,
            columns.settings_hash == job.settings_hash,
            columns.attempt == job.attempt,
            *more,
        )
        return self._database.first(query) is not None

    def _newest(self, which: ColumnElement[bool]) -> str | None:
        columns = self._table.c
        query = select(columns.body).where(which).order_by(columns.id.desc()).limit(1)
        body: str | None = self._database.value(query)
        return body


_AT_ONCE = 20
"""Profiles that are read at once: each holds every variant with its answer."""


class StoredProfile(Record):
    """A profile of a call, with the prompt and version of its group; a function without a Prompt
    has its name and no version. `period` is the UTC day of its seed."""

    id: int
    call_id: str
    trace_id: str
    prompt: str
    version: str
    period: str
    created_at: float
    profile: Profile


class Profiles(KeptByJobs):
    """Profiles, each made by the job that explains its call."""

    _table = profiles

    def keep(self, job: Job, call: Call, profile: Profile, *, period: str, now: float) -> None:
        """Store the profile of the job's call; idempotent. Stores nothing of a forgotten trace."""
        self._keep(
            job,
            **Group.of(call).values,
            period=period,
            seed=profile.seed,
            status=profile.status,
            created_at=now,
            body=profile.model_dump_json(),
        )

    def is_there(self, job: Job, period: str) -> bool:
        """Whether this attempt of the job has its profile of that period already."""
        return self._is_there(job, profiles.c.period == period)

    def get(self, call_id: str) -> Profile | None:
        """The newest profile of a call."""
        body = self._newest(profiles.c.call_id == call_id)
        return None if body is None else Profile.model_validate_json(body)

    def read(
        self, *, name: str | None = None, version: str | None = None, since: float = 0.0
    ) -> Iterator[StoredProfile]:
        """The newest profile of each call and period in order of creation, a few at a time in
        memory. `name` is a prompt's or function's; `since` is in Unix seconds."""
        newest = (
            select(func.max(profiles.c.id))
            .where(profiles.c.created_at >= since)
            .group_by(profiles.c.call_id, profiles.c.period)
        )
        if name is not None:
            newest = newest.where(profiles.c.group_name == name)
        if version is not None:
            newest = newest.where(profiles.c.group_version == version)
        ids = sorted(self._database.column(newest))
        for start in range(0, len(ids), _AT_ONCE):
            some = profiles.c.id.in_(ids[start : start + _AT_ONCE])
            query = select(profiles).where(some).order_by(profiles.c.id)
            yield from map(_stored, self._database.rows(query))


def _stored(row) -> StoredProfile:  # type: ignore[no-untyped-def]
    return StoredProfile(
        id=row.id,
        call_id=row.call_id,
        trace_id=row.trace_id,
        prompt=row.group_name,
        version=row.group_version,
        period=row.period,
        created_at=row.created_at,
        profile=Profile.model_validate_json(row.body),
    )


_PERTURBATIONS = {"perturbations"}
_WITHOUT = {"steps": {"__all__": {"explanation": _PERTURBATIONS, "by_tool": _PERTURBATIONS}}}
"""The fields of a path that are not stored: their answers are among the responses."""


class Paths(KeptByJobs):
    """Paths, each made by the job of its trace's final answer."""

    _table = paths

    def get(self, trace_id: str) -> ExplanationPath | None:
        """The newest path of a trace, without the perturbations of its steps."""
        body = self._newest(paths.c.trace_id == trace_id)
        return None if body is None else ExplanationPath.model_validate_json(body)

    def keep(self, job: Job, path: ExplanationPath, *, now: float) -> None:
        """Store the path of the job's trace; idempotent. Stores nothing of a forgotten trace."""
        self._keep(job, created_at=now, body=path.model_dump_json(exclude=_WITHOUT))

    def is_there(self, job: Job) -> bool:
        """Whether this attempt of the job has its path already."""
        return self._is_there(job)
