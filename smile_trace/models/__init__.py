"""How a prompt is asked again: endpoints, a local GGUF, the decorated function, a callable."""

from smile_trace.models.base import Model, ModelUnavailable, Request, ScoringModel

__all__ = ["Model", "ModelUnavailable", "Request", "ScoringModel"]
