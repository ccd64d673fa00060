"""Lines of the spool and of OTLP files in every dialect, feedback among them."""

import contextlib
import json
from collections.abc import Iterator, Sequence

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.dialects import assemble, read_feedback
from smile_trace.records import Call, Span, Trace
from smile_trace.records.formats.otlp import read_line
from smile_trace.trackers import fields
from tests.support.hostile import recorded_lines
from tests.support.otlp_json import spans_to_otlp
from tests.support.readers.base import ForeignReader
from tests.support.spooled import call_span, context_span, line


def assembled(spans: Sequence[Span]) -> Iterator[Trace]:
    """The traces of the spans, but for those of which there are only logs."""
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    for trace_id, held in traces.items():
        with contextlib.suppress(ForeignDataError):
            yield assemble(trace_id, held)


def read_calls_of(text: bytes) -> list[Call]:
    """Everything that is read of a line, and read again from what is stored of it."""
    try:
        spans, errors = read_line(text)
    except ForeignDataError:
        return []
    assert all(len(str(error)) < 500 for error in errors)
    for span in spans:
        assert Span.model_validate_json(span.model_dump_json()) == span
        json.dumps(spans_to_otlp([span]))
        with contextlib.suppress(ForeignDataError):
            read_feedback(span)
        fields.span_io(span)
        assert all(len(trace.calls) <= 1 for trace in assembled([span]))
    calls = [call for trace in assembled(spans) for call in trace.calls]
    for call in calls:
        assert Call.model_validate_json(call.model_dump_json()) == call
    return calls


def _seeds() -> list[bytes]:
    return [*recorded_lines(), line(context_span(1), call_span(1, parent=f"{9:016x}"))]


SPOOL_LINES = ForeignReader("spool lines", read_calls_of, _seeds)
