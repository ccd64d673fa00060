"""The path of a trace in MLflow: a span under its root, one under each call that is explained, a
column of the list, and a page in the run of the day."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smile_trace.records import JSON, Span
from smile_trace.records.formats.otlp import spans_to_otlp
from smile_trace.records.path import ExplanationPath, PathStep
from smile_trace.render import path_ends, path_to_html, path_to_svg, to_svg_strips
from smile_trace.render.text import short
from smile_trace.trackers import ExplainedPath
from smile_trace.trackers.late_span import Parent, find_parent, find_root
from smile_trace.trackers.presentation import PATH_NAME, path_span_id
from smile_trace_mlflow.assessments import say_path
from smile_trace_mlflow.runs import DAY_TAG, NOTE, day_of, path_page
from smile_trace_mlflow.spans import (
    EXTERNAL_SPAN,
    EXTERNAL_TRACE,
    held,
    late_span,
    mlflow_trace_id,
)

if TYPE_CHECKING:
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

PATH = "smile_trace.path"
"""Span attribute: the path as JSON, without its explanations, which stand at its steps."""
WIDTH, HEIGHT = 700, 200
"""Size of a picture: MLflow draws none higher than 200 pixels in a span's outputs."""
_MOST_DRIVERS = 3


@dataclass(frozen=True)
class PathPlaces:
    """The spans that a path goes under: the root, and those of its calls by their ids."""

    root: Parent
    calls: Mapping[str, Parent]


def find_places(server: "Server", item: ExplainedPath) -> PathPlaces | None:
    """Where a path goes; None where the user's own trace has no spans (yet)."""
    trace, traced_as = item.trace, item.traced_as
    if traced_as == mlflow_trace_id(trace):
        root = trace.span(trace.root_span_id)
        calls = {
            call.id: Parent(traced_as, call.span_id, call.start_ns, call.end_ns)
            for call in trace.calls
        }
        return PathPlaces(Parent(traced_as, root.span_id, root.start_ns, root.end_ns), calls)
    inside = [c for c in trace.calls if c.external_trace.get(EXTERNAL_TRACE) == traced_as]
    with server.reading():
        spans = held(server.spans(traced_as))
        found = {
            call.id: find_parent(traced_as, spans, call, call.external_trace.get(EXTERNAL_SPAN))
            for call in inside
        }
        own_root = find_root(traced_as, spans)
    if own_root is None:
        return None
    return PathPlaces(own_root, {key: one for key, one in found.items() if one is not None})


def deliver_path(
    server: "Server", item: ExplainedPath, places: PathPlaces, info: "TraceInfo"
) -> None:
    """Put a path into its trace, whose `info` this is, and into the run of its day."""
    path = item.path
    picture = path_to_svg(path, width=WIDTH).encode()
    shown = server.attach(info, path_key(path.trace_id, 0), "image/svg+xml", picture)
    spans = [_of_path(path, places.root, shown)]
    for number, step in enumerate(path.steps, 1):
        if (parent := places.calls.get(step.call)) is not None:
            drawn = to_svg_strips(step.explanation, width=WIDTH, height=HEIGHT)
            pictures = {
                name: server.attach(info, step_key(step.call, i), "image/svg+xml", svg.encode())
                for i, (name, svg) in enumerate(drawn.items())
            }
            spans.append(_of_step(number, step, parent, pictures))
    server.post_spans(spans_to_otlp(spans), str(info.experiment_id))
    say_path(server, info, path_ends(path), path.summary)
    day = day_of(path.steps[0].explanation)
    run_id = server.find_or_make_run(DAY_TAG, day, f"smile-trace {day}", NOTE)
    title = short(f"{PATH_NAME} {item.trace.span(item.trace.root_span_id).name}")
    server.write_artifact(run_id, path_page(path.trace_id), path_to_html(path, title=title))


def step_span_id(call_id: str) -> str:
    """The id of the span that shows a call as a step of a path."""
    return hashlib.sha256(f"smile-trace step {call_id}".encode()).hexdigest()[:16]


def path_key(trace_id: str, number: int) -> str:
    """What the id of an attached picture of a path is made from."""
    return f"path picture {number} of {trace_id}"


def step_key(call_id: str, number: int) -> str:
    """What the id of an attached picture of a step is made from."""
    return f"step picture {number} of {call_id}"


def _of_path(path: ExplanationPath, root: Parent, picture: str) -> Span:
    bare = path.model_dump(mode="json", exclude={"steps": {"__all__": {"explanation", "by_tool"}}})
    outputs: dict[str, JSON] = {"summary": short(path.summary, 2000), "path": picture}
    answer = path.steps[0].explanation.answer
    attributes = {PATH: json.dumps(bare, ensure_ascii=False)}
    return late_span(root, path_span_id(path.trace_id), PATH_NAME, answer, outputs, attributes)


def _of_step(number: int, step: PathStep, parent: Parent, pictures: Mapping[str, str]) -> Span:
    outputs: dict[str, JSON] = {"depends on": _sources(step), **pictures}
    name = short(f"{number}. {step.title}")
    answer = step.explanation.answer
    return late_span(parent, step_span_id(step.call), name, answer, outputs, {})


def _sources(step: PathStep) -> str:
    lines = []
    for source in step.sources:
        named = ", ".join(f"“{short(driver.name)}”" for driver in source.drivers[:_MOST_DRIVERS])
        what = short(source.name) if source.kind == "tool" else named
        then = f" (step {source.step + 1})" if source.step is not None else ""
        why = f": {short(source.not_followed, 300)}" if source.not_followed else ""
        lines.append(f"{what} {short(source.where)}{then}{why}")
    if step.note:
        lines.append(short(step.note, 300))
    return "\n\n".join(lines) or short(step.explanation.summary, 1000)
