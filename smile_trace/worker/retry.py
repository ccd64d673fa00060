"""`smile-trace retry`: calls, whatever was decided about them, and dropped proxies."""

from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.explaining.proxy_screen import why_dropped
from smile_trace.worker.sample import explainable


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
