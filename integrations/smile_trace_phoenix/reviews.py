"""Variants that people annotate in Phoenix: a project per queue, with each variant as a trace.

Phoenix has no queues. A person opens a project to see its traces alone; its page asks the
annotation configs that are assigned to it as questions about a span.

Source: Phoenix 20.26.1, `server/api/routers/v1/annotation_configs.py`, `annotations.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from smile_trace.records import Span
from smile_trace.records.judgement import ReviewTask
from smile_trace.render.review import review_answer, review_text
from smile_trace.trackers.batches import split
from smile_trace.trackers.http import RequestRejected
from smile_trace.trackers.reviews import (
    ABOUT,
    ASKED,
    CHOICES,
    ReviewQueues,
    Said,
    review_span,
    review_trace_id,
)
from smile_trace_phoenix.server import PhoenixServer
from smile_trace_phoenix.spans import KIND, in_project

VARIANT, OF_TRACE = "smile.variant", "smile.reviewed_trace"
"""Attributes of a span: the variant that is judged, and the trace of its call."""
NAMES: Mapping[str, str] = {name.replace(".", "_"): name for name in ASKED}
"""The questions by Phoenix's names: its page stores no reply to a name with a dot."""
_REVIEW = " review: "
"""The part of a queue's project name between the tracker's project and the queue."""
SPANS_PER_REQUEST = 100
"""Spans whose annotations one request asks for: their ids stand in the address."""


class PhoenixQueues(ReviewQueues):
    """The projects that are queues, beside the project of a tracker."""

    service = "Phoenix"

    def __init__(self, server: PhoenixServer, project: str) -> None:
        self._server, self._project = server, project

    def find(self, name: str) -> str | None:
        wanted = self._name(name)
        return next((held for named, held in self._projects(wanted) if named == wanted), None)

    def make(self, name: str) -> str:
        project = {"name": self._name(name), "description": ABOUT}
        answer = self._server.http.send("POST", "v1/projects", project)
        with self._server.http.service.reading():
            return str(answer["data"]["id"])

    def send(self, name: str, tasks: Sequence[ReviewTask]) -> None:
        """See `ReviewQueues.send`. The id of a trace is made from the project's name, which is not
        in the project's id."""
        project, queue = self._name(name), self.find_or_make(name)
        for question in NAMES:
            self._ask(queue, question)
        there = self._variants(queue)
        spans = [in_project(_span(project, task), project) for task in tasks]
        missing = [span for span in spans if span.span_id not in there]
        for batch in split(missing, lambda _: 1, SPANS_PER_REQUEST):
            self._server.post_spans(batch)
        sent = {span.span_id for span in missing}
        if not self._server.settled(lambda: sent <= self._variants(queue).keys()):
            sentence = (
                "Phoenix has accepted the variants, but not written them yet: send them again"
            )
            raise RequestRejected(sentence, status=503, retry=True)

    def replies(self, queue: str) -> Iterator[tuple[str, Said]]:
        variants = self._variants(queue)
        for ids in split([*variants], lambda _: 1, SPANS_PER_REQUEST):
            wanted = {"span_ids": ids, "include_annotation_names": [*NAMES]}
            rows = self._server.listed(f"v1/projects/{queue}/span_annotations", wanted)
            with self._server.http.service.reading():
                for row in rows:
                    if row["annotator_kind"] == "HUMAN" and str(row["span_id"]) in variants:
                        yield variants[str(row["span_id"])], _said(row)

    def forgetting(self) -> Callable[[str], None]:
        queues = cache(lambda: [held for name, held in self._projects(_REVIEW) if _REVIEW in name])

        def forget(trace_id: str) -> None:
            for queue in queues():
                spans = self._spans(queue, {"attribute": f'{OF_TRACE}:"{trace_id}"'})
                with self._server.http.service.reading():
                    variants = {
                        str(span["context"]["trace_id"])
                        for span in spans
                        if span["attributes"].get(OF_TRACE)
                        == trace_id  # whatever a server filters by
                    }
                for variant in sorted(variants):
                    self._server.delete("traces", variant)

        return forget

    def _name(self, queue: str) -> str:
        return f"{self._project}{_REVIEW}{queue}"

    def _projects(self, part: str) -> list[tuple[str, str]]:
        """Return the names and ids of the projects whose names contain a text."""
        projects = self._server.listed("v1/projects", {"name_contains": part})
        with self._server.http.service.reading():
            return [(str(project["name"]), str(project["id"])) for project in projects]

    def _ask(self, queue: str, name: str) -> None:
        """Let the project's page ask a question."""
        config = {
            "name": name,
            "type": "CATEGORICAL",
            "description": ASKED[NAMES[name]],
            "optimization_direction": "NONE",
            "values": [{"label": choice} for choice in CHOICES],
        }
        self._server.assign_config(queue, config)

    def _spans(self, queue: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        return self._server.listed(f"v1/projects/{queue}/spans", params)

    def _variants(self, queue: str) -> dict[str, str]:
        """Return the variants in a project by their spans, ignoring other people's spans."""
        spans = self._spans(queue, {})
        with self._server.http.service.reading():
            return {
                str(span["context"]["span_id"]): str(variant)
                for span in spans
                if (variant := span["attributes"].get(VARIANT))
            }


def _said(row: Mapping[str, Any]) -> Said:
    result = row["result"] or {}
    who = str(row["user_id"] or "somebody")
    return Said(who, NAMES[str(row["name"])], str(result.get("label")), str(row["updated_at"]))


def _span(project: str, task: ReviewTask) -> Span:
    of_trace = task.item.trace_id
    attributes = {
        KIND: "CHAIN",
        "input.value": review_text(task),
        "output.value": review_answer(task),
        VARIANT: task.item.id,
        **({OF_TRACE: of_trace} if of_trace else {}),
        "smile.probe": task.item.probe,
    }
    return review_span(review_trace_id(task.item.id, project), task, attributes)
