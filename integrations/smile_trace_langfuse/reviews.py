"""Variants in an annotation queue of Langfuse: each as a trace of its own, judged by its scores.

Source: Langfuse 4.16, `scores-api-v3.ts`. Of a trace and a score config Langfuse keeps one score:
whoever replies last is its author.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from smile_trace import semconv
from smile_trace.records import Span
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.render.review import review_answer, review_text, review_title
from smile_trace.trackers.batches import split
from smile_trace.trackers.http import RequestRejected
from smile_trace.trackers.reviewed import NAMES, Said, judgements, no_queue, review_trace_id
from smile_trace_langfuse.queues import add, find_queue, items, items_by_trace, make_queue
from smile_trace_langfuse.server import LangfuseServer

VARIANT, OF_TRACE = "smile_variant", "smile_reviewed_trace"
"""Metadata: which variant is judged, and of which trace's call it is."""
_MARK = "id "
"""Before either, since Langfuse reads hex digits as a number where they look like one."""
TRACES_PER_REQUEST = 50
"""Traces that are asked for at once: their ids stand in the address."""


def send(server: LangfuseServer, queue: str, tasks: Sequence[ReviewTask]) -> None:
    """Put variants into the queue of that name, made where there is none; what is in it stays as
    it is, with what people have said.

    Raises:
        RequestRejected, TrackerUnavailable: see `HttpClient.send`.
    """
    held = find_queue(server, queue) or make_queue(server, queue)
    waiting = {trace_id for _, trace_id in items(server, held)}
    for task in tasks:
        trace_id = review_trace_id(task.item.id, "Langfuse")
        if trace_id in waiting:
            continue
        if not server.has_trace(trace_id):
            server.post_spans([_span(trace_id, task)])
        add(server, held, trace_id)


def read(server: LangfuseServer, queue: str) -> list[Judgement]:
    """What people said in a queue.

    Raises:
        TrackerUnavailable: Langfuse does not answer.
        RequestRejected: there is no queue of that name.
    """
    held = find_queue(server, queue)
    if held is None:
        raise no_queue("Langfuse", queue)
    asked = {"queueId": held, "source": "ANNOTATION", "name": ",".join(NAMES)}
    scores = server.listed("v3/scores", {**asked, "fields": "core,subject,annotation"})
    with server.reading():
        said: dict[str, list[Said]] = {}
        for score in scores:
            subject = score["subject"]
            said.setdefault(str(subject.get("traceId") or subject["id"]), []).append(_said(score))
        variants = _variants(server, said)
        return [
            judgement
            for trace_id, of_trace in said.items()
            if trace_id in variants
            for judgement in judgements(variants[trace_id], of_trace)
        ]


def forgetting(server: LangfuseServer) -> Callable[[str], None]:
    """What deletes the variants of a trace's calls, and takes them out of every queue; the queues
    are read once, where there is such a variant."""
    waiting = cache(partial(items_by_trace, server))

    def forget(trace_id: str) -> None:
        marked = f"{_MARK}{trace_id}"
        of_trace = {"type": "stringObject", "column": "metadata", "key": OF_TRACE, "operator": "="}
        try:
            found = _observations(server, "core,metadata", {**of_trace, "value": marked})
        except RequestRejected as rejected:
            if rejected.missing:  # without this list, no variant was ever sent
                return
            raise
        with server.reading():
            variants = {
                str(observation["traceId"])
                for observation in found
                if (observation.get("metadata") or {}).get(OF_TRACE)
                == marked  # whatever a server filters by
            }
        for variant in sorted(variants):
            for item in waiting().get(variant, ()):
                server.delete(item)
            server.delete(f"traces/{variant}")  # last: by it the items are found

    return forget


def _said(score: Mapping[str, Any]) -> Said:
    author = str(score["annotation"]["authorUserId"] or "somebody")
    return Said(author, str(score["name"]), str(score["value"]), str(score["updatedAt"]))


def _variants(server: LangfuseServer, trace_ids: Iterable[str]) -> dict[str, str]:
    """The variants that traces show."""
    found = {}
    for ids in split([*trace_ids], lambda _: 1, TRACES_PER_REQUEST):
        among = {"type": "stringOptions", "column": "traceId", "operator": "any of", "value": ids}
        for observation in _observations(server, "core,metadata", among):
            if variant := (observation.get("metadata") or {}).get(VARIANT):
                found[str(observation["traceId"])] = str(variant).removeprefix(_MARK)
    return found


def _observations(
    server: LangfuseServer, fields: str, condition: Mapping[str, Any]
) -> list[dict[str, Any]]:
    asked = {"fields": fields, "filter": json.dumps([condition])}
    return server.listed("v2/observations", asked)


def _span(trace_id: str, task: ReviewTask) -> Span:
    now, title = time.time_ns(), review_title(task)
    of_trace = task.item.trace_id
    metadata = {
        VARIANT: f"{_MARK}{task.item.id}",
        **({OF_TRACE: f"{_MARK}{of_trace}"} if of_trace else {}),
        "smile_probe": task.item.probe,
    }
    return Span(
        trace_id=trace_id,
        span_id=trace_id[:16],
        name=title,
        start_ns=now,
        end_ns=now + 1,
        attributes={
            semconv.KIND: "review",
            "langfuse.trace.name": title,
            "langfuse.trace.tags": ["smile-trace review"],
            "langfuse.observation.type": "span",
            "langfuse.observation.input": review_text(task),
            "langfuse.observation.output": review_answer(task),
            **{f"langfuse.observation.metadata.{name}": text for name, text in metadata.items()},
        },
        status="ok",
    )
