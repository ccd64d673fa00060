"""The tracker: what of a trace and its explanations goes where in MLflow."""

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.presentable import check_address, presentable
from smile_trace.errors import ReasonCode
from smile_trace.records import JSON, Record, Trace
from smile_trace.records.formats.otlp import spans_to_otlp
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.records.report import Report
from smile_trace.render import to_svg, to_svg_strips
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
from smile_trace.trackers.http import RequestRejected
from smile_trace.trackers.late_span import Parent, find_parent
from smile_trace.trackers.presentation import path_span_id
from smile_trace_mlflow import reviews
from smile_trace_mlflow.assessments import (
    assess,
    assess_profile,
    assess_unexplained,
    give_user_feedback,
)
from smile_trace_mlflow.comparisons import deliver_comparison
from smile_trace_mlflow.documents import placed_documents
from smile_trace_mlflow.forgetting import STATUS_TAG, forget_trace, picture_key
from smile_trace_mlflow.paths import deliver_path, find_places
from smile_trace_mlflow.prompts import prompt_template
from smile_trace_mlflow.reports import deliver_report
from smile_trace_mlflow.runs import day_of, deliver_day
from smile_trace_mlflow.spans import (
    EXTERNAL_SPAN,
    explanation_span,
    external_ids,
    held,
    mlflow_trace_id,
    shown_in,
    spans_for_mlflow,
)

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion
    from mlflow.entities.span import Span as MlflowSpan
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

SPANS_PER_REQUEST = 400
"""MLflow took about 160 traces a second in batches of this size."""
WIDTH, HEIGHT = 700, 200
"""Size of a picture: MLflow draws none higher than 200 pixels in a span's outputs."""
WHOLE = "all in one picture (click)"
"""The name of the picture that is not cut into strips."""


class MLflowOptions(Record):
    """The options of `[trackers.mlflow]`."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    tracking_uri: str | None = None
    """By default MLFLOW_TRACKING_URI."""
    experiment: str | None = None
    """Its name; by default MLFLOW_EXPERIMENT_NAME, then MLflow's own default."""
    ui_url: str | None = None
    """Where people open MLflow; by default the tracking URI."""
    max_reply_mb: float = Field(MAX_REPLY_MB, gt=0, le=1024)
    """Megabytes that a reply may have; a larger one is not read."""


class Place(NamedTuple):
    """Where something is put: under which span, in which trace, and the spans that this has where
    it is the application's own."""

    parent: Parent
    info: "TraceInfo"
    own: "Sequence[MlflowSpan] | None"


