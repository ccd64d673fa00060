"""How a prompt is asked again: endpoints, a local GGUF, the decorated function, a callable.

The classes that talk to a model are in modules of their own (`endpoint`, `local`, `rerun`,
`callable`); `registry.open_model` makes them from the settings.
"""

from smile_trace.models.attempts import Attempts
from smile_trace.models.base import Model, ModelUnavailable, Request, ScoringModel
from smile_trace.models.ledger import BudgetExceeded, Ledger, ResponseCache

__all__ = [
    "Attempts",
    "BudgetExceeded",
    "Ledger",
    "Model",
    "ModelUnavailable",
    "Request",
    "ResponseCache",
    "ScoringModel",
]
