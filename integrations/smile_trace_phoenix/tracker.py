"""The tracker: what of a trace and its explanations goes where in Phoenix."""

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from smile_trace.errors import ReasonCode
from smile_trace.records import JSON, Span, Trace
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ComparedPrompt,
    Deferred,
    ExplainedCall,
    ExplainedPath,
    ForgottenTrace,
    Outcome,
    ProfiledCall,
    Receipt,
    Rejected,
    Tracker,
    UnexplainedCall,
    read_options,
)
from smile_trace.trackers.batches import deliver_batch, deliver_each, outcomes, split
from smile_trace.trackers.fields import retrievers
from smile_trace.trackers.http import RequestRejected
from smile_trace.trackers.late_path import path_span
from smile_trace.trackers.late_span import Parent, explanation_span
from smile_trace_phoenix import annotations, reviews
from smile_trace_phoenix.comparisons import deliver_comparison
from smile_trace_phoenix.forgetting import forget_trace
from smile_trace_phoenix.places import external_traces, place_of_call, place_of_root, was_read
from smile_trace_phoenix.server import PhoenixServer
from smile_trace_phoenix.settings import PhoenixOptions, own_headers
from smile_trace_phoenix.spans import in_project, spans_for_phoenix

SPANS_PER_REQUEST = 400
CONCURRENCY = 4
"""Explanations delivered at once: each waits until Phoenix has written it."""
SOON = 5.0
"""Seconds until something is looked for again that Phoenix has taken and not written yet."""


