"""The tracker: where a trace and its explanations go in Phoenix."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from smile_trace.records import JSON, Call, Trace
from smile_trace.render.text import short
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ComparedPrompt,
    Deferred,
    ForgottenTrace,
    Outcome,
    Receipt,
    read_options,
)
from smile_trace.trackers.batches import outcome_of
from smile_trace.trackers.dashboard import Dashboard, gone, not_ours, own_place
from smile_trace.trackers.fields import external_traces, known, retrievers
from smile_trace.trackers.http import HttpOptions, tolerating
from smile_trace.trackers.late_span import Parent, find_parent, late_span
from smile_trace.trackers.marks import Mark
from smile_trace.trackers.presentation import (
    DOCUMENT,
    LONGEST,
    NOT_MEASURED,
    SAID,
    SURE,
    TARGET,
    VERDICT,
    Presentation,
    Score,
    View,
    explanation_span_id,
    feedback_scores,
    path_span_id,
    view_keys,
)
from smile_trace_phoenix.comparisons import deliver_comparison, forget_comparisons
from smile_trace_phoenix.marks import marks_of
from smile_trace_phoenix.reviews import PhoenixQueues
from smile_trace_phoenix.server import Kind, PhoenixServer, own_headers
from smile_trace_phoenix.spans import in_project, spans_for_phoenix

EXTERNAL_TRACE, EXTERNAL_SPAN = "phoenix.trace_id", "phoenix.span_id"
"""Keys of `Call.external_trace` of a call that was read from Phoenix."""
OTEL_TRACE, OTEL_SPAN = "otel.trace_id", "otel.span_id"
"""Keys of the application's own OpenTelemetry, which may send to the same Phoenix."""
FORGOTTEN = "forgotten"
IDENTIFIER = "smile-trace"
"""Identifier of annotations of spans and traces: a newer one replaces that of the same name."""
LONGEST_LABEL = 40
"""Characters of a label: a longer one hides those beside it at the head of a trace."""
SOON = 5.0
"""Seconds until Phoenix is asked again for something that it has taken, but not yet written."""
DEFAULT_PROJECT = "smile-trace"

Row = dict[str, JSON]

CONFIGS: dict[str, Row] = {
    name: {
        "name": name,
        "type": "CATEGORICAL",
        "description": f"{said}; written by smile-trace.",
        "optimization_direction": "MAXIMIZE",
        "values": [{"label": label, "score": score} for label, score in values.items()],
    }
    for name, said, values in (
        (VERDICT, "How sure an explanation is", SURE),
        (TARGET, "Whether the answer is what it should be", {"is right": 1.0, "is wrong": 0.0}),
    )
}
"""By the name of a score, the config by which Phoenix's rings have a colour for the best label
alone: without it, all are as green as any annotation whose name begins with an s."""


class PhoenixOptions(HttpOptions):
    """The options of `[trackers.phoenix]`; by default they come from Phoenix's own variables."""

    url: str | None = None
    """Defaults to PHOENIX_COLLECTOR_ENDPOINT. For a space in Phoenix's cloud, up to its name."""
    project: str = ""
    """Defaults to PHOENIX_PROJECT_NAME, then `smile-trace`."""
    traces: bool = True
    """False if the application, or a Collector, itself sends the same traces to this Phoenix; only
    explanations are then delivered, into those traces."""


