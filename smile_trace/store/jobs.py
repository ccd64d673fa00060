"""Jobs: sampled calls to be explained, and why those that are pending wait."""

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    case,
    delete,
    select,
    tuple_,
    update,
)

from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Call, Explanation, ExplanationSettings, Record
from smile_trace.records.call import trace_id_of
from smile_trace.store.database import OfDatabase
from smile_trace.store.database.sql import insert, is_unset
from smile_trace.store.explanations import put_explanation
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.sampling import Decision, note_argument
from smile_trace.store.spending.ledger import OF_A_MODEL, BudgetScope
from smile_trace.store.tables import Group, calls, explanations, jobs, paused_models, workers

logger = logging.getLogger(__name__)

JobState = Literal["pending", "running", "explained", "skipped", "failed"]


NO_REASON = {"reason": None, "reason_code": None}
REQUESTED = 10
"""Priority of jobs that a person requested; background samples have 0."""


class Job(Record):
    """One call under one set of explanation settings.

    A retry raises `attempt`; going on after a wait raises `run`, and finds the responses that were
    paid for in an earlier run. `reason` says why it was skipped or failed, or what it waits for.
    `worker_id` is the worker of a shared store that has it under way.
    """

    id: int
    call_id: str
    settings_hash: str
    settings: ExplanationSettings
    model: str | None
    state: JobState
    reason: str | None
    reason_code: ReasonCode | None
    attempt: int
    run: int
    crashes: int
    inclusion_probability: float | None
    priority: int
    not_before: float
    worker_id: int | None = None

    @property
    def trace_id(self) -> str:
        """The trace of its call."""
        return trace_id_of(self.call_id)

    @property
    def budget_scope(self) -> BudgetScope:
        """The scope of the caps of one explanation."""
        return BudgetScope(f"{self.call_id}/{self.settings_hash}/{self.attempt}")


