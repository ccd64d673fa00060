"""Checks of explanations: faithfulness curves, gSMILE's measures, a sanity check by injection."""

from smile_trace.evaluation.curves import faithfulness, most_calls
from smile_trace.evaluation.gsmile import MarkedPrompt, measure
from smile_trace.evaluation.injection import (
    check_by_injection,
    estimate_check,
    injected_copies,
    sanity_check,
)

__all__ = [
    "MarkedPrompt",
    "check_by_injection",
    "estimate_check",
    "faithfulness",
    "injected_copies",
    "measure",
    "most_calls",
    "sanity_check",
]
