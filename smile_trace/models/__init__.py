"""Models: how a prompt is asked again, scored and paid for.

`kinds` has one file per kind of model, `registry` opens them from the settings, `accounting`
wraps them in a response cache and a ledger, `retry` says what is tried again.
"""

from smile_trace.models.accounting.ledger import BudgetExceeded, Ledger, ResponseCache
from smile_trace.models.accounting.meter import Meter
from smile_trace.models.base import (
    Capabilities,
    Model,
    ModelUnavailable,
    NotRepeatable,
    Request,
    ScoringModel,
)

__all__ = [
    "BudgetExceeded",
    "Capabilities",
    "Ledger",
    "Meter",
    "Model",
    "ModelUnavailable",
    "NotRepeatable",
    "Request",
    "ResponseCache",
    "ScoringModel",
]
