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
from smile_trace.store import Store, outbox_news
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
from tests.support.fake_tracker import FakeTracker, ForgetfulTracker, ShowingTracker
from tests.support.spooled import START, call_span, trace_id, write_spool
from tests.support.store_rows import call_id, decision, explanation

Sending = Callable[[Callable[[], list[Outcome]], Sequence[CapturedTrace]], list[Outcome]]


class Line:
    """A store, the tracker `to` and what delivers to it; its clock starts with the first call."""

    def __init__(
        self, store: Store, settings: Settings, patch: pytest.MonkeyPatch, to: FakeTracker
    ) -> None:
        self.store, self.settings, self.patch = store, settings, patch
        self.now = START / 1e9
        self.tracker = to
        self.worker = DeliveryWorker(to, store, settings, self.clock)
        self.run = self.worker.run

    def clock(self) -> float:
        return self.now

    def capture(self, *numbers: int, explained: bool = False, **attributes: object) -> None:
        write_spool(self.settings.spool, [call_span(n, **attributes) for n in numbers])  # type: ignore[arg-type]
        Ingest(self.store, self.settings).run()
        for number in numbers if explained else ():
            self.store.jobs.retry([decision(number)], now=5.0)
            [job] = self.store.jobs.due(now=5.0, limit=1)
            self.store.jobs.explain(job, explanation(), now=6.0)

    def skip(self, *numbers: int) -> None:
        reason = Reason(ReasonCode.NOT_SAMPLED, "not sampled")
        skipped = [decision(number, "skipped", **reason.values) for number in numbers]
        self.store.sampling.decide(skipped, {}, now=self.now)

    def while_sending(self, sending: Sending) -> None:
        """Let `sending` deliver traces; it is given the tracker's own way to."""
        deliver = self.tracker.deliver_traces
        self.patch.setattr(
            self.tracker, "deliver_traces", lambda items: sending(lambda: deliver(items), items)
        )

    @property
    def status(self):
        [counted] = self.store.status().trackers
        return counted


@pytest.fixture
def line_to(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[FakeTracker], Line]:
    return lambda tracker: Line(store, settings, monkeypatch, tracker)


@pytest.fixture
def line(line_to: Callable[[FakeTracker], Line]) -> Line:
    return line_to(FakeTracker())


def test_traces_then_their_explanations_each_once(line: Line) -> None:
    line.capture(1, 2, explained=True)
    assert line.run() == Delivered(traces=2, explanations=2)
    assert line.run() == Delivered()
    assert line.tracker.log == [
        f"trace {trace_id(1)}",
        f"trace {trace_id(2)}",
        f"explanation {call_id(1)}",
        f"explanation {call_id(2)}",
    ]
    assert line.tracker.explanations[call_id(1)].explanation == explanation()


def test_a_tracker_is_told_why_calls_are_not_explained(line_to) -> None:
    line = line_to(ShowingTracker(unexplained=True))
    line.capture(1, 2, explained=True)
    line.capture(3, 4, 5)
    line.skip(3, 4)
    line.store.sampling.decide([decision(5)], {}, now=line.now)
    assert line.run().unexplained == 2
    said = {key: (item.state, item.code) for key, item in line.tracker.unexplained.items()}
    assert said == {call_id(n): ("skipped", "not_sampled") for n in (3, 4)}
    assert line.run() == Delivered()

    # One of them is asked for, and fails; the other one is explained in the end.
    line.now += 60
    line.store.jobs.retry([decision(3), decision(4)], now=line.now)
    assert line.run() == Delivered()
    failed, explained, _ = line.store.jobs.due(now=line.now, limit=3)
    line.store.jobs.fail(failed.id, Reason(ReasonCode.DAILY_CAP, "the cap"), now=line.now)
    line.store.jobs.explain(explained, explanation(), now=line.now)
    done = line.run()
    assert (done.unexplained, done.explanations) == (1, 1)
    assert line.tracker.unexplained[failed.call_id].state == "failed"
    assert line.tracker.unexplained[failed.call_id].reason == "the cap"


def test_what_is_explained_by_now_is_not_called_unexplained(line_to) -> None:
    line = line_to(ShowingTracker(unexplained=True))
    line.capture(1)
    line.skip(1)
    line.tracker.fail_with = TrackerUnavailable("away")
    line.run()
    line.tracker.fail_with = None
    line.store.jobs.retry([decision(1)], now=line.now)
    [job] = line.store.jobs.due(now=line.now, limit=1)
    line.store.jobs.explain(job, explanation(), now=line.now)
    line.now += MAX_WAIT
    assert (line.run().explanations, line.tracker.unexplained) == (1, {})
    assert line.worker.wait() is None


def test_most_unexplained_calls_of_a_flood_are_left_out(line_to) -> None:
    line = line_to(ShowingTracker(unexplained=True))
    line.patch.setattr(outbox_news, "MOST_UNEXPLAINED", 2)
    line.capture(*range(1, 6))
    line.skip(*range(1, 6))
    line.run()
    assert sorted(line.tracker.unexplained) == [call_id(4), call_id(5)]


