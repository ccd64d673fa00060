"""What doctor does when asked: apply retention, shrink the store, forget a tracker."""

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.retention import apply_retention
from smile_trace.store.store import has_store
from smile_trace.worker.doctor.examine import active_names
from smile_trace.worker.doctor.findings import Finding
from smile_trace.worker.lock import WorkerError, worker_lock


def repair(settings: Settings) -> Finding:
    """Remove what `retention` does not keep, and make the store as small as it can be.

    Raises:
        StoreError: the store cannot be opened or written.
    """
    if not has_store(settings):
        return Finding(level="note", about="repair", said="nothing was captured here yet")
    store = Store.open(settings)
    try:
        with worker_lock(settings.home):
            see_nobody_works(store)
            removed = apply_retention(store.database, settings.retention)
            store.database.vacuum()
        counts = f"{removed.traces} traces, {removed.responses} answers"
        size = f"the store takes {store.database.used_bytes() / 2**20:.1f} MB"
        said = f"removed {counts}, {removed.corrupt_lines} corrupt lines; {size}"
        return Finding(level="good", about="repair", said=said)
    except WorkerError as error:
        return Finding(level="note", about="repair", said=f"nothing was removed: {error}")
    finally:
        store.close()


def forget_tracker(settings: Settings, name: str) -> Finding:
    """Drop what waits for a tracker that is not used any more, so that retention can free it.

    Raises:
        WorkerError: a worker runs here, or the settings have that tracker active.
        StoreError: the store cannot be opened or written.
    """
    if name in active_names(settings):
        raise WorkerError(
            f"the tracker {name!r} is active: take its table and its variables away first"
        )
    store = Store.look(settings)
    try:
        with worker_lock(settings.home):
            see_nobody_works(store)
            if name not in store.outbox.names():
                known = ", ".join(store.outbox.names()) or "none"
                raise WorkerError(f"nothing was ever for a tracker {name!r} (known: {known})")
            said = f"forgotten, with {store.outbox.forget(name)} things that waited for it"
    finally:
        store.close()
    return Finding(level="good", about=f"tracker {name}", said=said)


def see_nobody_works(store: Store) -> None:
    """See that no worker runs elsewhere on the same store.

    Raises:
        WorkerError: one does.
    """
    names = [one.name for one in store.workers.all() if one.alive]
    if names:
        raise WorkerError(f"workers run on this store ({', '.join(names)}): stop them first")
