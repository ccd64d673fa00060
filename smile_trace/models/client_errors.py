"""The exceptions of a provider's own client as failures of the retry policy.

The clients of OpenAI and of Anthropic are made by the same generator: their exceptions have the
same names and fields.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from smile_trace._guards.bounded_http import Redirected, ReplyRefused
from smile_trace._guards.foreign import ForeignDataError
from smile_trace._guards.presentable import presentable
from smile_trace.models.retry import Failure, rejection


def unanswered(client: ModuleType) -> tuple[type[Exception], ...]:
    """What `Transport.post` raises; `client` is the client's package."""
    return client.APIError, ReplyRefused, TimeoutError, ValueError


def read_error(error: Exception, *, client: ModuleType, timeout: float) -> Failure:
    """The failure behind an exception of `Transport.post`.

    Args:
        error: one of `unanswered`.
        client: the client's package (`openai`, `anthropic`).
        timeout: the attempt's deadline in seconds.
    """
    if isinstance(error, TimeoutError):
        return _too_late(timeout)
    # Releases differ in whether they wrap what a hook raises.
    for refused in (error, error.__cause__):
        if isinstance(refused, ReplyRefused):
            return _refused(refused)
    if isinstance(error, client.APIConnectionError):
        return _no_reply(error, timeout, timed_out=isinstance(error, client.APITimeoutError))
    if isinstance(error, client.APIStatusError):
        return _rejected(error)
    if isinstance(error, UnicodeEncodeError):
        return Failure("the prompt is not valid Unicode text and cannot be sent", "rejected")
    if isinstance(error, ForeignDataError):
        said = presentable(error, longest=200)
        return Failure(f"the server's reply cannot be read ({said})", "unknown")
    return Failure(f"the server's reply is no JSON ({presentable(error, longest=200)})", "unknown")


def _no_reply(error: Exception, timeout: float, *, timed_out: bool) -> Failure:
    # Which client is below has changed with releases; the names of its errors have not.
    unconnected = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
    sent = type(error.__cause__).__name__ not in unconnected
    if sent and timed_out:
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


def _rejected(error: Any) -> Failure:
    body: Mapping[str, Any] = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")  # Anthropic's client gives the whole body, OpenAI's what is inside
    detail: Mapping[str, Any] = inner if isinstance(inner, dict) else body
    message = str(detail.get("message") or error.message)
    kinds = {str(detail.get("code")), str(detail.get("type"))}
    # Some servers repeat the key that they refuse.
    reason = f"HTTP {error.status_code}: {presentable(message, longest=300)}"
    if kinds & _TOO_LONG or any(said in message for said in _TOO_LONG_SAID):
        reason = "prompt longer than the model's context"
    spent = bool(kinds & _SPENT) or any(said in message for said in _SPENT_SAID)
    failure = rejection(error.status_code, reason, error.response.headers, quota_spent=spent)
    if _FILTERED in kinds:
        return replace(failure, filtered=True)
    return replace(failure, unavailable="not_repeatable") if _BOUND in message else failure


_FILTERED = "content_filter"
"""Azure's code of a prompt that its filter keeps from the model."""
_BOUND = "bound to a different conversation"
"""What Anthropic says of reasoning whose signature holds for other words before it."""
_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error", "request_too_large"}
_TOO_LONG_SAID = (
    "maximum context length",
    "exceeds the available context",
    "prompt is too long",
)
_SPENT = {"insufficient_quota", "billing_error"}
_SPENT_SAID = ("credit balance is too low", "reached your specified API usage limits")