def test_the_next_batch_is_read_while_one_is_sent(line: Line) -> None:
    line.capture(*range(1, 131))
    read, were_read = line.store.trace_many, queue.Queue[int]()

    def reading(ids: Sequence[str]) -> list[Trace]:
        were_read.put(len(ids))
        return read(ids)

    def sending(deliver: Callable, items: Sequence[CapturedTrace]) -> list[Outcome]:
        assert were_read.get() == len(items)
        if len(items) == TRACES:  # a next one is due
            ahead = were_read.get(timeout=120)
            assert ahead == (TRACES if not line.tracker.traces else 130 - 2 * TRACES)
            were_read.put(ahead)
        return deliver()

    line.patch.setattr(line.store, "trace_many", reading)
    line.while_sending(sending)
    assert line.run() == Delivered(traces=130)
    assert sorted(line.tracker.log) == [f"trace {trace_id(n)}" for n in range(1, 131)]


def test_the_next_batch_is_encoded_while_one_is_sent(line: Line) -> None:
    line.capture(*range(1, 2 * TRACES + 1))
    prepared = queue.Queue[int]()

    def preparing(items: Sequence[CapturedTrace]) -> Callable[[], list[Outcome]]:
        prepared.put(len(items))

        def send() -> list[Outcome]:
            if items and not line.tracker.traces:
                assert [prepared.get(timeout=120) for _ in range(2)] == [TRACES, TRACES]
            return line.tracker.deliver_traces(items)

        return send

    line.patch.setattr(line.tracker, "prepare_traces", preparing)
    assert line.run() == Delivered(traces=2 * TRACES)


def test_a_trace_that_cannot_be_encoded_harms_no_other(line: Line) -> None:
    line.capture(*range(1, 4))

    def preparing(items: Sequence[CapturedTrace]) -> Callable[[], list[Outcome]]:
        raise SystemError("half a character")

    def sending(deliver: Callable, items: Sequence[CapturedTrace]) -> list[Outcome]:
        if trace_id(2) in [item.trace.trace_id for item in items]:
            raise SystemError("half a character")
        return deliver()

    line.patch.setattr(line.tracker, "prepare_traces", preparing)
    line.while_sending(sending)
    assert line.run() == Delivered(traces=2)
    assert sorted(line.tracker.traces) == [trace_id(1), trace_id(3)]


def test_outcomes_are_noted_while_the_next_batch_is_sent(line: Line) -> None:
    line.capture(*range(1, 131))
    settling, second = line.store.outbox.settling, threading.Event()

    def sending(deliver: Callable, items: Sequence[CapturedTrace]) -> list[Outcome]:
        if line.tracker.traces:
            second.set()
        return deliver()

    def noting() -> AbstractContextManager[Settling]:
        assert second.wait(120)
        return settling()

    line.while_sending(sending)
    line.patch.setattr(line.store.outbox, "settling", noting)
    assert line.run() == Delivered(traces=130)
    assert len(line.tracker.log) == 130


def test_where_outcomes_cannot_be_noted_the_delivery_ends(line: Line) -> None:
    line.capture(*range(1, 4 * TRACES))
    failing = Mock(side_effect=LookupError("no such table"))
    line.patch.setattr(line.store.outbox, "settling", failing)
    with pytest.raises(LookupError):
        line.run()
    assert len(line.tracker.log) <= 2 * TRACES


def test_a_trace_that_grows_while_it_is_sent_is_sent_again(line: Line) -> None:
    def growing(deliver: Callable, items: Sequence[CapturedTrace]) -> list[Outcome]:
        if not line.tracker.traces:
            line.now += 1
            line.capture(1, span=2)
            line.store.outbox.fill(line.tracker.name, now=line.now)
        return deliver()

    line.while_sending(growing)
    line.capture(1)
    assert line.run() == Delivered(traces=2)
    assert line.tracker.log == [f"trace {trace_id(1)}"] * 2
    assert len(line.tracker.traces[trace_id(1)].trace.spans) == 2


def test_what_is_forgotten_while_it_is_read_ahead_is_gone_in_the_end(line_to) -> None:
    line, last = line_to(ForgetfulTracker()), trace_id(2 * TRACES)
    line.capture(*range(1, 2 * TRACES + 1))
    read, ahead = line.store.trace_many, threading.Event()

    def reading(ids: Sequence[str]) -> list[Trace]:
        found = read(ids)
        if last in ids:
            line.store.forgetting.erase([last], now=line.now)
            ahead.set()
        return found

    def sending(deliver: Callable, items: Sequence[CapturedTrace]) -> list[Outcome]:
        ahead.wait()
        return deliver()

    line.patch.setattr(line.store, "trace_many", reading)
    line.while_sending(sending)
    assert line.run().removed == 1
    assert f"trace {last}" in line.tracker.log
    assert set(line.tracker.traces) == {trace_id(n) for n in range(1, 2 * TRACES)}


def test_a_trace_that_cannot_be_read_any_more_holds_up_no_other(line: Line) -> None:
    read = line.store.trace_many
    line.patch.setattr(
        line.store, "trace_many", lambda ids: [t for t in read(ids) if ids[0] != t.trace_id]
    )
    line.capture(1, 2)
    assert line.run() == Delivered(traces=1)
    assert list(line.tracker.traces) == [trace_id(2)]
    [waiting] = line.status.waiting_for  # it may be mended
    assert (waiting.count, waiting.reason) == (1, "its spans cannot be read any more")


