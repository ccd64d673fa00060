"""The openai client's exceptions as failures of the retry policy."""

from collections.abc import Mapping
from typing import Any

import openai

from smile_trace.bounded_http import Redirected, ReplyRefused
from smile_trace.foreign import ForeignDataError
from smile_trace.models.retry import Failure, rejection
from smile_trace.presentable import presentable

UNANSWERED = (openai.APIError, ReplyRefused, TimeoutError, ValueError)
"""What `Transport.post` raises."""


def read_error(error: Exception, *, timeout: float) -> Failure:
    """The failure behind an exception of `Transport.post`.

    Args:
        error: one of `UNANSWERED`.
        timeout: the attempt's deadline in seconds.
    """
    if isinstance(error, TimeoutError):
        return _too_late(timeout)
    # Releases of openai differ in whether they wrap what a hook raises.
    for refused in (error, error.__cause__):
        if isinstance(refused, ReplyRefused):
            return _refused(refused)
    if isinstance(error, openai.APIConnectionError):
        return _unanswered(error, timeout)
    if isinstance(error, openai.APIStatusError):
        return _rejected(error)
    if isinstance(error, UnicodeEncodeError):
        return Failure("the prompt is not valid Unicode text and cannot be sent", "rejected")
    if isinstance(error, ForeignDataError):
        said = presentable(error, longest=200)
        return Failure(f"the server's reply cannot be read ({said})", "unknown")
    return Failure(f"the server's reply is no JSON ({presentable(error, longest=200)})", "unknown")


def _unanswered(error: openai.APIConnectionError, timeout: float) -> Failure:
    # Which client is below openai's has changed with its releases; the names of its errors not.
    unconnected = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
    sent = type(error.__cause__).__name__ not in unconnected
    if sent and isinstance(error, openai.APITimeoutError):
        return _too_late(timeout)
    return Failure(
        "the connection broke",
        "unknown" if sent else "not_sent",
        retryable=True,
        unavailable="unreachable",
    )


def _too_late(timeout: float) -> Failure:
    return Failure(f"no answer within {timeout:g} seconds", "unknown", retryable=True)


def _refused(error: ReplyRefused) -> Failure:
    """A reply that is not read may have cost something; one that redirects has not."""
    if isinstance(error, Redirected):
        return Failure(str(error), "rejected", unavailable="refused")
    return Failure(str(error), "unknown")


def _rejected(error: openai.APIStatusError) -> Failure:
    detail: Mapping[str, Any] = error.body if isinstance(error.body, dict) else {}
    message = str(detail.get("message") or error.message)
    # Some servers repeat the key that they refuse.
    reason = f"HTTP {error.status_code}: {presentable(message, longest=300)}"
    if _too_long(detail, message):
        reason = "prompt longer than the model's context"
    quota_spent = "insufficient_quota" in (detail.get("code"), detail.get("type"))
    return rejection(error.status_code, reason, error.response.headers, quota_spent=quota_spent)


def _too_long(detail: Mapping[str, Any], message: str) -> bool:
    kinds = {"context_length_exceeded", "exceed_context_size_error"}
    if kinds & {str(detail.get("code")), str(detail.get("type"))}:
        return True
    return "maximum context length" in message or "exceeds the available context" in message