class PhoenixTracker(Dashboard):
    """Delivers to one project of one Phoenix server."""

    name: ClassVar[str] = "phoenix"
    capabilities: ClassVar[Capabilities] = Capabilities(
        external_traces=True,
        comparisons=True,
        forgets=True,
        paths=True,
        profiles=True,
        reviews=True,
        marks=True,
        unexplained=True,
    )
    concurrency = 4  # each waits until Phoenix has written it

    def __init__(self, server: PhoenixServer, project: str, *, sends_traces: bool = True) -> None:
        self._server = server
        self.project = project
        self._sends_traces = sends_traces
        self.review_queues = PhoenixQueues(server, project)
        self._configs = dict(CONFIGS)

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "PhoenixTracker | None":
        """Return the tracker for `[trackers.phoenix]` or PHOENIX_COLLECTOR_ENDPOINT, else None.
        Raises `ValueError` if an option is unknown or wrong, or the address is not http(s)."""
        if not options and not os.environ.get("PHOENIX_COLLECTOR_ENDPOINT"):
            return None
        checked = read_options(PhoenixOptions, "phoenix", options)
        server = PhoenixServer(checked.url, own_headers(), checked)
        own = os.environ.get("PHOENIX_PROJECT") or os.environ.get("PHOENIX_PROJECT_NAME")
        return cls(server, checked.project or own or DEFAULT_PROJECT, sends_traces=checked.traces)

    def check(self) -> bool:
        self._server.check()
        return True

    def close(self) -> None:
        self._server.close()

    def trace_url(self, trace_id: str) -> str:
        """See `Dashboard.trace_url`: Phoenix's own redirect, which needs no project."""
        return f"{self._server.url}redirects/traces/{trace_id}"

    # -- traces ------------------------------------------------------------------------------

    def may_have(self, trace: Trace) -> bool:
        return not self._sends_traces or bool(external_traces(trace, EXTERNAL_TRACE, OTEL_TRACE))

    def find_trace(self, item: CapturedTrace) -> Outcome | None:
        if not self._sends_traces:
            return self.receipt(item.trace.trace_id)
        ids = external_traces(item.trace, EXTERNAL_TRACE, OTEL_TRACE)
        missing = [one for one in ids if self._server.spans(one) is None]
        if ids and not missing:
            return self.receipt(ids[0])
        if missing and _was_read(item.trace):  # and is not made anew
            return gone("Phoenix", missing[0])
        if missing and item.wait_for_external:
            return Deferred(reason=f"the application's own trace {missing[0]} is not in Phoenix")
        return None

    def prepare_spans(self, traces: Sequence[Trace]) -> Callable[[], None]:
        """See `Dashboard.prepare_spans`; Phoenix keeps the first span of an id."""
        post = self._server.prepare_post(spans_for_phoenix(traces, self.project))
        rows = [
            _row(score, {}) | {"trace_id": trace.trace_id}
            for trace in traces
            for score in feedback_scores(trace)
        ]

        def write() -> None:
            post()
            self._server.annotate("trace", rows, wait=False)

        return write

    # -- into a trace ------------------------------------------------------------------------

    def find_place(self, shown: Presentation) -> Parent | Outcome:
        """See `Dashboard.find_place`: in our trace, or in the application's own."""
        call, traced_as = shown.call, shown.item.traced_as
        if traced_as == shown.item.trace.trace_id:
            return own_place(shown)
        own = {} if call is None else call.external_trace
        trace_id = own.get(EXTERNAL_TRACE) or own.get(OTEL_TRACE) or traced_as
        noted = own.get(EXTERNAL_SPAN) or own.get(OTEL_SPAN)
        held = self._server.spans(trace_id) or ()
        return find_parent(trace_id, held, call, noted) or self._not_there(shown)

    def put_scores(self, place: Parent, shown: Presentation) -> Outcome | None:
        """See `Dashboard.put_scores`: Phoenix's list of traces shows only traces' annotations."""
        about = known({"call": shown.call and shown.call.id, "model": shown.model})
        rows = [_row(score, about) for score in shown.scores]
        of_span = [row | {"span_id": place.span_id} for row in rows]
        of_trace = [row | {"trace_id": place.trace_id} for row in rows]
        if shown.call is None:
            return None if self._annotated("trace", of_trace) else self._not_there(shown)
        if not self._annotated("span", of_span):
            return self._not_there(shown)
        if shown.is_of_trace:
            self._annotated("trace", of_trace)
        for name in shown.names if place.trace_id == shown.item.trace.trace_id else ():
            if (config := self._configs.pop(name, None)) is not None:
                # An older Phoenix, or a trace of another project.
                with tolerating(403, 404, 405, 422):
                    self._server.assign_config(self.project, config)
        if shown.documents:
            self._annotate_documents(shown, shown.call)
        return None

    def _annotate_documents(self, shown: Presentation, call: Call) -> None:
        """Annotate each retrieved document at its position in the span that retrieved it."""
        spans, rows = retrievers(shown.item.trace), []
        for document in shown.documents:
            if document.span_id in spans:
                score = Score(DOCUMENT, "number", document.name, document.value, document.reason)
                row = _row(score, {"call": call.id})
                del row["identifier"]  # which Phoenix takes of no document
                at = {"span_id": document.span_id, "document_position": document.position}
                rows.append(row | at)
        # A span that somebody else wrote may show fewer documents than were retrieved.
        with tolerating(422):
            self._annotated("document", rows)

    def _annotated(self, kind: Kind, rows: Sequence[Row]) -> bool:
        return self._server.settled(lambda: self._server.annotate(kind, rows))

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        if not self._server.replace_span(in_project(late_span(place, view), self.project)):
            return Deferred(reason="Phoenix has accepted it, but not written it yet", seconds=SOON)
        url = f"{self._server.url}redirects/spans/{view.span_id}"
        return Receipt(external_id=view.span_id, url=url)

    def _not_there(self, shown: Presentation) -> Outcome:
        """Return the outcome if a span has not arrived. Our own trace is sent again: a
        killed Phoenix loses spans that it had taken and not written."""
        trace, traced_as = shown.item.trace, shown.item.traced_as
        if self._sends_traces and traced_as == trace.trace_id:
            if _was_read(trace):
                return gone("Phoenix", traced_as)
            self.prepare_spans([trace])()
        return Deferred(reason=f"the spans of {traced_as} have not arrived yet", seconds=SOON)

    # -- from people -------------------------------------------------------------------------

    def read_marks(self, trace_ids: Sequence[str]) -> list[Mark]:
        """See `Tracker.read_marks`: annotations, and examples made from spans."""
        with self._server.http.service.reading():
            return [mark for mark in marks_of(self._server, trace_ids) if mark.says_something]

    # -- about prompts, and forgetting -------------------------------------------------------

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """See `Tracker.deliver_comparison`: an experiment per version, in the prompt's dataset."""
        return outcome_of(lambda: deliver_comparison(self._server, item))

    def forget_trace(self, item: ForgottenTrace) -> Outcome:
        """See `Dashboard.forget_trace`; only our part of the application's own trace is deleted."""
        noted = {
            trace_id
            for call in item.calls
            for key in (EXTERNAL_TRACE, OTEL_TRACE)
            if (trace_id := call.external_trace.get(key))
        }
        if item.trace_id not in noted:  # one that was read from Phoenix has its own id here
            self._server.delete("traces", item.trace_id)
        there = [trace_id for trace_id in sorted(noted) if _leave(self._server, trace_id, item)]
        forget_comparisons(self._server, {name for call in item.calls for name, _ in call.prompts})
        if there:
            return not_ours(there, "the explanation was removed from it; delete the rest there")
        return Receipt(external_id=item.trace_id)


