"""The receiver as an ASGI application: OTLP/HTTP in, lines of the spool out.

Source: the OTLP specification 1.x, "OTLP/HTTP". A client tries again on 429, 502, 503 and 504; all
other errors end a batch.
"""

import asyncio
import hmac
import json
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.sources.receiver import json_requests, protobuf
from smile_trace.sources.receiver.bodies import (
    CannotUnpack,
    Intake,
    TooLarge,
    TooMuch,
    read,
    unpack,
)
from smile_trace.sources.receiver.lines import Received
from smile_trace.spool import Spool

logger = logging.getLogger(__name__)

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
ENCODINGS = ("identity", "gzip", "deflate")
BODY_SECONDS = 30.0
"""Longest time in which a client may send a body."""
MOST_WAITING = 100
"""Requests that wait to be read; further clients have to try again."""
DISK_SECONDS = 5
"""Seconds until a client tries again after the spool could not be written."""
REQUESTS = "smile_trace_receiver_requests_total"
SAID_SECONDS = 60.0
"""How often the log reports requests refused because there were too many."""

Read = Callable[[bytes], Received]


@dataclass(frozen=True)
class Signal:
    """One path: its readers by content type, its answer, and the counter of a partial success."""

    path: str
    readers: Mapping[str, Read]
    answer: type[
        ExportTraceServiceResponse | ExportLogsServiceResponse | ExportMetricsServiceResponse
    ]
    rejected: str


def _no_metrics(_: bytes) -> Received:
    """SDKs send metrics by default: an error would be logged in each application every minute."""
    return Received(
        reason="metrics are not kept: set OTEL_METRICS_EXPORTER=none to stop sending them"
    )


TRACES = Signal(
    "/v1/traces",
    {PROTOBUF: protobuf.read_traces, JSON: json_requests.read_traces},
    ExportTraceServiceResponse,
    "rejected_spans",
)
LOGS = Signal(
    "/v1/logs",
    {PROTOBUF: protobuf.read_logs, JSON: json_requests.read_logs},
    ExportLogsServiceResponse,
    "rejected_log_records",
)
METRICS = Signal(
    "/v1/metrics",
    {PROTOBUF: _no_metrics, JSON: _no_metrics},
    ExportMetricsServiceResponse,
    "rejected_data_points",
)


class _Refused(Exception):
    """A request is refused with a status, a sentence for the client's log, and headers."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def make_app(
    spool: Spool,
    *,
    max_body: int,
    per_second: float,
    token: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Make the receiver's application.

    Args:
        spool: receives the records before they are answered with 200.
        max_body: most bytes of a body, also once it is unpacked.
        per_second: bytes of bodies per second, on average.
        token: sent by clients as `Authorization: Bearer …`; None to ask for none.
        clock: seconds of a clock that never goes back.
    """
    receiver = _Receiver(spool, max_body, per_second, token, clock)
    return Starlette(
        routes=[
            Route(signal.path, receiver.endpoint(signal), methods=["POST"])
            for signal in (TRACES, LOGS, METRICS)
        ]
        + [Route("/health/live", _live), Route("/health/ready", receiver.ready)]
        + [Route("/metrics", receiver.metrics)]
    )


async def _live(_: Request) -> Response:
    return Response("live\n")


