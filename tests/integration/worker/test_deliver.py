"""One delivery worker and its tracker, with and without errors."""

import errno
import queue
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from unittest.mock import Mock

import pytest

from smile_trace import semconv
from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Trace
from smile_trace.settings import Settings
from smile_trace.store import Store, queueing
from smile_trace.store.outbox import Settling
from smile_trace.trackers import (
    CapturedTrace,
    Deferred,
    Outcome,
    Receipt,
    Rejected,
    TrackerUnavailable,
)
from smile_trace.worker.delivery.delivery_worker import (
    ATTEMPTS,
    MAX_WAIT,
    Delivered,
    DeliveryWorker,
    wait_after,
)
from smile_trace.worker.delivery.turns import TRACES
from smile_trace.worker.ingest import Ingest
from tests.support.fake_tracker import FakeTracker, ForgetfulTracker, ToldTracker
from tests.support.spooled import START, call_span, trace_id, write_spool
from tests.support.store_rows import call_id, decision, explanation


class Clock:
    """A clock that a test turns; it starts when the calls were captured."""

    now = START / 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tracker() -> FakeTracker:
    return FakeTracker()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def delivery_worker(
    tracker: FakeTracker, store: Store, settings: Settings, clock: Clock
) -> DeliveryWorker:
    return DeliveryWorker(tracker, store, settings, clock)


@pytest.fixture
def capture(store: Store, settings: Settings) -> Callable[..., None]:
    def captured(*numbers: int, explained: bool = False, **attributes: object) -> None:
        write_spool(settings.spool, [call_span(n, **attributes) for n in numbers])  # type: ignore[arg-type]
        Ingest(store, settings).run()
        for number in numbers if explained else ():
            store.jobs.retry([decision(number)], now=5.0)
            [job] = store.jobs.due(now=5.0, limit=1)
            store.jobs.explain(job, explanation(), now=6.0)

    return captured


def test_traces_then_their_explanations_each_once(
    delivery_worker: DeliveryWorker, tracker: FakeTracker, capture: Callable[..., None]
) -> None:
    capture(1, 2, explained=True)
    assert delivery_worker.run() == Delivered(traces=2, explanations=2)
    assert delivery_worker.run() == Delivered()
    assert tracker.log == [
        f"trace {trace_id(1)}",
        f"trace {trace_id(2)}",
        f"explanation {call_id(1)}",
        f"explanation {call_id(2)}",
    ]
    assert tracker.explanations[call_id(1)].explanation == explanation()


NOT_SAMPLED = Reason(ReasonCode.NOT_SAMPLED, "not sampled")


def test_a_tracker_is_told_why_calls_are_not_explained(
    store: Store, settings: Settings, clock: Clock, capture: Callable[..., None]
) -> None:
    tracker = ToldTracker()
    worker = DeliveryWorker(tracker, store, settings, clock)
    capture(1, 2, explained=True)
    capture(3, 4, 5)
    skipped = [decision(number, "skipped", **NOT_SAMPLED.values) for number in (3, 4)]
    store.jobs.decide([*skipped, decision(5)], {}, now=clock())
    assert worker.run().unexplained == 2
    said = {key: (item.state, item.code) for key, item in tracker.unexplained.items()}
    assert said == {call_id(n): ("skipped", "not_sampled") for n in (3, 4)}
    assert worker.run() == Delivered()

    # One of them is asked for, and fails; the other one is explained in the end.
    clock.now += 60
    store.jobs.retry([decision(3), decision(4)], now=clock())
    assert worker.run() == Delivered()
    failed, explained, _ = store.jobs.due(now=clock(), limit=3)
    store.jobs.fail(failed.id, Reason(ReasonCode.DAILY_CAP, "the cap"), now=clock())
    store.jobs.explain(explained, explanation(), now=clock())
    done = worker.run()
    assert (done.unexplained, done.explanations) == (1, 1)
    assert tracker.unexplained[failed.call_id].state == "failed"
    assert tracker.unexplained[failed.call_id].reason == "the cap"


