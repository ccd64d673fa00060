"""The tracker: traces and spans in batches, an explanation as a span with attachments."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import ClassVar

from smile_trace import semconv
from smile_trace.records import JSON, Call, Trace
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ComparedPrompt,
    ForgottenCall,
    ForgottenTrace,
    Outcome,
    Receipt,
    read_options,
)
from smile_trace.trackers.batches import outcome_of
from smile_trace.trackers.dashboard import Dashboard, gone, not_ours, own_place
from smile_trace.trackers.http import HttpOptions
from smile_trace.trackers.late_span import Parent
from smile_trace.trackers.presentation import (
    HeatmapView,
    Presentation,
    View,
    feedback_scores,
    view_keys,
)
from smile_trace_opik.experiments import deliver_comparison, forget_comparison
from smile_trace_opik.reviews import OpikQueues, ReviewQueue, is_worth_a_look
from smile_trace_opik.server import MOST, OpikServer, own_settings
from smile_trace_opik.spans import (
    EXTERNAL_PROJECT,
    EXTERNAL_SPAN,
    EXTERNAL_TRACE,
    explanation_span_id,
    opik_span_id,
    opik_trace_id,
    path_span_id,
    score_json,
    spans_json,
    trace_json,
    uuid7,
    view_json,
)


class OpikOptions(HttpOptions):
    """The options of `[trackers.opik]`; by default they come from Opik's own configuration."""

    url: str | None = None
    """The address up to and including `/api`; by default Opik's cloud."""
    workspace: str | None = None
    project: str = ""
    """Defaults to Opik's own setting, then `smile-trace`."""
    review_queue: str = ""
    """The annotation queue for explanations that a person should look at; by default none."""


