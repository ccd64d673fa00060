"""The worker's models: opened once, metered by the store's ledger, paused for all jobs together."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from smile_trace._guards.presentable import presentable
from smile_trace._text.log_context import about
from smile_trace.models import Model, ModelUnavailable
from smile_trace.models.ledger import Ledger, ResponseCache
from smile_trace.models.metered import MeteredModel
from smile_trace.models.registry import (
    PACKAGED_MODELS,
    open_embeddings,
    proxy_of_model,
    settings_for,
    settings_of,
)
from smile_trace.records import Call
from smile_trace.settings import ModelSettings, ServerSettings, Settings
from smile_trace.store import Store
from smile_trace.store.jobs import Job
from smile_trace.store.model_states import Pause
from smile_trace.store.spending.ledger import Purpose
from smile_trace.worker.fleet import Fleet
from smile_trace.worker.store_retry import StoreRetry

if TYPE_CHECKING:
    from smile_trace.attribution import Embed

logger = logging.getLogger(__name__)

MIN_PROBE_WAIT, MAX_PROBE_WAIT = 15.0, 600.0
"""Seconds until an unavailable model is tried again: doubling from the first to the second."""


@dataclass
class Models:
    """Opens and closes models in the event loop that the explanations run in.

    A model that cannot be asked is paused for all jobs; after a while one job may try it again, and
    when it answers, all go on.
    """

    store: Store
    settings: Settings
    fleet: Fleet
    app: str | None
    store_retry: StoreRetry
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._ledger = cast(Ledger, _Retrying(self.store.ledger, self.store_retry))
        self._open: dict[str, Model] = {}
        self._paused = set(self.store.pauses.all())
        self.settings.check_trust("models")
        self._pausing = threading.Lock()  # several jobs find out at the same moment

    def open(self, job: Job, call: Call, purpose: Purpose = Purpose.EXPLANATION) -> MeteredModel:
        """The model for one job, with every answer kept and every attempt paid. Each purpose has a
        cap. Raises ModelUnavailable if an extra, a file, a key or the module is missing; NoModel if
        the settings do not map it any more."""
        name = job.settings.model
        how = settings_for(name, self.settings)
        if how.calls_function:  # its function is named in the call
            model = how.open(name, app=self.app, call=call)
        else:
            if name not in self._open:
                self._open[name] = how.open(name, app=self.app)
            model = self._open[name]
        run = job.run if purpose is Purpose.PAUSED else None
        return MeteredModel(
            model,
            ledger=self._ledger,
            cache=self._cache(job),
            explanation=job.budget_scope.for_purpose(purpose, run).key,
            paid_as=name,
            slot=self._slot(name, how),
        )

    def proxy(self, job: Job) -> MeteredModel | None:
        """The proxy of one job, paid in its own name; None if the settings have none any more.
        Raises ModelUnavailable if an extra, a file or a key is missing."""
        name, models = job.settings.proxy, self.settings.models
        if name is None or (name not in models and name not in PACKAGED_MODELS):
            return None
        key = name if name in models else f"{name}, the packaged one"
        how = settings_of(name, self.settings)
        if key not in self._open:
            with proxy_of_model(name, job.settings.model):
                self._open[key] = how.open(name)
        return MeteredModel(
            self._open[key],
            ledger=self._ledger,
            cache=self._cache(job),
            explanation=job.budget_scope.for_purpose(Purpose.PROXY).key,
            paid_as=name,
            slot=self._slot(name, how),
        )

    @property
    def proxy_calls(self) -> int:
        """The most that a proxy is asked for one explanation."""
        return self.settings.budget.proxy_calls_per_explanation

    def without_proxy(self, job: Job) -> Job:
        """The job as if its model had no proxy."""
        update = {"proxy": None, "budget": self.settings.budget.calls_per_explanation}
        settings = job.settings.model_copy(update=update)
        return job.model_copy(update={"settings": settings})

    def embeddings(self, job: Job) -> "Embed | None":
        """The word vectors that the settings name, paid; None for the packaged ones. Raises
        ModelUnavailable if the key of their model is missing; NoModel if the settings have no such
        endpoint."""
        found, name = open_embeddings(self.settings), self.settings.explain.embeddings
        if found is None or name is None:
            return None
        # Their requests are no calls to the model that is explained: a count of their own.
        return found.paid_from(
            self._ledger,
            self._cache(job),
            job.budget_scope.for_purpose(Purpose.EMBEDDINGS).key,
            partial(self.answered, name),
        )

    def _slot(
        self, name: str, how: ModelSettings
    ) -> Callable[[], AbstractAsyncContextManager[None]]:
        """The context that each request is in flight inside of: for a server counted over all
        workers, unlimited for a local model."""
        if isinstance(how, ServerSettings):
            return partial(self.fleet.slot, name, how.concurrency)
        return nullcontext

    def _cache(self, job: Job) -> ResponseCache:
        responses = self.store.responses.used_by(job.trace_id)
        return cast(ResponseCache, _Retrying(responses, self.store_retry))

    async def close(self) -> None:
        """Close every model."""
        opened, self._open = list(self._open.values()), {}
        closed = await asyncio.gather(*(m.aclose() for m in opened), return_exceptions=True)
        for error in closed:
            if isinstance(error, BaseException):
                logger.warning("a model could not be closed: %s", error)

    def look(self) -> None:
        """Read which models are paused by now: other workers of the store pause them, too."""
        self._paused = set(self.store.pauses.all())

    def is_paused(self, name: str) -> bool:
        """Whether the model could not be asked the last time, as of the last look."""
        return name in self._paused

    def answered(self, name: str) -> None:
        """End the pause of a model that answers."""
        if name in self._paused:
            self._paused.discard(name)
            self.store.pauses.clear(name)
            logger.warning("%s answers again", name)

    def unavailable(self, name: str, error: ModelUnavailable) -> None:
        """Pause a model that cannot be asked until its next probe; the error may name another than
        `name`."""
        name, said = error.model or name, presentable(error)
        with self._pausing:
            before, now = self.store.pauses.all().get(name), self.clock()
            if before is not None and before.not_before > now:
                return  # another job of the same moment has said so already
            failures = (before.failures if before else 0) + 1
            wait = min(MAX_PROBE_WAIT, MIN_PROBE_WAIT * 2.0 ** min(failures - 1, 16))
            self._paused.add(name)
            self.store.pauses.put(
                Pause(
                    name=name,
                    reason=said,
                    reason_code=error.code,
                    failures=failures,
                    since=before.since if before else now,
                    not_before=now + wait,
                )
            )
        if before is None or before.reason != said:
            with about(model=name):
                logger.warning("%s is paused and retried from time to time: %s", name, said)


class _Retrying:
    """A Ledger, or a ResponseCache with answers that are paid for, whose every method waits while
    nothing can be written."""

    def __init__(self, kept: Ledger | ResponseCache, store_retry: StoreRetry) -> None:
        self._kept = kept
        self._store_retry = store_retry

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._kept, name)
        return partial(self._store_retry, found) if callable(found) else found
