"""The retry policy that models and embeddings share."""

import pytest

from smile_trace.models.retry import (
    MAX_WAIT,
    Failure,
    backoff,
    pause_before_retry,
    rejection,
)


@pytest.mark.parametrize(
    ("status", "retryable", "unavailable"),
    [
        (400, False, None),
        (401, False, "refused"),
        (404, False, "refused"),
        (408, True, None),
        (409, True, None),
        (429, True, "busy"),
        (500, True, None),
        (503, True, "busy"),
    ],
)
def test_a_status_says_whether_to_retry_and_whether_the_reservation_is_released(
    status, retryable, unavailable
):
    failure = rejection(status, "why", {})
    assert (failure.retryable, failure.unavailable) == (retryable, unavailable)
    assert failure.releases == (unavailable is not None)


def test_a_spent_quota_is_not_retried():
    failure = rejection(429, "why", {}, quota_spent=True)
    assert (failure.retryable, failure.unavailable) == (False, "refused")


def test_an_attempt_of_unknown_fate_is_never_released():
    failure = Failure("the connection broke", "unknown", unavailable="unreachable")
    assert not failure.releases


def test_the_pause_is_the_servers_or_grows_and_ends_with_the_retries():
    busy = rejection(503, "why", {"retry-after": "7"})
    assert pause_before_retry(busy, 0, 1) == 7
    assert pause_before_retry(busy, 1, 1) is None
    assert pause_before_retry(rejection(503, "why", {"retry-after": "3600"}), 0, 9) is None
    assert pause_before_retry(rejection(400, "why", {}), 0, 9) is None
    assert 0.25 <= pause_before_retry(rejection(503, "why", {}), 0, 9) <= 0.5
    assert MAX_WAIT / 2 <= backoff(99) <= MAX_WAIT
