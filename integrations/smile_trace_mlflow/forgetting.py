"""Deleting a trace from MLflow, with everything that was delivered into and about it."""

import itertools
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from smile_trace.errors import ReasonCode
from smile_trace.records import Span
from smile_trace.records.formats.otlp import spans_to_otlp
from smile_trace.trackers import ForgottenTrace, Outcome, Receipt, Rejected
from smile_trace.trackers.presentation import (
    EXPLANATION_NAME,
    PATH_NAME,
    explanation_span_id,
    path_span_id,
)
from smile_trace_mlflow import reviews
from smile_trace_mlflow.assessments import take_away
from smile_trace_mlflow.comparisons import VERSION_TAG
from smile_trace_mlflow.paths import path_key, step_key, step_span_id
from smile_trace_mlflow.reports import forget_reports
from smile_trace_mlflow.runs import DAY_TAG, forget_in_day
from smile_trace_mlflow.spans import EXTERNAL_TRACE, mlflow_id

if TYPE_CHECKING:
    from smile_trace_mlflow.server import Server

STATUS_TAG = "smile.status"
_NOTHING = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def forget_trace(server: "Server", item: ForgottenTrace) -> Outcome:
    """Delete our trace, or what we put into the user's own one; the rows, pages and comparisons,
    and what people were asked about it.

    Raises:
        TrackerUnavailable: the server takes nothing.
        RequestRejected: the server does not do this.
    """
    own = mlflow_id(item.trace_id)
    reviews.MLflowQueues(server).forgetting()(item.trace_id)
    noted = {call.external_trace.get(EXTERNAL_TRACE) for call in item.calls}
    users = {trace_id for trace_id in (*noted, item.traced_as) if trace_id}
    if own not in noted:  # one that was read from MLflow has its id here, too
        users -= {own}
        if (info := server.trace_info(own)) is not None:
            server.delete_trace(info)
    there = [trace_id for trace_id in sorted(users) if _leave(server, trace_id, item)]
    for day in sorted({day for call in item.calls for day in call.days}):
        if run := server.find_run(DAY_TAG, day):
            forget_in_day(server, str(run.info.run_id), day, {call.id for call in item.calls})
    forget_reports(server)
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
    for late in _late_spans(item):
        span = held.get(late.span_id)
        if span is None or span.end_time_ns is None:
            continue
        outputs = json.dumps(span.outputs, default=str)
        for number in itertools.count():
            if server.attachment_id(late.key(number)) not in outputs:
                break
            server.attach(info, late.key(number), "image/svg+xml", _NOTHING)
        take_away(server, info, span.parent_id if late.of_call else None)
        emptied.append(
            Span(
                trace_id=trace_id.removeprefix("tr-"),
                span_id=span.span_id,
                parent_id=span.parent_id,
                name=f"{late.name} (forgotten)",
                start_ns=span.start_time_ns,
                end_ns=span.end_time_ns,
                status="ok",
            )
        )
    if emptied:
        server.post_spans(spans_to_otlp(emptied), str(info.experiment_id))
        server.tag_trace(trace_id, STATUS_TAG, "forgotten")
    return True


class _LateSpan(NamedTuple):
    """A span of ours: its id, its name without what it tells, and the keys of its pictures."""

    span_id: str
    name: str
    key: Callable[[int], str]
    of_call: bool = True


def _late_spans(item: ForgottenTrace) -> Iterator[_LateSpan]:
    """Every span that may have been put into the trace."""
    of_path = partial(path_key, item.trace_id)
    yield _LateSpan(path_span_id(item.trace_id), PATH_NAME, of_path, of_call=False)
    for call in item.calls:
        of_call = partial(picture_key, call.id)
        yield _LateSpan(explanation_span_id(call.id), EXPLANATION_NAME, of_call)
        yield _LateSpan(step_span_id(call.id), "A step of the path", partial(step_key, call.id))


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
