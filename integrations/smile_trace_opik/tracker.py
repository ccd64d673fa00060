"""The tracker: traces and spans in batches, an explanation as a span with attachments."""

import os
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import ClassVar

from smile_trace._guards.presentable import presentable
from smile_trace.errors import ReasonCode
from smile_trace.records import JSON, Call, Trace
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.render import to_html, to_svg
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ComparedPrompt,
    ExplainedCall,
    ExplainedPath,
    ForgottenCall,
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
from smile_trace.trackers.http import HttpOptions, RequestRejected
from smile_trace_opik import reviews
from smile_trace_opik.experiments import deliver_comparison, forget_comparison
from smile_trace_opik.ids import (
    explanation_span_id,
    forgotten_trace_id,
    opik_trace_id,
    path_span_id,
)
from smile_trace_opik.paths import path_files, path_json, path_score, path_span
from smile_trace_opik.queues import ReviewQueue, is_worth_a_look
from smile_trace_opik.server import (
    CLOUD,
    DEFAULT_WORKSPACE,
    MOST,
    OpikServer,
    own_settings,
)
from smile_trace_opik.spans import (
    EXTERNAL_PROJECT,
    EXTERNAL_TRACE,
    explanation_json,
    explanation_scores,
    feedback_scores,
    profile_scores,
    spans_json,
    trace_json,
    unexplained_scores,
)


class OpikOptions(HttpOptions):
    """The options of `[trackers.opik]`; what is not set comes from Opik's own configuration."""

    url: str | None = None
    """The address up to and including `/api`; by default Opik's cloud."""
    workspace: str | None = None
    project: str = ""
    """By default Opik's own setting, then `smile-trace`."""
    review_queue: str = ""
    """The annotation queue for explanations that a person should look at; by default none."""


