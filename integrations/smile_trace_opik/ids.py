"""Opik's ids: UUIDs of version 7, here made from ours, so that they are the same every time."""

import hashlib
import uuid

from smile_trace.records import Call, ForgottenCall, ForgottenTrace, Trace


def uuid7(at_ns: int, name: str) -> str:
    """A UUID of version 7 (RFC 9562, section 5.7) whose random part is a hash of `name`.

    Args:
        at_ns: Unix nanoseconds; Opik sorts by the milliseconds in the id.
    """
    random = int.from_bytes(hashlib.sha256(f"smile-trace {name}".encode()).digest()[:10], "big")
    value = (at_ns // 1_000_000 & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def time_of(made: str) -> int:
    """The time in an id of version 7, in Unix nanoseconds."""
    return (uuid.UUID(made).int >> 80) * 1_000_000


def opik_trace_id(trace: Trace) -> str:
    """The id of a trace there.

    Its time is that of the first call, not of the root: a root that comes late, after another
    span stood in for it, must not make a second trace.
    """
    first = trace.calls[0] if trace.calls else trace.span(trace.root_span_id)
    return uuid7(first.start_ns, trace.trace_id)


def forgotten_trace_id(item: ForgottenTrace) -> str:
    """The id there of a trace that is to be deleted."""
    return item.traced_as or uuid7(item.start_ns, item.trace_id)


def opik_span_id(trace_id: str, span_id: str, start_ns: int) -> str:
    """The id of a span there."""
    return uuid7(start_ns, f"{trace_id}:{span_id}")


def path_span_id(trace_id: str, start_ns: int) -> str:
    """The id of the span that holds the path of a trace, which starts with its first call."""
    return uuid7(start_ns, f"path of {trace_id}")


def explanation_span_id(call: Call | ForgottenCall) -> str:
    """The id of the span that holds a call's explanation: of the call alone, so that a newer
    explanation replaces the older one."""
    return uuid7(call.start_ns, f"explanation of {call.id}")