def test_explanations_do_not_wait_until_no_traces_come_any_more(line: Line) -> None:
    coming = [500, 400, 300, 200, 100]

    def sending(deliver: Callable, items: Sequence[CapturedTrace]) -> list[Outcome]:
        outcomes = deliver()
        if coming:  # as many as were taken
            first = coming.pop()
            line.capture(*range(first, first + 60), explained=first == 100)
        return outcomes

    line.while_sending(sending)
    line.capture(1, explained=True)
    assert line.run() == Delivered(traces=301, explanations=61)
    log = line.tracker.log
    first, last = log.index(f"explanation {call_id(1)}"), log.index(f"trace {trace_id(559)}")
    assert first < log.index(f"explanation {call_id(100)}") < last


def test_a_tracker_that_is_down_gets_everything_afterwards(line: Line) -> None:
    line.capture(1, explained=True)
    line.tracker.fail_with = TrackerUnavailable("it is down: start it")
    for _ in range(20):
        assert line.run().unavailable == "it is down: start it"
        assert line.run().unavailable  # not asked before its time
        assert line.status.unavailable == "it is down: start it"
        wait = line.worker.wait()
        assert wait is not None
        assert 0 < wait <= MAX_WAIT
        line.now += wait
    assert line.run(lambda: True) == Delivered()
    assert line.status.unavailable, "who asks it nothing says nothing of it"
    line.capture(2)
    line.tracker.fail_with = None
    assert line.run() == Delivered(traces=2, explanations=1)
    assert line.status.unavailable is None


def test_a_tracker_says_itself_when_to_come_back(line: Line) -> None:
    line.capture(1)
    line.tracker.fail_with = TrackerUnavailable("slow down", retry_after=42.0)
    line.run()
    assert line.worker.wait() == pytest.approx(42.0)


def test_one_item_that_makes_the_tracker_stumble_harms_no_other(line: Line) -> None:
    def stumbling(deliver: Callable, items: Sequence[CapturedTrace]) -> list[Outcome]:
        if any(item.trace.trace_id == trace_id(2) for item in items):
            raise RuntimeError("an answer like none before")
        return deliver()

    line.while_sending(stumbling)
    line.capture(1, 2, 3, explained=True)
    assert line.run() == Delivered(traces=2, explanations=2)
    for _ in range(ATTEMPTS):
        line.now += MAX_WAIT
        line.run()
    assert line.status.waiting == 0
    assert {r.reason.partition(":")[0]: r.count for r in line.status.refused} == {
        "delivery failed": 1,
        "its trace was refused": 1,
    }


def test_too_few_outcomes_are_a_wrong_answer(line: Line) -> None:
    line.while_sending(lambda deliver, items: [Receipt(external_id="x")])
    line.capture(1, 2)
    assert line.run() == Delivered(traces=2)  # one by one the count is right
    line.while_sending(lambda deliver, items: [])
    line.capture(3)
    assert line.run() == Delivered()
    assert line.status.waiting == 1


def test_a_refused_item_is_not_tried_again(line: Line) -> None:
    line.tracker.refuse[trace_id(1)] = Rejected(reason="too large: 5 MB at most", retry=False)
    line.capture(1, 2)
    assert line.run() == Delivered(traces=1)
    line.now += 1e6
    assert line.run() == Delivered()
    [reason] = line.status.refused
    assert (reason.reason, reason.count) == ("too large: 5 MB at most", 1)


def test_the_users_own_trace_is_awaited_and_then_not_any_more(line: Line) -> None:
    line.capture(1, **{semconv.EXTERNAL_PREFIX + "mlflow.trace_id": "tr-of-the-user"})  # type: ignore[arg-type]
    assert line.run() == Delivered()
    wait = line.worker.wait()
    assert wait == pytest.approx(Deferred(reason="").seconds)
    line.now += wait
    assert line.run() == Delivered()
    line.now += line.settings.worker.external_trace_seconds
    assert line.run() == Delivered(traces=1)
    assert not line.tracker.traces[trace_id(1)].wait_for_external


def test_a_stop_is_heard_between_batches(line: Line) -> None:
    line.capture(*range(1, 131))
    line.run(stopping=lambda: bool(line.tracker.traces))
    assert len(line.tracker.traces) == 50


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


FULL = OSError(errno.ENOSPC, "No space left on device", "/tmp/x"), _without_a_temporary_folder()


@pytest.mark.parametrize("full", FULL, ids=["no space", "no temporary folder"])
def test_a_full_disk_here_is_no_items_fault(line: Line, full: OSError) -> None:
    """Clients of trackers write temporary files."""
    line.capture(1, 2)
    line.tracker.fail_with = full
    for _ in range(ATTEMPTS + 3):
        assert "free some space" in (line.run().unavailable or "")
        line.now += MAX_WAIT
    line.tracker.fail_with = None
    assert line.run() == Delivered(traces=2)
