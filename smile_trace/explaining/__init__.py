"""`explain()` and `explain_path()`, their options, and the driver of a Study."""

from smile_trace.explaining.api import explain
from smile_trace.explaining.driver import (
    ExplanationFailed,
    ask_model,
    ask_round,
    finish,
    resolve_signal,
    run,
)
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.paths import explain_path
from smile_trace.explaining.spending import Estimate, estimate

__all__ = [
    "Estimate",
    "ExplainOptions",
    "ExplanationFailed",
    "ask_model",
    "ask_round",
    "estimate",
    "explain",
    "explain_path",
    "finish",
    "resolve_signal",
    "run",
]
