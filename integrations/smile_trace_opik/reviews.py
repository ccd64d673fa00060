"""Variants in an annotation queue of Opik: each as a trace of its own, judged by its scores.

Source: opik's REST interface (`rest_api/types/feedback_score_public.py`, `value_entry_public.py`):
the scores of several people stand in `value_by_author`; `annotation_queue_ids` and `tags` are
lists that traces are filtered by.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from smile_trace.records import JSON
from smile_trace.records.judgement import QUESTIONS, Judgement, ReviewTask
from smile_trace.render.review import review_text, review_title
from smile_trace.trackers.fields import timestamp, without_nul
from smile_trace.trackers.reviewed import NAMES, Said, judgements, no_queue
from smile_trace_opik.ids import uuid7
from smile_trace_opik.queues import Asked, ReviewQueue
from smile_trace_opik.server import OpikServer
from smile_trace_opik.spans import SOURCE

VARIANT = "smile_variant"
"""Metadata: the id of the variant that is judged."""

ASKED = Asked(
    about="Variants of requests whose answers changed, from smile-trace.",
    instructions=" ".join(f"smile.{q.name}: {q.text} {q.help}" for q in QUESTIONS),
    questions={name: {"yes": 1.0, "no": 0.0, "cannot say": 0.5} for name in NAMES},
)

_AT_NS = 1_767_225_600 * 10**9
"""The time in the ids of the traces (2026-01-01): sent again, each has the same one."""


def send(server: OpikServer, project: str, queue: str, tasks: Sequence[ReviewTask]) -> None:
    """Put variants into the queue of that name in the project, made where there is none.

    Raises:
        RequestRejected, TrackerUnavailable: see `OpikServer.write`.
    """
    server.write_traces([_trace(task, project) for task in tasks])
    of_project = ReviewQueue(server, queue, ASKED)
    for task in tasks:
        of_project.add(project, _id(task))


def read(server: OpikServer, project: str, queue: str) -> list[Judgement]:
    """What people said in a queue.

    Raises:
        TrackerUnavailable: Opik does not answer.
        RequestRejected: there is no queue of that name.
    """
    held = ReviewQueue(server, queue, ASKED).find(project)
    if held is None:
        raise no_queue("Opik", queue)
    traces = _found(server, project, "annotation_queue_ids", held)
    with server.service.reading():
        return [
            judgement
            for trace in traces
            if (variant := (trace.get("metadata") or {}).get(VARIANT))
            for judgement in judgements(str(variant), _said_of(trace))
        ]


def forget(server: OpikServer, project: str, trace_id: str) -> None:
    """Delete the variants of a trace's calls, whichever queue they are in."""
    for trace in _found(server, project, "tags", trace_id):
        if trace_id in (trace.get("tags") or ()):  # whatever a server filters by
            server.delete_trace(project, str(trace["id"]), [])


def _found(server: OpikServer, project: str, field: str, value: str) -> list[dict[str, JSON]]:
    filters = [{"field": field, "operator": "contains", "value": value}]
    return server.listed("traces", {"project_name": project, "filters": json.dumps(filters)})


def _said_of(trace: Mapping[str, JSON]) -> Iterator[Said]:
    for score in trace.get("feedback_scores") or ():
        one_author = {str(score.get("last_updated_by") or "somebody"): score}
        for author, entry in (score.get("value_by_author") or one_author).items():
            if entry.get("source") == "ui":
                at = str(entry.get("last_updated_at") or _now())
                yield Said(author, score["name"], str(entry.get("category_name")), at)


def _trace(task: ReviewTask, project: str) -> dict[str, JSON]:
    now = timestamp(time.time_ns())
    shown: dict[str, JSON] = without_nul(
        {
            "name": review_title(task),
            "input": {"review": review_text(task)},
            "output": {"the answer to the variant": task.changed_answer},
        }
    )
    return {
        **shown,
        "id": _id(task),
        "project_name": project,
        "start_time": now,
        "end_time": now,
        "metadata": {VARIANT: task.item.id, "smile_probe": without_nul(task.item.probe)},
        "tags": ["smile-trace review", *filter(None, [task.item.trace_id])],
        "last_updated_at": now,
        "source": SOURCE,
    }


def _id(task: ReviewTask) -> str:
    return uuid7(_AT_NS, f"review {task.item.id}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
