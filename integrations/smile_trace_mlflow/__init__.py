"""MLflow: a tracker for traces and heatmaps, a source of its traces, and `load_prompt`. Importing
this imports neither mlflow nor the tracker: capture uses `tracing` in the application."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smile_trace_mlflow.prompts import load_prompt as load_prompt
    from smile_trace_mlflow.source import MLflowSource as MLflowSource
    from smile_trace_mlflow.tracker import MLflowTracker as MLflowTracker

__all__ = ["MLflowSource", "MLflowTracker", "load_prompt"]

_LAZY = {"MLflowSource": "source", "MLflowTracker": "tracker", "load_prompt": "prompts"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
