"""One explanation, from a prompt and a model: the loop that drives a Study, and `explain()`."""

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

__all__ = [
    "Estimate",
    "ExplanationFailed",
    "ask_model",
    "ask_round",
    "estimate",
    "explain",
    "finish",
    "resolve_signal",
    "run",
]