class PhoenixTracker(Tracker):
    """Delivers to one project of one Phoenix server."""

    name: ClassVar[str] = "phoenix"
    capabilities: ClassVar[Capabilities] = Capabilities(
        external_traces=True,
        comparisons=True,
        forgets=True,
        paths=True,
        profiles=True,
        reviews=True,
        unexplained=True,
    )

    def __init__(self, server: PhoenixServer, project: str, *, sends_traces: bool = True) -> None:
        self._server = server
        self.project = project
        self._sends_traces = sends_traces

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "PhoenixTracker | None":
        """The tracker for `[trackers.phoenix]`, else for PHOENIX_COLLECTOR_ENDPOINT.

        Raises:
            ValueError: an option is unknown or wrong, or the address is none.
        """
        if not options and not os.environ.get("PHOENIX_COLLECTOR_ENDPOINT"):
            return None
        checked = read_options(PhoenixOptions, "phoenix", options)
        server = PhoenixServer(
            checked.address,
            os.environ.get("PHOENIX_API_KEY") or None,
            own_headers(),
            checked.timeout_seconds,
            checked.max_reply_mb,
        )
        return cls(server, checked.project_name, sends_traces=checked.traces)

    def check(self) -> bool:
        """See `Tracker.check`."""
        self._server.check()
        return True

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    # -- traces ------------------------------------------------------------------------------

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`; Phoenix keeps the first span of an id."""
        settled = [self._external(item) for item in items]
        ours = [i for i, outcome in enumerate(settled) if outcome is None]
        for batch in split(ours, lambda i: len(items[i].trace.spans), SPANS_PER_REQUEST):
            results = deliver_batch([items[i].trace for i in batch], self._send)
            for i, result in zip(batch, results, strict=True):
                settled[i] = result.outcome if isinstance(result, RequestRejected) else result
        return [outcome for outcome in settled if outcome is not None]

    def _external(self, item: CapturedTrace) -> Outcome | None:
        """The outcome where the application's own trace takes the place of ours, else None."""
        if not self._sends_traces:
            return self._receipt(item.trace.trace_id)
        ids = external_traces(item.trace)
        if not ids:
            return None
        try:
            missing = [one for one in ids if self._server.spans(one) is None]
        except RequestRejected as rejected:
            return rejected.outcome
        if not missing:
            return self._receipt(ids[0])
        if was_read(item.trace):  # and is not made anew
            return _gone(missing[0])
        if item.wait_for_external:
            return Deferred(reason=f"the application's own trace {missing[0]} is not in Phoenix")
        return None

    def _send(self, traces: Sequence[Trace]) -> list[Outcome]:
        spans = [span for trace in traces for span in spans_for_phoenix(trace, self.project)]
        self._server.post_spans(spans)
        rows = [row for trace in traces for row in annotations.feedback(trace)]
        self._server.annotate("trace", rows, wait=False)
        return [self._receipt(trace.trace_id) for trace in traces]

    def _receipt(self, trace_id: str) -> Receipt:
        return Receipt(external_id=trace_id, url=self._server.trace_url(trace_id))

    # -- into a trace ------------------------------------------------------------------------

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`: the annotations, then the span that shows it."""
        return outcomes(deliver_each(items, self._explain, concurrency=CONCURRENCY))

    def _explain(self, item: ExplainedCall) -> Outcome:
        rows = annotations.explained(item)
        parent = self._annotate_call(item, rows)
        if parent is None:
            return self._not_there(item)
        self._annotate_documents(item)
        return self._show(explanation_span(item, parent))

    def deliver_unexplained(self, items: Sequence[UnexplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_unexplained`: an annotation."""
        return outcomes(deliver_each(items, self._annotate, concurrency=CONCURRENCY))

    def deliver_profiles(self, items: Sequence[ProfiledCall]) -> list[Outcome]:
        """See `Tracker.deliver_profiles`: an annotation for each probe."""
        return outcomes(deliver_each(items, self._annotate, concurrency=CONCURRENCY))

    def _annotate(self, item: ProfiledCall | UnexplainedCall) -> Outcome:
        if isinstance(item, ProfiledCall):
            rows = annotations.profiled(item)
        else:
            rows = annotations.unexplained(item)
        if self._annotate_call(item, rows) is None:
            return self._not_there(item)
        return self._receipt(item.traced_as)

    def deliver_paths(self, items: Sequence[ExplainedPath]) -> list[Outcome]:
        """See `Tracker.deliver_paths`: an annotation of the trace, a span under its root."""
        return outcomes(deliver_each(items, self._deliver_path, concurrency=CONCURRENCY))

    def _deliver_path(self, item: ExplainedPath) -> Outcome:
        root = place_of_root(self._server, item.trace, item.traced_as)
        rows = [row | {"trace_id": item.traced_as} for row in annotations.path(item)]
        if root is None or not self._annotated("trace", rows):
            return self._not_there(item)
        return self._show(path_span(item, root))

    def _annotate_call(
        self, item: ExplainedCall | ProfiledCall | UnexplainedCall, rows: Sequence[annotations.Row]
    ) -> Parent | None:
        """Annotate the call's span, and the trace where it holds one call: its list shows only
        what is said of traces. Gives the span; None where it is not there."""
        parent = place_of_call(self._server, item.trace, item.call, item.traced_as)
        if parent is None:
            return None
        if not self._annotated("span", [row | {"span_id": parent.span_id} for row in rows]):
            return None
        if len(item.trace.calls) == 1:
            self._annotated("trace", [row | {"trace_id": parent.trace_id} for row in rows])
        return parent

    def _annotated(self, kind: annotations.Kind, rows: Sequence[annotations.Row]) -> bool:
        return self._server.settled(lambda: self._server.annotate(kind, rows))

    def _annotate_documents(self, item: ExplainedCall) -> None:
        rows = annotations.documents(item, set(retrievers(item.trace)))
        try:
            self._annotated("document", rows)
        except RequestRejected as rejected:
            # A span that somebody else wrote may show fewer documents than were retrieved.
            if rejected.status != 422:
                raise

    def _show(self, span: Span) -> Outcome:
        if not self._server.replace_span(in_project(span, self.project)):
            return Deferred(reason="Phoenix has taken it, and not written it yet", seconds=SOON)
        return Receipt(external_id=span.span_id, url=self._server.span_url(span.span_id))

    def _not_there(
        self, item: ExplainedCall | ExplainedPath | ProfiledCall | UnexplainedCall
    ) -> Outcome:
        """What it means that a span has not arrived. One of ours is sent again: a Phoenix that was
        killed has lost what it had taken and not written."""
        if self._sends_traces and item.traced_as == item.trace.trace_id:
            if was_read(item.trace):
                return _gone(item.traced_as)
            self._send([item.trace])
        return Deferred(reason=f"the spans of {item.traced_as} have not arrived yet", seconds=SOON)

    # -- about prompts, for review, and forgetting -------------------------------------------

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """See `Tracker.deliver_comparison`: an experiment per version, in the prompt's dataset."""
        try:
            return deliver_comparison(self._server, item)
        except RequestRejected as rejected:
            return rejected.outcome

    def send_for_review(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        """See `Tracker.send_for_review`; a queue is a project, a variant a trace in it."""
        reviews.send(self._server, self.project, queue, tasks)

    def read_reviews(self, queue: str) -> list[Judgement]:
        """See `Tracker.read_reviews`."""
        return reviews.read(self._server, self.project, queue)

    def forget(self, items: Sequence[ForgottenTrace]) -> list[Outcome]:
        """See `Tracker.forget`; of a trace that the application itself sent, only what is ours."""
        forget_variants = reviews.forgetting(self._server)

        def forget(item: ForgottenTrace) -> Outcome:
            forget_variants(item.trace_id)
            return forget_trace(self._server, item)

        return outcomes(deliver_each(items, forget))


def _gone(trace_id: str) -> Rejected:
    return Rejected(
        reason=f"the trace {trace_id} is gone from Phoenix: it was deleted there",
        code=ReasonCode.NOT_FOUND,
        retry=False,
    )
