"""The tracker: what of a trace and its explanations goes where in Langfuse."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from smile_trace.errors import ReasonCode
from smile_trace.records import JSON, Span, Trace
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.render import path_to_svg, to_svg
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
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
from smile_trace.trackers.http import HttpOptions, RequestRejected
from smile_trace.trackers.late_path import path_span
from smile_trace.trackers.late_span import Parent, explanation_span
from smile_trace_langfuse import reviews, scores
from smile_trace_langfuse.server import LangfuseServer
from smile_trace_langfuse.settings import address, own_keys
from smile_trace_langfuse.spans import evaluator, spans_for_langfuse

SPANS_PER_REQUEST = 400
EXTERNAL_TRACE = "langfuse.trace_id"
"""Key of `Call.external_trace`: of a call that was read from Langfuse."""


class LangfuseOptions(HttpOptions):
    """The options of `[trackers.langfuse]`; the keys come from the environment only."""

    url: str | None = None
    """By default LANGFUSE_BASE_URL, then LANGFUSE_HOST, then Langfuse's cloud."""
    traces: bool = True
    """False where the application sends the same traces to this Langfuse itself."""


class LangfuseTracker(Tracker):
    """Delivers to one project of Langfuse: that of the keys."""

    name: ClassVar[str] = "langfuse"
    capabilities: ClassVar[Capabilities] = Capabilities(
        forgets=True, paths=True, profiles=True, reviews=True, unexplained=True
    )

    def __init__(self, server: LangfuseServer, *, sends_traces: bool = True) -> None:
        self._server = server
        self._sends_traces = sends_traces

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "LangfuseTracker | None":
        """The tracker for `[trackers.langfuse]`, else for Langfuse's keys.

        Raises:
            ValueError: an option is unknown or wrong, or there is no address or key.
        """
        keys = own_keys()
        if not options and not all(keys):
            return None
        checked = read_options(LangfuseOptions, "langfuse", options)
        url = address(checked.url, "[trackers.langfuse]", keys)
        server = LangfuseServer(url, keys, checked.timeout_seconds, checked.max_reply_mb)
        return cls(server, sends_traces=checked.traces)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def check(self) -> bool:
        """See `Tracker.check`."""
        self._server.check()
        return True

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`; of a span that is there already the newest stays. One that
        was read from Langfuse is not written again."""
        settled: list[Outcome | None] = [self._there_already(item.trace) for item in items]
        ours = [i for i, outcome in enumerate(settled) if outcome is None]
        for batch in split(ours, lambda i: len(items[i].trace.spans), SPANS_PER_REQUEST):
            results = deliver_batch([items[i].trace for i in batch], self._send)
            for i, result in zip(batch, outcomes(results), strict=True):
                settled[i] = result
        return [outcome for outcome in settled if outcome is not None]

    def _there_already(self, trace: Trace) -> Outcome | None:
        if _was_read(trace):
            try:
                return self._gone_or(trace)
            except RequestRejected as rejected:
                return rejected.outcome
        return None if self._sends_traces else self._receipt(trace.trace_id)

    def _gone_or(self, trace: Trace) -> Outcome:
        if self._server.has_trace(trace.trace_id):
            return self._receipt(trace.trace_id)
        return Rejected(
            reason=f"the trace {trace.trace_id} is gone from Langfuse: it was deleted there",
            code=ReasonCode.NOT_FOUND,
            retry=False,
        )

    def _send(self, traces: Sequence[Trace]) -> list[Outcome]:
        self._server.post_spans([span for trace in traces for span in spans_for_langfuse(trace)])
        for trace in traces:
            for score in scores.feedback(trace):
                self._server.score(score)
        return [self._receipt(trace.trace_id) for trace in traces]

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`: the picture, the observation, the scores."""
        return outcomes(deliver_each(items, self._explain))

    def _explain(self, item: ExplainedCall) -> Outcome:
        call = item.call
        parent = Parent(item.traced_as, call.span_id, call.start_ns, call.end_ns)
        self._show(explanation_span(item, parent), to_svg(item.explanation))
        for score in scores.explained(item):
            self._server.score(score)
        return self._receipt(item.traced_as)

    def deliver_paths(self, items: Sequence[ExplainedPath]) -> list[Outcome]:
        """See `Tracker.deliver_paths`: an observation under the root, a score of the trace."""

        def show(item: ExplainedPath) -> Outcome:
            root = item.trace.span(item.trace.root_span_id)
            parent = Parent(item.traced_as, root.span_id, root.start_ns, root.end_ns)
            self._show(path_span(item, parent), path_to_svg(item.path))
            self._server.score(scores.path(item))
            return self._receipt(item.traced_as)

        return outcomes(deliver_each(items, show))

    def deliver_unexplained(self, items: Sequence[UnexplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_unexplained`: a score."""
        return outcomes(deliver_each(items, self._score))

    def deliver_profiles(self, items: Sequence[ProfiledCall]) -> list[Outcome]:
        """See `Tracker.deliver_profiles`: a score for each probe."""
        return outcomes(deliver_each(items, self._score))

    def _score(self, item: ProfiledCall | UnexplainedCall) -> Outcome:
        found = (
            scores.profiled(item) if isinstance(item, ProfiledCall) else scores.unexplained(item)
        )
        for score in found:
            self._server.score(score)
        return self._receipt(item.traced_as)

    def _show(self, span: Span, svg: str) -> None:
        """The picture above the table, in the output of an evaluator."""
        media = self._server.upload(span.trace_id, span.span_id, svg.encode(), "image/svg+xml")
        table = span.attributes["langfuse.observation.output"]
        self._server.post_spans([evaluator(span, f"{media}\n\n{table}")])

    def send_for_review(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        """See `Tracker.send_for_review`; each variant is a trace of its own."""
        reviews.send(self._server, queue, tasks)

    def read_reviews(self, queue: str) -> list[Judgement]:
        """See `Tracker.read_reviews`."""
        return reviews.read(self._server, queue)

    def forget(self, items: Sequence[ForgottenTrace]) -> list[Outcome]:
        """See `Tracker.forget`: the trace with its observations, media and scores, and what people
        were asked about it. Of a trace that was read from Langfuse the scores; an observation can
        be deleted with its trace only."""
        forget_variants = reviews.forgetting(self._server)

        def forget(item: ForgottenTrace) -> Outcome:
            forget_variants(item.trace_id)
            return self._forget(item)

        return outcomes(deliver_each(items, forget))

    def _forget(self, item: ForgottenTrace) -> Outcome:
        if not any(EXTERNAL_TRACE in call.external_trace for call in item.calls):
            self._server.delete(f"traces/{item.trace_id}")
            return Receipt(external_id=item.trace_id)
        spans = [call.id.partition(":")[2] for call in item.calls]
        for score_id in scores.ids_of(item.trace_id, spans):
            self._server.delete(f"scores/{score_id}")
        return Rejected(
            reason=f"the application itself wrote {item.trace_id}: our scores were taken out of "
            "it, delete the trace with our observation there",
            retry=False,
        )

    def _receipt(self, trace_id: str) -> Receipt:
        return Receipt(external_id=trace_id, url=self._server.trace_url(trace_id))


def _was_read(trace: Trace) -> bool:
    return any(EXTERNAL_TRACE in call.external_trace for call in trace.calls)
