"""The path of a trace in Opik: a span under its root with the pictures, a score of the trace."""

from typing import Any

from smile_trace import semconv
from smile_trace.records import JSON, Trace
from smile_trace.render import path_ends, path_to_html, path_to_svg
from smile_trace.trackers import ExplainedPath
from smile_trace.trackers.fields import timestamp
from smile_trace.trackers.names import PATH
from smile_trace_opik.ids import opik_span_id, path_span_id
from smile_trace_opik.spans import EXTERNAL_SPAN, SOURCE, TAG

PATH_NAME = "where did this come from?"

Files = dict[str, tuple[str, bytes]]
"""Contents by name, each with its type."""


def path_json(item: ExplainedPath, project: str, now_ns: int) -> dict[str, Any]:
    """The path as a span under the root, inside that one's time."""
    path, root = item.path, item.trace.span(item.trace.root_span_id)
    return {
        "id": path_span(item.trace),
        "project_name": project,
        "trace_id": item.traced_as,
        "parent_span_id": root.attributes.get(semconv.EXTERNAL_PREFIX + EXTERNAL_SPAN)
        or opik_span_id(root.trace_id, root.span_id, root.start_ns),
        "name": PATH_NAME,
        "type": "general",
        "start_time": timestamp(root.start_ns),
        "end_time": timestamp(root.end_ns),
        "input": {"answer": path.steps[0].explanation.answer},
        "output": {"summary": path.summary, "path": "see the attachments"},
        "tags": [TAG],
        "last_updated_at": timestamp(now_ns),
        "source": SOURCE,
    }


def path_files(item: ExplainedPath) -> Files:
    """Its picture, its page and its record."""
    path = item.path
    return {
        "path.svg": ("image/svg+xml", path_to_svg(path).encode()),
        "path.html": ("text/html", path_to_html(path).encode()),
        "path.json": ("application/json", path.model_dump_json().encode()),
    }


def path_score(item: ExplainedPath, project: str) -> JSON:
    """Where it ends, beside the number of its steps, which Opik wants."""
    return {
        "id": item.traced_as,
        "project_name": project,
        "name": PATH,
        "value": float(len(item.path.steps)),
        "category_name": path_ends(item.path),
        "reason": item.path.summary,
        "source": SOURCE,
    }


def path_span(trace: Trace) -> str:
    """The id of the span that holds the path of a trace."""
    return path_span_id(trace.trace_id, trace.calls[0].start_ns)
