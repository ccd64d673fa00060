"""One explanation, from a prompt and a model: the loop that drives a Study, and `explain()`."""

from smile_trace.explaining.api import explain
from smile_trace.explaining.driver import ExplanationFailed, ask_model, finish, resolve_signal, run

__all__ = ["ExplanationFailed", "ask_model", "explain", "finish", "resolve_signal", "run"]
