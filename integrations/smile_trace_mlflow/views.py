"""Drawings in a trace of MLflow: late spans whose outputs show attached pictures.

Each explained call has its heatmap under it; a path has a span under the root, and one under each
of its calls. Each lies in its parent's time, so that the trace keeps its duration.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from smile_trace import semconv
from smile_trace.records import JSON, Span
from smile_trace.records.path import PathStep
from smile_trace.render import (
    brief_svg,
    citations_to_markdown,
    details_to_markdown,
    scores_to_markdown,
    summary_to_markdown,
)
from smile_trace.render.text import short
from smile_trace.trackers import ForgottenTrace, UnexplainedCall
from smile_trace.trackers.fields import call_label, json_text, known, without_nul
from smile_trace.trackers.late_span import Parent
from smile_trace.trackers.presentation import (
    EXPLANATION_NAME,
    LONGEST,
    PATH_NAME,
    VERDICT,
    HeatmapView,
    PathView,
    explanation_span_id,
    path_span_id,
    view_keys,
)
from smile_trace_mlflow.runs import Pictures, step_picture
from smile_trace_mlflow.spans import INPUTS, OUTPUTS, TYPE

if TYPE_CHECKING:
    from mlflow.entities.trace_info import TraceInfo

    from smile_trace_mlflow.server import Server

PATH = "smile_trace.path"
"""Span attribute: the path as JSON, without its explanations, which stand at its steps."""
NOT_EXPLAINED_NAME = "Not explained:"
"""The beginning of the name of a span that says why."""
_MOST_DRIVERS = 3
_NOTHING = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def heatmap_span(
    server: "Server",
    info: "TraceInfo",
    place: Parent,
    view: HeatmapView,
    pictures: Pictures,
    *,
    steps: int,
) -> Span:
    """Make the span that shows an explanation under its call's: the picture, the whole page as an
    attachment, and how the `steps` of a final answer are explained."""
    explanation, fidelity = view.explanation, view.explanation.fidelity
    kind, page = view.files["heatmap.html"]
    outputs: dict[str, JSON] = {
        "summary": summary_to_markdown(explanation),
        "heatmap": pictures.put(view.key, explanation, view.svg),
        "scores": scores_to_markdown(explanation),
        **({"citations": citations} if (citations := citations_to_markdown(explanation)) else {}),
        "details": details_to_markdown(explanation),
        "the whole page": server.attach(info, _key("heatmap", view.key), kind, page),
    }
    if steps:
        count = f"{steps} calls" if steps > 1 else "One call"
        outputs["steps"] = (
            f"{count} led to this answer, and may not have been explained: smile-trace explain "
            "TRACE_ID:SPAN_ID explains one, smile-trace explain TRACE_ID --path follows the answer "
            "back."
        )
    figures = {
        "smile.fidelity_r2": fidelity.r2_heldout,
        "smile.fidelity_r2_low": fidelity.r2_low,
        "smile.fidelity_r2_high": fidelity.r2_high,
    }
    about = {**view.attributes, "smile.status": fidelity.status, **known(figures)}
    return _late_span(place, view.span_id, view.name, view.answer, outputs, about)


def unexplained_span(place: Parent, item: UnexplainedCall) -> Span:
    """Make the span that says under a call why it is not explained; its explanation replaces it."""
    name = f"{NOT_EXPLAINED_NAME} {call_label(item.call)}"
    outputs: dict[str, JSON] = {"verdict": item.verdict, "why": short(item.reason, LONGEST)}
    about: dict[str, JSON] = {VERDICT: item.verdict, "smile.status": item.verdict}
    span_id = explanation_span_id(item.call.id)
    return _late_span(place, span_id, name, item.call.answer or "", outputs, about)


def path_spans(
    server: "Server",
    info: "TraceInfo",
    root: Parent,
    calls: Mapping[str, Parent],
    view: PathView,
    pictures: Pictures,
) -> Iterator[Span]:
    """Yield a path's span under the root, and its steps' spans under `calls`, by our ids; steps of
    an earlier path alone are emptied."""
    path = view.path
    first = path.steps[0].explanation
    kind, page = view.files["path.html"]
    bare = path.model_dump(mode="json", exclude={"steps": {"__all__": {"explanation", "by_tool"}}})
    outputs: dict[str, JSON] = {
        "summary": short(path.summary, 2000),
        "path": pictures.put(path.trace_id, first, view.svg),
        "the whole page": server.attach(info, _key("path picture", path.trace_id), kind, page),
    }
    about = {PATH: json.dumps(bare, ensure_ascii=False)}
    yield _late_span(root, view.span_id, view.name, view.answer, outputs, about)
    for number, step in enumerate(path.steps, 1):
        if (parent := calls.get(step.call)) is not None:
            name, answer = short(f"{number}. {step.title}"), step.explanation.answer
            svg = brief_svg(step.explanation)
            picture = pictures.put(step_picture(step.call), step.explanation, svg)
            outputs = {"depends on": _sources(step), "heatmap": picture}
            yield _late_span(parent, _step_span_id(step.call), name, answer, outputs, {})
    left = calls.keys() - {step.call for step in path.steps}
    yield from _emptied(server, info, map(_step_view, left), "not in it any more")


def _sources(step: PathStep) -> str:
    lines = []
    for source in step.sources:
        named = ", ".join(short(step.named(driver)) for driver in source.drivers[:_MOST_DRIVERS])
        then = f" (step {source.step + 1})" if source.step is not None else ""
        why = f": {short(source.not_followed, 300)}" if source.not_followed else ""
        lines.append(f"{named} {short(source.where)}{then}{why}")
    if step.remarks:
        lines.append(short(step.remarks, 300))
    return "\n\n".join(lines) or short(step.explanation.summary, 1000)


def _late_span(
    parent: Parent,
    span_id: str,
    name: str,
    answer: str,
    outputs: dict[str, JSON],
    attributes: Mapping[str, JSON],
) -> Span:
    """Make a span about an answer, in its parent's time. `outputs` are for people, in this order,
    with references to pictures; `attributes` for programs."""
    return Span(
        trace_id=parent.trace_id.removeprefix("tr-"),
        span_id=span_id,
        parent_id=parent.span_id,
        name=without_nul(name),
        start_ns=parent.start_ns,
        end_ns=parent.end_ns,
        attributes={
            semconv.KIND: "explanation",
            TYPE: "EVALUATOR",
            INPUTS: json_text({"answer": answer}),
            OUTPUTS: json_text(outputs),
            **attributes,
        },
        status="ok",
    )


# -- taking it away -------------------------------------------------------------------------


class _LateSpan(NamedTuple):
    """A span of ours: its id, the fixed part of its name, and what pictures it has, of what."""

    span_id: str
    name: str
    what: str
    of: str


def empty_views(server: "Server", info: "TraceInfo", item: ForgottenTrace) -> list[str | None]:
    """Overwrite our views in a trace of the application's with empty ones. Return the parents of
    these views, None for the trace itself."""
    emptied = list(_emptied(server, info, _late_spans(item), "forgotten"))
    if emptied:
        server.post_spans(emptied, str(info.experiment_id))
    path = path_span_id(item.trace_id)
    return [None if span.span_id == path else span.parent_id for span in emptied]


def _emptied(
    server: "Server", info: "TraceInfo", views: Iterable["_LateSpan"], why: str
) -> Iterator[Span]:
    """Yield empty spans in place of those of these views that are there, and empty their pictures:
    MLflow deletes no single span."""
    held = {span.span_id: span for span in server.spans(info.trace_id)}
    for late in views:
        span = held.get(late.span_id)
        if span is None or span.end_time_ns is None:
            continue
        outputs = json.dumps(span.outputs, default=str)
        for number in itertools.count():
            key = _key(late.what, late.of, number)
            if server.attachment_id(key) not in outputs:
                break
            server.attach(info, key, "image/svg+xml", _NOTHING)
        yield Span(
            trace_id=info.trace_id.removeprefix("tr-"),
            span_id=span.span_id,
            parent_id=span.parent_id,
            name=f"{late.name} ({why})",
            start_ns=span.start_time_ns,
            end_ns=span.end_time_ns,
            attributes={semconv.KIND: "explanation"},
            status="ok",
        )


def _late_spans(item: ForgottenTrace) -> Iterator[_LateSpan]:
    """Yield every span that may have been put into the trace."""
    path = path_span_id(item.trace_id)
    yield _LateSpan(path, PATH_NAME, "path picture", item.trace_id)
    for call in item.calls:
        for key in view_keys(call.id):
            yield _LateSpan(explanation_span_id(key), EXPLANATION_NAME, "heatmap", key)
        yield _step_view(call.id)


def _step_view(call_id: str) -> _LateSpan:
    return _LateSpan(_step_span_id(call_id), "A step of the path", "step picture", call_id)


def _step_span_id(call_id: str) -> str:
    return hashlib.sha256(f"smile-trace step {call_id}".encode()).hexdigest()[:16]


def _key(what: str, of: str, number: int = 0) -> str:
    """Return the text that the id of an attached file is hashed from."""
    return f"{what} {number} of {of}"