class Jobs(OfDatabase):
    """Jobs, from sampling on."""

    def due(
        self,
        *,
        now: float,
        limit: int,
        without: Collection[str] = (),
        besides: Collection[int] = (),
    ) -> list[Job]:
        """Pending jobs whose time has come: people's requests first, then the oldest. `without`:
        names of models that are paused; `besides`: ids of jobs that are left out."""
        query = (
            select(jobs)
            .where(jobs.c.state == "pending", jobs.c.not_before <= now)
            .where(jobs.c.model.not_in(list(without)), jobs.c.id.not_in(list(besides)))
            .order_by(jobs.c.priority.desc(), jobs.c.id)
            .limit(limit)
        )
        return [_job(row) for row in self._database.rows(query)]

    def missing(self, job_ids: Collection[int]) -> set[int]:
        """The ids that no job has any more."""
        if not job_ids:
            return set()
        query = select(jobs.c.id).where(jobs.c.id.in_(job_ids))
        return set(job_ids) - set(self._database.column(query))

    def under_way(self, queued: Collection[int]) -> list[Job]:
        """The jobs that any worker has under way, and those whose ids are in a queue."""
        query = select(jobs).where((jobs.c.state == "running") | jobs.c.id.in_(list(queued)))
        return [_job(row) for row in self._database.rows(query)]

    def any_due(self, *, now: float) -> bool:
        """Whether the time of any pending job has come."""
        return self._any((jobs.c.state == "pending") & (jobs.c.not_before <= now))

    def any_ownerless(self) -> bool:
        """Whether a running job belongs to no registered worker."""
        return self._any((jobs.c.state == "running") & _ownerless())

    def unfinished(self) -> list[Job]:
        """Jobs that wait or run."""
        query = select(jobs).where(jobs.c.state.in_(["pending", "running"])).order_by(jobs.c.id)
        return [_job(row) for row in self._database.rows(query)]

    def explained_last(self, model: str, group: Group | None, limit: int) -> list[Job]:
        """The newest explained jobs of a model; of a version of a prompt, or of a function, alone
        where that is given."""
        query = select(jobs).where(jobs.c.state == "explained", jobs.c.model == model)
        if group is not None:
            query = query.join(calls, calls.c.id == jobs.c.call_id).where(
                calls.c.group_kind == group.kind,
                calls.c.group_name == group.name,
                calls.c.group_version == group.version,
            )
        newest = query.order_by(jobs.c.id.desc()).limit(limit)
        return [_job(row) for row in self._database.rows(newest)]

    def get(self, job_id: int) -> Job:
        """The job of that id; raises KeyError if there is none."""
        found = self._first(select(jobs).where(jobs.c.id == job_id))
        if found is None:
            raise KeyError(job_id)
        return found

    def start(self, job: Job, *, now: float, worker_id: int | None = None) -> bool:
        """Claim this run of a job; False if it is over, or another worker's. The job may be
        pending, without a living worker, or this worker's already."""
        mine = _ownerless() | (jobs.c.worker_id == worker_id)
        free = (jobs.c.state == "pending") | ((jobs.c.state == "running") & mine)
        running = (
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.run == job.run, free)
            .values(state="running", worker_id=worker_id, changed_at=now, **NO_REASON)
        )
        return bool(self._database.change(running, alone=False))

    def release(self, job: Job, *, now: float) -> bool:
        """Make a running job without a registered worker pending again, as another run; False if it
        has ended, or a worker has it by now."""
        released = (
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.run == job.run)
            .where(jobs.c.state == "running", _ownerless())
            .values(
                state="pending", run=job.run + 1, worker_id=None, not_before=now, changed_at=now
            )
        )
        return bool(self._database.change(released, alone=False))

    def note_crashes(self, *, now: float) -> None:
        """Count one crash for every job that a dead worker left running."""
        running = update(jobs).where(jobs.c.state == "running")
        self._database.change(running.values(crashes=jobs.c.crashes + 1, changed_at=now))

    def progressed(self, job_id: int, *, now: float) -> None:
        """Reset the count of crashes, after a round of the job."""
        self._set(job_id, now, crashes=0)

    def postpone(self, job: Job, reason: Reason | None, *, until: float, now: float) -> None:
        """Make the job pending again, to go on at `until` with a new run of the same attempt."""
        why = NO_REASON if reason is None else reason.values
        self._set(job.id, now, state="pending", not_before=until, run=job.run + 1, **why)

    def wake(self) -> None:
        """Let what met a daily cap be begun at once, and forget that it did: the caps may be other
        ones now."""
        met = (jobs.c.state == "pending") & (jobs.c.reason_code == ReasonCode.DAILY_CAP)
        self._database.change(update(jobs).where(met).values(not_before=0.0, **NO_REASON))

    def fail(self, job_id: int, reason: Reason, *, now: float) -> None:
        """End the job without an explanation, or without what was to be asked beside it."""
        state = case((_has_explanation(), "explained"), else_="failed")
        self._set(job_id, now, state=state, **reason.values)

    def explain(self, job: Job, explanation: Explanation, *, now: float, ends: bool = True) -> None:
        """Store the explanation, and end the job unless it goes on with a path or a profile, in one
        transaction; idempotent. Stores nothing of a forgotten trace."""
        trace_id = job.trace_id
        with self._database.write() as connection:
            if forgotten_among(connection, [trace_id]):
                return
            if put_explanation(
                connection,
                explanation,
                call_id=job.call_id,
                trace_id=trace_id,
                settings_hash=job.settings_hash,
                attempt=job.attempt,
                now=now,
            ):
                note_argument(connection, job.call_id, explanation)
            if ends:
                connection.execute(
                    update(jobs)
                    .where(jobs.c.id == job.id)
                    .values(state="explained", crashes=0, changed_at=now, **NO_REASON)
                )

    def unexplained(self, call_id: str) -> Job | None:
        """The newest job of a call whose jobs were all skipped or failed, and that has no
        explanation."""
        query = select(jobs).where(jobs.c.call_id == call_id).order_by(jobs.c.changed_at.desc())
        explained = select(explanations.c.id).where(explanations.c.call_id == call_id).limit(1)
        with self._database.read() as connection:
            found = [_job(row) for row in connection.execute(query)]
            if not found or connection.execute(explained).scalar() is not None:
                return None
        ended = all(job.state in ("skipped", "failed") for job in found)
        return found[0] if ended else None

    def newest(self, call_id: str) -> Job | None:
        """The newest job of a call."""
        return self._first(select(jobs).where(jobs.c.call_id == call_id, is_newest()))

    def of_call(self, call_id: str) -> Job | None:
        """The newest job that ended in an explanation of a call."""
        explained = (jobs.c.call_id == call_id) & (jobs.c.state == "explained")
        return self._first(select(jobs).where(explained).order_by(jobs.c.id.desc()).limit(1))

    def explained_calls(self, name: str, limit: int) -> list[Call]:
        """The newest explained calls of a prompt, or of a function without one."""
        explained = select(jobs.c.call_id).where(jobs.c.state == "explained")
        query = (
            select(calls.c.body)
            .where(calls.c.group_name == name, calls.c.id.in_(explained))
            .order_by(calls.c.start_ns.desc(), calls.c.id)
            .limit(limit)
        )
        return [Call.model_validate_json(body) for body in self._database.column(query)]

    def failed(self) -> list[str]:
        """The ids of the calls that failed."""
        query = select(jobs.c.call_id).where(jobs.c.state == "failed").order_by(jobs.c.id)
        return self._database.column(query)

    def retry(self, decisions: Iterable[Decision], *, now: float) -> None:
        """Explain those calls (again) as a new attempt, before the background samples. A running
        job stays as it is; an unexplained one with other settings is replaced."""
        with self._database.write() as connection:
            for decision in decisions:
                connection.execute(
                    delete(jobs).where(
                        jobs.c.call_id == decision.call_id,
                        jobs.c.settings_hash != decision.settings_hash,
                        jobs.c.state.in_(["pending", "skipped", "failed"]),
                    )
                )
                statement = insert(jobs).values(
                    **decision.model_dump(exclude={"settings"}),
                    settings=decision.settings.model_dump_json(),
                    priority=REQUESTED,
                    created_at=now,
                    changed_at=now,
                )
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["call_id", "settings_hash"],
                        set_={
                            "state": statement.excluded.state,
                            "reason": statement.excluded.reason,
                            "reason_code": statement.excluded.reason_code,
                            "model": statement.excluded.model,
                            "attempt": jobs.c.attempt + 1,
                            "run": 1,
                            "crashes": 0,
                            "priority": REQUESTED,
                            "not_before": 0.0,
                            "changed_at": now,
                        },
                        where=jobs.c.state != "running",
                    )
                )

    def _any(self, which: ColumnElement[bool]) -> bool:
        return self._database.first(select(jobs.c.id).where(which).limit(1)) is not None

    def _first(self, query: Select[Any]) -> Job | None:
        row = self._database.first(query)
        return None if row is None else _job(row)

    def _set(self, job_id: int, now: float, **values: object) -> None:
        of_it = update(jobs).where(jobs.c.id == job_id)
        self._database.change(of_it.values(changed_at=now, **values), alone=False)


