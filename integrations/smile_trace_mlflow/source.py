"""The source: traces in MLflow, as its autologging and `@mlflow.trace` wrote them."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from smile_trace._guards import foreign
from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.foreign import ForeignDataError
from smile_trace._guards.presentable import check_address, presentable
from smile_trace.dialects import is_ours
from smile_trace.dialects.registry import known
from smile_trace.records import JSON, Record, Span
from smile_trace.sources.kit import asking, own_ids, read_options, readable, whole_milliseconds
from smile_trace.sources.protocol import Page, Source, SourceUnavailable
from smile_trace.trackers.presentation import EXPLANATION
from smile_trace_mlflow.prompts import with_templates

if TYPE_CHECKING:
    from mlflow.entities import Trace as MlflowTrace
    from mlflow.entities.span import Span as MlflowSpan
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

_STATUS = {"OK": "ok", "ERROR": "error"}
_OF_TRACE = ("mlflow.trace.session", "mlflow.trace.user")
"""Metadata of a trace that is read for each of its calls."""


class MLflowSourceOptions(Record):
    """The options of `[sources.mlflow]`."""

    tracking_uri: str | None = None
    """Defaults to that of `[trackers.mlflow]`, then MLFLOW_TRACKING_URI."""
    experiments: tuple[str, ...] = ()
    """Names of the experiments whose traces are read."""
    filter: str | None = None
    """A filter of MLflow's search; only traces that it finds are read: `tag.env = 'production'`."""
    max_reply_mb: float = Field(MAX_REPLY_MB, gt=0, le=1024)
    """Largest reply in megabytes; a larger one is not read."""


class MLflowSource(Source):
    """Reads the traces of one MLflow server."""

    name: ClassVar[str] = "mlflow"

    def __init__(self, server: "Server", options: MLflowSourceOptions) -> None:
        self._server = server
        self._options = options

    @classmethod
    def from_settings(
        cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]
    ) -> "MLflowSource":
        """See `Source.from_settings`. Raises `ValueError` on an unknown option, or if there is no
        usable address or mlflow is not installed."""
        checked = read_options(MLflowSourceOptions, cls.name, options)
        uri = checked.tracking_uri or str(tracker.get("tracking_uri") or "")
        uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
        if urlsplit(uri).scheme not in ("http", "https"):
            raise ValueError(
                f"MLflow's tracking address is {presentable(uri) or 'not set'}: set "
                "MLFLOW_TRACKING_URI, or tracking_uri of [sources.mlflow], to the http(s) address "
                "of the MLflow server that holds the traces"
            )
        login = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        check_address(uri, "MLflow's tracking address", login)
        if find_spec("mlflow") is None:
            raise ValueError("reading MLflow needs mlflow: pip install 'smile-trace[mlflow]'")
        from smile_trace_mlflow.server import Server

        return cls(Server(uri, None, max_reply_mb=checked.max_reply_mb), checked)

    @classmethod
    def owns(cls, trace_id: str) -> bool:
        """See `Source.owns`: `tr-` and 32 hex digits."""
        return trace_id.startswith("tr-")

    @property
    def places(self) -> Sequence[str]:
        """See `Source.places`: the experiments."""
        return self._options.experiments

    def read(self, trace_id: str) -> tuple[Span, ...]:
        with asking(), self._server.reading():
            found = self._server.trace(trace_id)
            return () if found is None else self._spans(found)

    def evaluated(self, run_id: str) -> Sequence[str]:
        """See `Source.evaluated`: the rows' traces of a run of `mlflow.genai.evaluate`."""
        with asking(), self._server.reading():
            infos = self._server.evaluated_traces(run_id)
            return [info.trace_id for info in infos if not by_judge(info)]

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        with asking(), self._server.reading():
            experiment = self._server.experiment_named(place)
            if experiment is None:
                raise SourceUnavailable(
                    f"MLflow at {self._server.uri} has no experiment {place!r}: correct "
                    "experiments of [sources.mlflow]"
                )
            infos, until_ms = self._infos(experiment, since_ms, until_ms, limit)
            wanted = [info.trace_id for info in infos if not by_judge(info)]
            found = self._server.traces(wanted) if wanted else []
            read = (readable(one.info.trace_id, partial(self._spans, one)) for one in found)
            return Page(traces=tuple(filter(None, read)), until_ms=until_ms)

    def _spans(self, trace: "MlflowTrace") -> tuple[Span, ...]:
        """Return the finished spans of a trace without ours, with the templates of its prompts."""
        return with_templates(self._server, trace.info.tags or {}, spans_of(trace))

    def _infos(
        self, experiment: str, since_ms: int, until_ms: int, limit: int
    ) -> "tuple[list[TraceInfo], int]":
        """Return the earliest traces, and the time before which they are complete."""
        wanted = f"trace.timestamp_ms >= {since_ms} AND trace.timestamp_ms < {until_ms}"
        if self._options.filter:
            wanted += f" AND {self._options.filter}"

        def listed(token: str | None) -> "tuple[list[TraceInfo], str | None]":
            return self._server.search_traces(experiment, wanted, limit, token)

        return whole_milliseconds(listed, lambda info: int(info.request_time), until_ms)


def by_judge(info: "TraceInfo") -> bool:
    """Whether a judge made the trace while it scored an evaluation."""
    return "mlflow.trace.sourceScorer" in (info.tags or {})


def spans_of(trace: "MlflowTrace") -> tuple[Span, ...]:
    """Return the finished spans of a trace without ours."""
    metadata = trace.info.trace_metadata or {}
    about = {name: metadata[name] for name in _OF_TRACE if metadata.get(name)}
    found = (
        _span(span, trace.info.trace_id, about) for span in trace.data.spans if span.end_time_ns
    )
    return tuple(span for span in found if not is_ours(span) and EXPLANATION not in span.attributes)


def _attribute(name: str, value: JSON) -> JSON:
    """Return a value as written: MLflow encodes attributes of the conventions as JSON, too."""
    if not isinstance(value, str) or "." not in name or name.startswith("mlflow."):
        return value
    try:
        decoded: JSON = foreign.decode(value)
    except ForeignDataError:
        return value
    return decoded


def _span(span: "MlflowSpan", trace_id: str, about: Mapping[str, str]) -> Span:
    """Read a span of MLflow as its OTLP export writes it, with JSON in every attribute."""
    raw = span.to_dict()
    attributes = {name: _attribute(name, value) for name, value in raw["attributes"].items()}
    if about:
        attributes["mlflow.traceMetadata"] = json.dumps(about)
    attributes |= own_ids(MLflowSource.name, trace_id, span.span_id)
    foreign.check(attributes)
    read = Span(
        trace_id=trace_id.removeprefix("tr-"),
        span_id=span.span_id,
        parent_id=span.parent_id,
        name=span.name,
        start_ns=span.start_time_ns,
        end_ns=span.end_time_ns,
        attributes=attributes,
        events=tuple(
            {"name": event.name, "time_ns": event.timestamp, "attributes": dict(event.attributes)}
            for event in span.events
        ),
        status=_STATUS.get(span.status.status_code.value, "unset"),
        status_message=span.status.description or "",
    )
    return _as_sent(read)


def _as_sent(span: Span) -> Span:
    """Drop MLflow's additions to another instrumentor's span if a dialect reads it without them."""
    others = {n: v for n, v in span.attributes.items() if not n.startswith("mlflow.")}
    bare = span.model_copy(update={"attributes": others})
    return bare if any(dialect.recognises(bare) for dialect in known()) else span
