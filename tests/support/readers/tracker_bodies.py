"""Hostile traces on their way to the trackers: what is sent is strict JSON."""

import dataclasses
import json
from typing import Any

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records import Trace
from smile_trace.records.formats.otlp import read_line
from smile_trace.trackers.fields import external_traces, strict_json
from smile_trace.trackers.otlp import to_protobuf
from smile_trace_comet.trace_format import feedback_metrics, llm_trace
from smile_trace_mlflow.spans import EXTERNAL_TRACE, mlflow_id, spans_for_mlflow
from smile_trace_opik.spans import spans_json, trace_json
from tests.support.readers.base import ForeignReader
from tests.support.readers.spool_lines import SPOOL_LINES, assembled

_NOW = 1_764_000_000 * 10**9


def _read(data: bytes) -> None:
    try:
        spans, _ = read_line(data)
    except ForeignDataError:
        return
    for trace in assembled(spans):
        for body in _bodies(trace):
            json.dumps(strict_json(body), allow_nan=False).encode()


def _bodies(trace: Trace) -> list[Any]:
    mlflow_id(trace.trace_id)
    external_traces(trace, EXTERNAL_TRACE)
    to_protobuf(spans_for_mlflow(trace))
    comet = llm_trace(trace)
    return [
        trace_json(trace, "project", _NOW),
        spans_json(trace, "project", _NOW),
        dataclasses.asdict(comet),
        feedback_metrics(trace),
    ]


TRACKER_BODIES = ForeignReader("tracker bodies", _read, SPOOL_LINES.seeds)