def test_what_is_explained_by_now_is_not_called_unexplained(
    store: Store, settings: Settings, clock: Clock, capture: Callable[..., None]
) -> None:
    tracker = ToldTracker()
    worker = DeliveryWorker(tracker, store, settings, clock)
    capture(1)
    store.jobs.decide([decision(1, "skipped", **NOT_SAMPLED.values)], {}, now=clock())
    tracker.fail_with = TrackerUnavailable("away")
    worker.run()
    tracker.fail_with = None
    store.jobs.retry([decision(1)], now=clock())
    [job] = store.jobs.due(now=clock(), limit=1)
    store.jobs.explain(job, explanation(), now=clock())
    clock.now += MAX_WAIT
    assert (worker.run().explanations, tracker.unexplained) == (1, {})
    assert worker.wait() is None


def test_most_unexplained_calls_of_a_flood_are_left_out(
    store: Store,
    settings: Settings,
    clock: Clock,
    capture: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queueing, "MOST_UNEXPLAINED", 2)
    tracker = ToldTracker()
    capture(*range(1, 6))
    of_all = [decision(number, "skipped", **NOT_SAMPLED.values) for number in range(1, 6)]
    store.jobs.decide(of_all, {}, now=clock())
    DeliveryWorker(tracker, store, settings, clock).run()
    assert sorted(tracker.unexplained) == [call_id(4), call_id(5)]


def test_more_than_one_batch(
    delivery_worker: DeliveryWorker, tracker: FakeTracker, capture: Callable[..., None]
) -> None:
    capture(*range(1, 131))
    assert delivery_worker.run() == Delivered(traces=130)
    assert len(tracker.traces) == 130


