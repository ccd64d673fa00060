"""The nouns. Frozen pydantic models without behaviour beyond reading themselves."""

from smile_trace.records.base import JSON, Record
from smile_trace.records.call import (
    Call,
    CallStatus,
    Feedback,
    Form,
    Message,
    Prompted,
    PromptUse,
    Span,
    Trace,
    Usage,
    VariableSpan,
)
from smile_trace.records.explanation import (
    SCHEMA_VERSION,
    Cost,
    Explanation,
    ExplanationSettings,
    Fidelity,
    FidelityStatus,
    Observation,
    SegmentAttribution,
    Signal,
)
from smile_trace.records.perturbation import (
    Perturbation,
    PerturbationKind,
    Response,
    Segment,
    Unit,
)

__all__ = [
    "JSON",
    "SCHEMA_VERSION",
    "Call",
    "CallStatus",
    "Cost",
    "Explanation",
    "ExplanationSettings",
    "Feedback",
    "Fidelity",
    "FidelityStatus",
    "Form",
    "Message",
    "Observation",
    "Perturbation",
    "PerturbationKind",
    "PromptUse",
    "Prompted",
    "Record",
    "Response",
    "Segment",
    "SegmentAttribution",
    "Signal",
    "Span",
    "Trace",
    "Unit",
    "Usage",
    "VariableSpan",
]
