"""Spans of any origin become Calls.

A dialect is one file that reads one way of writing a call into a span; `register` or an entry
point of the group `smile_trace.dialects` adds one. A Call is the innermost span that holds
messages and an answer; the spans around it are context.
"""

from smile_trace.dialects.registry import Dialect, register, version_of
from smile_trace.dialects.traces import assemble, is_ours, read_calls, read_feedback, trace_of

__all__ = [
    "Dialect",
    "assemble",
    "is_ours",
    "read_calls",
    "read_feedback",
    "register",
    "trace_of",
    "version_of",
]
