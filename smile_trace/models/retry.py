"""The one retry policy of everything that is asked over HTTP: models and embeddings.

An attempt that fails is tried again, up to the model's `retries`, after a broken connection, a
time-out, and the statuses 408, 409, 429 and 5xx; not where a quota is spent, and not where
the server asks for more than two minutes (`Retry-After`). Between attempts it waits for
`Retry-After`, else exponentially with jitter. What a failed attempt means for its reservation:

- never sent, or rejected with a status that says the model takes nothing now: released;
- otherwise rejected: settled at no cost, so that it counts as a call;
- unknown (broken connection, time-out, unreadable reply): stays at its cost bound.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from smile_trace._guards.bounded_http import retry_after

FIRST_WAIT, MAX_WAIT, MAX_RETRY_AFTER = 0.5, 20.0, 120.0
"""Seconds: the first wait, the longest of ours, and the longest `Retry-After` that is obeyed."""


@dataclass(frozen=True)
class Failure:
    """What is known of an attempt that gave no answer.

    `fate`: whether it reached the model; only an unknown one can have cost anything.
    `retryable`: another attempt can succeed soon, after `retry_after` seconds where the server
    said so. `unavailable`: no other request would fare better, and why; "refused" is permanent,
    "not_repeatable" concerns the requests of this one call. `filtered`: a content filter kept the
    prompt from the model, which is a refusal, and may have cost something.
    """

    reason: str
    fate: Literal["not_sent", "rejected", "unknown"]
    status: int | None = None
    retryable: bool = False
    retry_after: float | None = None
    unavailable: Literal["unreachable", "busy", "refused", "not_repeatable"] | None = None
    filtered: bool = False

    @property
    def releases(self) -> bool:
        """Whether its reservation is released."""
        return self.fate != "unknown" and self.unavailable is not None


def rejection(
    status: int, reason: str, headers: Mapping[str, str], *, quota_spent: bool = False
) -> Failure:
    """The failure that an HTTP error status stands for."""
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
    """Seconds to wait before the next attempt; None where there is none.

    Args:
        failure: how the last attempt failed.
        retry: how many attempts were made before it.
        retries: how many further attempts are allowed after the first.
    """
    if not failure.retryable or retry >= retries:
        return None
    return failure.retry_after or backoff(retry)


def backoff(retry: int) -> float:
    """Exponential, with jitter so that many clients do not come back together; seconds."""
    return min(FIRST_WAIT * 2.0**retry, MAX_WAIT) * random.uniform(0.5, 1.0)
