"""Many items, an outcome each."""

from collections.abc import Mapping, Sequence

import pytest

from smile_trace.log_context import about, log_fields
from smile_trace.trackers import Outcome, Receipt, Rejected, TrackerUnavailable
from smile_trace.trackers.batches import deliver_batch, deliver_each, outcomes, split
from smile_trace.trackers.http import RequestRejected


def rejected(status: int) -> RequestRejected:
    return RequestRejected("no", status=status, retry=status >= 500)


def test_batches_keep_the_order_and_the_limit() -> None:
    assert list(split([3, 4, 5, 20, 1], int, 8)) == [[3, 4], [5], [20], [1]]
    assert list(split([], int, 8)) == []


def test_a_rejected_batch_is_sent_one_by_one() -> None:
    sent: list[list[int]] = []

    def send(items: Sequence[int]) -> list[Outcome]:
        sent.append(list(items))
        if 2 in items:
            raise rejected(400)
        return [Receipt(external_id=str(item)) for item in items]

    results = outcomes(deliver_batch([1, 2, 3], send))
    assert [type(result) for result in results] == [Receipt, Rejected, Receipt]
    assert sent == [[1, 2, 3], [1], [2], [3]]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_nothing_more_is_begun_once_the_server_takes_nothing(concurrency: int) -> None:
    begun: list[int] = []

    def deliver(item: int) -> Outcome:
        begun.append(item)
        raise TrackerUnavailable("down")

    with pytest.raises(TrackerUnavailable, match="down"):
        deliver_each(range(100), deliver, concurrency=concurrency)
    assert len(begun) <= concurrency


def test_a_server_that_fails_on_everything_is_no_items_fault() -> None:
    with pytest.raises(TrackerUnavailable, match="tried again"):
        outcomes([rejected(500), rejected(502)])
    some = outcomes([rejected(500), Receipt(external_id="1")])
    assert [type(result) for result in some] == [Rejected, Receipt]
    assert outcomes([rejected(400)]) == [Rejected(reason="no", retry=False)]


def test_what_items_log_while_others_are_delivered_says_what_it_is_about() -> None:
    seen: list[Mapping[str, str | int]] = []

    def deliver(item: int) -> Outcome:
        seen.append(log_fields())
        return Receipt(external_id=str(item))

    with about(tracker="fake"):
        deliver_each(range(3), deliver, concurrency=2)
    assert seen == [{"tracker": "fake"}] * 3
