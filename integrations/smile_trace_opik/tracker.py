"""The tracker: traces and spans in batches, an explanation as a span with attachments."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from smile_trace.records import JSON, Record, Trace
from smile_trace.render import to_html, to_svg
from smile_trace.trackers import (
    CapturedTrace,
    ExplainedCall,
    Outcome,
    Receipt,
    Rejected,
    Tracker,
    TrackerUnavailable,
    read_options,
)
from smile_trace_opik.ids import explanation_span_id, opik_trace_id
from smile_trace_opik.server import (
    CLOUD,
    DEFAULT_WORKSPACE,
    OpikServer,
    Refused,
    own_settings,
)
from smile_trace_opik.spans import (
    explanation_json,
    feedback_scores,
    fidelity_scores,
    spans_json,
    trace_json,
)

SPANS_PER_REQUEST = 1000
"""Opik takes no more in one batch; a larger trace goes in several."""


class OpikOptions(Record):
    """The options of `[trackers.opik]`; what is not set comes from Opik's own configuration."""

    url: str | None = None
    """The address up to and including `/api`; by default Opik's cloud."""
    workspace: str | None = None
    project: str = ""
    """By default Opik's own setting, then `smile-trace`."""
    timeout_seconds: float = Field(10.0, gt=0, le=300)


class OpikTracker(Tracker):
    """Delivers to one project of one Opik server, over its REST interface."""

    name: ClassVar[str] = "opik"

    def __init__(self, server: OpikServer, project: str) -> None:
        self._server = server
        self.project = project

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
                f"Opik's address is {url!r}: set url of [trackers.opik], or OPIK_URL_OVERRIDE, to "
                "an http(s) address that ends with /api"
            )
        workspace = checked.workspace or own.get("workspace") or DEFAULT_WORKSPACE
        server = OpikServer(url, workspace, own.get("api_key"), checked.timeout_seconds)
        return cls(server, checked.project or own.get("project_name") or "smile-trace")

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    # -- traces ------------------------------------------------------------------------------

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`; Opik replaces what has the same id."""
        results: list[Receipt | Refused] = []
        for batch in _batches([item.trace for item in items]):
            results += self._send(batch)
        return _settled(results)

    def _send(self, traces: Sequence[Trace]) -> list[Receipt | Refused]:
        now = time.time_ns()
        try:
            spans = [span for trace in traces for span in spans_json(trace, self.project, now)]
            self._server.write_traces([trace_json(t, self.project, now) for t in traces])
            for start in range(0, len(spans), SPANS_PER_REQUEST):
                self._server.write_spans(spans[start : start + SPANS_PER_REQUEST])
            scores = [score for t in traces for score in feedback_scores(t, self.project)]
            self._server.write_scores("trace", scores)
        except Refused as refusal:
            if len(traces) == 1:
                return [refusal]
            # A batch is refused whole: each alone shows which one it was.
            return [result for trace in traces for result in self._send([trace])]
        return [self._receipt(opik_trace_id(trace)) for trace in traces]

    def _receipt(self, trace_id: str) -> Receipt:
        return Receipt(external_id=trace_id, url=self._server.trace_url(trace_id))

    # -- explanations ------------------------------------------------------------------------

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`: the span, then its files, the scores last."""
        results: list[Receipt | Refused] = []
        for item in items:
            try:
                self._explain(item)
                results.append(self._receipt(item.traced_as))
            except Refused as refusal:
                results.append(refusal)
        return _settled(results)

    def _explain(self, item: ExplainedCall) -> None:
        explanation, server = item.explanation, self._server
        if not server.has_trace(item.traced_as):
            raise Refused(  # to be tried again: Opik may need a moment to show what it took
                f"Opik has no trace {item.traced_as}: it was deleted there", status=404, retry=True
            )
        server.write_spans([explanation_json(item, self.project, time.time_ns())])
        server.attach(
            self.project,
            "span",
            explanation_span_id(item.call),
            {
                "heatmap.svg": ("image/svg+xml", to_svg(explanation).encode()),
                "heatmap.html": (
                    "text/html",
                    to_html(explanation, title=item.call.name).encode(),
                ),
                "explanation.json": ("application/json", explanation.model_dump_json().encode()),
            },
        )
        of_span, of_trace = fidelity_scores(item, self.project)
        server.write_scores("span", of_span)
        server.write_scores("trace", of_trace)


def _settled(results: Sequence[Receipt | Refused]) -> list[Outcome]:
    """Refusals as outcomes.

    Raises:
        TrackerUnavailable: the server fails with 5xx on everything; that is counted against none.
    """
    faults = [r for r in results if isinstance(r, Refused) and r.status >= 500]
    if faults and len(faults) == len(results):
        raise TrackerUnavailable(f"{faults[0]}; nothing needs to be done, it is tried again")
    return [
        Rejected(reason=str(result), retry=result.retry) if isinstance(result, Refused) else result
        for result in results
    ]


def _batches(traces: Sequence[Trace]) -> Iterator[list[Trace]]:
    """Whole traces in groups of at most `SPANS_PER_REQUEST` spans; a larger trace goes alone."""
    batch: list[Trace] = []
    room = SPANS_PER_REQUEST
    for trace in traces:
        if batch and len(trace.spans) > room:
            yield batch
            batch, room = [], SPANS_PER_REQUEST
        batch.append(trace)
        room -= len(trace.spans)
    if batch:
        yield batch
