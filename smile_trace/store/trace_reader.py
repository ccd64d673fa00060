"""From a trace's spans to the Trace."""

from collections.abc import Sequence

from smile_trace.dialects import assemble
from smile_trace.records import Feedback, Span, Trace


def read_trace(
    trace_id: str, spans: Sequence[Span], feedback: Sequence[Feedback], root_missing: bool
) -> Trace:
    """The trace of those spans, its calls read by whatever dialect they are written in.

    Raises:
        ValueError: no dialect can make a trace of them.
    """
    return assemble(trace_id, spans, feedback, root_missing=root_missing)
