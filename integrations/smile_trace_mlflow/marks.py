"""What people wrote about a trace, in its assessments: expectations, and feedback of people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from smile_trace.trackers.marks import Mark, expectation, says_wrong

if TYPE_CHECKING:
    from mlflow.entities.trace_info import TraceInfo


def marks_of(info: "TraceInfo") -> Iterator[Mark]:
    """Yield the marks of a trace; feedback that was replaced by newer is not `valid`."""
    from smile_trace_mlflow.server.traces import SOURCE  # needs mlflow, a tracker's options do not

    for one in info.assessments:
        source, value = one.source, getattr(one, "value", None)
        if one.valid is False or source.source_type == "LLM_JUDGE" or source == SOURCE:
            continue
        if one.expectation is not None:
            said = expectation(one.name, value)
        else:
            said = {"wrong": source.source_type == "HUMAN" and says_wrong(one.name, value)}
        by = source.source_id or "somebody"
        mark = Mark(trace_id=info.trace_id, span_id=one.span_id, by=by, **said)
        if mark.says_something:
            yield mark
