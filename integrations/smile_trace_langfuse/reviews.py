"""Variants in an annotation queue of Langfuse: each as a trace of its own, judged by its scores.

Source: Langfuse 4.16, `web/src/features/public-api/types/annotation-queues.ts`,
`packages/shared/src/features/scores/scoreConfigTypes.ts`, `scores-api-v3.ts`. Langfuse accepts
duplicate items and score configs, so both are looked up first. It keeps one score per trace and
score config, by whoever replies last.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from smile_trace.records import JSON, Span
from smile_trace.records.judgement import ReviewTask
from smile_trace.render.review import review_answer, review_text, review_title
from smile_trace.trackers.batches import split
from smile_trace.trackers.http import tolerating
from smile_trace.trackers.otlp import post_spans
from smile_trace.trackers.reviews import (
    ABOUT,
    ASKED,
    CHOICES,
    NAMES,
    ReviewQueues,
    Said,
    review_span,
    review_trace_id,
)
from smile_trace_langfuse.server import OBSERVATIONS, OTLP, TRACES_PER_REQUEST, LangfuseServer

QUEUES, CONFIGS = "annotation-queues", "score-configs"
VARIANT, OF_TRACE = "smile_variant", "smile_reviewed_trace"
"""Metadata: the variant that is judged, and the trace of its call."""
_MARK = "id "
"""Prefix of both: Langfuse would read some hex digits as a number."""


class LangfuseQueues(ReviewQueues):
    """The annotation queues of a project."""

    service = "Langfuse"

    def __init__(self, server: LangfuseServer) -> None:
        self._server = server

    def find(self, name: str) -> str | None:
        with self._server.reading():
            return next(
                (str(q["id"]) for q in self._server.listed(QUEUES) if q["name"] == name), None
            )

    def make(self, name: str) -> str:
        queue = {"name": name, "description": ABOUT, "scoreConfigIds": self._configs()}
        return self._made(QUEUES, queue)

    def put(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        waiting = {trace_id for _, trace_id in self._items(queue)}
        for task in tasks:
            trace_id = review_trace_id(task.item.id, "Langfuse")
            if trace_id in waiting:
                continue
            if not self._server.has_trace(trace_id):
                post_spans(self._server.http, OTLP, [_span(trace_id, task)])
            item = {"objectId": trace_id, "objectType": "TRACE"}
            self._server.ask("POST", f"{QUEUES}/{queue}/items", item)

    def replies(self, queue: str) -> Iterator[tuple[str, Said]]:
        wanted = {"queueId": queue, "source": "ANNOTATION", "name": ",".join(NAMES)}
        scores = self._server.listed("v3/scores", {**wanted, "fields": "core,subject,annotation"})
        with self._server.reading():
            said = [_said(score) for score in scores]
            variants = self._variants(list(dict.fromkeys(trace_id for trace_id, _ in said)))
        for trace_id, one in said:
            if trace_id in variants:
                yield variants[trace_id], one

    def forgetting(self) -> Callable[[str], None]:
        """See `ReviewQueues.forgetting`; the items are taken out of every queue, too."""
        waiting = cache(self._items_by_trace)

        def forget(trace_id: str) -> None:
            marked = f"{_MARK}{trace_id}"
            of_trace = {"column": "metadata", "key": OF_TRACE, "operator": "=", "value": marked}
            observations: list[dict[str, Any]] = []
            with tolerating(404):  # without this list, no variant was ever sent
                observations = self._observations({"type": "stringObject", **of_trace})
            with self._server.reading():
                variants = {
                    str(observation["traceId"])
                    for observation in observations
                    if (observation.get("metadata") or {}).get(OF_TRACE)
                    == marked  # whatever a server filters by
                }
            for variant in sorted(variants):
                for item in waiting().get(variant, ()):
                    self._server.delete(item)
                self._server.delete(f"traces/{variant}")  # last: by it the items are found

        return forget

    def _items(self, queue: str) -> list[tuple[str, str]]:
        """Return the items of a queue: the path of each, and the id of its trace."""
        path = f"{QUEUES}/{queue}/items"
        items = self._server.listed(path)
        with self._server.reading():
            traces = [item for item in items if item["objectType"] == "TRACE"]
            return [(f"{path}/{item['id']}", str(item["objectId"])) for item in traces]

    def _items_by_trace(self) -> dict[str, list[str]]:
        by_trace: dict[str, list[str]] = {}
        with self._server.reading():
            queues = [str(queue["id"]) for queue in self._server.listed(QUEUES)]
        for queue in queues:
            for item, trace_id in self._items(queue):
                by_trace.setdefault(trace_id, []).append(item)
        return by_trace

    def _variants(self, trace_ids: Sequence[str]) -> dict[str, str]:
        variants = {}
        for ids in split(trace_ids, lambda _: 1, TRACES_PER_REQUEST):
            among = {"column": "traceId", "operator": "any of", "value": ids}
            for observation in self._observations({"type": "stringOptions", **among}):
                if variant := (observation.get("metadata") or {}).get(VARIANT):
                    variants[str(observation["traceId"])] = str(variant).removeprefix(_MARK)
        return variants

    def _observations(self, condition: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted = {"fields": "core,metadata", "filter": json.dumps([condition])}
        return self._server.listed(OBSERVATIONS, wanted)

    def _configs(self) -> list[str]:
        """Return the ids of the score configs that ask our questions, making missing ones."""
        listed = self._server.listed(CONFIGS)
        with self._server.reading():
            held = {str(config["name"]): str(config["id"]) for config in listed if _asks(config)}
        return [held.get(name) or self._make_config(name) for name in NAMES]

    def _make_config(self, name: str) -> str:
        config = {
            "name": name,
            "dataType": "CATEGORICAL",
            "description": ASKED[name],
            "categories": [{"label": one, "value": n} for n, one in enumerate(CHOICES)],
        }
        return self._made(CONFIGS, config)

    def _made(self, path: str, what: JSON) -> str:
        made = self._server.ask("POST", path, what)
        with self._server.reading():
            return str(made["id"])


def _asks(config: Mapping[str, Any]) -> bool:
    labels = {one["label"] for one in config.get("categories") or ()}
    return not config["isArchived"] and labels >= CHOICES.keys()


def _said(score: Mapping[str, Any]) -> tuple[str, Said]:
    """Return the trace of a score, and its reply."""
    subject, author = score["subject"], str(score["annotation"]["authorUserId"] or "somebody")
    said = Said(author, str(score["name"]), str(score["value"]), str(score["updatedAt"]))
    return str(subject.get("traceId") or subject["id"]), said


def _span(trace_id: str, task: ReviewTask) -> Span:
    of_trace = task.item.trace_id
    metadata = {
        VARIANT: f"{_MARK}{task.item.id}",
        **({OF_TRACE: f"{_MARK}{of_trace}"} if of_trace else {}),
        "smile_probe": task.item.probe,
    }
    return review_span(
        trace_id,
        task,
        {
            "langfuse.trace.name": review_title(task),
            "langfuse.trace.tags": ["smile-trace review"],
            "langfuse.observation.type": "span",
            "langfuse.observation.input": review_text(task),
            "langfuse.observation.output": review_answer(task),
            **{f"langfuse.observation.metadata.{name}": text for name, text in metadata.items()},
        },
    )
