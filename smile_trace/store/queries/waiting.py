"""Why pending jobs wait, those without a reason of their own, too."""

from collections.abc import Callable

from sqlalchemy import Connection, select

from smile_trace.errors import Reason, ReasonCode
from smile_trace.store.jobs import told_state
from smile_trace.store.spending.ledger import OF_A_MODEL
from smile_trace.store.tables import jobs, paused_models


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
