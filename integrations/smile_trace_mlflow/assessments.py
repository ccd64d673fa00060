"""What MLflow's list of traces says of a call: what drove its answer, and how sure that is."""

from typing import TYPE_CHECKING

from smile_trace.records import Explanation, Trace
from smile_trace.render import driver_text, fidelity_reason
from smile_trace.render.text import short
from smile_trace.trackers import UnexplainedCall
from smile_trace.trackers.fields import newest_feedback

if TYPE_CHECKING:
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

DRIVER, VERDICT = "smile.driver", "smile.verdict"
"""Few fixed names: each is a column of the list."""
_NUMBER = "smile.fidelity_r2"
"""What releases before 0.2 gave: MLflow draws a number as a bar, red below some threshold."""
LONGEST = 1000
"""Characters of the sentence beside a value."""


def assess(server: "Server", info: "TraceInfo", span_id: str, explanation: Explanation) -> None:
    """Say of a call's span what an explanation found, in place of what was said before."""
    _give(server, info, span_id, DRIVER, driver_text(explanation), explanation.summary)
    verdict = explanation.fidelity.status
    _give(server, info, span_id, VERDICT, verdict, fidelity_reason(explanation))
    _give(server, info, span_id, _NUMBER, None)


def assess_unexplained(
    server: "Server", info: "TraceInfo", span_id: str, item: UnexplainedCall
) -> None:
    """Say of a call's span why it is not explained."""
    _give(server, info, span_id, VERDICT, item.verdict, item.reason)


def give_user_feedback(server: "Server", info: "TraceInfo", trace: Trace) -> None:
    """What users thought of a trace: the newest score of each name, at the trace itself."""
    for one in newest_feedback(trace):
        rationale = short(one.comment or "", LONGEST)
        server.give_feedback(
            info, short(one.name), one.score, span_id=None, rationale=rationale, by_user=True
        )


def take_away(server: "Server", info: "TraceInfo", span_id: str) -> None:
    """Take away everything that was said of a call's span."""
    for name in (DRIVER, VERDICT, _NUMBER):
        _give(server, info, span_id, name, None)


def _give(
    server: "Server",
    info: "TraceInfo",
    span_id: str,
    name: str,
    value: str | None,
    rationale: str = "",
) -> None:
    server.give_feedback(info, name, value, span_id=span_id, rationale=short(rationale, LONGEST))
