"""Annotation queues: explanations that a person should look at.

Source: opik 2.2.122, `rest_api/annotation_queues`; that an item which is added again is there once,
and that a name is looked for in part and in either case, is what Opik's backend says
(`AnnotationQueueService.java`, `AnnotationQueueDAO.java`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from smile_trace.records import JSON, Explanation
from smile_trace.trackers.http import RequestRejected
from smile_trace_opik.server import OpikServer

JUDGEMENT = "smile.judgement"
"""The feedback that is asked for."""
ANSWERS = {"as it should be": 1.0, "not as it should be": 0.0}
ABOUT = "Answers whose explanation is sure and unexpected, from smile-trace."
INSTRUCTIONS = (
    "smile-trace is sure of what it found here, and it is not what one expects: none of the "
    "retrieved documents drove the answer, or nothing in the request did, or a part of the request "
    "works against the answer. Open the span “why this answer?” and its heatmap, and say whether "
    "the answer depends on what it should depend on."
)


@dataclass(frozen=True)
class Asked:
    """What a queue asks.

    Args:
        about: what stands in it.
        instructions: what a person is to do.
        questions: the names of the feedback that is asked for, each with its categories, and the
            number that Opik wants of each.
    """

    about: str
    instructions: str
    questions: Mapping[str, Mapping[str, float]]


EXPLANATIONS = Asked(ABOUT, INSTRUCTIONS, {JUDGEMENT: ANSWERS})


def is_worth_a_look(explanation: Explanation) -> bool:
    """Whether a person should judge it: it is sure, and what it found is unexpected."""
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
    """The queue of one name in each project; made where there is none of that name.

    Where somebody made one, that is taken as it is, with the questions it asks.
    """

    def __init__(self, server: OpikServer, name: str, asked: Asked = EXPLANATIONS) -> None:
        self._server = server
        self._asked = asked
        self._name = name
        self._ids: dict[str, str] = {}

    def add(self, project: str, trace_id: str) -> None:
        """Put a trace into the queue of its project; one that is in it stays there once."""
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
        """What takes a trace out of the queue of its project, where there is one; each queue is
        looked for once."""
        find = cache(self.find)

        def remove(project: str, trace_id: str) -> None:
            if queue := find(project):
                path = f"annotation-queues/{queue}/items/delete"
                self._server.write("POST", path, {"ids": [trace_id]})

        return remove

    def find(self, project: str) -> str | None:
        """The id of the queue in a project; None where there is none of that name."""
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
        try:
            self._server.ask("POST", "feedback-definitions", definition)
        except RequestRejected as rejected:
            if rejected.status != 409:  # it is there
                raise
