"""Deleting a trace from MLflow, with everything that was delivered into and about it."""

import json
from typing import TYPE_CHECKING

from smile_trace.errors import ReasonCode
from smile_trace.records import Span
from smile_trace.records.otlp import spans_to_otlp
from smile_trace.trackers import ForgottenTrace, Outcome, Receipt, Rejected
from smile_trace_mlflow.assessments import take_away
from smile_trace_mlflow.comparisons import VERSION_TAG
from smile_trace_mlflow.runs import DAY_TAG, forget_in_day
from smile_trace_mlflow.spans import (
    EXPLANATION_NAME,
    EXTERNAL_TRACE,
    explanation_span_id,
    mlflow_id,
)

if TYPE_CHECKING:
    from smile_trace_mlflow.server import Server

STATUS_TAG = "smile.status"
_NOTHING = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def forget_trace(server: "Server", item: ForgottenTrace) -> Outcome:
    """Delete our trace, or what we put into the user's own one; the rows, pages and comparisons.

    Raises:
        TrackerUnavailable: the server takes nothing.
        RequestRejected: the server does not do this.
    """
    own = mlflow_id(item.trace_id)
    if (info := server.trace_info(own)) is not None:
        server.delete_trace(info)
    noted = {call.external_trace.get(EXTERNAL_TRACE) for call in item.calls}
    users = sorted({trace_id for trace_id in (*noted, item.traced_as) if trace_id} - {own})
    there = [trace_id for trace_id in users if _leave(server, trace_id, item)]
    for day in sorted({day for call in item.calls for day in call.days}):
        if run := server.find_run(DAY_TAG, day):
            forget_in_day(server, str(run.info.run_id), day, {call.id for call in item.calls})
    _forget_comparisons(server, {name for call in item.calls for name, _ in call.prompts})
    if there:
        return Rejected(
            reason=f"the application itself wrote {', '.join(there)}: the explanation was taken "
            "out of it, delete the rest there",
            code=ReasonCode.REJECTED,
            retry=False,
        )
    return Receipt(external_id=own)


def _leave(server: "Server", trace_id: str, item: ForgottenTrace) -> bool:
    """Take the explanations out of a trace of the user's; whether it is there at all.

    MLflow deletes no single span: ours are written over, without anything in them.
    """
    info = server.trace_info(trace_id)
    if info is None:
        return False
    held = {span.span_id: span for span in server.spans(trace_id)}
    emptied = []
    for call in item.calls:
        span = held.get(explanation_span_id(call.id))
        if span is None or span.end_time_ns is None:
            continue
        outputs, number = json.dumps(span.outputs, default=str), 0
        while server.attachment_id(picture_key(call.id, number)) in outputs:
            server.attach(info, picture_key(call.id, number), "image/svg+xml", _NOTHING)
            number += 1
        take_away(server, info, span.parent_id or "")
        emptied.append(
            Span(
                trace_id=trace_id.removeprefix("tr-"),
                span_id=span.span_id,
                parent_id=span.parent_id,
                name=f"{EXPLANATION_NAME} (forgotten)",
                start_ns=span.start_time_ns,
                end_ns=span.end_time_ns,
                status="ok",
            )
        )
    if emptied:
        server.post_spans(spans_to_otlp(emptied), str(info.experiment_id))
        server.tag_trace(trace_id, STATUS_TAG, "forgotten")
    return True


def _forget_comparisons(server: "Server", prompts: set[str]) -> None:
    """Delete the runs of the prompts' versions: examples in them may quote the calls."""
    if not prompts:
        return
    for run in server.runs_with(VERSION_TAG):
        if run.data.params.get("prompt") in prompts:
            server.delete_run(run)


def picture_key(call_id: str, number: int) -> str:
    """What the id of an attached picture is made from."""
    return f"heatmap {number} of {call_id}"
