"""A file of the OpenTelemetry Collector's file exporter, laid into the spool's folder.

The form is that of the specification's "File Exporter" page and of opentelemetry-proto's
`examples/trace.json`; the values are ours. One batch a line, several services in a batch,
empty fields written out, integers as numbers or strings, unknown fields; metrics and logs
where somebody has mixed them in.
"""

import json
from typing import Any

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.trace_reader import read_trace
from smile_trace.worker.ingest import Ingest, Ingested

TRACE = "5D3A9F0C4E1B4A7F8C2D6E9A0B1C2D3E"


def text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def block(service: str, scope: dict[str, Any], span: dict[str, Any]) -> dict[str, Any]:
    return {
        "resource": {"attributes": [text("service.name", service)], "droppedAttributesCount": 1},
        "scopeSpans": [{"scope": scope, "spans": [span], "schemaUrl": "https://example.org/1"}],
        "schemaUrl": "",
    }


def message(role: str, content: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": content}]}])


REQUEST = {
    "traceId": TRACE,
    "spanId": "0A1B2C3D4E5F6071",
    "parentSpanId": "",
    "traceState": "",
    "flags": 257,
    "name": "POST /ask",
    "kind": 2,
    "startTimeUnixNano": "1764000000000000000",
    "endTimeUnixNano": "1764000003000000000",
    "attributes": [{"key": "http.response.status_code", "value": {"intValue": "200"}}],
    "droppedEventsCount": 2,
    "links": [{"traceId": TRACE, "spanId": "1122334455667788", "droppedAttributesCount": 4}],
    "status": {},
}
CHAT = {
    "traceId": TRACE,
    "spanId": "1A1B2C3D4E5F6071",
    "parentSpanId": "0A1B2C3D4E5F6071",
    "name": "chat m",
    "kind": "SPAN_KIND_CLIENT",
    "startTimeUnixNano": 1764000001000000000,
    "endTimeUnixNano": 1764000002000000000,
    "attributes": [
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.request.model", "m"),
        text("gen_ai.input.messages", message("user", "Where is my parcel?")),
        text("gen_ai.output.messages", message("assistant", "On its way.")),
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": 5}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "4"}},
        {
            "key": "gen_ai.response.finish_reasons",
            "value": {"arrayValue": {"values": [{"stringValue": "stop"}]}},
        },
    ],
    "events": [{"timeUnixNano": "1764000001500000000", "name": "retry"}],
    "status": {"message": "", "code": 1},
    "aFieldOfTomorrow": {"deep": [1, 2]},
}
LINES: tuple[Any, ...] = (
    {
        "resourceSpans": [
            block("shop", {"name": "web", "version": "2"}, REQUEST),
            block("assistant", {}, CHAT),
        ]
    },
    {"resourceMetrics": [{"resource": {}, "scopeMetrics": []}]},
    {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": []}]}]},
    {"resourceSpans": []},
)


def test_secrets_are_not_stored(store: Store, settings: Settings) -> None:
    secret = "sk-" + "a1" * 20
    span = {
        **CHAT,
        "name": f"GET /?key={secret}",
        "attributes": [
            text(f"header {secret}", "yes"),
            text("gen_ai.input.messages", message("user", f"use {secret}")),
            text("gen_ai.output.messages", message("assistant", "On its way.")),
            text("gen_ai.tool.call.arguments", json.dumps({"key": secret})),
            {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": secret}]}}},
        ],
        "events": [{"timeUnixNano": "1", "name": "x", "attributes": [text("said", secret)]}],
        "status": {"message": f"refused {secret}", "code": 2},
    }
    settings.spool.mkdir(parents=True)
    whole = block("assistant", {"name": "another"}, span)
    whole["resource"]["attributes"].append(text("process.command_line", f"serve --key {secret}"))
    line = {"resourceSpans": [whole]}
    (settings.spool / "collector.jsonl").write_text(json.dumps(line) + "\n")
    assert Ingest(store, settings).run().spans == 1
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("select * from spans").all()
    kept = "".join(str(value) for row in rows for value in row)
    assert secret not in kept
    assert kept.count("[redacted") == 8


def test_it_is_ingested(store: Store, settings: Settings) -> None:
    settings.spool.mkdir(parents=True)
    path = settings.spool / "collector.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    assert Ingest(store, settings).run() == Ingested(spans=2, traces=1)
    assert not path.exists(), "nobody writes it any more, and all of it is in the store"
    [trace] = store.traces.get([TRACE.lower()], read_trace)
    chat, request = sorted(trace.spans, key=lambda span: span.name, reverse=True)
    assert (chat.parent_id, request.parent_id) == (request.span_id, None)
    assert (request.resource, request.scope) == ({"service.name": "shop"}, "web")
    assert request.attributes == {"http.response.status_code": 200}
    [call] = trace.calls
    assert (call.model, call.messages[0].content) == ("m", "Where is my parcel?")
    assert call.answer == "On its way."
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (5, 4)
    assert (call.start_ns, call.end_ns) == (1764000001 * 10**9, 1764000002 * 10**9)
