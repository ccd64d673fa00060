"""Requests about traces: their spans, attachments, tags and assessments."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from functools import partial

from google.protobuf.message import DecodeError
from mlflow.entities import AssessmentSource, Feedback, Trace
from mlflow.entities.span import Span as MlflowSpan
from mlflow.entities.trace_info import TraceInfo
from mlflow.tracing.attachments import Attachment
from mlflow.tracing.constant import TraceTagKey
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from smile_trace.records import Span
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.batches import pages
from smile_trace.trackers.otlp import MEDIA_TYPES, to_protobuf
from smile_trace_mlflow.server.connection import Connection, delete_files

SOURCE = AssessmentSource(source_type="CODE", source_id="smile-trace")
USER = AssessmentSource(source_type="HUMAN", source_id="user")
PAGE = 500
"""Traces that are listed in one request."""
_OTLP_PATH = "/v1/traces"


class TraceRequests(Connection):
    """Reads and writes traces."""

    def post_spans(self, spans: Sequence[Span], experiment_id: str | None = None) -> None:
        """Send spans by OTLP; the server takes all or none. Raises like `calling`."""
        self.post(to_protobuf(spans), experiment_id)

    def post(self, encoded: bytes, experiment_id: str | None = None) -> None:
        """Send spans that `to_protobuf` has encoded."""
        with self.calling():
            answer = http_request(  # type: ignore[no-untyped-call]
                get_default_host_creds(self.uri),  # type: ignore[no-untyped-call]
                _OTLP_PATH,
                "POST",
                max_retries=0,
                raise_on_status=False,
                extra_headers={
                    "Content-Type": MEDIA_TYPES["protobuf"],
                    "x-mlflow-experiment-id": experiment_id or self.experiment_id,
                },
                data=encoded,
            )
        if answer.status_code == 501:
            raise TrackerUnavailable(
                f"MLflow at {self.uri} keeps its data in files and accepts no OpenTelemetry spans: "
                "start it with --backend-store-uri sqlite:///mlflow.db or another database."
            )
        if answer.status_code == 404:
            raise TrackerUnavailable(
                f"{self.uri} has no {_OTLP_PATH}: point MLFLOW_TRACKING_URI at an MLflow server "
                "of version 3.17 or newer."
            )
        if answer.status_code != 200:
            raise self._error(answer.status_code, answer.text, answer.headers)
        try:
            ExportTraceServiceResponse().ParseFromString(answer.content)
        except DecodeError as error:  # a proxy's page, say: nothing was taken
            raise self._service.wrong() from error

    def holds_spans(self, trace_id: str) -> bool:
        """Whether the trace has its spans in the database. A span added to a trace whose spans are
        in a file would hide that file."""
        info = self.trace_info(trace_id)
        with self.calling():
            held = None if info is None else info.tags.get(TraceTagKey.SPANS_LOCATION)
        return held == "TRACKING_STORE"

    def trace_info(self, trace_id: str) -> TraceInfo | None:
        """Return the server's record of a trace; None if there is none."""
        return self.found(lambda: self.tracing.get_trace_info(trace_id))

    def trace_infos(self, trace_ids: Sequence[str]) -> list[TraceInfo]:
        """Return the server's records of the traces of these ids that exist."""
        found: list[TraceInfo] = []
        for first in range(0, len(trace_ids), PAGE):
            with self.calling():
                found += self.tracing.store.batch_get_trace_infos(
                    list(trace_ids[first : first + PAGE])
                )
        return found

    def trace(self, trace_id: str) -> Trace | None:
        """Return a trace with its spans; None if there is none of that id."""
        return self.found(lambda: self.tracing.get_trace(trace_id))

    def spans(self, trace_id: str) -> list[MlflowSpan]:
        """Return the finished spans of a trace; none if they have not arrived."""
        trace = self.trace(trace_id)
        with self.calling():
            return [] if trace is None else [s for s in trace.data.spans if s.end_time_ns]

    def search_traces(
        self, experiment_id: str, wanted: str, limit: int, token: str | None = None
    ) -> "tuple[list[TraceInfo], str | None]":
        """Return a page of traces without spans, the earliest first, and the next page's token."""
        with self.calling():
            page = self.tracing.store.search_traces(
                locations=[experiment_id],
                filter_string=wanted,
                max_results=limit,
                order_by=["timestamp_ms ASC"],
                page_token=token,
            )
        return list(page[0]), page[1] or None

    def evaluated_traces(self, run_id: str) -> list[TraceInfo]:
        """Return the traces of a run without their spans, the earliest first; empty if there is no
        such run."""
        if not run_id.isalnum():  # it goes into a filter
            return []
        run = self.found(lambda: self._client.get_run(run_id))
        if run is None:
            return []
        return self._all_traces(str(run.info.experiment_id), f"attribute.run_id = '{run_id}'")

    def tagged_traces(self, tag: str, value: str) -> list[TraceInfo]:
        """Return the experiment's traces with that tag; `value` must be alphanumeric."""
        if not value.isalnum():  # it goes into a filter
            return []
        return self._all_traces(self.experiment_id, f"tags.`{tag}` = '{value}'")

    def _all_traces(self, experiment_id: str, wanted: str) -> list[TraceInfo]:
        listed = pages(partial(self.search_traces, experiment_id, wanted, PAGE))
        return [info for page in listed for info in page]

    def traces(self, trace_ids: Sequence[str]) -> "list[Trace]":
        """Return the traces of these ids that exist, with their spans."""
        with self.calling():
            return self.tracing.batch_get_traces(list(trace_ids))

    def attach(self, info: TraceInfo, key: str, content_type: str, content: bytes) -> str:
        """Upload an attachment of a trace and return its reference. MLflow's ids are random; ours
        is a hash of `key`, so that delivering again overwrites the attachment."""
        attachment = Attachment(content_type=content_type, content_bytes=content)
        attachment._id = self.attachment_id(key)
        with self.calling():
            self._artifacts.of_trace(info).upload_attachment(attachment.id, content)
        return attachment.ref(info.trace_id)

    @staticmethod
    def attachment_id(key: str) -> str:
        """Return the id of an attachment that is made from `key`."""
        return str(uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4))

    def delete_trace(self, info: TraceInfo) -> None:
        """Delete a trace, its files first, which MLflow would leave behind."""
        with self.calling():
            delete_files(self._artifacts.of_trace(info), None)
            self.tracing.delete_traces(str(info.experiment_id), trace_ids=[info.trace_id])

    def tag_trace(self, trace_id: str, key: str, value: str) -> None:
        """Set a tag; a repetition changes nothing."""
        with self.calling():
            self.tracing.set_trace_tag(trace_id, key, value)

    def give_feedback(
        self,
        info: TraceInfo,
        name: str,
        value: str | float | None,
        *,
        span_id: str | None,
        rationale: str,
        by_user: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Set a value on a span, or on the trace if `span_id` is None; None removes the value.
        Values of one name with other `metadata` are separate. `by_user`: an application's user gave
        it."""
        source = USER if by_user else SOURCE
        feedback = Feedback(
            name=name,
            value=value,
            source=source,
            span_id=span_id,
            rationale=rationale,
            metadata=dict(metadata) if metadata else None,
        )
        what = name, span_id, source.source_id, metadata or {}
        with self.calling():
            ours = [
                a
                for a in info.assessments
                if (a.name, a.span_id, a.source.source_id, _own(a.metadata)) == what
            ]
            if value is None:
                for assessment in ours:
                    self.tracing.delete_assessment(info.trace_id, str(assessment.assessment_id))
            elif not ours:
                self.tracing.log_assessment(info.trace_id, feedback)
            elif (getattr(ours[0], "value", None), ours[0].rationale) != (value, rationale):
                self.tracing.update_assessment(info.trace_id, str(ours[0].assessment_id), feedback)

    def take_feedback(self, info: TraceInfo, name: str, *, besides: str | None = None) -> None:
        """Remove our values of that name from every span, except from the span `besides`."""
        with self.calling():
            for a in info.assessments:
                if (a.name, a.source.source_id) == (name, SOURCE.source_id) and (
                    besides is None or a.span_id != besides
                ):
                    self.tracing.delete_assessment(info.trace_id, str(a.assessment_id))


def _own(metadata: Mapping[str, object] | None) -> dict[str, str]:
    """Return the metadata of an assessment without MLflow's own."""
    return {k: str(v) for k, v in (metadata or {}).items() if not k.startswith("mlflow.")}