def told_state(told: FromClause = jobs) -> ColumnElement[str]:
    """A job's state for people: explained, too, while it goes on with a path or a profile."""
    goes_on = told.c.state.in_(["pending", "running"]) & _has_explanation(told)
    return case((goes_on, "explained"), else_=told.c.state)


def is_newest(job: FromClause = jobs) -> ColumnElement[bool]:
    """Whether no other job of the same call, with other settings, changed later."""
    other = jobs.alias()
    later = tuple_(other.c.changed_at, other.c.id) > tuple_(job.c.changed_at, job.c.id)
    return ~select(other.c.id).where(other.c.call_id == job.c.call_id, later).exists()


def told_status(told: FromClause = explanations) -> ColumnElement[str]:
    """An explanation's status for people: of few calls that are pooled over their prompt nothing
    is said alone."""
    # Few rows are read for it: pooled ones have no other status.
    alone = is_unset(told.c.body, "settings", "pooled")
    return case(
        (told.c.status != "inconclusive", told.c.status),
        (alone, told.c.status),
        else_="pooled",
    )


def _has_explanation(job: FromClause = jobs) -> ColumnElement[bool]:
    same = (explanations.c[name] == job.c[name] for name in ("call_id", "settings_hash", "attempt"))
    return select(explanations.c.id).where(*same).exists()


def _ownerless() -> ColumnElement[bool]:
    """Whether a job belongs to no registered worker; a store in a file has none."""
    return jobs.c.worker_id.is_(None) | jobs.c.worker_id.not_in(select(workers.c.id))


def _job(row) -> Job:  # type: ignore[no-untyped-def]
    fields = {name: row._mapping[name] for name in Job.model_fields if name != "settings"}
    settings = ExplanationSettings.model_validate_json(row.settings)
    if settings.distance == "layers":  # decided by release 0.2, whose default that was
        settings = settings.model_copy(update={"distance": "content"})
    return Job(settings=settings, **fields)


class Obstacles:
    """What pending jobs wait for. A paused model is tried with one of its jobs, whose last obstacle
    holds for all of them. No job is begun that a cap would stop: it waits for the same as the job
    that met the cap, by the settings of the worker, which may have been raised since it began."""

    def __init__(self, connection: Connection, refusal: Callable[[str], Reason | None]) -> None:
        """`refusal` says why today's caps let nothing more of a model through."""
        self._refusal = refusal
        self._paused = {
            row.name: Reason(row.reason_code, row.reason)
            for row in connection.execute(select(paused_models))
        }
        met = (
            select(jobs.c.model, jobs.c.reason)
            .where(jobs.c.state == "pending", jobs.c.reason_code == ReasonCode.DAILY_CAP)
            .where(told_state() == "pending")
            .distinct()
        )
        self._capped = {
            model if OF_A_MODEL in reason else None: Reason(ReasonCode.DAILY_CAP, reason)
            for model, reason in connection.execute(met).all()
        }

    def of(self, model: str | None, own: Reason | None) -> Reason | None:
        """Why a pending job of a model waits, given its own reason; None if it is only due."""
        paused = None if model is None else self._paused.get(model)
        return (
            paused
            or own
            or self._refusal(model or "")
            or self._capped.get(model)
            or self._capped.get(None)
        )
