"""Ids from the operating system.

Forked children never share them, and the sequence of the application's seeded `random` stays
what it is without us.
"""

import os

from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class UrandomIdGenerator(IdGenerator):
    """The same for a provider of the SDK."""

    def generate_span_id(self) -> int:
        """A non-zero 64-bit id."""
        return int.from_bytes(os.urandom(8), "big") or 1

    def generate_trace_id(self) -> int:
        """A non-zero 128-bit id."""
        return int.from_bytes(os.urandom(16), "big") or 1


def new_context(parent: SpanContext | None) -> SpanContext:
    """The context of a new span: in its parent's trace, or in a trace of its own."""
    random = os.urandom(8 if parent is not None else 24)
    trace_id = int.from_bytes(random[8:], "big") or 1 if parent is None else parent.trace_id
    span_id = int.from_bytes(random[:8], "big") or 1
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)
