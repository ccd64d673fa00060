"""Ids of a generator of our own, seeded by the operating system in every process.

Forked children never share ids, and the sequence of the application's seeded `random` stays
what it is without us.
"""

import os
import random

from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


class OwnIdGenerator(IdGenerator):
    """The same for a provider of the SDK."""

    def generate_span_id(self) -> int:
        """A non-zero 64-bit id."""
        return _random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        """A non-zero 128-bit id."""
        return _random.getrandbits(128) or 1


_ids = OwnIdGenerator()


def new_context(parent: SpanContext | None) -> SpanContext:
    """The context of a new span: in its parent's trace, or in a trace of its own."""
    trace_id = _ids.generate_trace_id() if parent is None else parent.trace_id
    return SpanContext(trace_id, _ids.generate_span_id(), is_remote=False, trace_flags=_SAMPLED)
