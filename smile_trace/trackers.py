"""The Tracker protocol: a dashboard we deliver to. The core never imports a tracker.

Trackers are found through the entry-point group `smile_trace.trackers`; each entry is a class
with the methods below. Everything here is synchronous and runs in the worker's process only.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import ClassVar, Protocol, runtime_checkable

from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Call, Explanation, Record, Trace
from smile_trace.records.comparison import Comparison

GROUP = "smile_trace.trackers"


class Receipt(Record):
    """One delivery that arrived. `url` is where a person can look at it, where known."""

    external_id: str
    url: str | None = None


class Rejected(Record):
    """One delivery that did not arrive; `reason` is one sentence that says what to do.

    `retry` is False where trying again cannot help (the item itself is refused).
    """

    reason: str
    code: ReasonCode = ReasonCode.REJECTED
    retry: bool = True


class Deferred(Record):
    """One delivery that must wait for something outside (say, the user's own trace)."""

    reason: str
    code: ReasonCode = ReasonCode.DEFERRED
    seconds: float = 15.0


Outcome = Receipt | Rejected | Deferred


class TrackerUnavailable(SmileTraceError):
    """The tracker takes nothing right now; everything stays in the outbox.

    The message is one sentence that says what to do. `retry_after` is in seconds, where the
    tracker said so.
    """

    code = ReasonCode.TRACKER_UNAVAILABLE

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CapturedTrace(Record):
    """One trace to deliver.

    While `wait_for_external` is set and the user's own trace is noted on a call (`Call.linked`),
    that trace is looked for on this tracker's server: found, its id is the receipt and nothing
    is written; not found, the outcome is `Deferred`. Once it is not set, the trace is delivered
    as one of our own, tagged with the noted id.
    """

    trace: Trace
    wait_for_external: bool = True


class ExplainedCall(Record):
    """One explanation to deliver, with the trace that it belongs into.

    `traced_as` is the external id under which this tracker received the trace.
    """

    trace: Trace
    call: Call
    explanation: Explanation
    traced_as: str


class Tracker(Protocol):
    """A dashboard. Every method may be called again for what was already delivered:
    each thing must be visible once all the same."""

    name: ClassVar[str]

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "Tracker | None":
        """The tracker, or None where neither `options` (the settings' `[trackers.NAME]`
        table; empty where there is none) nor its own environment variables ask for it.

        Raises:
            ValueError: the options are wrong; the message says which and what to write.
        """
        ...

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """Outcomes in the order of `items`; a receipt's `external_id` is the trace's id there.

        Raises:
            TrackerUnavailable: nothing was taken; the whole batch stays.
        """
        ...

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """Outcomes in the order of `items`. Each trace was delivered before.

        Raises:
            TrackerUnavailable: nothing more was taken; the whole batch stays.
        """
        ...

    def close(self) -> None: ...


class ComparedPrompt(Record):
    """One comparison of a prompt's versions to deliver.

    `traced_as`: per version's label the external ids of some of its traces on this tracker.
    """

    comparison: Comparison
    traced_as: dict[str, tuple[str, ...]] = {}


@runtime_checkable
class ComparisonTracker(Protocol):
    """A tracker that also shows prompt versions side by side; not every one does."""

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """Put one run (or experiment) per version, and the page, where people look for them.

        Delivered again for the same versions, it writes over what is there.

        Raises:
            TrackerUnavailable: nothing more was taken.
        """
        ...


def discover(options: Mapping[str, Mapping[str, JSON]]) -> list[Tracker]:
    """The active trackers, by name: those that `options` or their own environment ask for.

    Args:
        options: the settings' `[trackers.NAME]` tables by name; `enabled = false` switches
            a tracker off although its environment variables are set.

    Raises:
        ValueError: a table names a tracker that is not installed, or its options are wrong.
    """
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    for name in options:
        if name not in found:
            known = ", ".join(sorted(found)) or "none"
            raise ValueError(
                f"[trackers.{name}]: no tracker of that name is installed (installed: {known}); "
                f"install it with: pip install 'smile-trace[{name}]'"
            )
    trackers = []
    for name in sorted(found):
        table = dict(options.get(name, {}))
        if table.pop("enabled", True) is False:
            continue
        tracker = found[name].load().from_settings(table)
        if tracker is not None:
            trackers.append(tracker)
    return trackers
