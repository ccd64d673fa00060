"""The tracker: where a trace and its explanations go in Langfuse.

The id of a score is a hash of its subject, so that a newer score replaces the old one.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from smile_trace.records import JSON, Call, ForgottenCall, Trace
from smile_trace.render.text import short
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ForgottenTrace,
    Outcome,
    Receipt,
    read_options,
)
from smile_trace.trackers.dashboard import Dashboard, gone, not_ours
from smile_trace.trackers.fields import known
from smile_trace.trackers.http import HttpOptions
from smile_trace.trackers.late_span import Parent, late_span
from smile_trace.trackers.otlp import post_spans, prepare_post
from smile_trace.trackers.presentation import SAID, Presentation, Score, View, feedback_scores
from smile_trace_langfuse.reviews import LangfuseQueues
from smile_trace_langfuse.server import OTLP, LangfuseServer, own_keys
from smile_trace_langfuse.spans import evaluator, spans_for_langfuse

EXTERNAL_TRACE = "langfuse.trace_id"
"""Key of `Call.external_trace` of a call that was read from Langfuse."""
LONGEST = 500
"""Most characters of a text score; Langfuse refuses more."""
_TYPES = {"text": "TEXT", "category": "CATEGORICAL", "number": "NUMERIC"}


class LangfuseOptions(HttpOptions):
    """The options of `[trackers.langfuse]`; the keys come from the environment only."""

    url: str | None = None
    """Defaults to LANGFUSE_BASE_URL, then LANGFUSE_HOST, then Langfuse's cloud."""
    traces: bool = True
    """False if the application itself sends the same traces to this Langfuse."""


class LangfuseTracker(Dashboard):
    """Delivers to the keys' project in Langfuse."""

    name: ClassVar[str] = "langfuse"
    capabilities: ClassVar[Capabilities] = Capabilities(
        forgets=True, paths=True, profiles=True, reviews=True, unexplained=True
    )

    def __init__(self, server: LangfuseServer, *, sends_traces: bool = True) -> None:
        self._server = server
        self._sends_traces = sends_traces
        self.review_queues = LangfuseQueues(server)

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "LangfuseTracker | None":
        """Return the tracker for `[trackers.langfuse]` or Langfuse's keys, else None. Raises
        `ValueError` if an option is unknown or wrong, or there is no address or key."""
        keys = own_keys()
        if not options and not all(keys):
            return None
        checked = read_options(LangfuseOptions, "langfuse", options)
        server = LangfuseServer(checked.url, keys, checked)
        return cls(server, sends_traces=checked.traces)

    def close(self) -> None:
        self._server.close()

    def check(self) -> bool:
        self._server.check()
        return True

    def trace_url(self, trace_id: str) -> str:
        return self._server.trace_url(trace_id)

    def may_have(self, trace: Trace) -> bool:
        return not self._sends_traces or _was_read(trace.calls)

    def find_trace(self, item: CapturedTrace) -> Outcome | None:
        """See `Dashboard.find_trace`: a trace that was read from Langfuse is not written again."""
        trace = item.trace
        if _was_read(trace.calls):
            there = self._server.has_trace(trace.trace_id)
            return self.receipt(trace.trace_id) if there else gone("Langfuse", trace.trace_id)
        return None if self._sends_traces else self.receipt(trace.trace_id)

    def prepare_spans(self, traces: Sequence[Trace]) -> Callable[[], None]:
        """See `Dashboard.prepare_spans`; a newer version of a span replaces the old one."""
        spans = (span for trace in traces for span in spans_for_langfuse(trace))
        post = prepare_post(self._server.http, OTLP, spans)
        scores = {trace.trace_id: feedback_scores(trace) for trace in traces}

        def write() -> None:
            post()
            for trace_id, given in scores.items():
                self._score(trace_id, None, given)

        return write

    def put_scores(self, place: Parent, shown: Presentation) -> None:
        if shown.call is not None:
            self._score(place.trace_id, place.span_id, shown.scores)
        if shown.is_of_trace:
            self._score(place.trace_id, None, shown.scores)

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        """See `Dashboard.put_view`: the picture above the table, in the output of an evaluator."""
        picture = self._server.attach(
            place.trace_id, view.span_id, view.svg.encode(), "image/svg+xml"
        )
        span = evaluator(late_span(place, view), f"{picture}\n\n{view.markdown}")
        post_spans(self._server.http, OTLP, [span])
        return self.receipt(place.trace_id)

    def forget_trace(self, item: ForgottenTrace) -> Outcome:
        """See `Dashboard.forget_trace`: with its observations, media and scores. Of a trace that
        was read from Langfuse only the scores are deleted: an observation can be deleted only with
        its trace."""
        if not _was_read(item.calls):
            self._server.delete(f"traces/{item.trace_id}")
            return Receipt(external_id=item.trace_id)
        for name in SAID:
            for span_id in (None, *(call.id.partition(":")[2] for call in item.calls)):
                self._server.delete(f"scores/{_id(item.trace_id, span_id, name)}")
        what = "our scores were removed from it; delete the trace with our observation there"
        return not_ours([item.trace_id], what)

    def _score(self, trace_id: str, span_id: str | None, scores: Sequence[Score]) -> None:
        for score in scores:
            is_number = score.kind == "number"
            if is_number and score.value is None:
                continue
            label = score.label or ""
            said = [label, score.reason] if is_number else [score.reason]
            about = {
                "id": _id(trace_id, span_id, score.name),
                "traceId": trace_id,
                "observationId": span_id,
                "name": score.name,
                "value": score.value if is_number else short(label, LONGEST) or "—",
                "dataType": _TYPES[score.kind],
                "comment": ": ".join(filter(None, said)) or None,
            }
            self._server.http.send("POST", "api/public/scores", known(about))


def _was_read(calls: Iterable[Call | ForgottenCall]) -> bool:
    """Whether calls were read from Langfuse."""
    return any(EXTERNAL_TRACE in call.external_trace for call in calls)


def _id(trace_id: str, span_id: str | None, name: str) -> str:
    about = f"smile-trace score {trace_id} {span_id or ''} {name}"
    return hashlib.sha256(about.encode()).hexdigest()[:32]
