"""Traces that are read over the API of a backend, where others write: the replies of MLflow."""

import contextlib
import json
from functools import cache
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records import Call, Span
from smile_trace.sources.protocol import SourceUnavailable
from smile_trace.worker.redaction import Redaction
from smile_trace_mlflow.server import Server
from smile_trace_mlflow.source import MLflowSource, MLflowSourceOptions
from tests.support.otlp_requests import recorded_requests, to_protobuf
from tests.support.readers.base import ForeignReader, decoded_reply
from tests.support.readers.spool_lines import assembled

ADDRESS = "http://127.0.0.1:9"
END = 2**42
"""Milliseconds: a day that no test sees."""


class _Answered(MLflowSource):
    """A source whose every request gets the same reply, as MLflow's client reads it."""

    def __init__(self) -> None:
        server: Any = Server(ADDRESS, None)
        server.experiment_named = lambda name: "1"
        server.tracing.store._call_endpoint = self._reply
        # As for traces whose spans are in the server's database, without the threads.
        server.tracing.batch_get_traces = server.tracing.store.batch_get_traces
        super().__init__(server, MLflowSourceOptions(experiments=("shop",)))
        self.document: Any = None

    def _reply(self, api: Any, *_: object, **__: object) -> Any:
        from mlflow.utils.proto_json_utils import parse_dict

        message = api.Response()
        parse_dict(self.document, message)
        return message


_source = cache(_Answered)


def read_reply(data: bytes) -> list[Call]:
    """The calls of every trace that is read of a reply, and of a page of traces."""
    calls: list[Call] = []
    try:
        _source().document = decoded_reply(data)
    except ForeignDataError:
        return calls
    with contextlib.suppress(SourceUnavailable):
        calls += calls_of(_source().read("tr-" + "1" * 32))
    with contextlib.suppress(SourceUnavailable):
        page = _source().page("shop", 0, END, 10)
        assert page.until_ms <= END
        calls += [call for spans in page.traces for call in calls_of(spans)]
    return calls


def calls_of(spans: tuple[Span, ...]) -> list[Call]:
    """The calls of a trace that was read; what is stored of it is read again."""
    for span in spans:
        assert Span.model_validate_json(span.model_dump_json()) == span
    clean = list(map(Redaction().without_secrets, spans))
    calls = [call for trace in assembled(clean) for call in trace.calls]
    for call in calls:
        assert Call.model_validate_json(call.model_dump_json()) == call
    return calls


def _seeds() -> list[bytes]:
    return [_reply_with(line) for line in recorded_requests()[::5]]


def _reply_with(line: bytes) -> bytes:
    """The reply that holds the recorded spans: of `batchGet`, and of `search`, in one."""
    from mlflow.protos import service_pb2
    from mlflow.utils.proto_json_utils import message_to_json

    sent = ExportTraceServiceRequest.FromString(to_protobuf(json.loads(line)))
    spans = [s for r in sent.resource_spans for g in r.scope_spans for s in g.spans]
    info = service_pb2.TraceInfoV3(
        trace_id=f"tr-{spans[0].trace_id.hex()}", state=service_pb2.TraceInfoV3.OK
    )
    info.request_time.FromMilliseconds(spans[0].start_time_unix_nano // 10**6)
    trace = json.loads(message_to_json(service_pb2.Trace(trace_info=info, spans=spans)))
    return json.dumps({"traces": [json.loads(message_to_json(info)) | trace]}).encode()


PULLED_TRACES = ForeignReader("pulled traces", read_reply, _seeds)
