"""What people do to a store by hand: make it small, forget a tracker, move it elsewhere, ask again
for calls that failed."""

import socket
from collections.abc import Mapping

from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.database.copying import Copied, copy_store
from smile_trace.store.retention import apply_retention
from smile_trace.store.store import has_store
from smile_trace.worker.doctor import Finding, active_names
from smile_trace.worker.explaining.proxy_screen import why_dropped
from smile_trace.worker.lock import WorkerError, worker_lock
from smile_trace.worker.sample import explainable


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


def request_again(store: Store, settings: Settings, prefix: str | None) -> int:
    """Put calls back to pending as a new attempt, before the background samples.

    Args:
        store: the store; a running worker takes them from there.
        settings: how they are explained now.
        prefix: the beginning of the calls' ids; None = every call that failed.

    Returns:
        How many calls are tried again.

    Raises:
        SmileTraceError: no call has that id, or none that has can be explained.
    """
    call_ids = store.jobs.failed() if prefix is None else store.traces.find_calls(prefix)
    if prefix is not None and not call_ids:
        raise SmileTraceError(f"no call's id begins with {prefix!r}: see the trace's page for it.")
    found = (store.traces.call(call_id) for call_id in call_ids)
    decisions = [explainable(call, settings) for call in found if call is not None]
    possible = [decision for decision in decisions if decision.state == "pending"]
    if decisions and not possible:
        which = "that call cannot" if len(decisions) == 1 else "none of those calls can"
        raise SmileTraceError(f"{which} be explained: {decisions[0].reason}.")
    store.jobs.retry(possible, now=store.clock())
    return len(possible)


def reset_proxies(store: Store) -> int:
    """Forget why proxies were dropped: each is asked, and screened, from the beginning.

    Returns:
        How many proxies that is, each for one model and prompt.
    """
    dropped = [pair for pair in store.proxy_trusts.pairs() if why_dropped(store, pair)]
    for pair in dropped:
        store.proxy_trusts.forget(pair)
    return len(dropped)
