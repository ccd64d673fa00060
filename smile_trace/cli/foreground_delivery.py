"""`--deliver`: an explanation that was made in the foreground goes into the trace it explains."""

import sys
from typing import TYPE_CHECKING, Any

from smile_trace._guards.presentable import link
from smile_trace.cli.active_trackers import discover_trackers
from smile_trace.cli.output import printable
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.records import Call, Explanation, Trace
    from smile_trace.records.path import ExplanationPath
    from smile_trace.settings import Settings
    from smile_trace.sources.protocol import Source
    from smile_trace.trackers import Tracker


def find_tracker(trace_id: str, settings: "Settings") -> "Tracker":
    """The tracker of the backend that holds the trace.

    Raises:
        SmileTraceError: it is no backend's, its tracker is not set, or there is no such trace; the
            message says what to do.
    """
    from smile_trace.explaining.inputs import find_trace
    from smile_trace.sources.discovery import owner

    source = owner(trace_id, settings) or find_trace(trace_id.partition(":")[0], settings)[1]
    if source is None:
        raise SmileTraceError(
            f"--deliver puts an explanation into a trace of a backend (tr-… of MLflow), and "
            f"{trace_id} is one of the store: smile-trace worker delivers what it explains there"
        )
    return tracker_of(source, settings)


def tracker_of(source: "Source", settings: "Settings") -> "Tracker":
    """The tracker of the same backend as a source.

    Raises:
        SmileTraceError: it is not set.
    """
    found = [one for one in discover_trackers(settings) if one.name == source.name]
    if not found:
        raise SmileTraceError(
            f"--deliver needs the address of {source.name}, in [trackers.{source.name}], too"
        )
    return found[0]


def deliver(
    trace_id: str,
    explained: "Explanation | ExplanationPath",
    tracker: "Tracker",
    settings: "Settings",
) -> None:
    """Deliver what was explained, and say where it can be seen.

    Raises:
        SmileTraceError: the tracker did not take it, or the trace is gone by now.
    """
    from smile_trace.explaining.inputs import answered_call, read_trace
    from smile_trace.records import Explanation

    trace_id, _, span_id = trace_id.partition(":")
    trace = read_trace(trace_id, settings)
    call = answered_call(trace, span_id) if isinstance(explained, Explanation) else None
    put_into(trace, call, explained, tracker)


def put_into(
    trace: "Trace",
    call: "Call | None",
    explained: "Explanation | ExplanationPath",
    tracker: "Tracker",
) -> None:
    """Put an explanation of a call, or with None the path of its trace, into a trace that was read
    from the tracker's backend, and say where it can be seen.

    Raises:
        SmileTraceError: the tracker did not take it.
    """
    from smile_trace.trackers import CapturedTrace, ExplainedCall, ExplainedPath, Receipt

    # It stands there: this only sees whether something can be put into it.
    [outcome] = tracker.deliver_traces([CapturedTrace(trace=trace, wait_for_external=False)])
    if isinstance(outcome, Receipt):
        shown: dict[str, Any] = {"trace": trace, "traced_as": outcome.external_id}
        if call is not None:
            item = ExplainedCall(call=call, explanation=explained, **shown)
            [outcome] = tracker.deliver_explanations([item])
        else:
            [outcome] = tracker.deliver_paths([ExplainedPath(path=explained, **shown)])
    if not isinstance(outcome, Receipt):
        raise SmileTraceError(f"it was not delivered: {outcome.reason}", code=outcome.code)
    print(printable(link(outcome.url or outcome.external_id)), file=sys.stderr)
