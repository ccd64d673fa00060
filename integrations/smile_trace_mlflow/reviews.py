"""What people say in assessments: about variants in a review queue (experimental in MLflow, since
3.14), each as a trace of its own, and about the application's answers."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smile_trace.records import JSON, Span
from smile_trace.records.judgement import ReviewTask
from smile_trace.render.review import review_answer, review_text
from smile_trace.trackers.batches import pages, split
from smile_trace.trackers.fields import json_text, without_nul
from smile_trace.trackers.marks import Mark, expectation, says_wrong
from smile_trace.trackers.reviews import (
    ASKED,
    CHOICES,
    ReviewQueues,
    Said,
    review_span,
    review_trace_id,
)
from smile_trace_mlflow.spans import INPUTS, OUTPUTS, TAG_PREFIX, TYPE, mlflow_id

if TYPE_CHECKING:
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

AT_ONCE = 100
"""Items that are added or listed in one request."""
VARIANT = "smile.variant"
"""Trace tag: the id of the variant that is judged."""
OF_TRACE = "smile.reviewed_trace"
"""Trace tag: the id of the trace whose call was varied."""


class MLflowQueues(ReviewQueues):
    """The review queues of the experiment."""

    service = "MLflow"

    def __init__(self, server: "Server") -> None:
        self._server = server

    def find(self, name: str) -> str | None:
        server = self._server
        ask = server.tracing._get_review_queue_by_name
        queue = server.found(lambda: ask(server.experiment_id, name))
        return None if queue is None else str(queue.queue_id)

    def make(self, name: str) -> str:
        """See `ReviewQueues.make`; MLflow shows the newest schema first."""
        server = self._server
        schemas = [self._schema(name, text) for name, text in reversed(ASKED.items())]
        with server.calling():
            queue = server.tracing._create_review_queue(
                server.experiment_id, name=name, queue_type="custom", schema_ids=schemas
            )
            return str(queue.queue_id)

    def put(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        """See `ReviewQueues.put`; a queue takes traces of its own experiment only."""
        server = self._server
        ids = {review_trace_id(task.item.id, server.experiment_id): task for task in tasks}
        for trace_id, task in ids.items():
            if server.trace_info(mlflow_id(trace_id)) is None:
                server.post_spans([_span(trace_id, task)])
        for batch in split([mlflow_id(trace_id) for trace_id in ids], lambda _: 1, AT_ONCE):
            with server.calling():
                server.tracing._add_items_to_review_queue(queue, item_ids=batch)

    def replies(self, queue: str) -> Iterator[tuple[str, Said]]:
        infos = self.queued(queue)
        with self._server.reading():
            for info in infos:
                if variant := info.tags.get(VARIANT):
                    for said in _said_of(info):
                        yield str(variant), said

    def forgetting(self) -> Callable[[str], None]:
        return self._forget

    def _forget(self, trace_id: str) -> None:
        for info in self._server.tagged_traces(OF_TRACE, trace_id):
            if info.tags.get(OF_TRACE) == trace_id:  # whatever a server filters by
                self._server.delete_trace(info)

    def _schema(self, name: str, question: str) -> str:
        """Return the id of a label schema, made if missing; MLflow shows its name as a heading."""
        from mlflow.genai.label_schemas import InputCategorical

        server = self._server
        ask = server.tracing._get_label_schema_by_name
        schema = server.found(lambda: ask(server.experiment_id, name))
        if schema is None:
            with server.calling():
                schema = server.tracing._create_label_schema(
                    server.experiment_id,
                    name=name,
                    type="feedback",
                    input=InputCategorical(options=list(CHOICES)),
                    instruction=question,
                )
        return str(schema.schema_id)

    def queued(self, queue: str) -> "list[TraceInfo]":
        """Return the traces of a queue with their assessments, without those that were deleted."""

        def listed(token: str | None) -> tuple[list[str], str | None]:
            with self._server.calling():
                page = self._server.tracing._list_review_queue_items(
                    queue, max_results=AT_ONCE, page_token=token
                )
            return [str(item.item_id) for item in page], page.token or None

        infos = map(self._server.trace_info, [one for page in pages(listed) for one in page])
        return [info for info in infos if info is not None]


def _said_of(info: "TraceInfo") -> Iterator[Said]:
    for one in info.assessments:
        if one.source.source_type == "HUMAN" and one.valid is not False:
            at = datetime.fromtimestamp(int(one.last_update_time_ms or 0) / 1000, UTC)
            who, choice = one.source.source_id or "somebody", str(getattr(one, "value", None))
            yield Said(who, one.name, choice, at.isoformat(timespec="seconds"))


def _span(trace_id: str, task: ReviewTask) -> Span:
    attributes = {
        TYPE: "CHAT_MODEL",
        # In the form of a chat: of anything else MLflow shows line ends escaped.
        INPUTS: json_text({"messages": [_said("user", review_text(task))]}),
        OUTPUTS: json_text(_answered(review_answer(task))),
        f"{TAG_PREFIX}{VARIANT}": task.item.id,
        f"{TAG_PREFIX}{OF_TRACE}": task.item.trace_id,
        f"{TAG_PREFIX}smile.probe": without_nul(task.item.probe),
    }
    return review_span(trace_id, task, attributes)


def _said(role: str, text: str) -> dict[str, JSON]:
    said: dict[str, JSON] = without_nul({"role": role, "content": text})
    return said


def _answered(text: str) -> dict[str, JSON]:
    return {"choices": [{"index": 0, "message": _said("assistant", text)}]}


# -- marks ----------------------------------------------------------------------------------------


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
