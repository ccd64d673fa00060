"""Capture: the part that runs in the application's process.

It imports the standard library, OpenTelemetry and `semconv` only, starts no thread, never blocks
on a network or another process, and writes each finished call to the spool before the call
returns.
"""

from smile_trace._text.prompts import Prompt
from smile_trace.capture.api import current_trace_id, feedback, record, span, trace
from smile_trace.capture.instrument import CannotInstrument, instrument, span_processor
from smile_trace.capture.runtime import configure

__all__ = [
    "CannotInstrument",
    "Prompt",
    "configure",
    "current_trace_id",
    "feedback",
    "instrument",
    "record",
    "span",
    "span_processor",
    "trace",
]
