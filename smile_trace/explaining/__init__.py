"""One explanation of a prompt and a model: `explain()`, its options and the driver of a Study."""

from smile_trace.explaining.api import explain
from smile_trace.explaining.cost_estimate import Estimate, estimate
from smile_trace.explaining.driver import (
    ExplanationFailed,
    ask_model,
    ask_round,
    finish,
    resolve_signal,
    run,
)
from smile_trace.explaining.options import ExplainOptions

__all__ = [
    "Estimate",
    "ExplainOptions",
    "ExplanationFailed",
    "ask_model",
    "ask_round",
    "estimate",
    "explain",
    "finish",
    "resolve_signal",
    "run",
]
