"""Deliveries by commands: `smile-trace deliver` for earlier captures, others for their results."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace._guards.presentable import link
from smile_trace._text.lists import listed
from smile_trace.cli.arguments import SINCE_HELP, since_ns
from smile_trace.cli.output import printable
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.records import Call, Explanation, Trace
    from smile_trace.records.path import ExplanationPath
    from smile_trace.settings import Settings
    from smile_trace.store.outbox_news import Queued, Wanted
    from smile_trace.trackers import Tracker


def discover_trackers(settings: "Settings") -> "list[Tracker]":
    """The active trackers, which the caller closes; raises SmileTraceError for a wrong table."""
    from smile_trace.trackers import discover

    settings.check_trust("trackers")
    try:
        return list(discover(settings.trackers))
    except ValueError as error:
        raise SmileTraceError(str(error)) from None


@contextmanager
def active_trackers(settings: "Settings") -> "Iterator[list[Tracker]]":
    """The active trackers, closed at the end; raises SmileTraceError for a wrong settings table."""
    trackers = discover_trackers(settings)
    try:
        yield trackers
    finally:
        for tracker in trackers:
            tracker.close()


def deliver(
    to: Annotated[str, typer.Option("--to", help="The tracker's name in the settings.")] = "",
    since: Annotated[str, typer.Option(help=f"Since when: {SINCE_HELP}")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be queued; queue nothing.")
    ] = False,
) -> None:
    """Send earlier calls to a tracker that was added later.

    Traces, explanations, paths and profiles that the tracker already has, or that wait for it, are
    left out. The worker delivers what is queued.
    """
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    if missing := [name for name, given in (("--to", to), ("--since", since)) if not given]:
        raise typer.BadParameter(
            f"give {listed(missing)}: smile-trace deliver --to mlflow --since 7d"
        )
    settings = Settings()
    since_when, wanted = since_ns(since), _wanted(to, settings)
    with Store.look(settings) as store:
        queued = store.outbox.fill_since(
            to, since_when, now=store.clock(), wanted=wanted, dry_run=dry_run
        )
    print(_told(to, queued, dry_run=dry_run))


def _wanted(name: str, settings: "Settings") -> "Wanted":
    """The kinds of items that the active tracker of that name is given."""
    from smile_trace.worker.delivery.turns import wanted

    with active_trackers(settings) as trackers:
        active = {tracker.name: tracker for tracker in trackers}
        if name not in active:
            known = ", ".join(active) or "none"
            raise SmileTraceError(
                f"no tracker {name!r} is active (active: {known}): write a table [trackers.{name}]"
            )
        return wanted(active[name].capabilities)


def _told(name: str, queued: "Queued", *, dry_run: bool) -> str:
    counts = {
        "trace": queued.traces,
        "explanation": queued.explanations,
        "path": queued.paths,
        "profile": queued.profiles,
    }
    new = [f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items() if count]
    known = queued.known_traces
    rest = f"{known} {'trace is' if known == 1 else 'traces are'} there, or on the way"
    if not new:
        return f"Nothing from that time is new for {name}" + (f": {rest}." if known else ".")
    said = f"For {name}: {listed(new)} {'would be' if dry_run else 'are'} queued"
    said += f"; {rest}." if known else "."
    return said if dry_run else f"{said} smile-trace worker delivers them."


def find_tracker(trace_id: str, settings: "Settings") -> "Tracker":
    """The tracker of the backend that holds the trace, or to which one of the store was delivered;
    raises SmileTraceError with a remedy."""
    from smile_trace.explaining.inputs import find_trace
    from smile_trace.sources.protocol import owner
    from smile_trace.store import Store

    if (source := owner(trace_id, settings)) is not None:
        return tracker_named(source.name, settings)
    trace, source = find_trace(trace_id.partition(":")[0], settings)
    if source is not None:
        return tracker_named(source.name, settings)
    with Store.look(settings) as store:
        there = store.outbox.delivered_to(trace.trace_id)
    if not there:
        raise SmileTraceError(
            f"{trace_id} is in the store, but has not been delivered to a tracker yet: "
            "smile-trace worker delivers it, with its explanations"
        )
    if len(there) > 1:
        ids = listed([f"{shown} of {name}" for name, shown in there.items()], "or")
        raise SmileTraceError(f"{trace_id} was delivered to {len(there)} trackers: name {ids}")
    return tracker_named(next(iter(there)), settings)


def tracker_named(name: str, settings: "Settings") -> "Tracker":
    """The tracker of a backend, as its source is named; raises SmileTraceError if it is not set."""
    found = [one for one in discover_trackers(settings) if one.name == name]
    if not found:
        raise SmileTraceError(f"--deliver also needs the address of {name} in [trackers.{name}]")
    return found[0]


def deliver_into_trace(
    trace_id: str,
    explained: "Explanation | ExplanationPath",
    tracker: "Tracker",
    settings: "Settings",
) -> None:
    """Deliver what was explained, and say where it can be seen. Raises SmileTraceError if the
    tracker did not take it, or the trace is gone by now."""
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
    from the tracker's backend, and say where it can be seen. Raises SmileTraceError if the tracker
    did not take it."""
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
