"""What people wrote in the trackers about captured calls."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from smile_trace._text.lists import listed
from smile_trace.cli.deliver import active_trackers
from smile_trace.cli.output import printable
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.records import Call
    from smile_trace.settings import Settings
    from smile_trace.trackers.marks import Mark


def marks_of(calls: "Iterable[Call]", settings: "Settings") -> "dict[str, list[Mark]]":
    """What stands about the calls' traces in the active trackers that hold them, by trace id; no
    entry for a trace about which nothing does. `trackers.marks.about` picks those of one call.

    Raises:
        SmileTraceError: no active tracker can be asked, or one does not answer.
    """
    with active_trackers(settings) as trackers:
        able = [tracker for tracker in trackers if tracker.capabilities.marks]
        if not able:
            raise SmileTraceError(
                "no active tracker can be asked what people wrote about an answer: set "
                "MLFLOW_TRACKING_URI or PHOENIX_COLLECTOR_ENDPOINT"
            )
        places = _places(calls, settings)
        found: dict[str, list[Mark]] = defaultdict(list)
        for tracker in able:
            ours = {theirs: trace_id for name, theirs, trace_id in places if name == tracker.name}
            for mark in tracker.read_marks([*ours]) if ours else ():
                found[ours[mark.trace_id]].append(mark)
    return dict(found)


def _places(calls: "Iterable[Call]", settings: "Settings") -> set[tuple[str, str, str]]:
    """Where traces are: the tracker, the trace's id there, and ours."""
    from smile_trace.records.call import trace_id_of
    from smile_trace.store import Store

    own = [(trace_id_of(call.id), call.external_trace) for call in calls]
    places = {
        (key.removesuffix(".trace_id"), theirs, trace_id)
        for trace_id, external in own
        for key, theirs in external.items()
        if key.endswith(".trace_id")
    }
    if settings.home.exists():  # who only reads a backend has none
        with Store.look(settings) as store:
            for trace_id in {trace_id for trace_id, _ in own}:
                there = store.outbox.delivered_to(trace_id)
                places |= {(name, theirs, trace_id) for name, theirs in there.items()}
    return places


def expected_of(trace_id: str, settings: "Settings") -> str:
    """What people wrote that the answer of TRACE_ID or TRACE_ID:SPAN_ID should have been, with a
    line on standard error; raises SmileTraceError, with what to do, if they wrote none, or several.
    """
    from smile_trace.explaining.inputs import answered_call, read_trace
    from smile_trace.render.text import short
    from smile_trace.trackers.marks import about, wanted

    wanted_trace, _, span_id = trace_id.partition(":")
    trace = read_trace(wanted_trace, settings)
    call = answered_call(trace, span_id)
    said = about(marks_of(trace.calls, settings).get(trace.trace_id, ()), trace, call)
    texts = wanted(said)
    if len(texts) > 1:
        each = listed([f"“{short(text)}” ({listed(who)})" for text, who in texts.items()])
        raise SmileTraceError(
            f"people expect {each} of {trace_id}: choose one with --expected TEXT"
        )
    for text, who in texts.items():
        print(printable(f"Expected, as {listed(who)} wrote: {text}"), file=sys.stderr)
        return text
    marked = listed([mark.by for mark in said if mark.wrong])
    begun = f"{marked} said that it is wrong, but nobody" if marked else "nobody"
    raise SmileTraceError(
        f"{begun} wrote in a tracker what the answer of {trace_id} should have been: say it "
        "with --expected, --contains or --avoid, or write it there, as the expectation "
        "(Phoenix: the "
        "annotation) expected_response or expected_facts"
    )
