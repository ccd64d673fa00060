"""The user's own active trace and span: noted on each call, never touched."""

import sys
from typing import Any

from opentelemetry import trace as otel

from smile_trace import semconv


def external_trace_attributes() -> dict[str, str]:
    """Ids of the OpenTelemetry span and the MLflow trace that are active here, where any are."""
    links: dict[str, str] = {}
    context = otel.get_current_span().get_span_context()
    if context.is_valid:
        links[semconv.EXTERNAL_OTEL_TRACE] = f"{context.trace_id:032x}"
        links[semconv.EXTERNAL_OTEL_SPAN] = f"{context.span_id:016x}"
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None:
        links.update(_mlflow_attributes(mlflow))
    return links


def _mlflow_attributes(mlflow: Any) -> dict[str, str]:
    # Another thread may be in the middle of importing it: then it has no such function yet.
    get_span = getattr(mlflow, "get_current_active_span", None)
    span = None if get_span is None else get_span()
    if span is None or not isinstance(span.trace_id, str):
        return {}
    return {
        semconv.EXTERNAL_MLFLOW_TRACE: span.trace_id,
        semconv.EXTERNAL_MLFLOW_SPAN: str(span.span_id),
    }


def last_mlflow_trace() -> str | None:
    """The MLflow trace that was last active in this context, where MLflow is loaded."""
    get_id = getattr(sys.modules.get("mlflow"), "get_last_active_trace_id", None)
    found = None if get_id is None else get_id(thread_local=True)
    return found if isinstance(found, str) else None
