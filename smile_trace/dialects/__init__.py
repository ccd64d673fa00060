"""Reading of calls from spans of any origin.

A dialect reads one way of writing a call into a span; `register` or an entry point of the group
`smile_trace.dialects` adds one. A Call is the innermost span with messages and an answer.
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
