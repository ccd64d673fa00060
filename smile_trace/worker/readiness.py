"""Whether the worker of a home can do its work, beside whether it lives."""

import socket

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.lock import WorkerError, check_health


def check_ready(settings: Settings) -> str:
    """A sentence about a worker that runs on the home, on a store that can be written.

    Where the store is shared, a worker of this host has to be registered there, and alive.

    Raises:
        WorkerError: none runs, or the others do not know of one here.
        StoreError: the store cannot be read, or not be written now.
    """
    said = check_health(settings.home)
    store = Store.open(settings)
    try:
        with store.database.write(alone=False):
            pass
        host = socket.gethostname()
        known = any(one.alive and one.host == host for one in store.workers.all())
        if settings.store.url is not None and not known:
            raise WorkerError(
                f"no worker of {host} is among those on {store.database.name}: see its log"
            )
    finally:
        store.close()
    return f"{said}, and writes to {store.database.name}"
