"""One job from its call to its explanation, round by round; knows nothing of the engine."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from smile_trace.attribution import Study
from smile_trace.errors import BudgetExceeded, SmileTraceError
from smile_trace.explaining.driver import ask_model
from smile_trace.models import ModelUnavailable
from smile_trace.records import JSON, Perturbation, Response
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.jobs import Job
from smile_trace.store.pauses import Pause
from smile_trace.worker.models import Models

logger = logging.getLogger(__name__)

Checkpoint = Callable[[Callable[[], Awaitable[JSON]]], Awaitable[JSON]]
"""Runs a round and keeps its JSON result, or gives the kept one where it was run before."""

POISON = 5
"""A job that was running when this many workers died one after the other, without a round
in between, is taken for the cause."""
BUDGET_WAIT = 300.0
"""Seconds until a job that met the daily cap looks again (somebody may have raised it)."""
FIRST_PROBE, LAST_PROBE = 15.0, 600.0
"""Seconds until a model that could not be asked is tried again: doubling, at most so long."""


class Explainer:
    """Explains jobs of the store with the models of the settings.

    `stop()` makes every running explanation go back to pending at its next round.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        models: Models,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._models = models
        self._clock = clock
        self._stopping = False

    def stop(self) -> None:
        """Let every explanation end after the round that it is in."""
        self._stopping = True

    async def explain(self, job_id: int, checkpoint: Checkpoint) -> None:
        """Explain one job; the store says what became of it. Raises nothing of its own."""
        job = self._store.jobs.get(job_id)
        if job.crashes >= POISON:
            reason = f"the worker died {job.crashes} times while it explained this call"
            self._store.jobs.fail(job.id, reason, now=self._clock())
            return
        try:
            await self._explain(job, checkpoint)
        except (ModelUnavailable, BudgetExceeded) as error:
            self._wait(job, error)
        except SmileTraceError as error:
            self._store.jobs.fail(job.id, str(error), now=self._clock())
        except Exception as error:
            logger.exception("%s could not be explained", job.call_id)
            reason = f"internal error: {type(error).__name__}: {error}"
            self._store.jobs.fail(job.id, reason, now=self._clock())

    async def _explain(self, job: Job, checkpoint: Checkpoint) -> None:
        raise NotImplementedError
