"""The attributes of a span, as any instrumentation may have written them: what becomes of them,
and what `smile-trace calls` and `doctor` say of them."""

import json

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.cli import calls as listed
from smile_trace.dialects.unread import unread
from smile_trace.records import Call
from smile_trace.records.formats.otlp import read_line
from smile_trace.store.queries.calls import Captured
from smile_trace.trackers import fields
from tests.support.hostile import recorded_lines
from tests.support.readers.base import ForeignReader, foreign_json
from tests.support.readers.spool_lines import assembled
from tests.support.spooled import call_span


def _read(data: bytes) -> None:
    try:
        attributes = foreign_json(data)
    except ForeignDataError:
        return
    if not isinstance(attributes, dict):
        return
    span = call_span(1).model_copy(update={"attributes": attributes})
    fields.span_io(span)
    traces = list(assembled([span]))
    assert all(len(one.why) < 500 for trace in traces for one in unread(trace))
    for call in (call for trace in traces for call in trace.calls):
        assert Call.model_validate_json(call.model_dump_json()) == call
        captured = Captured(call, span, None, None, None, calls_of_trace=1, beginning=call.trace_id)
        shown = listed._told(captured)
        assert all(c.isprintable() or c == "\n" for c in shown)
        json.dumps(listed._whole(captured), allow_nan=False)
        fields.call_metadata(call)
        fields.prompt_uses(call)
        fields.token_usage([call])
        fields.tags([call])


def _seeds() -> list[bytes]:
    spans = [span for line in recorded_lines() for span in read_line(line)[0]]
    return [json.dumps(span.attributes).encode() for span in [*spans, call_span(1)]]


ATTRIBUTES = ForeignReader("attributes", _read, _seeds)
