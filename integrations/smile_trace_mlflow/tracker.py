"""The tracker: where a trace and its explanations go in MLflow."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.presentable import check_address, presentable
from smile_trace.dialects.answers import steps_of
from smile_trace.dialects.documents import text_of
from smile_trace.errors import ReasonCode
from smile_trace.records import JSON, Call, Record, Trace
from smile_trace.records.report import Report
from smile_trace.render.phrases import NO_DRIVER
from smile_trace.render.text import short, signed
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ComparedPrompt,
    Deferred,
    ExplainedCall,
    ExplainedPath,
    ForgottenTrace,
    Outcome,
    Receipt,
    Rejected,
    UnexplainedCall,
    read_options,
)
from smile_trace.trackers.batches import Result, outcome_of, settled
from smile_trace.trackers.clients import without
from smile_trace.trackers.dashboard import Dashboard, gone, not_ours, own_place
from smile_trace.trackers.fields import external_traces
from smile_trace.trackers.late_span import HeldSpan, Parent, find_parent
from smile_trace.trackers.marks import Mark
from smile_trace.trackers.otlp import to_protobuf
from smile_trace.trackers.presentation import (
    DOCUMENT,
    NOT_MEASURED,
    SAID,
    HeatmapView,
    PathView,
    Presentation,
    ScoredDocument,
    View,
    feedback_scores,
)
from smile_trace_mlflow.comparisons import VERSION_TAG, deliver_comparison
from smile_trace_mlflow.prompts import prompt_template
from smile_trace_mlflow.reports import deliver_report, forget_reports
from smile_trace_mlflow.reviews import MLflowQueues, marks_of
from smile_trace_mlflow.runs import (
    Pictures,
    day_of,
    deliver_day,
    forget_in_days,
    write_path_page,
)
from smile_trace_mlflow.spans import (
    EXTERNAL_SPAN,
    EXTERNAL_TRACE,
    mlflow_id,
    shown_in,
    spans_for_mlflow,
)
from smile_trace_mlflow.views import empty_views, heatmap_span, path_spans, unexplained_span

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion
    from mlflow.entities.span import Span as MlflowSpan
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

STATUS_TAG = "smile.status"
CHUNK = "chunk_index"
"""The key by which MLflow's own judges name a retriever's document, counted from 0."""
_LLM_TYPES = ("CHAT_MODEL", "LLM")
_UNSAMPLED = (ReasonCode.NOT_SAMPLED, ReasonCode.STEP_OF_TRACE)
"""Why most calls are not explained; the final answer of their trace says what may be done."""


class MLflowOptions(Record):
    """The options of `[trackers.mlflow]`."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    tracking_uri: str | None = None
    """Defaults to MLFLOW_TRACKING_URI."""
    experiment: str | None = None
    """The experiment's name; by default MLFLOW_EXPERIMENT_NAME, then MLflow's own default."""
    ui_url: str | None = None
    """The address at which people open MLflow; by default the tracking URI."""
    max_reply_mb: float = Field(MAX_REPLY_MB, gt=0, le=1024)
    """Largest reply in megabytes; a larger one is not read."""


@dataclass(frozen=True)
class Place(Parent):
    """A span in a trace; `own` holds the trace's spans if it is the application's own."""

    info: "TraceInfo"
    own: "Sequence[MlflowSpan] | None" = None


