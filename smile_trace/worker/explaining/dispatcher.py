"""Which pending jobs are started, and when: pauses, caps and concurrency."""

import time
from collections.abc import Callable, Collection

from smile_trace.settings import Settings, table_name_of
from smile_trace.store import Store
from smile_trace.worker.explaining.engine import Engine
from smile_trace.worker.fleet import Fleet


class Dispatcher:
    """Starts pending jobs on the engine as far as the settings allow.

    Args:
        store: the store.
        settings: the settings.
        engine: runs the jobs.
        fleet: the workers of the store.
        models: the tables of `[models]` whose jobs are started here; None for all of them.
        clock: Unix seconds.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        engine: Engine,
        fleet: Fleet,
        models: Collection[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._engine = engine
        self._fleet = fleet
        self._models = models
        self._clock = clock

    def dispatch(self) -> int:
        """Start as many jobs as there is room for; returns the number that run here."""
        self._engine.begin_unsure()
        # One worker at a time, so that none counts what another is about to start.
        if self._has_room() and self._anything_due():
            with self._fleet.turn("dispatch") as ours:
                if ours:
                    self._dispatch()
        return len(self._engine.active)

    def _anything_due(self) -> bool:
        now = self._clock()
        if self._models is None:
            return self._store.jobs.any_due(now=now)
        return any(map(self._asks, self._store.jobs.models_due(now=now)))

    def _asks(self, model: str | None) -> bool:
        """Whether this worker asks that model."""
        if self._models is None:
            return True
        return table_name_of(self._settings.models, model or "") in self._models

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
            if (
                not self._asks(job.model)
                or (job.model in probed and beside)
                or not ledger.room_for(beside + 1, job.model)
            ):
                closed.add(job.model or "")
            elif not self._engine.submit(job):  # the turn was lost with the session
                break
            else:
                everywhere.append(job.model)
