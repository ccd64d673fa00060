"""Annotation queues of Opik: explanations for a person to look at, and variants to judge, each as a
trace.

Source: opik 2.2.122, `rest_api/annotation_queues`, `rest_api/types/feedback_score_public.py` and
`value_entry_public.py` (`value_by_author` holds the scores of several people; traces can be
filtered by the lists `annotation_queue_ids` and `tags`); Opik's backend
(`AnnotationQueueService.java`, `AnnotationQueueDAO.java`) keeps an item that is added again once,
and finds names by part, in any case.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from smile_trace.records import JSON, Explanation
from smile_trace.records.judgement import ReviewTask
from smile_trace.render.review import review_text, review_title
from smile_trace.trackers.fields import timestamp, without_nul
from smile_trace.trackers.http import RequestRejected, tolerating
from smile_trace.trackers.reviews import ABOUT, ASKED, NAMES, ReviewQueues, Said
from smile_trace_opik.server import OpikServer
from smile_trace_opik.spans import SOURCE, uuid7


@dataclass(frozen=True)
class Asked:
    """The texts of a queue, and its questions by name: their categories with Opik's numbers."""

    about: str
    instructions: str
    questions: Mapping[str, Mapping[str, float]]


JUDGEMENT = "smile.judgement"
"""The feedback requested for an explanation."""
EXPLANATIONS = Asked(
    "Answers with a certain but unexpected explanation, from smile-trace.",
    "smile-trace is certain of what it found here, and it is not what you would expect: none "
    "of the "
    "retrieved documents drove the answer, or nothing in the request did, or a part of the request "
    "works against the answer. Open the span “why this answer?” and its heatmap, and say whether "
    "the answer depends on what it should depend on.",
    {JUDGEMENT: {"as it should be": 1.0, "not as it should be": 0.0}},
)
VARIANTS = Asked(
    ABOUT,
    " ".join(f"{name}: {text}" for name, text in ASKED.items()),
    {name: {"yes": 1.0, "no": 0.0, "cannot say": 0.5} for name in NAMES},
)
VARIANT = "smile_variant"
"""Metadata: the id of the variant that is judged."""
_AT_NS = 1_767_225_600 * 10**9
"""The time in the ids of the variants' traces (2026-01-01), fixed so that ids stay the same."""


def is_worth_a_look(explanation: Explanation) -> bool:
    """Whether a person should judge an explanation: it is sure, and unexpected."""
    if explanation.status == "no_effect":
        return True
    if explanation.status == "inconclusive":
        return False
    if any(segment.significant and segment.attribution < 0 for segment in explanation.ranked):
        return True
    measured = [one for one in explanation.documents if one.measured in ("alone", "in_pieces")]
    unused = all(one.verdict == "excluded" for one in measured)
    return explanation.status == "reliable" and bool(measured) and unused


class ReviewQueue:
    """The queue of one name in each project, made if missing. An existing queue is used as it is,
    with its own questions."""

    def __init__(self, server: OpikServer, name: str, asked: Asked = EXPLANATIONS) -> None:
        self._server = server
        self._asked = asked
        self._name = name
        self._ids: dict[str, str] = {}

    def add(self, project: str, trace_id: str) -> None:
        """Put a trace into the queue of its project, once."""
        queue = self._ids.get(project) or self.find(project) or self._make(project)
        try:
            self._server.ask("POST", f"annotation-queues/{queue}/items/add", {"ids": [trace_id]})
        except RequestRejected as rejected:
            was_known = self._ids.pop(project, None) is not None
            if not (was_known and rejected.missing):
                raise
            self.add(project, trace_id)  # a person deleted it: found or made once more
        else:
            self._ids[project] = queue

    def removing(self) -> Callable[[str, str], None]:
        """Return a function that takes a trace out of the queue of its project, if there is one."""
        find = cache(self.find)

        def remove(project: str, trace_id: str) -> None:
            if queue := find(project):
                path = f"annotation-queues/{queue}/items/delete"
                self._server.write("POST", path, {"ids": [trace_id]})

        return remove

    def find(self, project: str) -> str | None:
        """Return the id of the queue in a project; None if there is none of that name."""
        project_id = self._server.find_project(project)
        if project_id is None:
            return None
        with self._server.service.reading():
            for one in self._server.listed("annotation-queues", {"name": self._name}):
                if (one["name"], one["project_id"]) == (self._name, project_id):
                    return str(one["id"])
        return None

    def _make(self, project: str) -> str:
        for name, categories in self._asked.questions.items():
            self._define(name, categories)
        queue: dict[str, JSON] = {
            "project_id": self._server.project_id(project),
            "name": self._name,
            "description": self._asked.about,
            "instructions": self._asked.instructions,
            "scope": "trace",
            "comments_enabled": True,
            "feedback_definition_names": list(self._asked.questions),
        }
        self._server.ask("POST", "annotation-queues", queue)
        made = self.find(project)
        if made is None:
            said = "Opik does not show the annotation queue yet"
            raise RequestRejected(said, status=503, retry=True)
        return made

    def _define(self, name: str, categories: Mapping[str, float]) -> None:
        definition: dict[str, JSON] = {
            "name": name,
            "type": "categorical",
            "details": {"categories": dict(categories)},
        }
        with tolerating(409):  # it is there
            self._server.ask("POST", "feedback-definitions", definition)


