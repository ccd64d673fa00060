"""Requests as an SDK's batch processor sends them, and senders that keep a pace."""

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

SPANS = 512
"""Spans of a request: the default of OpenTelemetry's batch processor."""
CONTENT = 2048
"""Characters of prompt and answer of a span."""
WORDS = "the parcel was sent on Monday and should arrive at your door".split()  # noqa: SIM905


def request_body(chance: random.Random, spans: int = SPANS) -> bytes:
    """One request in protobuf: chat calls by the GenAI conventions."""
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add()
    for key, value in (
        ("service.name", "support-bot"),
        ("service.version", "1.4.2"),
        ("telemetry.sdk.language", "python"),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.version", "1.45.2"),
        ("host.name", "worker-7"),
        ("process.pid", "4711"),
    ):
        block.resource.attributes.append(_pair(key, value))
    group = block.scope_spans.add()
    group.scope.name, group.scope.version = "opentelemetry.instrumentation.openai_v2", "2.4b0"
    for _ in range(spans):
        group.spans.add(
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            name="chat gpt-4o-mini",
            kind="SPAN_KIND_CLIENT",
            start_time_unix_nano=1_764_000_000 * 10**9,
            end_time_unix_nano=1_764_000_001 * 10**9,
            attributes=[
                _pair("gen_ai.operation.name", "chat"),
                _pair("gen_ai.provider.name", "openai"),
                _pair("gen_ai.request.model", "gpt-4o-mini"),
                _pair("gen_ai.response.model", "gpt-4o-mini-2024-07-18"),
                _pair("gen_ai.response.id", f"chatcmpl-{chance.getrandbits(96):024x}"),
                _pair("gen_ai.request.temperature", 0.7),
                _pair("gen_ai.usage.input_tokens", 412),
                _pair("gen_ai.usage.output_tokens", 98),
                _pair("gen_ai.input.messages", _message(chance, "user", CONTENT * 3 // 4)),
                _pair("gen_ai.output.messages", _message(chance, "assistant", CONTENT // 4)),
            ],
        )
    return bytes(request.SerializeToString())


def _pair(key: str, value: str | int | float) -> KeyValue:
    kind = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
    return KeyValue(key=key, value=AnyValue(**{kind: value}))


def _message(chance: random.Random, role: str, size: int) -> str:
    text = " ".join(chance.choices(WORDS, k=size // 4))[:size]
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


@dataclass
class Senders:
    """Connections that stay open, each a sender.

    `seconds` are how long each request took from its first byte to its answer; `late` is the
    longest that a request began after its time.
    """

    port: int
    bodies: list[bytes]
    headers: dict[str, str]
    seconds: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    late: float = 0.0

    def send(self, connections: int, seconds: float, per_second: float | None) -> None:
        """Send for so long: `per_second` requests over all connections, in random phases; or
        without it, each connection the next request as soon as one is answered."""
        began = time.monotonic()
        threads = [
            threading.Thread(target=self._sender, args=(n, connections, began, seconds, per_second))
            for n in range(connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _sender(
        self, number: int, senders: int, began: float, seconds: float, per_second: float | None
    ) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        every = senders / per_second if per_second else 0.0
        due = began + chance.random() * every
        while due < began + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            start = time.monotonic()
            self.late = max(self.late, start - due)
            connection.request("POST", "/v1/traces", chance.choice(self.bodies), self.headers)
            reply = connection.getresponse()
            reply.read()
            self.seconds.append(time.monotonic() - start)
            self.statuses.append(reply.status)
            due = due + every if every else time.monotonic()
        connection.close()
