"""Capture in memory instead of the spool."""

import contextlib
from collections.abc import Iterator

from smile_trace.capture.runtime import Runtime, state
from smile_trace.dialects import read_calls, read_feedback
from smile_trace.records import Call, Feedback, Span
from smile_trace.records.formats.otlp import spans_from_line


class Captured:
    """Everything captured so far, read anew at each look."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        """The spool lines, as they would have been written."""

    @property
    def spans(self) -> list[Span]:
        """Every finished span, in the order of their ends."""
        return [span for line in self.lines for span in spans_from_line(line, captured=True)]

    @property
    def calls(self) -> list[Call]:
        """Every call, in order of start: what would be explained, and what would be skipped."""
        traces: dict[str, list[Span]] = {}
        for span in self.spans:
            traces.setdefault(span.trace_id, []).append(span)
        calls = [call for spans in traces.values() for call in read_calls(spans)]
        return sorted(calls, key=lambda call: (call.start_ns, call.id))

    @property
    def feedback(self) -> list[Feedback]:
        """Every feedback, in order."""
        return [found for span in self.spans if (found := read_feedback(span)) is not None]

    def clear(self) -> None:
        """Forget what was captured."""
        self.lines.clear()


@contextlib.contextmanager
def captured() -> Iterator[Captured]:
    """Capture in memory while the block runs, in every thread; nothing reaches the disk.

    Capture is on inside the block, whatever `SMILE_TRACE_DISABLED` says.
    """
    found = Captured()
    with state.lock:
        before = (state.runtime, state.enabled)
        state.runtime = Runtime(state.config, found.lines.append)
        state.enabled = True
    try:
        yield found
    finally:
        with state.lock:
            state.runtime, state.enabled = before