class MLflowTracker(Dashboard):
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
        marks=True,
    )

    def __init__(self, server: "Server", ui_url: str) -> None:
        self._server = server
        self._ui_url = ui_url.rstrip("/")
        self._pictures = Pictures(server, self._ui_url)
        self.review_queues = MLflowQueues(server)

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "MLflowTracker | None":
        """Return the tracker for `[trackers.mlflow]` or MLFLOW_TRACKING_URI, else None. Raises
        `ValueError` on an unknown option, or if there is no usable address or no mlflow."""
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
        with without("pandas", "pyarrow"):
            from smile_trace_mlflow.server import Server

        experiment = checked.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME")
        server = Server(uri, experiment, max_reply_mb=checked.max_reply_mb)
        return cls(server, checked.ui_url or uri)

    def check(self) -> bool:
        self._server.check()
        return True

    def trace_id(self, trace: Trace) -> str:
        return mlflow_id(trace.trace_id)

    def trace_url(self, trace_id: str, info: "TraceInfo | None" = None) -> str:
        """See `Dashboard.trace_url`; a trace whose `info` is given is in its own experiment."""
        experiment = self._server.experiment_id if info is None else info.experiment_id
        return f"{self._ui_url}/#/experiments/{experiment}/traces/{trace_id}"

    # -- traces ------------------------------------------------------------------------------

    def may_have(self, trace: Trace) -> bool:
        return bool(external_traces(trace, EXTERNAL_TRACE))

    def find_trace(self, item: CapturedTrace) -> Outcome | None:
        trace, server = item.trace, self._server
        ids = external_traces(trace, EXTERNAL_TRACE)
        missing = [trace_id for trace_id in ids if not server.holds_spans(trace_id)]
        if ids and not missing:
            info = server.trace_info(ids[0])
            self._link_prompts(trace, ids[0])
            self._say_feedback(trace, ids[0])
            return Receipt(external_id=ids[0], url=self.trace_url(ids[0], info))
        if missing and mlflow_id(trace.trace_id) in ids:  # it was read from here, and not made anew
            if server.trace_info(missing[0]) is None:
                return gone("MLflow", missing[0])
            return Rejected(
                reason=f"MLflow keeps the spans of {missing[0]} as a file, which a span of ours "
                "would hide: smile-trace explain shows its explanation",
                retry=False,
            )
        if missing and item.wait_for_external:
            return Deferred(reason=f"the application's own MLflow trace {missing[0]} is not there")
        return None

    def prepare_spans(self, traces: Sequence[Trace]) -> Callable[[], None]:
        """See `Dashboard.prepare_spans`; spans are upserted by their ids."""
        encoded = to_protobuf(span for trace in traces for span in spans_for_mlflow(trace))

        def write() -> None:
            self._server.post(encoded)
            for trace in traces:
                self._link_prompts(trace, mlflow_id(trace.trace_id))
                self._say_feedback(trace, mlflow_id(trace.trace_id))

        return write

    def _link_prompts(self, trace: Trace, trace_id: str) -> None:
        """Link the versions of MLflow's registry whose very template was used."""
        uses = {(p.name, p.version, p.template) for call in trace.calls for p in call.prompts}
        versions = [held for use in sorted(uses) if (held := self._registered(*use)) is not None]
        if versions:
            self._server.link_prompts(trace_id, versions)

    def _registered(self, name: str, version: str, template: str) -> "PromptVersion | None":
        """Return the registry's version with that very template; None if there is none."""
        held = self._server.prompt_version(name, version)
        text = None if held is None else held.template
        try:
            same = isinstance(text, str) and prompt_template(text) == template
        except ValueError:
            same = False
        return held if same else None

    def _say_feedback(self, trace: Trace, trace_id: str) -> None:
        info = self._server.trace_info(trace_id) if trace.feedback else None
        if info is None:
            return
        for score in feedback_scores(trace):
            self._server.give_feedback(
                info, score.name, score.value, span_id=None, rationale=score.reason, by_user=True
            )

    def settle(self, results: Sequence[Result]) -> list[Outcome]:
        """See `Dashboard.settle`: MLflow also fails with 500 on items that it cannot write."""
        return [settled(result) for result in results]

    # -- into a trace ------------------------------------------------------------------------

    def find_place(self, shown: Presentation) -> "Place | Outcome":
        """See `Dashboard.find_place`: in our trace, or in the application's own."""
        item, call = shown.item, shown.call
        trace_id = item.traced_as if isinstance(item, ExplainedPath) else shown_in(item)
        parent: Parent | None = own_place(shown)
        own: list[MlflowSpan] | None = None
        if item.traced_as != mlflow_id(item.trace.trace_id):
            own = self._server.spans(trace_id)
            with self._server.reading():
                parent = _parent(trace_id, _held(own), call)
        if parent is None:
            return Deferred(reason=f"the spans of {item.traced_as} have not arrived yet")
        info = self._server.trace_info(trace_id)
        if info is None:
            return gone("MLflow", trace_id)
        return Place(trace_id, parent.span_id, parent.start_ns, parent.end_ns, info, own)

    def put_scores(self, place: Parent, shown: Presentation) -> None:
        """See `Dashboard.put_scores`.

        MLflow's list of traces mixes the scores of all spans, and shows the newest. So it is given
        those of the final answer alone, at its span, and of its documents that which matters most
        comes last; those of another call are attributes of its explanation's span, or, where it has
        none for another reason than sampling, of a span that says why. Scores that no longer apply
        are removed.
        """
        assert isinstance(place, Place)
        info, is_final = place.info, _is_final(shown, place)
        labels = {score.name: (score.label, score.reason) for score in shown.scores if is_final}
        span_id = None if shown.call is None else place.span_id
        for name in shown.names:
            label, reason = labels.get(name, (None, ""))
            self._server.give_feedback(info, name, label, span_id=span_id, rationale=reason)
            if is_final and span_id is not None:
                self._server.take_feedback(info, name, besides=span_id)
        if isinstance(shown.item, UnexplainedCall):
            self._say_why_not(place, shown.item, is_final=is_final)
        with self._server.reading():
            documents = list(_placed(shown, place))
        # One that made no difference comes before all others: it is shown where none did.
        for document in sorted(documents, key=lambda d: -1 if d.mattered is None else d.mattered):
            about = (
                {CHUNK: str(document.position), "smile.call": shown.call.id} if shown.call else {}
            )
            name, value = short(document.name), document.value
            label = f"{NOT_MEASURED if value is None else signed(value)} {name}"
            self._server.give_feedback(
                info,
                DOCUMENT,
                NO_DRIVER if document.mattered is None else label,
                span_id=document.span_id,
                rationale=document.reason,
                metadata={**about, "smile.document": name},
            )

    def _say_why_not(self, place: Place, item: UnexplainedCall, *, is_final: bool) -> None:
        if is_final:
            self._server.tag_trace(place.trace_id, STATUS_TAG, item.verdict)
        elif item.code not in _UNSAMPLED:
            span = unexplained_span(place, item)
            self._server.post_spans([span], str(place.info.experiment_id))

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        """See `Dashboard.put_view`: pictures, then their span, then the tag or a path's page."""
        assert isinstance(place, Place)
        server, info, trace = self._server, place.info, shown.item.trace
        experiment = str(info.experiment_id)
        if isinstance(view, PathView):
            spans = path_spans(server, info, place, _calls(trace, place), view, self._pictures)
            server.post_spans(list(spans), experiment)
            write_path_page(server, trace, view.path)
        elif isinstance(view, HeatmapView) and shown.call is not None:
            is_final = _is_final(shown, place)
            steps = len(steps_of(trace)) if is_final and not view.has_target else 0
            span = heatmap_span(server, info, place, view, self._pictures, steps=steps)
            server.post_spans([span], experiment)
            if is_final and not view.has_target:
                server.tag_trace(place.trace_id, STATUS_TAG, view.explanation.fidelity.status)
        return Receipt(external_id=view.span_id, url=self.trace_url(place.trace_id, info))

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`: into the traces, then into the run of the day."""
        results = super().deliver_explanations(items)
        days: dict[str, list[int]] = {}
        for number, (item, outcome) in enumerate(zip(items, results, strict=True)):
            if isinstance(outcome, Receipt) and item.is_of_answer:
                days.setdefault(day_of(item.explanation), []).append(number)
        for day, numbers in days.items():
            of_day = [items[number] for number in numbers]
            written = outcome_of(partial(deliver_day, self._server, day, of_day))
            if not isinstance(written, Receipt):
                for number in numbers:
                    results[number] = written
        return results

    # -- about prompts -----------------------------------------------------------------------

    def deliver_comparison(self, item: ComparedPrompt) -> Outcome:
        """See `Tracker.deliver_comparison`: one run per version, found by a tag."""
        return outcome_of(
            lambda: deliver_comparison(self._server, item, self._ui_url, self._registered)
        )

    def deliver_report(self, report: Report) -> Outcome:
        """See `Tracker.deliver_report`: one run, found by a tag."""
        return outcome_of(
            lambda: deliver_report(self._server, report, self._ui_url, self._registered)
        )

    # -- from people -------------------------------------------------------------------------

    def read_marks(self, trace_ids: Sequence[str]) -> list[Mark]:
        """See `Tracker.read_marks`: expectations, and feedback of people."""
        infos = self._server.trace_infos(trace_ids)
        with self._server.reading():
            return [mark for info in infos for mark in marks_of(info)]

    # -- forgetting --------------------------------------------------------------------------

    def forget_trace(self, item: ForgottenTrace) -> Outcome:
        """See `Dashboard.forget_trace`; only our part of the application's own trace is deleted."""
        own, server = mlflow_id(item.trace_id), self._server
        noted = {call.external_trace.get(EXTERNAL_TRACE) for call in item.calls}
        others = {trace_id for trace_id in (*noted, item.traced_as) if trace_id}
        if own not in noted:  # one that was read from MLflow has its id here, too
            others -= {own}
            if (info := server.trace_info(own)) is not None:
                server.delete_trace(info)
        there = [trace_id for trace_id in sorted(others) if self._leave(trace_id, item)]
        forget_in_days(server, item)
        forget_reports(server)
        prompts = {name for call in item.calls for name, _ in call.prompts}
        for run in server.runs_with(VERSION_TAG) if prompts else ():
            if run.data.params.get("prompt") in prompts:  # examples in it may quote the calls
                server.delete_run(run)
        if there:
            return not_ours(there, "the explanation was removed from it; delete the rest there")
        return Receipt(external_id=own)

    def _leave(self, trace_id: str, item: ForgottenTrace) -> bool:
        """Take the explanations out of a trace of the user's; return whether it exists."""
        info = self._server.trace_info(trace_id)
        if info is None:
            return False
        parents = empty_views(self._server, info, item)
        for span_id in parents:
            self._server.take_feedback(info, DOCUMENT)
            for name in SAID:
                self._server.give_feedback(info, name, None, span_id=span_id, rationale="")
        if parents:
            self._server.tag_trace(trace_id, STATUS_TAG, "forgotten")
        return True


def _is_final(shown: Presentation, place: Place) -> bool:
    """Whether it is about the trace, or the final answer in it; the application's own trace may
    hold some of our trace's calls."""
    if place.own is None:
        return shown.is_of_trace
    return shown.is_last_of(_inside(shown.item.trace, place))


def _inside(trace: Trace, place: Place) -> list[Call]:
    """Return the calls that stand in the application's own trace."""
    return [c for c in trace.calls if c.external_trace.get(EXTERNAL_TRACE) == place.trace_id]


def _held(spans: "Sequence[MlflowSpan]") -> list[HeldSpan]:
    """Return spans of the user's own trace as candidates for a parent."""
    return [
        HeldSpan(s.span_id, s.parent_id, s.span_type in _LLM_TYPES, s.start_time_ns, s.end_time_ns)
        for s in spans
    ]


def _parent(trace_id: str, spans: Sequence[HeldSpan], call: Call | None) -> Parent | None:
    """Return the span of a call in the application's own trace, or its root if `call` is None."""
    noted = None if call is None else call.external_trace.get(EXTERNAL_SPAN)
    return find_parent(trace_id, spans, call, noted)


def _calls(trace: Trace, place: Place) -> dict[str, Parent]:
    """Return the spans of a trace's calls by our ids, in our trace or the application's own."""
    if place.own is None:
        return {
            call.id: Parent(place.trace_id, call.span_id, call.start_ns, call.end_ns)
            for call in trace.calls
        }
    spans = _held(place.own)
    parents = {c.id: _parent(place.trace_id, spans, c) for c in _inside(trace, place)}
    return {call_id: parent for call_id, parent in parents.items() if parent is not None}


def _placed(shown: Presentation, place: Place) -> Iterator[ScoredDocument]:
    """Yield the documents of an explained call, each on the span that retrieved it, else the
    call's. In the application's own trace, retrievers' documents are matched by text."""
    if not shown.documents:
        return
    ours = {span.span_id for span in shown.item.trace.spans} if place.own is None else set()
    retrieved = _retrieved(place.own or ())
    for document in shown.documents:
        if document.span_id not in ours:
            otherwise = (place.span_id, document.position)
            there, position = retrieved.get(_alike(document.text), otherwise)
            document = document._replace(span_id=there, position=position)
        yield document


def _retrieved(spans: "Sequence[MlflowSpan]") -> dict[str, tuple[str, int]]:
    """Return, by a document's text, the first span that retrieved it and its position there."""
    places: dict[str, tuple[str, int]] = {}
    for span in spans:
        outputs = span.outputs if span.span_type == "RETRIEVER" else None
        for position, one in enumerate(outputs if isinstance(outputs, list) else ()):
            text = text_of(one) if isinstance(one, dict) else one
            if isinstance(text, str) and text.strip():
                places.setdefault(_alike(text), (str(span.span_id), position))
    return places


def _alike(text: str) -> str:
    return " ".join(text.split())
