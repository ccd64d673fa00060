"""The span that shows the path of a trace in a backend which has the trace already."""

import hashlib

from smile_trace.records import Span
from smile_trace.records.path import ExplanationPath, PathStep
from smile_trace.render import path_to_svg
from smile_trace.render.markdown import escape
from smile_trace.trackers.late_span import Parent, late_span
from smile_trace.trackers.names import PATH
from smile_trace.trackers.protocol import ExplainedPath

PATH_NAME = "Where did this come from?"


def path_span(item: ExplainedPath, root: Parent) -> Span:
    """The span under the root that shows the path of its trace."""
    path = item.path
    return late_span(
        root,
        path_span_id(path.trace_id),
        PATH_NAME,
        answer=path.steps[0].explanation.answer,
        svg=path_to_svg(path),
        markdown=_markdown(path),
        more={PATH: path.summary},
    )


def path_span_id(trace_id: str) -> str:
    """The id of the span that shows the path of a trace."""
    return hashlib.sha256(f"smile-trace path {trace_id}".encode()).hexdigest()[:16]


def _markdown(path: ExplanationPath) -> str:
    steps = (f"{number}. {_step(step)}" for number, step in enumerate(path.steps, 1))
    return "\n".join([escape(path.summary), "", *steps])


def _step(step: PathStep) -> str:
    sources = "; ".join(
        f"{', '.join(f'“{driver.name}”' for driver in source.drivers[:3])} {source.where}"
        + (f" (step {source.step + 1})" if source.step is not None else "")
        for source in step.sources
    )
    return f"**{escape(step.title)}** {escape(sources or step.explanation.summary)}"