class OpikQueues(ReviewQueues):
    """The annotation queues in which people judge variants, each a trace of its own."""

    service = "Opik"

    def __init__(self, server: OpikServer, project: str) -> None:
        self._server, self._project = server, project

    def find(self, name: str) -> str | None:
        return ReviewQueue(self._server, name, VARIANTS).find(self._project)

    def send(self, name: str, tasks: Sequence[ReviewTask]) -> None:
        """See `ReviewQueues.send`: the queue is made when first needed."""
        self._server.writing_traces([_trace(task, self._project) for task in tasks])()
        queue = ReviewQueue(self._server, name, VARIANTS)
        for task in tasks:
            queue.add(self._project, _id(task))

    def replies(self, queue: str) -> Iterator[tuple[str, Said]]:
        traces = self._traces("annotation_queue_ids", queue)
        with self._server.service.reading():
            for trace in traces:
                if variant := (trace.get("metadata") or {}).get(VARIANT):
                    for said in _said_of(trace):
                        yield str(variant), said

    def forgetting(self) -> Callable[[str], None]:
        return self._forget

    def _forget(self, trace_id: str) -> None:
        for trace in self._traces("tags", trace_id):
            if trace_id in (trace.get("tags") or ()):  # whatever a server filters by
                self._server.delete_trace(self._project, str(trace["id"]), [])

    def _traces(self, field: str, value: str) -> list[dict[str, JSON]]:
        filters = json.dumps([{"field": field, "operator": "contains", "value": value}])
        return self._server.listed("traces", {"project_name": self._project, "filters": filters})


def _said_of(trace: Mapping[str, JSON]) -> Iterator[Said]:
    for score in trace.get("feedback_scores") or ():
        one_author = {str(score.get("last_updated_by") or "somebody"): score}
        for author, entry in (score.get("value_by_author") or one_author).items():
            if entry.get("source") == "ui":
                now = datetime.now(UTC).isoformat(timespec="seconds")
                at = str(entry.get("last_updated_at") or now)
                yield Said(author, score["name"], str(entry.get("category_name")), at)


def _trace(task: ReviewTask, project: str) -> dict[str, JSON]:
    now = timestamp(time.time_ns())
    shown: dict[str, JSON] = without_nul(
        {
            "name": review_title(task),
            "input": {"review": review_text(task)},
            "output": {"the answer to the variant": task.changed_answer},
            "metadata": {VARIANT: task.item.id, "smile_probe": task.item.probe},
        }
    )
    return {
        **shown,
        "id": _id(task),
        "project_name": project,
        "start_time": now,
        "end_time": now,
        "tags": ["smile-trace review", *filter(None, [task.item.trace_id])],
        "last_updated_at": now,
        "source": SOURCE,
    }


def _id(task: ReviewTask) -> str:
    return uuid7(_AT_NS, f"review {task.item.id}")
