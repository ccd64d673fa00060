"""The openai client's exceptions as failures of the retry policy."""

from collections.abc import Mapping
from typing import Any

import openai

from smile_trace.foreign import ForeignDataError
from smile_trace.models.retry import Failure, rejection


def read_error(error: Exception, *, key: str | None, timeout: float) -> Failure:
    """The failure behind an exception of `client.post`.

    Args:
        error: an `openai.APIError`, or a ValueError (text that cannot be encoded, a reply that
            is no JSON or beyond the bounds of foreign data).
        key: the key that was sent; it is removed from the reason.
        timeout: the client's time-out in seconds.
    """
    if isinstance(error, openai.APIConnectionError):
        return _unanswered(error, timeout)
    if isinstance(error, openai.APIStatusError):
        return _rejected(error, key)
    if isinstance(error, UnicodeEncodeError):
        return Failure("the prompt is not valid Unicode text and cannot be sent", "rejected")
    if isinstance(error, ForeignDataError):
        return Failure(f"the server's reply cannot be read ({error})", "unknown")
    return Failure(f"the server's reply is no JSON ({error})", "unknown")


def _unanswered(error: openai.APIConnectionError, timeout: float) -> Failure:
    # Which client is below openai's has changed with its releases; the names of its errors not.
    unconnected = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
    sent = type(error.__cause__).__name__ not in unconnected
    if sent and isinstance(error, openai.APITimeoutError):
        return Failure(f"no answer within {timeout:g} seconds", "unknown", retryable=True)
    return Failure(
        "the connection broke",
        "unknown" if sent else "not_sent",
        retryable=True,
        unavailable="unreachable",
    )


def _rejected(error: openai.APIStatusError, key: str | None) -> Failure:
    detail: Mapping[str, Any] = error.body if isinstance(error.body, dict) else {}
    message = str(detail.get("message") or error.message)
    if key:  # some servers repeat the key that they refuse
        message = message.replace(key, "[key]")
    reason = f"HTTP {error.status_code}: {message[:300]}"
    if _too_long(detail, message):
        reason = "prompt longer than the model's context"
    quota_spent = "insufficient_quota" in (detail.get("code"), detail.get("type"))
    return rejection(error.status_code, reason, error.response.headers, quota_spent=quota_spent)


def _too_long(detail: Mapping[str, Any], message: str) -> bool:
    kinds = {"context_length_exceeded", "exceed_context_size_error"}
    if kinds & {str(detail.get("code")), str(detail.get("type"))}:
        return True
    return "maximum context length" in message or "exceeds the available context" in message