def _leave(server: PhoenixServer, trace_id: str, item: ForgottenTrace) -> bool:
    """Take the explanations out of a trace of the application's; return whether there were any.
    Phoenix deletes no annotation of a single span, so ours are emptied."""
    held = {span.span_id: span for span in server.spans(trace_id) or ()}
    keys = (key for call in item.calls for key in view_keys(call.id))
    late = (*map(explanation_span_id, keys), path_span_id(item.trace_id))
    ours = [span_id for span_id in late if span_id in held]
    rows = [_row(Score(name, "category", FORGOTTEN, None, ""), {}) for name in SAID]
    for span_id in ours:
        server.delete("spans", span_id)
        if (parent := held[span_id].parent_id) in held:
            server.annotate("span", [row | {"span_id": parent} for row in rows])
    if ours:
        server.annotate("trace", [row | {"trace_id": trace_id} for row in rows])
    return bool(held) and bool(ours or item.traced_as == trace_id)


def _row(score: Score, about: Row) -> Row:
    """Make an annotation; Phoenix's lists prefer scores, so a label that says all stands alone."""
    name = "feedback: note" if score.name == "note" else score.name  # one of its own
    label = NOT_MEASURED if score.label is None and score.value is None else score.label
    label = label and short(label, LONGEST_LABEL)
    reason = short(score.reason, LONGEST) or None
    return {
        "name": name,
        "annotator_kind": "HUMAN" if score.by_user else "CODE",
        "result": {"label": label, "score": score.value, "explanation": reason},
        "metadata": about,
        "identifier": IDENTIFIER,
    }


def _was_read(trace: Trace) -> bool:
    return any(c.external_trace.get(EXTERNAL_TRACE) == trace.trace_id for c in trace.calls)
