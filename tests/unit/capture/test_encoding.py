"""The line is OTLP/JSON: the same as OpenTelemetry's own exporter writes."""

import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from smile_trace.capture.line_encoding import LONG, LineEncoder, encode_own_span, escaped
from smile_trace.records.formats.otlp import spans_from_line

if TYPE_CHECKING:  # not installed where the official exporter is
    from smile_trace.testing import Captured

EXPORTER = "opentelemetry-exporter-otlp-json-file==0.66b1"


def finished_spans() -> list[ReadableSpan]:
    """Spans with everything that a span may hold."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "a", "n": 1}, "https://schema/r"))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("scope", "1.0", "https://schema/s", {"scope.attribute": True})
    with tracer.start_as_current_span("outer", kind=SpanKind.SERVER) as outer:
        link = Link(outer.get_span_context(), {"l": 1})
        with tracer.start_as_current_span('inner é\ud800\x00"', links=[link]) as inner:
            values: dict[str, Any] = {
                "text": 'é"\\\n\x00\U0001f600',
                "empty": "",
                "yes": True,
                "no": False,
                "int": -(2**62),
                "zero": 0,
                "float": 0.1,
                "tiny": 5e-324,
                "huge": 1e300,
                "nan": float("nan"),
                "infinity": float("-inf"),
                "texts": ["a", "é"],
                "ints": [1, 2],
                "floats": [0.5],
                "flags": [True, False],
                "none": [],
            }
            inner.set_attributes(values)
            inner.add_event("event", {"k": "v"}, 123)
            inner.set_status(Status(StatusCode.ERROR, "bad"))
        outer.set_status(StatusCode.OK)
    return list(exporter.get_finished_spans())


def test_a_line_is_read_as_it_was_written() -> None:
    inner, outer = (spans_from_line(LineEncoder().line(span))[0] for span in finished_spans())
    assert inner.parent_id == outer.span_id
    assert inner.name == 'inner é\ufffd\x00"'
    assert inner.attributes["text"] == 'é"\\\n\x00\U0001f600'
    assert inner.attributes["int"] == -(2**62)
    assert inner.attributes["tiny"] == 5e-324
    assert inner.attributes["nan"] is None
    assert inner.attributes["texts"] == ["a", "é"]
    assert inner.events[0]["attributes"] == {"k": "v"}
    assert (inner.status, inner.status_message, outer.status) == ("error", "bad", "ok")
    assert outer.resource["service.name"] == "a"
    assert outer.scope == "scope"


def test_a_line_has_no_line_break() -> None:
    assert all(b"\n" not in LineEncoder().line(span) for span in finished_spans())


@pytest.mark.parametrize("end", ["", '"', "\\", "\n", "\t", "\x00", "\x7f", "é", "\ud800", '\\"\n'])
def test_a_text_of_any_length_is_escaped_as_json_says(end: str) -> None:
    for text in (end, end + "a" * LONG + end):
        written = escaped(text)
        assert written.isascii()
        assert json.loads(f'"{written}"') == text
        assert written == json.dumps(text)[1:-1]


def test_a_span_of_ours_is_written_as_a_readable_span_is(
    found: "Captured", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what is written without a `ReadableSpan`: a call, one inside that raised, feedback."""
    import smile_trace
    from smile_trace.capture import api, recording
    from smile_trace.capture.runtime import runtime

    spans: list[ReadableSpan] = []

    def noted(*fields: Any) -> str:
        spans.append(readable(runtime().resource, *fields))
        return encode_own_span(*fields)

    monkeypatch.setattr(time, "time_ns", lambda: 123)  # of an exception's event
    monkeypatch.setattr(recording, "encode_own_span", noted)
    monkeypatch.setattr(api, "encode_own_span", noted)

    @smile_trace.trace(model="m", provider="p", tags={"é": '"'}, metadata={"a": [1, 0.5, None]})
    def ask(prompt: str) -> str:
        if prompt == "fail":
            raise ValueError("no\nway")
        with pytest.raises(ValueError, match="no"):
            ask("fail")
        return "an answer"

    ask("hello")
    smile_trace.feedback("a" * 32, 0.5, comment="good")
    assert [bool(span.parent) for span in spans] == [True, False, False]
    assert [len(span.events) for span in spans] == [1, 0, 0]
    assert found.lines == [LineEncoder().line(span) for span in spans]


def readable(
    resource: dict[str, Any],
    name: str,
    ids: tuple[int, int, int | None],
    times: tuple[int, int],
    attributes: dict[str, Any],
    error: tuple[str, str, str] | None = None,
) -> ReadableSpan:
    trace_id, span_id, parent_id = ids
    names = ("exception.type", "exception.message", "exception.stacktrace")
    raised = Event("exception", dict(zip(names, error or names, strict=True)), 123)
    status = Status() if error is None else Status(StatusCode.ERROR, f"{error[0]}: {error[1]}")
    return ReadableSpan(
        name,
        SpanContext(trace_id, span_id, is_remote=False),
        None if parent_id is None else SpanContext(trace_id, parent_id, is_remote=False),
        Resource(resource),
        attributes,
        [] if error is None else [raised],
        status=status,
        start_time=times[0],
        end_time=times[1],
        instrumentation_scope=InstrumentationScope("smile_trace"),
    )


@pytest.mark.slow
def test_the_official_exporter_writes_the_same(tmp_path: Path) -> None:
    """In an environment of its own: that exporter pins one release of the SDK."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", "--pre", EXPORTER, "pydantic", "pytest"]
    subprocess.run(install, check=True)
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [str(python), str(Path(__file__)), str(tmp_path / "official.jsonl")],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ours = [normal(json.loads(line)) for line in done.stdout.splitlines()]
    lines = (tmp_path / "official.jsonl").read_text().splitlines()
    assert ours == [normal(json.loads(line)) for line in lines]
    assert len(ours) == 2


def normal(value: Any) -> Any:
    """Without what says nothing: a field with its default value may be there or not."""
    if isinstance(value, dict):
        kept = {key: normal(item) for key, item in value.items()}
        return {
            key: item
            for key, item in kept.items()
            if item not in ({}, [], "", None) or key == "stringValue"
        }
    return [normal(item) for item in value] if isinstance(value, list) else value


def main(path: str) -> None:
    """In the exporter's environment: the same spans, by it to `path` and by us to stdout."""
    from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter

    spans = finished_spans()
    exporter = FileSpanExporter(path)
    for span in spans:
        exporter.export([span])
        print(LineEncoder().line(span).decode())
    exporter.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
