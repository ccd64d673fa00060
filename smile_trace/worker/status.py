"""The status of a home: the store's counts, the worker's health, what capture lost."""

from smile_trace.settings import Settings
from smile_trace.spool import read_losses
from smile_trace.store import Store
from smile_trace.store.queries.status import Counted, Status
from smile_trace.worker.explaining.proxy_screen import dropped_proxies
from smile_trace.worker.lag import filled, read_lags, unread_files
from smile_trace.worker.lock import WorkerError, check_health


def read_home(settings: Settings) -> Status:
    """How things stand in `settings.home`, the worker and what capture lost included.

    Raises:
        StoreError: nothing is there, or see `Store.open`.
    """
    store = Store.look(settings)
    try:
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
    finally:
        store.close()


def _health(settings: Settings, now: Status) -> tuple[str, bool]:
    """A sentence about the worker of the home, or those of the shared store; whether one works."""
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
