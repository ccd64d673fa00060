"""Variants that people annotate in Phoenix: a project per queue, in it each variant as a trace.

Phoenix has no queues. A project is what a person opens to see its traces alone; the annotation
configs that are assigned to it are the questions that its page asks of a span.

Source: Phoenix 20.26.1, `server/api/routers/v1/annotation_configs.py`, `annotations.py`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

from smile_trace import semconv
from smile_trace.records import Span
from smile_trace.records.judgement import QUESTIONS, Judgement, Question, ReviewTask
from smile_trace.render.review import review_answer, review_text, review_title
from smile_trace.trackers.batches import split
from smile_trace.trackers.http import RequestRejected
from smile_trace.trackers.reviewed import (
    CHOICES,
    NAMES,
    Said,
    judgements,
    no_queue,
    review_trace_id,
)
from smile_trace_phoenix.server import PhoenixServer
from smile_trace_phoenix.spans import KIND, in_project

VARIANT, OF_TRACE = "smile.variant", "smile.reviewed_trace"
"""Attributes of a span: which variant is judged, and of which trace's call it is."""
ASKED: Mapping[str, str] = {name.replace(".", "_"): name for name in NAMES}
"""The questions by their names here: of one with a dot in it Phoenix's page stores no reply."""
_REVIEW = " review: "
"""In the name of a queue's project, after that of the tracker's project."""
SPANS_PER_REQUEST = 100
"""Spans whose annotations are asked for at once: their ids stand in the address."""


def send(server: PhoenixServer, project: str, queue: str, tasks: Sequence[ReviewTask]) -> None:
    """Put variants into the project of that queue, made where there is none; what is in it stays
    as it is, with what people have said.

    Raises:
        TrackerUnavailable: Phoenix takes nothing right now.
        RequestRejected: it does not take this, or has not written it yet.
    """
    name = _name(project, queue)
    held = _find(server, name) or _make(server, name)
    for question, about in zip(ASKED, QUESTIONS, strict=True):
        _ask(server, held, question, about)
    there = _variants(server, held)
    spans = [in_project(_span(name, task), name) for task in tasks]
    missing = [span for span in spans if span.span_id not in there]
    for batch in split(missing, lambda _: 1, SPANS_PER_REQUEST):
        server.post_spans(batch)
    sent = {span.span_id for span in missing}
    if not server.settled(lambda: sent <= _variants(server, held).keys()):
        said = "Phoenix has taken the variants, and not written them yet: send them again"
        raise RequestRejected(said, status=503, retry=True)


def read(server: PhoenixServer, project: str, queue: str) -> list[Judgement]:
    """What people said in a queue.

    Raises:
        TrackerUnavailable: Phoenix does not answer.
        RequestRejected: there is no queue of that name.
    """
    held = _find(server, _name(project, queue))
    if held is None:
        raise no_queue("Phoenix", queue)
    variants = _variants(server, held)
    said: dict[str, list[Said]] = {}
    for ids in split([*variants], lambda _: 1, SPANS_PER_REQUEST):
        rows = _annotations(server, held, ids)
        with server.http.service.reading():
            for row in rows:
                if row["annotator_kind"] == "HUMAN":
                    said.setdefault(str(row["span_id"]), []).append(_said(row))
    return [
        judgement
        for span_id, of_span in said.items()
        if span_id in variants
        for judgement in judgements(variants[span_id], of_span)
    ]


def forgetting(server: PhoenixServer) -> Callable[[str], None]:
    """What deletes the variants of a trace's calls, whichever queue they are in; the queues are
    looked for once."""
    queues = cache(lambda: [held for name, held in _projects(server, _REVIEW) if _REVIEW in name])

    def forget(trace_id: str) -> None:
        for held in queues():
            spans = _spans(server, held, {"attribute": f'{OF_TRACE}:"{trace_id}"'})
            with server.http.service.reading():
                variants = {
                    str(span["context"]["trace_id"])
                    for span in spans
                    if span["attributes"].get(OF_TRACE) == trace_id  # whatever a server filters by
                }
            for variant in sorted(variants):
                server.delete("traces", variant)

    return forget


# -- a project is a queue -------------------------------------------------------------------


def _name(project: str, queue: str) -> str:
    return f"{project}{_REVIEW}{queue}"


def _projects(server: PhoenixServer, part: str) -> list[tuple[str, str]]:
    """The names and ids of the projects whose names hold a text."""
    found = server.listed("v1/projects", {"name_contains": part})
    with server.http.service.reading():
        return [(str(one["name"]), str(one["id"])) for one in found]


def _find(server: PhoenixServer, name: str) -> str | None:
    """The id of the project of that name; None where there is none."""
    return next((held for named, held in _projects(server, name) if named == name), None)


def _make(server: PhoenixServer, name: str) -> str:
    about = "Variants of requests whose answers changed, from smile-trace."
    try:
        answer = server.http.send("POST", "v1/projects", {"name": name, "description": about})
    except RequestRejected:
        if found := _find(server, name):  # somebody made it meanwhile
            return found
        raise
    with server.http.service.reading():
        return str(answer["data"]["id"])


def _ask(server: PhoenixServer, project: str, name: str, question: Question) -> None:
    """Let the project's page ask a question; a config of that name is taken as it is."""
    config = {
        "name": name,
        "type": "CATEGORICAL",
        "description": f"{question.text} {question.help}",
        "optimization_direction": "NONE",
        "values": [{"label": choice} for choice in CHOICES],
    }
    try:
        server.http.send("POST", "v1/annotation_configs", config)
    except RequestRejected as rejected:
        if rejected.status != 409:  # it is there
            raise
    server.http.send("PUT", f"v1/projects/{project}/annotation_configs/{quote(name)}")


# -- what is in it --------------------------------------------------------------------------


def _spans(server: PhoenixServer, project: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
    return server.listed(f"v1/projects/{project}/spans", params)


def _variants(server: PhoenixServer, project: str) -> dict[str, str]:
    """The variants in a project by their spans; those of anybody else are left out."""
    spans = _spans(server, project, {})
    with server.http.service.reading():
        return {
            str(span["context"]["span_id"]): str(variant)
            for span in spans
            if (variant := span["attributes"].get(VARIANT))
        }


def _annotations(
    server: PhoenixServer, project: str, span_ids: Sequence[str]
) -> list[dict[str, Any]]:
    wanted = {"span_ids": span_ids, "include_annotation_names": [*ASKED]}
    return server.listed(f"v1/projects/{project}/span_annotations", wanted)


def _said(row: Mapping[str, Any]) -> Said:
    result = row["result"] or {}
    who = str(row["user_id"] or "somebody")
    return Said(who, ASKED[str(row["name"])], str(result.get("label")), str(row["updated_at"]))


def _span(place: str, task: ReviewTask) -> Span:
    now, trace_id = time.time_ns(), review_trace_id(task.item.id, place)
    of_trace = task.item.trace_id
    return Span(
        trace_id=trace_id,
        span_id=trace_id[:16],
        name=review_title(task),
        start_ns=now,
        end_ns=now + 1,
        attributes={
            semconv.KIND: "review",
            KIND: "CHAIN",
            "input.value": review_text(task),
            "output.value": review_answer(task),
            VARIANT: task.item.id,
            **({OF_TRACE: of_trace} if of_trace else {}),
            "smile.probe": task.item.probe,
        },
        status="ok",
    )
