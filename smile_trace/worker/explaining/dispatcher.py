"""Which pending jobs are started, and when: pauses, caps and concurrency."""

import time
from collections.abc import Callable

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.explaining.engine import Engine


class Dispatcher:
    """Starts pending jobs on the engine as far as the settings allow."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        engine: Engine,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._engine = engine
        self._clock = clock

    def dispatch(self) -> int:
        """Start as many jobs as there is room for; returns the number running."""
        now, ledger = self._clock(), self._store.ledger
        paused = self._store.pauses.all().values()
        closed = {pause.name for pause in paused if pause.not_before > now}
        probed = {pause.name for pause in paused} - closed
        closed |= ledger.used_up()
        vectors = self._settings.explain.embeddings  # every explanation needs them
        most = self._settings.worker.concurrent_explanations
        if vectors in probed:  # one call tries a paused model, the others wait for it
            most = 1
        while len(active := self._engine.active) < most and vectors not in closed:
            if not ledger.room_for(len(active) + 1):
                break
            due = self._store.jobs.due(now=now, limit=1, without=closed)
            if not due:
                break
            [job] = due
            beside = sum(model == job.model for model in active.values())
            if (job.model in probed and beside) or not ledger.room_for(beside + 1, job.model):
                closed.add(job.model or "")
            else:
                self._engine.submit(job)
        return len(self._engine.active)