class _Receiver:
    def __init__(
        self,
        spool: Spool,
        max_body: int,
        per_second: float,
        token: str | None,
        clock: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._max_body = max_body
        self._intake = Intake(8 * max_body, per_second, clock)
        self._token = None if token is None else f"Bearer {token}".encode()
        self._failing = False
        # One: then only one body is unpacked at any moment, and health is answered meanwhile.
        self._thread = ThreadPoolExecutor(1, "reads requests")
        self._waiting = 0
        self._clock = clock
        # From the start on: a counter that begins at its first refusal has no rate.
        self._answered = Counter({200: 0, 429: 0, 503: 0})
        self._refused, self._said_at = 0, -math.inf

    def endpoint(self, signal: Signal) -> Callable[[Request], Awaitable[Response]]:
        """Make the function that answers the requests of a path."""

        async def answer(request: Request) -> Response:
            form = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            try:
                received = await self._receive(request, signal, form)
            except _Refused as refused:
                response = _error(refused, form)
            except ClientDisconnect:
                response = Response(status_code=400)
            else:
                response = _success(signal, form, received)
            self._answered[response.status_code] += 1
            return response

        return answer

    async def metrics(self, _: Request) -> Response:
        """Answer with the number of answers by status, in Prometheus' text format 0.0.4."""
        lines = [
            f"# HELP {REQUESTS} Requests that were answered, by status",
            f"# TYPE {REQUESTS} counter",
            *(f'{REQUESTS}{{status="{one}"}} {n}' for one, n in sorted(self._answered.items())),
        ]
        return Response("\n".join([*lines, ""]), media_type="text/plain; version=0.0.4")

    async def ready(self, _: Request) -> Response:
        """Answer 503 if the spool takes nothing more."""
        if self._spool.takes_more():
            return Response("ready\n")
        return Response("the spool is full, or cannot be written\n", 503)

    async def _receive(self, request: Request, signal: Signal, form: str) -> Received:
        self._check_sender(request.headers)
        reader = signal.readers.get(form)
        if reader is None:
            raise _Refused(415, f"send {PROTOBUF} or {JSON}, not {form[:80]!r}")
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ENCODINGS:
            raise _Refused(415, f"send it plain, gzip or deflate, not {encoding[:80]!r}")
        try:
            with self._intake.holding(int(min(_length(request.headers), self._max_body))):
                return await self._keep(request.stream(), encoding, reader)
        except TooMuch as error:
            wait = str(math.ceil(error.seconds))
            self._note_refusal()
            raise _Refused(
                429, f"too much at once: send it again in {wait} s", {"Retry-After": wait}
            ) from None
        except TooLarge:
            raise _Refused(
                413, f"a body may have {self._max_body:,} bytes (receive.max_body_mb)"
            ) from None
        except CannotUnpack:
            raise _Refused(400, f"the body is not valid {encoding}, or incomplete") from None
        except ForeignDataError as error:
            raise _Refused(400, str(error)) from None

    def _note_refusal(self) -> None:
        """Log now and then how often senders had to wait, since only they notice otherwise."""
        self._refused += 1
        if self._clock() - self._said_at >= SAID_SECONDS:
            logger.warning(
                "%d requests were told to try again later (429), since more came than "
                "receive.max_mb_per_second or the memory allow",
                self._refused,
            )
            self._refused, self._said_at = 0, self._clock()

    def _check_sender(self, headers: Mapping[str, str]) -> None:
        # A page in a browser on this machine reaches loopback, too. It always says so.
        if "origin" in headers:
            raise _Refused(403, "requests from browsers are refused")
        if self._token is None:
            return
        given = headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._token):
            raise _Refused(
                401,
                "the token is missing or wrong: set OTEL_EXPORTER_OTLP_HEADERS="
                "authorization=Bearer%20…",
                {"WWW-Authenticate": "Bearer"},
            )

    async def _keep(self, chunks: AsyncIterator[bytes], encoding: str, reader: Read) -> Received:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                packed = await read(chunks, self._max_body)
        except TimeoutError:
            raise _Refused(408, f"the body took longer than {BODY_SECONDS:g} s") from None
        if self._waiting >= MOST_WAITING:
            raise TooMuch(1)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._take, packed, encoding, reader)
        finally:
            self._waiting -= 1

    def _take(self, packed: bytes, encoding: str, reader: Read) -> Received:
        """Read a body and hand its lines to the operating system; runs in the thread."""
        received = reader(unpack(packed, encoding, self._max_body))
        if lines := received.text:
            self._write(lines)
        return received

    def _write(self, lines: bytes) -> None:
        try:
            self._spool.append(lines)
        except OSError as error:
            if not self._failing:
                self._failing = True
                logger.error("nothing is accepted: %s", error)
            raise _Refused(
                503,
                "the spool cannot be written now: send it again",
                {"Retry-After": str(DISK_SECONDS)},
            ) from None
        if self._failing:
            self._failing = False
            logger.warning("the spool can be written again")


def _length(headers: Mapping[str, str]) -> float:
    """Return the declared length, which the server enforces; infinity if there is none."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else math.inf


def _success(signal: Signal, form: str, received: Received) -> Response:
    answer = signal.answer()
    document: dict[str, object] = {}
    if received.reason:
        setattr(answer.partial_success, signal.rejected, received.rejected)
        answer.partial_success.error_message = received.reason
        first, *others = signal.rejected.split("_")
        name = first + "".join(word.title() for word in others)
        document["partialSuccess"] = {
            name: str(received.rejected),
            "errorMessage": received.reason,
        }
    body = json.dumps(document).encode() if form == JSON else answer.SerializeToString()
    return Response(body, media_type=form)


def _error(refused: _Refused, form: str) -> Response:
    """Answer with a `google.rpc.Status` that has a message alone, as the specification asks."""
    text = refused.message.encode("utf-8", "replace")[:1000]
    if form == PROTOBUF:
        size = len(text)
        length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        return Response(b"\x12" + length + text, refused.status, refused.headers, PROTOBUF)
    document = json.dumps({"message": text.decode("utf-8", "replace")})
    return Response(document, refused.status, refused.headers, JSON)
