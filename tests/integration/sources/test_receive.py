"""`smile-trace receive`: what is sent to it stands in the spool before it is answered."""

import gzip
import json
import os
import resource
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.command_line import run_command
from tests.support.otlp_requests import request_of, spans_of
from tests.support.receiver_process import JSON, PROTOBUF, Answer, Receiver, post, receiving


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver to which nothing is sent that it takes."""
    with receiving(tmp_path_factory.mktemp("refusing") / "home") as running:
        yield running


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path / "home") as running:
        yield running


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


ENCODED = {
    "plain": ({}, lambda body: body),
    "gzip": ({"Content-Encoding": "gzip"}, gzip.compress),
    "gzip in two members": (
        {"Content-Encoding": "gzip"},
        lambda body: gzip.compress(body[:100]) + gzip.compress(body[100:]),
    ),
    "deflate": ({"Content-Encoding": "deflate"}, zlib.compress),
    "deflate without a header": ({"Content-Encoding": "deflate"}, raw_deflate),
}


def test_every_form_and_encoding_is_taken_and_answered_in_kind(receiver: Receiver) -> None:
    number = 0
    for form, headers in (("protobuf", PROTOBUF), ("json", JSON)):
        for encoding, pack in ENCODED.values():
            number += 1
            body = pack(request_of(number, form=form))
            answer = post(receiver.traces, body, headers | encoding)
            assert answer.status == 200
            assert answer.headers["Content-Type"] == headers["Content-Type"]
            assert answer.body == (b"{}" if form == "json" else b"")
            assert len(spans_of(receiver.spooled())) == number


def test_a_real_sdk_is_a_source(receiver: Receiver) -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(receiver.traces, compression=Compression.Gzip)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=64))
    tracer = provider.get_tracer("shop")
    for number in range(200):
        with tracer.start_as_current_span("ask") as outer:
            outer.set_attribute("gen_ai.conversation.id", f"é{number}")
            with tracer.start_as_current_span("chat") as inner:
                inner.set_attribute("numbers", [1.5, 2.5])
    provider.shutdown()
    spans = spans_of(receiver.spooled())
    assert len({span.span_id for span in spans}) == len(spans) == 400
    assert {span.scope for span in spans} == {"shop"}


def test_metrics_are_answered_so_that_nobody_sends_them_again(refusing: Receiver) -> None:
    answer = post(f"{refusing.address}/v1/metrics", b"", PROTOBUF)
    assert answer.status == 200
    said = ExportMetricsServiceResponse.FromString(answer.body)
    assert "metrics are not kept" in said.partial_success.error_message
    answer = post(f"{refusing.address}/v1/metrics", b"{}", JSON)
    assert "metrics are not kept" in json.loads(answer.body)["partialSuccess"]["errorMessage"]
    assert refusing.spooled() == []


def test_logs_of_a_trace_are_spooled(receiver: Receiver) -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id, record.event_name = bytes(range(16)), "gen_ai.choice"
    answer = post(f"{receiver.address}/v1/logs", request.SerializeToString(), PROTOBUF)
    assert (answer.status, answer.body) == (200, b"")
    [line] = receiver.spooled()
    [kept] = json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert (kept["traceId"], kept["eventName"]) == (bytes(range(16)).hex(), "gen_ai.choice")


def test_spans_that_cannot_be_kept_are_counted(refusing: Receiver) -> None:
    span = {"traceId": "no", "spanId": "2" * 16}
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    answer = post(refusing.traces, json.dumps(document).encode(), JSON)
    said = json.loads(answer.body)["partialSuccess"]
    assert answer.status == 200
    assert said == {"rejectedSpans": "1", "errorMessage": "traceId is not 32 hex digits: 'no'"}
    assert refusing.spooled() == []


def message(answer: Answer) -> str:
    """The sentence of a refusal; a `google.rpc.Status` has it in its second field."""
    if answer.headers["Content-Type"] == "application/json":
        return str(json.loads(answer.body)["message"])
    # Field 2 of that message is a text, as is field 2 of a partial success.
    return str(ExportTracePartialSuccess.FromString(answer.body).error_message)


REFUSED = {
    "no content type": (b"{}", {"Content-Type": ""}, 415, "send application/x-protobuf"),
    "text": (b"{}", {"Content-Type": "text/plain"}, 415, "send application/x-protobuf"),
    "zstd": (b"{}", JSON | {"Content-Encoding": "zstd"}, 415, "send it plain, gzip or deflate"),
    "garbage": (b"\xff\xff", PROTOBUF, 400, "no OTLP request in protobuf"),
    "garbage in JSON": (b"{]", JSON, 400, "the body is not JSON"),
    "no gzip": (b"{}", JSON | {"Content-Encoding": "gzip"}, 400, "the body is not valid gzip"),
    "half a gzip": (
        gzip.compress(b"{}")[:-9],
        JSON | {"Content-Encoding": "gzip"},
        400,
        "the body is not valid gzip, or incomplete",
    ),
    "a browser": (b"{}", JSON | {"Origin": "http://evil.example"}, 403, "from browsers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_refused_with_its_reason(refusing: Receiver, case: str) -> None:
    body, headers, status, reason = REFUSED[case]
    answer = post(refusing.traces, body, headers)
    assert answer.status == status
    assert reason in message(answer)
    assert refusing.spooled() == []


def test_other_paths_and_methods_are_none(refusing: Receiver) -> None:
    assert post(f"{refusing.address}/v1/profiles", b"{}", JSON).status == 404
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(refusing.traces)


def peak_kilobytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])


def test_bodies_are_bounded_as_they_are_sent_and_unpacked(tmp_path: Path) -> None:
    with receiving(tmp_path / "home", max_body_mb="1") as receiver:
        long = post(receiver.traces, b" " * (2**20 + 1), JSON)
        packed = JSON | {"Content-Encoding": "gzip"}
        bomb = gzip.compress(b" " * 2**26)
        assert len(bomb) < 2**20
        before = peak_kilobytes(receiver.pid)
        for answer in (long, post(receiver.traces, bomb, packed)):
            assert answer.status == 413
            assert "receive.max_body_mb" in message(answer)
        assert peak_kilobytes(receiver.pid) - before < 50_000, "the bomb was not unpacked"
        assert post(receiver.traces, request_of(1), PROTOBUF).status == 200


def test_the_rate_is_bounded_and_says_when_to_come_again(tmp_path: Path) -> None:
    with receiving(tmp_path / "home", max_mb_per_second="0.00001") as receiver:
        answers = [post(receiver.traces, request_of(n), PROTOBUF) for n in (1, 2, 3, 4)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert len(spans_of(receiver.spooled())) == 4 - len(refused)


def test_a_token_is_asked_for_where_there_is_one(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "home", token_env="RECEIVER_TOKEN")
    try:
        receiver.start(RECEIVER_TOKEN="a token of the test")
        for given in ({}, {"Authorization": "Bearer another"}, {"Authorization": "a token"}):
            answer = post(receiver.traces, request_of(1), PROTOBUF | given)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        right = {"Authorization": "Bearer a token of the test"}
        assert post(receiver.traces, request_of(1), PROTOBUF | right).status == 200
        assert len(receiver.spooled()) == 1
        assert "a token of the test" not in receiver.said()
    finally:
        receiver.close()


slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"HOST": "0.0.0.0"}, "can be reached from other machines: set receive.token_env"),
        slow({"TOKEN_ENV": "NOT_SET_ANYWHERE"}, "the variable NOT_SET_ANYWHERE"),
        slow({"KEY": "key.pem"}, "name the certificate's file, too"),
        slow({"CERT": "nowhere.pem"}, "the certificate nowhere.pem cannot be used"),
        slow({"HOST": "192.0.2.1", "TOKEN_ENV": "HOME"}, "cannot listen on 192.0.2.1"),
    ],
)
def test_what_would_be_open_or_cannot_listen_does_not_start(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    named = {f"SMILE_TRACE_RECEIVE__{key}": value for key, value in settings.items()}
    env = os.environ | {"SMILE_TRACE_HOME": str(tmp_path / "home")} | named
    done = run_command("receive", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert sentence in done.stderr.decode()


def test_a_taken_port_is_said(receiver: Receiver, tmp_path: Path) -> None:
    env = os.environ | {
        "SMILE_TRACE_HOME": str(tmp_path / "other"),
        "SMILE_TRACE_RECEIVE__HOST": "192.0.2.1",
        "SMILE_TRACE_RECEIVE__PORT": "1",
    }
    here = ("--host", "127.0.0.1", "--port", str(receiver.port))
    done = run_command("receive", *here, cwd=tmp_path, env=env)
    assert done.returncode == 1
    said = f"port {receiver.port} (Address already in use): choose another one (--port, or "
    assert said in done.stderr.decode()


def test_a_stop_ends_it_cleanly(receiver: Receiver) -> None:
    post(receiver.traces, request_of(1), PROTOBUF)
    assert receiver.stop() == 0
    assert len(receiver.spooled()) == 1


def test_a_full_spool_acknowledges_nothing_until_there_is_room(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "home")
    try:
        receiver.start(SMILE_TRACE_SPOOL_LIMIT="3000")
        answers = [post(receiver.traces, request_of(n), PROTOBUF) for n in range(1, 7)]
        taken = [answer for answer in answers if answer.status == 200]
        refused = answers[len(taken) :]
        assert taken
        assert refused
        assert {answer.status for answer in refused} == {503}
        assert all(answer.headers["Retry-After"] for answer in refused)
        assert len(spans_of(receiver.spooled())) == len(taken)
        assert receiver.said().count("the spool is full; start the worker") == 1
    finally:
        receiver.close()


def test_a_disk_that_is_full_acknowledges_nothing(receiver: Receiver) -> None:
    # No file may grow beyond 2 KB: a line is torn in the middle, as on a full disk.
    _, most = resource.prlimit(receiver.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(receiver.pid, resource.RLIMIT_FSIZE, (2000, most))
    answers = [post(receiver.traces, request_of(n), PROTOBUF) for n in range(1, 5)]
    taken = sum(answer.status == 200 for answer in answers)
    assert [answer.status for answer in answers] == [200] * taken + [503] * (4 - taken)
    assert 0 < taken < 4
    resource.prlimit(receiver.pid, resource.RLIMIT_FSIZE, (most, most))
    again = [post(receiver.traces, request_of(n), PROTOBUF) for n in range(taken + 1, 5)]
    assert {answer.status for answer in again} == {200}
    settings = Settings(home=receiver.home)
    with Store.open(settings) as store:
        Ingest(store, settings).run()
        assert store.status().captured == 4
