"""The one retry policy of everything that is asked over HTTP: models and embeddings.

A failed attempt is tried again, up to the model's `retries`, after a broken connection, a time-out,
and the statuses 408, 409, 429 and 5xx; not if a quota is spent, or the server asks for more than
two minutes (`Retry-After`). The pause is `Retry-After`, else exponential with jitter. What a failed
attempt means for its reservation:

- never sent, or rejected with a status that says the model takes nothing now: released;
- otherwise rejected: settled at no cost, so that it counts as a call;
- unknown (broken connection, time-out, unreadable reply): stays at its cost bound.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal

from smile_trace._guards.bounded_http import Redirected, ReplyRefused, retry_after
from smile_trace._guards.foreign import ForeignDataError
from smile_trace._guards.presentable import presentable

FIRST_WAIT, MAX_WAIT, MAX_RETRY_AFTER = 0.5, 20.0, 120.0
"""Seconds: our first wait, our longest wait, and the longest `Retry-After` that is obeyed."""


@dataclass(frozen=True)
class Failure:
    """An attempt that gave no answer, as far as it is known.

    `fate`: only an attempt of unknown fate can have cost anything. `retryable`: another attempt can
    succeed soon, after `retry_after` seconds if the server said so. `unavailable`: no other request
    would fare better; "refused" is permanent, "reasoning" concerns this call only. `filtered`:
    a content filter kept the prompt from the model, a refusal which may have cost something.
    """

    reason: str
    fate: Literal["not_sent", "rejected", "unknown"]
    status: int | None = None
    retryable: bool = False
    retry_after: float | None = None
    unavailable: Literal["unreachable", "busy", "refused", "reasoning"] | None = None
    filtered: bool = False

    @property
    def releases(self) -> bool:
        """Whether its reservation is released."""
        return self.fate != "unknown" and self.unavailable is not None


def rejection(
    status: int, reason: str, headers: Mapping[str, str], *, quota_spent: bool = False
) -> Failure:
    """Return the failure that an HTTP error status stands for."""
    wait = retry_after(headers)
    unavailable: Literal["busy", "refused"] | None = None
    if status in (401, 402, 403, 404) or quota_spent:
        unavailable = "refused"
    elif status in (429, 502, 503, 504, 529):
        unavailable = "busy"
    transient = status in (408, 409, 429) or status >= 500
    soon = wait is None or wait <= MAX_RETRY_AFTER
    return Failure(
        reason,
        "rejected",
        status=status,
        retryable=transient and soon and not quota_spent,
        retry_after=wait,
        unavailable=unavailable,
    )


def pause_before_retry(failure: Failure, retry: int, retries: int) -> float | None:
    """Return the seconds to wait before the next attempt; None if there is none. `retry` attempts
    were made before the failed one, `retries` are allowed after the first."""
    if not failure.retryable or retry >= retries:
        return None
    return failure.retry_after or backoff(retry)


def backoff(retry: int) -> float:
    """Return exponential seconds, with jitter so that clients do not come back together."""
    return min(FIRST_WAIT * 2.0**retry, MAX_WAIT) * random.uniform(0.5, 1.0)


def read_error(error: Exception, *, client: ModuleType, timeout: float) -> Failure:
    """Return the failure behind an exception of `Transport.post`; `client` is the client's
    package."""
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
    return Failure(f"the server's reply is not JSON ({presentable(error, longest=200)})", "unknown")


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
    """A reply that is not read may have cost something; a redirect has not."""
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
    why = next((why for said, why in _REASONING_REFUSED.items() if said in message), None)
    return failure if why is None else replace(failure, reason=why, unavailable="reasoning")


_FILTERED = "content_filter"
"""Azure's code for a prompt that its filter keeps from the model."""
_REASONING_REFUSED = {
    "bound to a different conversation": (  # Anthropic
        "the server accepts earlier reasoning only if nothing before it is removed"
    ),
    "Item with id 'rs_": "the server no longer has its reasoning",  # OpenAI
}
"""The words of servers that do not take the reasoning of earlier turns, and why."""
_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error", "request_too_large"}
_TOO_LONG_SAID = (
    "maximum context length",
    "exceeds the available context",
    "prompt is too long",
)
_SPENT = {"insufficient_quota", "billing_error"}
_SPENT_SAID = ("credit balance is too low", "reached your specified API usage limits")