class OpikTracker(Dashboard):
    """Delivers to one project of one Opik server, over its REST interface."""

    name: ClassVar[str] = "opik"
    capabilities: ClassVar[Capabilities] = Capabilities(
        comparisons=True,
        forgets=True,
        paths=True,
        profiles=True,
        reviews=True,
        unexplained=True,
    )
    request_size = MOST

    def __init__(self, server: OpikServer, project: str, review: ReviewQueue | None = None) -> None:
        self._server = server
        self.project = project
        self._review = review
        self.review_queues = OpikQueues(server, project)

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "OpikTracker | None":
        """Return the tracker for `[trackers.opik]`, OPIK_API_KEY or OPIK_URL_OVERRIDE, else None.
        Raises `ValueError` if an option is unknown or wrong, or the address is not http(s)."""
        wanted = os.environ.get("OPIK_API_KEY") or os.environ.get("OPIK_URL_OVERRIDE")
        if not options and not wanted:
            return None
        checked, own = read_options(OpikOptions, "opik", options), own_settings()
        server = OpikServer(checked.url, checked.workspace, own, checked)
        project = checked.project or own.get("project_name") or "smile-trace"
        queue = checked.review_queue
        return cls(server, project, ReviewQueue(server, queue) if queue else None)

    def close(self) -> None:
        self._server.close()

    def trace_id(self, trace: Trace) -> str:
        return opik_trace_id(trace)

    def trace_url(self, trace_id: str) -> str:
        return self._server.trace_url(trace_id)

    def may_have(self, trace: Trace) -> bool:
        return _read_as(trace) is not None

    def find_trace(self, item: CapturedTrace) -> Outcome | None:
        """See `Dashboard.find_trace`: a trace that was read from Opik is not written again."""
        trace_id = _read_as(item.trace)
        if trace_id is None:
            return None
        there = self._server.has_trace(trace_id)
        return self.receipt(trace_id) if there else gone("Opik", trace_id)

    def prepare_spans(self, traces: Sequence[Trace]) -> Callable[[], None]:
        """See `Dashboard.prepare_spans`; Opik replaces items of the same id."""
        now, project = time.time_ns(), self.project
        scores = [(opik_trace_id(t), score) for t in traces for score in feedback_scores(t)]
        writes = (
            self._server.writing_traces([trace_json(trace, project, now) for trace in traces]),
            self._server.writing_spans([s for t in traces for s in spans_json(t, project, now)]),
            self._server.writing_scores("trace", [score_json(i, s, project) for i, s in scores]),
        )

        def write() -> None:
            for one in writes:
                one()

        return write

    def find_place(self, shown: Presentation) -> Parent | Outcome:
        """See `Dashboard.find_place`: the application's own span, if it was read from Opik. A trace
        that was sent may need a moment to show."""
        own, call, trace_id = own_place(shown), shown.call, shown.item.traced_as
        if not self._server.has_trace(trace_id):
            return gone("Opik", trace_id, retry=True)
        if call is not None:
            noted = call.external_trace.get(EXTERNAL_SPAN)
        else:
            root = shown.item.trace.span(own.span_id)
            noted = root.attributes.get(semconv.EXTERNAL_PREFIX + EXTERNAL_SPAN)
        made = opik_span_id(shown.item.trace.trace_id, own.span_id, own.start_ns)
        return Parent(trace_id, str(noted or made), own.start_ns, own.end_ns)

    def put_scores(self, place: Parent, shown: Presentation) -> None:
        """See `Dashboard.put_scores`: Opik's list of traces shows only the scores of traces."""
        project = self._project(shown.call or shown.item.trace.calls[0])
        scores = [s for s in shown.scores if s.label is not None or s.value is not None]
        if shown.call is not None:
            of_span = [score_json(place.span_id, score, project) for score in scores]
            self._server.writing_scores("span", of_span)()
        if shown.is_of_trace:
            of_trace = [score_json(place.trace_id, score, project) for score in scores]
            self._server.writing_scores("trace", of_trace)()

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        """See `Dashboard.put_view`: the span, its files, the queue last."""
        first = shown.call or shown.item.trace.calls[0]
        project = self._project(first)
        span_id = path_span_id(shown.item.trace.trace_id, first.start_ns)
        if isinstance(view, HeatmapView):
            span_id = explanation_span_id(first, view.key)
        span = view_json(place, span_id, shown.call, view, project, time.time_ns())
        self._server.writing_spans([span])()
        self._server.attach(project, "span", span_id, view.files)
        if self._review and isinstance(view, HeatmapView) and is_worth_a_look(view.explanation):
            self._review.add(project, place.trace_id)
        return self.receipt(place.trace_id)

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """See `Tracker.deliver_comparison`: an experiment per version, in the prompt's dataset."""
        return outcome_of(lambda: deliver_comparison(self._server, self._project_of_versions, item))

    def forgetting(self) -> Callable[[ForgottenTrace], Outcome]:
        forget_prompt = cache(partial(forget_comparison, self._server, self._project_of_versions))
        remove = self._review.removing() if self._review else None

        def forget(item: ForgottenTrace) -> Outcome:
            for prompt in sorted({name for call in item.calls for name, _ in call.prompts}):
                forget_prompt(prompt)
            read = next((c for c in item.calls if EXTERNAL_TRACE in c.external_trace), None)
            project = self.project if read is None else self._project(read)
            trace_id = item.traced_as or uuid7(item.start_ns, item.trace_id)
            if read is not None:
                trace_id = read.external_trace[EXTERNAL_TRACE]
            if remove:
                remove(project, trace_id)
            if read is not None:  # Opik deletes no single span
                return not_ours([trace_id], "delete it in Opik, with the explanations in it")
            spans = [
                explanation_span_id(call, key) for call in item.calls for key in view_keys(call.id)
            ]
            spans.append(path_span_id(item.trace_id, item.start_ns))
            self._server.delete_trace(project, trace_id, spans)
            return Receipt(external_id=trace_id)

        return forget

    @property
    def _project_of_versions(self) -> str:
        """A project of their own: their rows are traces there, but no calls."""
        return f"{self.project}-prompts"

    def _project(self, call: Call | ForgottenCall) -> str:
        return call.external_trace.get(EXTERNAL_PROJECT, self.project)


def _read_as(trace: Trace) -> str | None:
    """Return Opik's id of a trace that was read from there."""
    noted = (call.external_trace.get(EXTERNAL_TRACE) for call in trace.calls)
    return next(filter(None, noted), None)
