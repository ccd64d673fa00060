"""Variants in a review queue of MLflow: each as a trace of its own, judged by its assessments."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smile_trace import semconv
from smile_trace.records import JSON, Span
from smile_trace.records.formats.otlp import spans_to_otlp
from smile_trace.records.judgement import QUESTIONS, Judgement, ReviewTask
from smile_trace.render.review import review_answer, review_text, review_title
from smile_trace.trackers.fields import json_text, without_nul
from smile_trace.trackers.reviewed import (
    CHOICES,
    NAMES,
    Said,
    judgements,
    no_queue,
    review_trace_id,
)
from smile_trace_mlflow.spans import INPUTS, OUTPUTS, TAG_PREFIX, TYPE, mlflow_id

if TYPE_CHECKING:
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

VARIANT = "smile.variant"
"""Trace tag: the id of the variant that is judged."""

OF_TRACE = "smile.reviewed_trace"
"""Trace tag: the id of the trace whose call was varied."""


def send(server: "Server", queue: str, tasks: Sequence[ReviewTask]) -> None:
    """Put variants into the queue of that name, which is made where there is none; what is there
    stays as it is, with what people have said.

    Raises:
        TrackerUnavailable: MLflow takes nothing right now.
        RequestRejected: it does not take this.
    """
    held = server.find_queue(queue)
    if held is None:
        schemas = [
            server.find_or_make_schema(name, question, list(CHOICES))
            for name, question in reversed([*zip(NAMES, QUESTIONS, strict=True)])  # newest first
        ]
        held = server.make_queue(queue, schemas)
    # A queue takes traces of its own experiment only.
    ids = {review_trace_id(task.item.id, server.experiment_id): task for task in tasks}
    for trace_id, task in ids.items():
        if server.trace_info(mlflow_id(trace_id)) is None:
            server.post_spans(spans_to_otlp([_span(trace_id, task)]))
    server.add_to_queue(held, [mlflow_id(trace_id) for trace_id in ids])


def read(server: "Server", queue: str) -> list[Judgement]:
    """What people said in a queue.

    Raises:
        TrackerUnavailable: MLflow does not answer.
        RequestRejected: there is no queue of that name.
    """
    held = server.find_queue(queue)
    if held is None:
        raise no_queue("MLflow", queue)
    infos = server.queued(held)
    with server.reading():
        return [
            judgement
            for info in infos
            if (variant := info.tags.get(VARIANT))
            for judgement in judgements(str(variant), _said_of(info))
        ]


def forget(server: "Server", trace_id: str) -> None:
    """Delete the variants of a trace's calls, whichever queue they are in."""
    for info in server.tagged_traces(OF_TRACE, trace_id):
        if info.tags.get(OF_TRACE) == trace_id:  # whatever a server filters by
            server.delete_trace(info)


def _said_of(info: "TraceInfo") -> Iterator[Said]:
    for one in info.assessments:
        if one.source.source_type == "HUMAN" and one.valid is not False:
            at = datetime.fromtimestamp(int(one.last_update_time_ms or 0) / 1000, UTC)
            who, choice = one.source.source_id or "somebody", str(getattr(one, "value", None))
            yield Said(who, one.name, choice, at.isoformat(timespec="seconds"))


def _span(trace_id: str, task: ReviewTask) -> Span:
    now = time.time_ns()
    return Span(
        trace_id=trace_id,
        span_id=trace_id[:16],
        name=without_nul(review_title(task)),
        start_ns=now,
        end_ns=now + 1,
        attributes={
            semconv.KIND: "review",
            TYPE: "CHAT_MODEL",
            # In the form of a chat: of anything else MLflow shows line ends escaped.
            INPUTS: json_text({"messages": [_said("user", review_text(task))]}),
            OUTPUTS: json_text(_answered(review_answer(task))),
            f"{TAG_PREFIX}{VARIANT}": task.item.id,
            f"{TAG_PREFIX}{OF_TRACE}": task.item.trace_id,
            f"{TAG_PREFIX}smile.probe": without_nul(task.item.probe),
        },
        status="ok",
    )


def _said(role: str, text: str) -> dict[str, JSON]:
    said: dict[str, JSON] = without_nul({"role": role, "content": text})
    return said


def _answered(text: str) -> dict[str, JSON]:
    return {"choices": [{"index": 0, "message": _said("assistant", text)}]}
