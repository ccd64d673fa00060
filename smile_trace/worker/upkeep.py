"""People's work on a store by hand: shrink it, forget a tracker, move it, retry failed calls."""

import socket
from collections.abc import Mapping

from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.database.copying import copy_store
from smile_trace.store.retention import apply_retention
from smile_trace.store.store import has_store
from smile_trace.worker.doctor import Finding, active_names
from smile_trace.worker.explaining.proxy_screen import why_dropped
from smile_trace.worker.lock import WorkerError, worker_lock
from smile_trace.worker.sample import explainable


def repair(settings: Settings) -> Finding:
    """Remove what `retention` does not keep, and shrink the store to its smallest size; raises
    StoreError if it cannot be opened or written."""
    if not has_store(settings):
        return Finding(level="note", about="repair", said="nothing has been captured here yet")
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
    """Drop the deliveries of a tracker that is not used any more, so that retention can free them.
    Raises WorkerError if a worker runs here, or the settings have that tracker active; StoreError
    if the store cannot be opened or written."""
    if name in active_names(settings):
        raise WorkerError(
            f"the tracker {name!r} is active: remove its table and its variables first"
        )
    with Store.look(settings) as store, worker_lock(settings.home):
        see_nobody_works(store)
        if name not in store.outbox.names():
            known = ", ".join(store.outbox.names()) or "none"
            raise WorkerError(f"nothing was ever kept for a tracker {name!r} (known: {known})")
        said = f"forgotten, with {store.outbox.forget(name)} items that were waiting for it"
    return Finding(level="good", about=f"tracker {name}", said=said)


def see_nobody_works(store: Store) -> None:
    """Raise WorkerError if a worker runs elsewhere on the same store."""
    names = [one.name for one in store.workers.all() if one.alive]
    if names:
        raise WorkerError(f"workers run on this store ({', '.join(names)}): stop them first")


def move(settings: Settings, target: Mapping[str, str | None]) -> dict[str, int]:
    """Copy the store of the settings into another one, whose `[store]` table is `target`; returns
    the number of rows by table. Raises StoreError if there is nothing to copy, the target is no
    empty database, or a row arrived changed; WorkerError if a worker runs on the home, or on the
    same store elsewhere; SettingsError if the target's table is wrong."""
    if not has_store(settings):
        raise StoreError(f"there is no store in {settings.home} to copy.")
    there = Settings(home=settings.home, store=dict(target))
    with worker_lock(settings.home), Store.open(settings) as source:
        see_nobody_works(source)
        with Store.open(there) as shared:
            return copy_store(source.database, shared.database, f"{socket.gethostname()}:")


def request_again(store: Store, settings: Settings, prefix: str | None) -> int:
    """Return calls whose ids begin with `prefix` (None: all that failed) to pending as a new
    attempt, before the background samples; a running worker takes them. Returns how many. Raises
    SmileTraceError if no call has that id, or none of them can be explained."""
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
    """Let dropped proxies be asked and screened from the beginning; returns how many there were,
    each for one model and prompt."""
    dropped = [pair for pair in store.proxy_trusts.pairs() if why_dropped(store, pair)]
    for pair in dropped:
        store.proxy_trusts.forget(pair)
    return len(dropped)
