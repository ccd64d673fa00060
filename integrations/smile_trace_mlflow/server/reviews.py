"""Requests about review queues, which MLflow calls experimental (since 3.14)."""

from collections.abc import Callable, Sequence
from typing import Any

from mlflow.entities.trace_info import TraceInfo
from mlflow.genai.label_schemas import InputCategorical

from smile_trace.trackers.http import RequestRejected
from smile_trace_mlflow.server.connection import MOST_PAGES
from smile_trace_mlflow.server.traces import TraceRequests

AT_ONCE = 100
"""Items that are added or listed in one request."""


class ReviewRequests(TraceRequests):
    """Reads and writes the experiment's review queues."""

    def find_queue(self, name: str) -> str | None:
        """The id of a queue; None where there is none of that name."""
        found = self._found(
            lambda: self._tracing._get_review_queue_by_name(self.experiment_id, name)
        )
        return None if found is None else str(found.queue_id)

    def make_queue(self, name: str, schemas: Sequence[str]) -> str:
        """Make a queue for anybody, and give its id; one that was made meanwhile is taken."""
        try:
            with self._calling():
                made = self._tracing._create_review_queue(
                    self.experiment_id, name=name, queue_type="custom", schema_ids=list(schemas)
                )
                return str(made.queue_id)
        except RequestRejected:
            if found := self.find_queue(name):
                return found
            raise

    def find_or_make_schema(self, name: str, question: str, options: Sequence[str]) -> str:
        """The id of the label schema of that name; MLflow shows the name above its widget."""
        found = self._found(
            lambda: self._tracing._get_label_schema_by_name(self.experiment_id, name)
        )
        if found is None:
            with self._calling():
                found = self._tracing._create_label_schema(
                    self.experiment_id,
                    name=name,
                    type="feedback",
                    input=InputCategorical(options=list(options)),
                    instruction=question,
                )
        return str(found.schema_id)

    def add_to_queue(self, queue: str, trace_ids: Sequence[str]) -> None:
        """Put traces into a queue; those that are in it stay as they are."""
        for start in range(0, len(trace_ids), AT_ONCE):
            with self._calling():
                self._tracing._add_items_to_review_queue(
                    queue, item_ids=list(trace_ids[start : start + AT_ONCE])
                )

    def queued(self, queue: str) -> list[TraceInfo]:
        """The traces of a queue with their assessments; those that were deleted are left out."""
        ids: list[str] = []
        token: str | None = None
        for _ in range(MOST_PAGES):
            with self._calling():
                page = self._tracing._list_review_queue_items(
                    queue, max_results=AT_ONCE, page_token=token
                )
            ids += [str(item.item_id) for item in page]
            token = page.token
            if not token:
                break
        return [info for one in ids if (info := self.trace_info(one)) is not None]

    def _found(self, ask: Callable[[], Any]) -> Any:
        """What a request gives; None where it is answered that there is no such thing."""
        try:
            with self._calling():
                return ask()
        except RequestRejected as rejected:
            if rejected.missing:
                return None
            raise
