"""The tracker: what of a trace and its explanations goes where in MLflow."""

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from smile_trace.records import JSON, Span, Trace
from smile_trace.records.otlp import spans_to_otlp
from smile_trace.render import to_svg_strips
from smile_trace.trackers import CapturedTrace, ExplainedCall, NotYet, Outcome, Receipt, Refusal

if TYPE_CHECKING:
    from smile_trace_mlflow.server import Server

FEEDBACK = "smile.fidelity_r2"
STATUS_TAG = "smile.status"
SPANS_PER_REQUEST = 400
"""MLflow took about 160 traces a second in batches of this size."""
WIDTH, HEIGHT = 700, 200
"""Size of a picture: MLflow draws none higher than 200 pixels in a span's outputs."""
OPTIONS = ("tracking_uri", "experiment", "ui_url")


class MLflowTracker:
    """Delivers to one experiment of one MLflow server."""

    name: ClassVar[str] = "mlflow"

    def __init__(self, server: "Server", ui_url: str) -> None:
        self._server = server
        self._ui_url = ui_url.rstrip("/")

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "MLflowTracker | None":
        """The tracker for `[trackers.mlflow]`, else for MLFLOW_TRACKING_URI, else None.

        Options: `tracking_uri`, `experiment` (a name; by default MLFLOW_EXPERIMENT_NAME, then
        MLflow's own default), `ui_url` (where people open MLflow, by default the tracking URI).

        Raises:
            ValueError: an unknown option, no usable address, or mlflow is not installed.
        """
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise ValueError(
                f"[trackers.mlflow] has no option {unknown[0]!r}: it takes {', '.join(OPTIONS)}"
            )
        uri = str(options.get("tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI") or "")
        if not uri and not options:
            return None
        if urlsplit(uri).scheme not in ("http", "https"):
            raise ValueError(
                f"MLflow's tracking address is {uri or 'not set'}: set tracking_uri of "
                "[trackers.mlflow] or MLFLOW_TRACKING_URI to the http(s) address of an MLflow "
                "server (mlflow server --backend-store-uri sqlite:///mlflow.db starts one)"
            )
        if find_spec("mlflow") is None:
            raise ValueError(
                "deliveries to MLflow need mlflow: pip install 'smile-trace[mlflow]', or set "
                "enabled = false in [trackers.mlflow]"
            )
        from smile_trace_mlflow.server import Server

        experiment = options.get("experiment") or os.environ.get("MLFLOW_EXPERIMENT_NAME")
        server = Server(uri, None if experiment is None else str(experiment))
        return cls(server, str(options.get("ui_url") or uri))

    def close(self) -> None:
        """Nothing to close: MLflow's client keeps its connections for the process."""

    # -- traces -----------------------------------------------------------------------------

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`; spans are upserted by their ids."""
        outcomes: list[Outcome | None] = [self._look_for_linked(item) for item in items]
        ours = [i for i, outcome in enumerate(outcomes) if outcome is None]
        for batch in _batches(ours, [len(item.trace.spans) for item in items]):
            for i, outcome in zip(batch, self._send([items[i].trace for i in batch]), strict=True):
                outcomes[i] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _look_for_linked(self, item: CapturedTrace) -> Outcome | None:
        """The user's own trace: its receipt, or NotYet; None where ours is to be sent."""
        from smile_trace_mlflow.spans import LINKED_TRACE, linked_ids

        calls = item.trace.calls
        if not calls or not all(LINKED_TRACE in call.linked for call in calls):
            return None
        ids = linked_ids(item.trace)
        if all(self._server.trace_info(trace_id) is not None for trace_id in ids):
            return Receipt(external_id=ids[0], url=self._url(ids[0]))
        if item.look_for_linked:
            return NotYet(reason=f"the application's own MLflow trace {ids[0]} is not there yet")
        return None

    def _send(self, traces: Sequence[Trace]) -> list[Outcome]:
        from smile_trace_mlflow.server import Refused
        from smile_trace_mlflow.spans import mlflow_trace_id, spans_for_mlflow

        spans: list[Span] = [span for trace in traces for span in spans_for_mlflow(trace)]
        try:
            self._server.post_spans(spans_to_otlp(spans))
            for trace in traces:
                self._link_prompts(trace)
        except Refused as refusal:
            # A batch is refused whole: each alone shows which one it was.
            if len(traces) > 1:
                return [outcome for trace in traces for outcome in self._send([trace])]
            return [Refusal(reason=str(refusal), retry=refusal.retry)]
        ids = [mlflow_trace_id(trace) for trace in traces]
        return [Receipt(external_id=trace_id, url=self._url(trace_id)) for trace_id in ids]

    def _link_prompts(self, trace: Trace) -> None:
        """Link the versions of MLflow's registry whose very template was used."""
        from smile_trace_mlflow.spans import mlflow_trace_id

        uses = {(p.name, p.version, p.template) for call in trace.calls for p in call.prompts}
        found = [version for use in sorted(uses) if (version := self._registered(*use))]
        if found:
            self._server.link_prompts(mlflow_trace_id(trace), found)

    def _registered(self, name: str, version: str, template: str) -> Any:
        from smile_trace_mlflow.prompts import single_braces

        held = self._server.prompt_version(name, version)
        if held is None or not isinstance(held.template, str):
            return None
        return held if single_braces(held.template) == template else None

    def _url(self, trace_id: str) -> str:
        return (
            f"{self._ui_url}/#/experiments/{self._server.experiment_id}/traces"
            f"?selectedEvaluationId={trace_id}"
        )

    # -- explanations -----------------------------------------------------------------------

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`."""
        from smile_trace_mlflow.runs import day_of, deliver_day
        from smile_trace_mlflow.server import Refused

        outcomes: list[Outcome] = []
        for item in items:
            try:
                outcomes.append(self._deliver_into_trace(item))
            except Refused as refusal:
                outcomes.append(Refusal(reason=str(refusal), retry=refusal.retry))
        taken = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Receipt)]
        by_day = sorted(taken, key=lambda i: day_of(items[i].explanation))
        for day, group in groupby(by_day, key=lambda i: day_of(items[i].explanation)):
            indices = list(group)
            try:
                deliver_day(self._server, day, [items[i] for i in indices])
            except Refused as refusal:
                for i in indices:
                    outcomes[i] = Refusal(reason=str(refusal), retry=refusal.retry)
        return outcomes

    def _deliver_into_trace(self, item: ExplainedCall) -> Outcome:
        """Picture first, then the span that shows it, then the number and the tag."""
        from smile_trace_mlflow.spans import explanation_span, rationale

        trace_id, parent_id, times = self._place(item)
        info = self._server.trace_info(trace_id)
        if info is None:
            return Refusal(reason=f"MLflow has no trace {trace_id}: it was deleted there")
        if times is None:
            times = self._server.span_times(trace_id, parent_id)
        if times is None:
            return NotYet(reason=f"the span {parent_id} of {trace_id} has not ended yet")
        explanation = item.explanation
        pictures = [
            self._server.attach(info, f"heatmap {i} of {item.call.id}", "image/svg+xml", s.encode())
            for i, s in enumerate(to_svg_strips(explanation, width=WIDTH, height=HEIGHT))
        ]
        span = explanation_span(
            item.call,
            explanation,
            otel_trace_id=trace_id.removeprefix("tr-"),
            parent_id=parent_id,
            times=times,
            pictures=pictures,
        )
        self._server.post_spans(spans_to_otlp([span]), str(info.experiment_id))
        r2 = explanation.fidelity.r2_heldout
        if r2 is not None:
            self._server.give_feedback(
                info, FEEDBACK, round(r2, 4), span_id=parent_id, rationale=rationale(explanation)
            )
        self._server.tag_trace(trace_id, STATUS_TAG, explanation.fidelity.status)
        return Receipt(external_id=span.span_id, url=self._url(trace_id))

    def _place(self, item: ExplainedCall) -> tuple[str, str, tuple[int, int] | None]:
        """Trace, LLM span and, where we know them, its times."""
        from smile_trace_mlflow.spans import LINKED_SPAN, LINKED_TRACE, mlflow_trace_id

        call = item.call
        if item.traced_as == mlflow_trace_id(item.trace):
            return item.traced_as, call.span_id, (call.start_ns, call.end_ns)
        return call.linked.get(LINKED_TRACE, item.traced_as), call.linked.get(LINKED_SPAN, ""), None


def _batches(indices: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    """Indices in groups of at most `SPANS_PER_REQUEST` spans; a larger trace goes alone."""
    batches: list[list[int]] = []
    room = 0
    for i in indices:
        if not batches or sizes[i] > room:
            batches.append([])
            room = SPANS_PER_REQUEST
        batches[-1].append(i)
        room -= sizes[i]
    return batches
