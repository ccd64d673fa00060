"""`smile-trace store copy`: a home's store moved into a database that many workers share."""

import socket
from collections.abc import Mapping

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.database.copying import Copied, copy_store
from smile_trace.store.store import has_store
from smile_trace.worker.doctor.repair import see_nobody_works
from smile_trace.worker.lock import worker_lock


def move(settings: Settings, target: Mapping[str, str | None]) -> Copied:
    """Copy the store of the settings into another one.

    Args:
        settings: whose store is copied; no worker may run on its home.
        target: the table `[store]` of the other one.

    Raises:
        StoreError: there is nothing to copy, the target is no empty database, or a row did not
            arrive as it is.
        WorkerError: a worker runs on the home, or on the same store elsewhere.
        SettingsError: the target's table is wrong.
    """
    if not has_store(settings):
        raise StoreError(f"there is no store in {settings.home} to copy.")
    there = Settings(home=settings.home, store=dict(target))
    with worker_lock(settings.home):
        source = Store.open(settings)
        try:
            see_nobody_works(source)
            shared = Store.open(there)
            try:
                return copy_store(source.database, shared.database, f"{socket.gethostname()}:")
            finally:
                shared.close()
        finally:
            source.close()
