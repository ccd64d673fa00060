"""Models: how a prompt is asked again, scored and paid for.

`kinds` has one file per kind of model (`trust.model_kinds` finds the installed ones), `registry`
turns settings into a Model, `metered` adds a response cache and a ledger, `retry` decides what is
tried again.
"""

from smile_trace.errors import BudgetExceeded
from smile_trace.models.base import (
    Capabilities,
    Model,
    ModelUnavailable,
    NotRepeatable,
    ReasoningRefused,
    Request,
    ScoringModel,
)
from smile_trace.models.ledger import Ledger, ResponseCache
from smile_trace.models.metered import Meter

__all__ = [
    "BudgetExceeded",
    "Capabilities",
    "Ledger",
    "Meter",
    "Model",
    "ModelUnavailable",
    "NotRepeatable",
    "ReasoningRefused",
    "Request",
    "ResponseCache",
    "ScoringModel",
]
