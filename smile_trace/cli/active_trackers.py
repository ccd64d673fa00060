"""The active trackers, as a command uses them: opened, told something, closed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from smile_trace._guards.presentable import link
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.trackers import Capabilities, Outcome, Tracker


def discover_trackers(settings: "Settings") -> "list[Tracker]":
    """The active ones, which the caller closes.

    Raises:
        SmileTraceError: a table of the settings is wrong.
    """
    from smile_trace.trackers import discover

    settings.check_trust("trackers")
    try:
        return list(discover(settings.trackers))
    except ValueError as error:
        raise SmileTraceError(str(error)) from None


@contextmanager
def active_trackers(settings: "Settings") -> "Iterator[list[Tracker]]":
    """The active ones, closed at the end.

    Raises:
        SmileTraceError: a table of the settings is wrong.
    """
    trackers = discover_trackers(settings)
    try:
        yield trackers
    finally:
        for tracker in trackers:
            tracker.close()


def deliver_to_able(
    able: "Callable[[Capabilities], bool]",
    deliver: "Callable[[Tracker, Store], Outcome]",
    *,
    missing: str,
) -> None:
    """Give something to every active tracker that shows its kind, and print where it is seen.

    Args:
        missing: what to say where there is none.

    Raises:
        SmileTraceError: there is none, or one did not take it.
    """
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.trackers import Receipt

    settings = Settings()
    with active_trackers(settings) as trackers:
        chosen = [tracker for tracker in trackers if able(tracker.capabilities)]
        if not chosen:
            raise SmileTraceError(missing)
        store = Store.look(settings)
        try:
            for tracker in chosen:
                outcome = deliver(tracker, store)
                if not isinstance(outcome, Receipt):
                    raise SmileTraceError(outcome.reason)
                print(link(outcome.url or outcome.external_id), file=sys.stderr)
        finally:
            store.close()