class MLflowTracker(Tracker):
    """Delivers to one experiment of one MLflow server."""

    name: ClassVar[str] = "mlflow"
    capabilities: ClassVar[Capabilities] = Capabilities(
        external_traces=True,
        comparisons=True,
        reports=True,
        forgets=True,
        paths=True,
        profiles=True,
        unexplained=True,
        reviews=True,
    )

    def __init__(self, server: "Server", ui_url: str) -> None:
        self._server = server
        self._ui_url = ui_url.rstrip("/")

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "MLflowTracker | None":
        """The tracker for `[trackers.mlflow]`, else for MLFLOW_TRACKING_URI, else None.

        Raises:
            ValueError: an unknown option, no usable address, or mlflow is not installed.
        """
        checked = read_options(MLflowOptions, "mlflow", options)
        uri = checked.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
        if not uri and not options:
            return None
        if urlsplit(uri).scheme not in ("http", "https"):
            raise ValueError(
                f"MLflow's tracking address is {presentable(uri) or 'not set'}: set "
                "tracking_uri of [trackers.mlflow] or MLFLOW_TRACKING_URI to the http(s) address "
                "of an MLflow server (mlflow server --backend-store-uri sqlite:///mlflow.db "
                "starts one)"
            )
        login = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        check_address(uri, "MLflow's tracking address", login)
        check_address(checked.ui_url or "", "ui_url of [trackers.mlflow]", login)
        if find_spec("mlflow") is None:
            raise ValueError(
                "deliveries to MLflow need mlflow: pip install 'smile-trace[mlflow]', or set "
                "enabled = false in [trackers.mlflow]"
            )
        from smile_trace_mlflow.server import Server

        experiment = checked.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME")
        ui_url = checked.ui_url or uri
        return cls(Server(uri, experiment, max_reply_mb=checked.max_reply_mb), ui_url)

    def check(self) -> bool:
        """See `Tracker.check`."""
        self._server.check()
        return True

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`; spans are upserted by their ids."""
        settled = [self._external(item) for item in items]
        ours = [i for i, outcome in enumerate(settled) if outcome is None]
        for batch in split(ours, lambda i: len(items[i].trace.spans), SPANS_PER_REQUEST):
            results = deliver_batch([items[i].trace for i in batch], self._send)
            for i, result in zip(batch, results, strict=True):
                settled[i] = result.outcome if isinstance(result, RequestRejected) else result
        return [outcome for outcome in settled if outcome is not None]

    def _external(self, item: CapturedTrace) -> Outcome | None:
        """The outcome where the user's own trace takes the place of ours, else None."""
        ids = external_ids(item.trace)
        if not ids:
            return None
        try:
            missing = [trace_id for trace_id in ids if not self._server.holds_spans(trace_id)]
            info = None if missing else self._server.trace_info(ids[0])
            if not missing:
                self._link_prompts(item.trace, ids[0])
                self._give_user_feedback(item.trace, ids[0])
        except RequestRejected as rejected:
            return rejected.outcome
        if not missing:
            return Receipt(external_id=ids[0], url=self._url(ids[0], info))
        if mlflow_trace_id(item.trace) in ids:  # it was read from here, and is not made anew
            return self._not_to_be_added_to(missing[0])
        if item.wait_for_external:
            return Deferred(reason=f"the application's own MLflow trace {missing[0]} is not there")
        return None

    def _not_to_be_added_to(self, trace_id: str) -> Rejected:
        """Why nothing can be put into a trace that was read from here."""
        if self._server.trace_info(trace_id) is None:
            return _gone(trace_id)
        return Rejected(
            reason=f"MLflow keeps the spans of {trace_id} as a file, which a span of ours would "
            "hide: smile-trace explain shows its explanation",
            retry=False,
        )

    def _send(self, traces: Sequence[Trace]) -> list[Outcome]:
        spans = [span for trace in traces for span in spans_for_mlflow(trace)]
        self._server.post_spans(spans_to_otlp(spans))
        ids = [mlflow_trace_id(trace) for trace in traces]
        for trace, trace_id in zip(traces, ids, strict=True):
            self._link_prompts(trace, trace_id)
            self._give_user_feedback(trace, trace_id)
        return [Receipt(external_id=trace_id, url=self._url(trace_id)) for trace_id in ids]

    def _link_prompts(self, trace: Trace, trace_id: str) -> None:
        """Link the versions of MLflow's registry whose very template was used."""
        uses = {(p.name, p.version, p.template) for call in trace.calls for p in call.prompts}
        found = [held for use in sorted(uses) if (held := self._registered(*use)) is not None]
        if found:
            self._server.link_prompts(trace_id, found)

    def _give_user_feedback(self, trace: Trace, trace_id: str) -> None:
        info = self._server.trace_info(trace_id) if trace.feedback else None
        if info is not None:
            give_user_feedback(self._server, info, trace)

    def _registered(self, name: str, version: str, template: str) -> "PromptVersion | None":
        held = self._server.prompt_version(name, version)
        if held is None or not isinstance(held.template, str):
            return None
        try:
            return held if prompt_template(held.template) == template else None
        except ValueError:
            return None

    def _url(self, trace_id: str, info: "TraceInfo | None" = None) -> str:
        """Where it is seen; one of the user's own may stand in another experiment than ours."""
        experiment = self._server.experiment_id if info is None else info.experiment_id
        return f"{self._ui_url}/#/experiments/{experiment}/traces/{trace_id}"

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`: into the trace first, then into the day's run."""
        settled: list[Outcome] = []
        days: dict[str, list[int]] = {}
        for i, item in enumerate(items):
            try:
                settled.append(self._deliver_into_trace(item))
            except RequestRejected as rejected:
                settled.append(rejected.outcome)
            if isinstance(settled[i], Receipt):
                days.setdefault(day_of(item.explanation), []).append(i)
        for day, indices in days.items():
            try:
                deliver_day(self._server, day, [items[i] for i in indices])
            except RequestRejected as rejected:
                for i in indices:
                    settled[i] = rejected.outcome
        return settled

    def _deliver_into_trace(self, item: ExplainedCall) -> Outcome:
        """Pictures first, then the span that shows them, then the assessments and the tag."""
        call, explanation = item.call, item.explanation
        found = self._place(item)
        if not isinstance(found, Place):
            return found
        parent, info, own = found
        drawn = to_svg_strips(explanation, width=WIDTH, height=HEIGHT)
        if len(drawn) > 1:  # MLflow shows a picture in its own size where it is clicked
            drawn[WHOLE] = to_svg(explanation, width=WIDTH)
        pictures = {
            name: self._server.attach(info, picture_key(call.id, i), "image/svg+xml", svg.encode())
            for i, (name, svg) in enumerate(drawn.items())
        }
        span = explanation_span(item, parent, pictures)
        self._server.post_spans(spans_to_otlp([span]), str(info.experiment_id))
        with self._server.reading():
            documents = list(placed_documents(item, parent.span_id, own))
        assess(self._server, info, parent.span_id, item, documents)
        self._server.tag_trace(parent.trace_id, STATUS_TAG, explanation.fidelity.status)
        return Receipt(external_id=span.span_id, url=self._url(parent.trace_id, info))

    def deliver_paths(self, items: Sequence[ExplainedPath]) -> list[Outcome]:
        """See `Tracker.deliver_paths`: late spans, a column of the list, a page of the day."""
        return outcomes(deliver_each(items, self._deliver_path))

    def _deliver_path(self, item: ExplainedPath) -> Outcome:
        places, trace_id = find_places(self._server, item), item.traced_as
        if places is None:
            return Deferred(reason=f"the spans of {trace_id} have not arrived yet")
        info = self._server.trace_info(trace_id)
        if info is None:
            return _gone(trace_id)
        deliver_path(self._server, item, places, info)
        return Receipt(external_id=path_span_id(item.path.trace_id), url=self._url(trace_id, info))

    def deliver_profiles(self, items: Sequence[ProfiledCall]) -> list[Outcome]:
        """See `Tracker.deliver_profiles`: an assessment of the call's span for each probe."""
        return outcomes(deliver_each(items, self._assess))

    def deliver_unexplained(self, items: Sequence[UnexplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_unexplained`: an assessment of the call's span."""
        return outcomes(deliver_each(items, self._assess))

    def _assess(self, item: ProfiledCall | UnexplainedCall) -> Outcome:
        found = self._place(item)
        if not isinstance(found, Place):
            return found
        parent, info, _ = found
        if isinstance(item, ProfiledCall):
            assess_profile(self._server, info, parent.span_id, item)
        else:
            assess_unexplained(self._server, info, parent.span_id, item)
        return Receipt(external_id=parent.trace_id, url=self._url(parent.trace_id, info))

    def _place(
        self, item: ExplainedCall | ProfiledCall | UnexplainedCall
    ) -> "Place | Deferred | Rejected":
        """Where something goes: to the call's span, or one of the application's own trace; else
        why there is none."""
        call, own = item.call, None
        parent: Parent | None = Parent(item.traced_as, call.span_id, call.start_ns, call.end_ns)
        if item.traced_as != mlflow_trace_id(item.trace):
            trace_id = shown_in(item)
            own = self._server.spans(trace_id)
            with self._server.reading():
                noted = call.external_trace.get(EXTERNAL_SPAN)
                parent = find_parent(trace_id, held(own), call, noted)
        if parent is None:
            return Deferred(reason=f"the spans of {item.traced_as} have not arrived yet")
        info = self._server.trace_info(parent.trace_id)
        return _gone(parent.trace_id) if info is None else Place(parent, info, own)

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """See `Tracker.deliver_comparison`: one run per version, found by a tag."""
        try:
            return deliver_comparison(self._server, item, self._ui_url, self._registered)
        except RequestRejected as rejected:
            return rejected.outcome

    def deliver_report(self, report: Report) -> Outcome:
        """See `Tracker.deliver_report`: one run, found by a tag."""
        try:
            return deliver_report(self._server, report, self._ui_url, self._registered)
        except RequestRejected as rejected:
            return rejected.outcome

    def send_for_review(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        """See `Tracker.send_for_review`; each variant is a trace of its own."""
        reviews.MLflowQueues(self._server).send(queue, tasks)

    def read_reviews(self, queue: str) -> list[Judgement]:
        """See `Tracker.read_reviews`."""
        return reviews.MLflowQueues(self._server).read(queue)

    def forget(self, items: Sequence[ForgottenTrace]) -> list[Outcome]:
        """See `Tracker.forget`; of a trace that the application itself made, only what is ours."""
        results = deliver_each(items, lambda item: forget_trace(self._server, item))
        return outcomes(results)


def _gone(trace_id: str) -> Rejected:
    return Rejected(
        reason=f"the trace {trace_id} is gone from MLflow: it was deleted there",
        code=ReasonCode.NOT_FOUND,
        retry=False,
    )
