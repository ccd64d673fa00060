"""The active trackers, as a command uses them: opened, told something, closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.settings import Settings
    from smile_trace.trackers import Tracker


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
