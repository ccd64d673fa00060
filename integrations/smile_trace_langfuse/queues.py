"""Annotation queues: their items, and the score configs that say what is asked.

Source: Langfuse 4.16, `web/src/features/public-api/types/annotation-queues.ts` and
`packages/shared/src/features/scores/scoreConfigTypes.ts`. Langfuse takes an item twice, and a score
config of a name that is there already: both are looked for first.
"""

from collections.abc import Mapping
from typing import Any

from smile_trace.records.judgement import QUESTIONS, Question
from smile_trace.trackers.http import RequestRejected
from smile_trace.trackers.reviewed import CHOICES, NAMES
from smile_trace_langfuse.server import LangfuseServer

QUEUES, CONFIGS = "annotation-queues", "score-configs"
ABOUT = "Variants of requests whose answers changed, from smile-trace."


def find_queue(server: LangfuseServer, name: str) -> str | None:
    """The id of the queue of that name; None where there is none."""
    with server.reading():
        return next((str(q["id"]) for q in server.listed(QUEUES) if q["name"] == name), None)


def make_queue(server: LangfuseServer, name: str) -> str:
    """Make a queue that asks our questions, and give its id; one that was made meanwhile is
    taken."""
    questions = dict(zip(NAMES, QUESTIONS, strict=True))
    queue = {"name": name, "description": ABOUT, "scoreConfigIds": _configs(server, questions)}
    try:
        made = server.ask("POST", QUEUES, queue)
    except RequestRejected as rejected:
        if rejected.status == 409 and (found := find_queue(server, name)):
            return found
        raise
    with server.reading():
        return str(made["id"])


def items(server: LangfuseServer, queue: str) -> list[tuple[str, str]]:
    """The items of a queue: the id of each, and that of the trace that it shows."""
    listed = server.listed(f"{QUEUES}/{queue}/items")
    with server.reading():
        return [
            (str(item["id"]), str(item["objectId"]))
            for item in listed
            if item["objectType"] == "TRACE"
        ]


def add(server: LangfuseServer, queue: str, trace_id: str) -> None:
    """Put a trace into a queue."""
    item = {"objectId": trace_id, "objectType": "TRACE"}
    server.ask("POST", f"{QUEUES}/{queue}/items", item)


def items_by_trace(server: LangfuseServer) -> dict[str, list[str]]:
    """Where traces wait in any queue of the project: the paths of their items."""
    found: dict[str, list[str]] = {}
    with server.reading():
        queues = [str(queue["id"]) for queue in server.listed(QUEUES)]
    for queue in queues:
        for item, trace_id in items(server, queue):
            found.setdefault(trace_id, []).append(f"{QUEUES}/{queue}/items/{item}")
    return found


def _configs(server: LangfuseServer, questions: Mapping[str, Question]) -> list[str]:
    """The ids of the score configs that ask these questions; made where there are none."""
    listed = server.listed(CONFIGS)
    with server.reading():
        held = {str(config["name"]): str(config["id"]) for config in listed if _asks(config)}
    return [held.get(name) or _make_config(server, name, q) for name, q in questions.items()]


def _asks(config: Mapping[str, Any]) -> bool:
    """Whether a config has the choices that we can read."""
    labels = {one["label"] for one in config.get("categories") or ()}
    return not config["isArchived"] and labels >= CHOICES.keys()


def _make_config(server: LangfuseServer, name: str, question: Question) -> str:
    made = server.ask(
        "POST",
        CONFIGS,
        {
            "name": name,
            "dataType": "CATEGORICAL",
            "description": f"{question.text} {question.help}",
            "categories": [{"label": one, "value": n} for n, one in enumerate(CHOICES)],
        },
    )
    with server.reading():
        return str(made["id"])