def test_the_next_batch_is_read_while_one_is_sent(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    store: Store,
    capture: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture(*range(1, 131))
    deliver, read, were_read = tracker.deliver_traces, store.trace_many, queue.Queue[int]()

    def reading(ids: Sequence[str]) -> list[Trace]:
        were_read.put(len(ids))
        return read(ids)

    def sending(items: Sequence[CapturedTrace]) -> list[Outcome]:
        assert were_read.get() == len(items)
        if len(items) == TRACES:  # a next one is due
            ahead = were_read.get(timeout=120)
            assert ahead == (TRACES if not tracker.traces else 130 - 2 * TRACES)
            were_read.put(ahead)
        return deliver(items)

    monkeypatch.setattr(store, "trace_many", reading)
    monkeypatch.setattr(tracker, "deliver_traces", sending)
    assert delivery_worker.run() == Delivered(traces=130)
    assert sorted(tracker.log) == [f"trace {trace_id(n)}" for n in range(1, 131)]


def test_outcomes_are_noted_while_the_next_batch_is_sent(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    store: Store,
    capture: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture(*range(1, 131))
    deliver, settling, second = tracker.deliver_traces, store.outbox.settling, threading.Event()

    def sending(items: Sequence[CapturedTrace]) -> list[Outcome]:
        if tracker.traces:
            second.set()
        return deliver(items)

    def noting() -> AbstractContextManager[Settling]:
        assert second.wait(120)
        return settling()

    monkeypatch.setattr(tracker, "deliver_traces", sending)
    monkeypatch.setattr(store.outbox, "settling", noting)
    assert delivery_worker.run() == Delivered(traces=130)
    assert len(tracker.log) == 130


def test_where_outcomes_cannot_be_noted_the_delivery_ends(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    store: Store,
    capture: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture(*range(1, 4 * TRACES))
    monkeypatch.setattr(store.outbox, "settling", Mock(side_effect=LookupError("no such table")))
    with pytest.raises(LookupError):
        delivery_worker.run()
    assert len(tracker.log) <= 2 * TRACES


def test_a_trace_that_grows_while_it_is_sent_is_sent_again(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    store: Store,
    settings: Settings,
    clock: Clock,
    capture: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliver = tracker.deliver_traces

    def growing(items: Sequence[CapturedTrace]) -> list[Outcome]:
        if not tracker.traces:
            clock.now += 1
            write_spool(settings.spool, [call_span(1, span=2)])
            Ingest(store, settings).run()
            store.outbox.fill(tracker.name, now=clock())
        return deliver(items)

    monkeypatch.setattr(tracker, "deliver_traces", growing)
    capture(1)
    assert delivery_worker.run() == Delivered(traces=2)
    assert tracker.log == [f"trace {trace_id(1)}"] * 2
    assert len(tracker.traces[trace_id(1)].trace.spans) == 2


def test_what_is_forgotten_while_it_is_read_ahead_is_gone_in_the_end(
    store: Store,
    settings: Settings,
    clock: Clock,
    capture: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracker, numbers = ForgetfulTracker(), range(1, 2 * TRACES + 1)
    capture(*numbers)
    deliver, read, ahead = tracker.deliver_traces, store.trace_many, threading.Event()

    def reading(ids: Sequence[str]) -> list[Trace]:
        found = read(ids)
        if trace_id(numbers[-1]) in ids:
            store.forgetting.erase([trace_id(numbers[-1])], now=clock())
            ahead.set()
        return found

    def sending(items: Sequence[CapturedTrace]) -> list[Outcome]:
        ahead.wait()
        return deliver(items)

    monkeypatch.setattr(store, "trace_many", reading)
    monkeypatch.setattr(tracker, "deliver_traces", sending)
    done = DeliveryWorker(tracker, store, settings, clock).run()
    assert done.removed == 1
    assert f"trace {trace_id(numbers[-1])}" in tracker.log
    assert set(tracker.traces) == {trace_id(n) for n in numbers[:-1]}


def test_a_trace_that_cannot_be_read_any_more_holds_up_no_other(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    store: Store,
    capture: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = store.trace_many
    monkeypatch.setattr(
        store, "trace_many", lambda ids: [t for t in read(ids) if ids[0] != t.trace_id]
    )
    capture(1, 2)
    assert delivery_worker.run() == Delivered(traces=1)
    assert list(tracker.traces) == [trace_id(2)]
    [waiting] = store.status().trackers[0].waiting_for  # it may be mended
    assert (waiting.count, waiting.reason) == (1, "its spans cannot be read any more")


def test_explanations_do_not_wait_until_no_traces_come_any_more(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    capture: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliver, coming = tracker.deliver_traces, [500, 400, 300, 200, 100]

    def delivered(items: Sequence[CapturedTrace]) -> list[Outcome]:
        outcomes = deliver(items)
        if coming:  # as many as were taken
            first = coming.pop()
            capture(*range(first, first + 60), explained=first == 100)
        return outcomes

    monkeypatch.setattr(tracker, "deliver_traces", delivered)
    capture(1, explained=True)
    assert delivery_worker.run() == Delivered(traces=301, explanations=61)
    first, last = tracker.log.index(f"explanation {call_id(1)}"), f"trace {trace_id(559)}"
    assert first < tracker.log.index(f"explanation {call_id(100)}") < tracker.log.index(last)


def test_a_tracker_that_is_down_gets_everything_afterwards(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    capture: Callable[..., None],
    clock: Clock,
    store: Store,
) -> None:
    capture(1, explained=True)
    tracker.fail_with = TrackerUnavailable("it is down: start it")
    for _ in range(20):
        assert delivery_worker.run().unavailable == "it is down: start it"
        assert delivery_worker.run().unavailable  # not asked before its time
        assert store.status().trackers[0].unavailable == "it is down: start it"
        wait = delivery_worker.wait()
        assert wait is not None
        assert 0 < wait <= MAX_WAIT
        clock.now += wait
    capture(2)
    tracker.fail_with = None
    assert delivery_worker.run() == Delivered(traces=2, explanations=1)
    assert store.status().trackers[0].unavailable is None


def test_a_tracker_says_itself_when_to_come_back(
    delivery_worker: DeliveryWorker, tracker: FakeTracker, capture: Callable[..., None]
) -> None:
    capture(1)
    tracker.fail_with = TrackerUnavailable("slow down", retry_after=42.0)
    delivery_worker.run()
    assert delivery_worker.wait() == pytest.approx(42.0)


def test_one_item_that_makes_the_tracker_stumble_harms_no_other(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    capture: Callable[..., None],
    clock: Clock,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = tracker.deliver_traces

    def stumbling(items: Sequence[CapturedTrace]) -> list[Outcome]:
        if any(item.trace.trace_id == trace_id(2) for item in items):
            raise RuntimeError("an answer like none before")
        return whole(items)

    monkeypatch.setattr(tracker, "deliver_traces", stumbling)
    capture(1, 2, 3, explained=True)
    assert delivery_worker.run() == Delivered(traces=2, explanations=2)
    for _ in range(ATTEMPTS):
        clock.now += MAX_WAIT
        delivery_worker.run()
    [counted] = store.status().trackers
    assert counted.waiting == 0
    assert {r.reason.partition(":")[0]: r.count for r in counted.refused} == {
        "delivery failed": 1,
        "its trace was refused": 1,
    }


def test_too_few_outcomes_are_a_wrong_answer(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    capture: Callable[..., None],
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracker, "deliver_traces", lambda items: [Receipt(external_id="x")])
    capture(1, 2)
    assert delivery_worker.run() == Delivered(traces=2)  # one by one the count is right
    monkeypatch.setattr(tracker, "deliver_traces", lambda items: [])
    capture(3)
    assert delivery_worker.run() == Delivered()
    assert store.status().trackers[0].waiting == 1


def test_a_refused_item_is_not_tried_again(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    capture: Callable[..., None],
    clock: Clock,
    store: Store,
) -> None:
    tracker.refuse[trace_id(1)] = Rejected(reason="too large: 5 MB at most", retry=False)
    capture(1, 2)
    assert delivery_worker.run() == Delivered(traces=1)
    clock.now += 1e6
    assert delivery_worker.run() == Delivered()
    [reason] = store.status().trackers[0].refused
    assert (reason.reason, reason.count) == ("too large: 5 MB at most", 1)


def test_the_users_own_trace_is_awaited_and_then_not_any_more(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    capture: Callable[..., None],
    clock: Clock,
    settings: Settings,
) -> None:
    capture(1, **{semconv.EXTERNAL_PREFIX + "mlflow.trace_id": "tr-of-the-user"})
    assert delivery_worker.run() == Delivered()
    wait = delivery_worker.wait()
    assert wait == pytest.approx(Deferred(reason="").seconds)
    clock.now += wait
    assert delivery_worker.run() == Delivered()
    clock.now += settings.worker.external_trace_seconds
    assert delivery_worker.run() == Delivered(traces=1)
    assert not tracker.traces[trace_id(1)].wait_for_external


def test_a_stop_is_heard_between_batches(
    delivery_worker: DeliveryWorker, tracker: FakeTracker, capture: Callable[..., None]
) -> None:
    capture(*range(1, 131))
    delivery_worker.run(stopping=lambda: bool(tracker.traces))
    assert len(tracker.traces) == 50


def test_who_asked_a_tracker_nothing_says_nothing_of_it(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    capture: Callable[..., None],
    clock: Clock,
    store: Store,
) -> None:
    capture(1)
    tracker.fail_with = TrackerUnavailable("it is down: start it")
    delivery_worker.run()
    clock.now += MAX_WAIT
    assert delivery_worker.run(lambda: True) == Delivered()
    assert store.status().trackers[0].unavailable == "it is down: start it"


def test_waits_double_with_jitter_up_to_a_bound() -> None:
    waits = [[wait_after(n) for _ in range(50)] for n in range(12)]
    assert all(0.5 * 2**n <= w <= 2**n for n in range(8) for w in waits[n])
    assert max(waits[11]) <= MAX_WAIT
    assert wait_after(10**6) <= MAX_WAIT
    assert len(set(waits[3])) > 1


def _without_a_temporary_folder() -> OSError:
    """What Python says that looks for one for the first time, and can write nowhere."""
    held, tempfile.tempdir = tempfile.tempdir, None
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.open", Mock(side_effect=OSError(errno.ENOSPC, "No space left")))
            tempfile.gettempdir()
    except OSError as error:
        return error
    finally:
        tempfile.tempdir = held
    raise AssertionError("a folder was found")


@pytest.mark.parametrize(
    "full",
    [
        OSError(errno.ENOSPC, "No space left on device", "/tmp/x"),
        pytest.param(_without_a_temporary_folder(), id="no temporary folder"),
    ],
)
def test_a_full_disk_here_is_no_items_fault(
    delivery_worker: DeliveryWorker,
    tracker: FakeTracker,
    clock: Clock,
    capture: Callable[..., None],
    full: OSError,
) -> None:
    """Clients of trackers write temporary files."""
    capture(1, 2)
    tracker.fail_with = full
    for _ in range(ATTEMPTS + 3):
        assert "free some space" in (delivery_worker.run().unavailable or "")
        clock.now += MAX_WAIT
    tracker.fail_with = None
    assert delivery_worker.run() == Delivered(traces=2)