class OpikTracker(Tracker):
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

    def __init__(self, server: OpikServer, project: str, review: ReviewQueue | None = None) -> None:
        self._server = server
        self.project = project
        self._review = review

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "OpikTracker | None":
        """The tracker for `[trackers.opik]`, else for OPIK_API_KEY or OPIK_URL_OVERRIDE.

        Raises:
            ValueError: an option is unknown or wrong, or the address is none.
        """
        asked = os.environ.get("OPIK_API_KEY") or os.environ.get("OPIK_URL_OVERRIDE")
        if not options and not asked:
            return None
        checked = read_options(OpikOptions, "opik", options)
        own = own_settings()
        url = checked.url or own.get("url_override") or CLOUD
        if not url.startswith(("http://", "https://")):
            raise ValueError(
                f"Opik's address is {presentable(url)!r}: set url of [trackers.opik], or "
                "OPIK_URL_OVERRIDE, to an http(s) address that ends with /api"
            )
        workspace = checked.workspace or own.get("workspace") or DEFAULT_WORKSPACE
        server = OpikServer(
            url, workspace, own.get("api_key"), checked.timeout_seconds, checked.max_reply_mb
        )
        project = checked.project or own.get("project_name") or "smile-trace"
        queue = checked.review_queue
        return cls(server, project, ReviewQueue(server, queue) if queue else None)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`; Opik replaces what has the same id. What was read from
        Opik stands there."""
        there = [_read_from_opik(item.trace) for item in items]
        ours = [i for i, trace_id in enumerate(there) if trace_id is None]
        settled: dict[int, Outcome | RequestRejected] = {}
        for batch in split(ours, lambda i: len(items[i].trace.spans), MOST):
            sent = deliver_batch([items[i].trace for i in batch], self._send)
            settled |= dict(zip(batch, sent, strict=True))
        others = {i: trace_id for i, trace_id in enumerate(there) if trace_id is not None}
        seen = deliver_each(list(others.values()), self._see)
        settled |= dict(zip(others, seen, strict=True))
        return outcomes([settled[i] for i in range(len(items))])

    def _see(self, trace_id: str) -> Outcome:
        """The outcome of a trace that the application itself wrote."""
        found = self._server.has_trace(trace_id)
        return self._receipt(trace_id) if found else _missing(trace_id, retry=False)

    def _send(self, traces: Sequence[Trace]) -> list[Outcome]:
        now = time.time_ns()
        spans = [span for trace in traces for span in spans_json(trace, self.project, now)]
        self._server.write_traces([trace_json(t, self.project, now) for t in traces])
        self._server.write_spans(spans)
        scores = [score for t in traces for score in feedback_scores(t, self.project)]
        self._server.write_scores("trace", scores)
        return [self._receipt(opik_trace_id(trace)) for trace in traces]

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`: the span, its files, the scores, the queue last."""
        return outcomes(deliver_each(items, self._explain))

    def _explain(self, item: ExplainedCall) -> Outcome:
        explanation, server = item.explanation, self._server
        if not server.has_trace(item.traced_as):
            return _missing(item.traced_as)
        project = self._project(item.call)
        server.write_spans([explanation_json(item, project, time.time_ns())])
        page = to_html(explanation, title=item.call.name)
        files = {
            "heatmap.svg": ("image/svg+xml", to_svg(explanation).encode()),
            "heatmap.html": ("text/html", page.encode()),
            "explanation.json": ("application/json", explanation.model_dump_json().encode()),
        }
        server.attach(project, "span", explanation_span_id(item.call), files)
        of_span, of_trace = explanation_scores(item, project)
        server.write_scores("span", of_span)
        server.write_scores("trace", of_trace)
        if self._review and is_worth_a_look(explanation):
            self._review.add(project, item.traced_as)
        return self._receipt(item.traced_as)

    def deliver_paths(self, items: Sequence[ExplainedPath]) -> list[Outcome]:
        """See `Tracker.deliver_paths`: a span under the root, its files, a score of the trace."""

        def show(item: ExplainedPath) -> Outcome:
            if not self._server.has_trace(item.traced_as):
                return _missing(item.traced_as)
            project = self._project(item.trace.calls[0])
            self._server.write_spans([path_json(item, project, time.time_ns())])
            self._server.attach(project, "span", path_span(item.trace), path_files(item))
            self._server.write_scores("trace", [path_score(item, project)])
            return self._receipt(item.traced_as)

        return outcomes(deliver_each(items, show))

    def deliver_unexplained(self, items: Sequence[UnexplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_unexplained`: feedback scores."""
        return outcomes(deliver_each(items, self._score))

    def deliver_profiles(self, items: Sequence[ProfiledCall]) -> list[Outcome]:
        """See `Tracker.deliver_profiles`: a feedback score for each probe."""
        return outcomes(deliver_each(items, self._score))

    def _score(self, item: ProfiledCall | UnexplainedCall) -> Outcome:
        project = self._project(item.call)
        if isinstance(item, ProfiledCall):
            of_span, of_trace = profile_scores(item, project)
        else:
            of_span, of_trace = unexplained_scores(item, project)
        self._server.write_scores("span", of_span)
        self._server.write_scores("trace", of_trace)
        return self._receipt(item.traced_as)

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """See `Tracker.deliver_comparison`: an experiment per version, in the prompt's dataset."""
        try:
            return deliver_comparison(self._server, self._project_of_versions, item)
        except RequestRejected as rejected:
            return rejected.outcome

    def send_for_review(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        """See `Tracker.send_for_review`; each variant is a trace of its own."""
        reviews.send(self._server, self.project, queue, tasks)

    def read_reviews(self, queue: str) -> list[Judgement]:
        """See `Tracker.read_reviews`."""
        return reviews.read(self._server, self.project, queue)

    def forget(self, items: Sequence[ForgottenTrace]) -> list[Outcome]:
        """See `Tracker.forget`; what several of the traces share is looked for once."""
        forget_prompt = cache(partial(forget_comparison, self._server, self._project_of_versions))
        remove = self._review.removing() if self._review else None

        def forget(item: ForgottenTrace) -> Outcome:
            for prompt in sorted({name for call in item.calls for name, _ in call.prompts}):
                forget_prompt(prompt)
            read = next(filter(_is_read, item.calls), None)
            project = self.project if read is None else self._project(read)
            trace_id = forgotten_trace_id(item) if read is None else _id_there(read)
            reviews.forget(self._server, self.project, item.trace_id)
            if remove:
                remove(project, trace_id)
            if read is not None:
                return _of_the_application(trace_id)
            spans = [explanation_span_id(call) for call in item.calls]
            spans.append(path_span_id(item.trace_id, item.start_ns))
            self._server.delete_trace(project, trace_id, spans)
            return Receipt(external_id=trace_id)

        return outcomes(deliver_each(items, forget))

    @property
    def _project_of_versions(self) -> str:
        """A project of their own: their rows are traces there, and are no calls."""
        return f"{self.project}-prompts"

    def _project(self, call: Call | ForgottenCall) -> str:
        """The project that a call's trace is in."""
        return call.external_trace.get(EXTERNAL_PROJECT, self.project)

    def _receipt(self, trace_id: str) -> Receipt:
        return Receipt(external_id=trace_id, url=self._server.trace_url(trace_id))


def _read_from_opik(trace: Trace) -> str | None:
    """The id there of a trace that was read from Opik."""
    return next(map(_id_there, filter(_is_read, trace.calls)), None)


def _is_read(call: Call | ForgottenCall) -> bool:
    return EXTERNAL_TRACE in call.external_trace


def _id_there(call: Call | ForgottenCall) -> str:
    """The id of the trace that a call was read from."""
    return call.external_trace[EXTERNAL_TRACE]


def _of_the_application(trace_id: str) -> Rejected:
    """Opik deletes no single span."""
    return Rejected(
        reason=f"the application itself wrote the trace {trace_id} of Opik: delete it there, with "
        "the explanations in it",
        code=ReasonCode.REJECTED,
        retry=False,
    )


def _missing(trace_id: str, *, retry: bool = True) -> Rejected:
    """To be tried again where it was sent: Opik may need a moment to show what it took."""
    return Rejected(
        reason=f"Opik has no trace {trace_id}: it was deleted there",
        code=ReasonCode.NOT_FOUND,
        retry=retry,
    )
