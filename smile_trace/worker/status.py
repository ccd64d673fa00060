"""The status of a home: the store's counts, the worker's health, and capture's losses."""

import socket
import time
from collections.abc import Sequence

from smile_trace.settings import Settings
from smile_trace.spool import limits, read_losses, spool_filled
from smile_trace.store import Store
from smile_trace.store.queries.status import Counted, Lag, Status
from smile_trace.store.unread import UnreadFile, unread_files
from smile_trace.worker.explaining.proxy_screen import dropped_proxies
from smile_trace.worker.lock import WorkerError, check_health

SPOOL = "spool"
"""The name of the home's own spool among the sources."""


def read_lags(store: Store, settings: Settings, unread: Sequence[UnreadFile]) -> tuple[Lag, ...]:
    """The lags of this home's spool, the store, and the settings' backends; raises StoreUnavailable
    if the store cannot be read. A source that the settings do not name any more is not behind."""
    named = settings.sources.pulled
    in_store = [one for one in store.lags() if one.stage != "read" or one.name in named]
    oldest = min((file.since for file in unread), default=None)
    if oldest is None:
        return tuple(in_store)
    seconds = max(0.0, time.time() - oldest)
    return (Lag(stage="read", name=SPOOL, seconds=seconds), *in_store)


def filled(settings: Settings) -> float:
    """The share of its cap, set in this environment, that the home's spool takes."""
    return spool_filled(settings.spool, limits()[1])


def read_home(settings: Settings) -> Status:
    """The state of `settings.home`, with the worker and capture's losses; errors are those of
    `Store.look`."""
    with Store.look(settings) as store:
        lost = read_losses(settings.spool)
        reasons = tuple(Counted(reason=reason, count=count) for reason, count in lost.items())
        unread = unread_files(store, settings.spool)
        now = store.status()
        worker, healthy = _health(settings, now)
        update = {
            "worker": worker,
            "healthy": healthy,
            "dropped_proxies": dropped_proxies(store),
            "lost": sum(lost.values()),
            "lost_by_reason": reasons,
            "unread_files": len(unread),
            "spool_filled": filled(settings),
            "lags": read_lags(store, settings, unread),
        }
        return now.model_copy(update=update)


def _health(settings: Settings, now: Status) -> tuple[str, bool]:
    """A sentence about the home's worker, or those of the shared store; and whether one works."""
    if settings.store.url is None:
        try:
            return check_health(settings.home), True
        except WorkerError as error:
            return str(error), False
    alive = sum(one.alive for one in now.workers)
    if not alive:
        return f"no worker runs on {settings.store.url}: start smile-trace worker", False
    said = "1 worker runs" if alive == 1 else f"{alive} workers run"
    return f"{said} on {settings.store.url}", True


def check_ready(settings: Settings) -> str:
    """A sentence about a worker that runs on the home, on a store that can be written. In a shared
    store a worker of this host has to be registered and alive. Raises WorkerError if none runs, or
    the others do not know of one here; StoreError if the store cannot be read, or not be written
    now."""
    said = check_health(settings.home)
    with Store.open(settings) as store:
        with store.database.write(alone=False):
            pass
        host = socket.gethostname()
        known = any(one.alive and one.host == host for one in store.workers.all())
        if settings.store.url is not None and not known:
            raise WorkerError(
                f"no worker of {host} is among those on {store.database.name}: see its log"
            )
    return f"{said}, and writes to {store.database.name}"
