"""Which pending jobs are started, and when: pauses, caps and concurrency."""

import time
from collections.abc import Callable

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.explaining.engine import Engine
from smile_trace.worker.fleet import Fleet


class Dispatcher:
    """Starts pending jobs on the engine as far as the settings allow."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        engine: Engine,
        fleet: Fleet,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._engine = engine
        self._fleet = fleet
        self._clock = clock

    def dispatch(self) -> int:
        """Start as many jobs as there is room for; returns the number that run here."""
        # One worker at a time, so that none counts what another is about to start.
        if self._has_room() and self._store.jobs.any_due(now=self._clock()):
            with self._fleet.turn("dispatch") as ours:
                if ours:
                    self._dispatch()
        return len(self._engine.active)

    def _has_room(self) -> bool:
        return len(self._engine.active) < self._settings.worker.concurrent_explanations

    def _dispatch(self) -> None:
        now, ledger = self._clock(), self._store.ledger
        paused = self._store.pauses.all().values()
        closed = {pause.name for pause in paused if pause.not_before > now}
        probed = {pause.name for pause in paused} - closed
        closed |= ledger.used_up()
        vectors = self._settings.explain.embeddings  # every explanation needs them
        everywhere = self._store.jobs.models_running()
        while self._has_room() and vectors not in closed:
            if vectors in probed and everywhere:  # one call tries a paused model, the others wait
                break
            if not ledger.room_for(len(everywhere) + 1):
                break
            due = self._store.jobs.due(now=now, limit=1, without=closed)
            if not due:
                break
            [job] = due
            beside = everywhere.count(job.model)
            if (job.model in probed and beside) or not ledger.room_for(beside + 1, job.model):
                closed.add(job.model or "")
            else:
                self._engine.submit(job)
                everywhere.append(job.model)
