"""The contract suite of a tracker's review queues: a class of pytest tests.

    class TestMyReviews(ReviewContract):
        @pytest.fixture
        def server(self): ...

        @pytest.fixture
        def tracker(self, server): ...

        def waiting(self, server, queue): ...

        def judge(self, server, queue, variant, replies): ...

Server and tracker are those of `TrackerContract`.
"""

import uuid
from collections.abc import Mapping
from typing import ClassVar

import pytest

from smile_trace.errors import SmileTraceError
from smile_trace.records.judgement import Reply
from smile_trace.trackers import ForgottenTrace, Receipt, Tracker, TrackerUnavailable
from smile_trace.trackers.http import RequestRejected
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault
from smile_trace_contracts.samples import HOSTILE, sample_review

MAX_REQUESTS = 200
"""More requests than two variants may take."""


class ReviewContract:
    """The contract of every tracker with `Capabilities(reviews=True, forgets=True)`."""

    cut_off_step: ClassVar[int] = 1
    """Sending is cut off after every this many requests."""

    @pytest.fixture
    def server(self) -> FakeHttpServer:
        """A running server, without faults."""
        raise NotImplementedError("define the fixture `server`")

    @pytest.fixture
    def tracker(self, server: FakeHttpServer) -> Tracker:
        """A tracker that delivers to the server."""
        raise NotImplementedError("define the fixture `tracker`")

    def waiting(self, server: FakeHttpServer, queue: str) -> list[str]:
        """Return the ids of the variants that a person would see in a queue, with duplicates."""
        raise NotImplementedError("define `waiting`")

    def judge(
        self, server: FakeHttpServer, queue: str, variant: str, replies: Mapping[str, Reply]
    ) -> str:
        """Reply to questions (`same_meaning`, `worse`, `reason`) as a person does on the queue's
        page; return the name under which that person is read."""
        raise NotImplementedError("define `judge`")

    def test_sent_again_each_variant_waits_once(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        queue, trace_id = _queue(), uuid.uuid4().hex
        tasks = [sample_review(trace_id), sample_review(trace_id, HOSTILE), sample_review("")]
        for sent in (tasks[:2], tasks[:2], tasks):
            tracker.send_for_review(queue, sent)
        assert sorted(self.waiting(server, queue)) == sorted(task.item.id for task in tasks)
        assert tracker.read_reviews(queue) == []

    def test_a_variant_may_wait_in_two_queues(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        queues, task = (_queue(), _queue()), sample_review(uuid.uuid4().hex)
        for queue in queues:
            tracker.send_for_review(queue, [task])
        assert [self.waiting(server, queue) for queue in queues] == [[task.item.id]] * 2

    def test_what_a_person_said_last_is_read(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        queue = _queue()
        tasks = [sample_review(uuid.uuid4().hex) for _ in range(2)]
        tracker.send_for_review(queue, tasks)
        variant = tasks[0].item.id
        reviewer = self.judge(server, queue, variant, {"same_meaning": "yes", "worse": "no"})
        for worse in ("no", "yes"):
            if worse == "yes":
                self.judge(server, queue, variant, {"worse": "yes"})
            for _ in range(2):
                [said] = tracker.read_reviews(queue)
                assert (said.variant_id, said.reviewer) == (variant, reviewer)
                assert (said.same_meaning, said.worse, said.reason) == ("yes", worse, "cannot_say")
                assert said.judged_at

    def test_cannot_say_is_a_reply(self, server: FakeHttpServer, tracker: Tracker) -> None:
        queue, task = _queue(), sample_review(uuid.uuid4().hex)
        tracker.send_for_review(queue, [task])
        replies: dict[str, Reply] = {"same_meaning": "cannot_say", "worse": "no", "reason": "no"}
        self.judge(server, queue, task.item.id, replies)
        [said] = tracker.read_reviews(queue)
        assert {name: getattr(said, name) for name in replies} == replies

    def test_a_queue_that_is_not_there_is_said(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        with pytest.raises(RequestRejected, match="no review queue 'nobody'"):
            tracker.read_reviews("nobody")

    def test_what_is_forgotten_is_asked_about_no_more(
        self, server: FakeHttpServer, tracker: Tracker
    ) -> None:
        queue, gone = _queue(), uuid.uuid4().hex
        forgotten, stays = sample_review(gone), sample_review(uuid.uuid4().hex)
        for one in (queue, _queue()):
            tracker.send_for_review(one, [forgotten, stays])
        self.judge(server, queue, forgotten.item.id, {"worse": "yes"})
        for _ in range(2):  # what is gone is gone
            [outcome] = tracker.forget([ForgottenTrace(trace_id=gone, start_ns=1)])
            assert isinstance(outcome, Receipt), outcome
            assert self.waiting(server, queue) == [stays.item.id]
            assert tracker.read_reviews(queue) == []

    @pytest.mark.parametrize("takes_effect", [False, True])
    def test_sending_that_was_cut_off_is_completed(
        self, server: FakeHttpServer, tracker: Tracker, takes_effect: bool
    ) -> None:
        for requests in range(0, MAX_REQUESTS, self.cut_off_step):
            queue, tasks = _queue(), [sample_review(uuid.uuid4().hex) for _ in range(2)]
            server.faults = [Fault("close", after=requests, times=None, takes_effect=takes_effect)]
            try:
                tracker.send_for_review(queue, tasks)
                whole = True
            except SmileTraceError:
                whole = False
            server.faults = []
            tracker.send_for_review(queue, tasks)
            assert sorted(self.waiting(server, queue)) == sorted(task.item.id for task in tasks)
            if whole:
                return
        raise AssertionError(f"two variants take more than {MAX_REQUESTS} requests")

    @pytest.mark.parametrize("status", [401, 403, 503])
    def test_a_server_that_takes_nothing_is_said(
        self, server: FakeHttpServer, tracker: Tracker, status: int
    ) -> None:
        server.faults = [Fault("answer", Answer(status, b"", {}, "text/plain"), times=None)]
        with pytest.raises(TrackerUnavailable):
            tracker.send_for_review(_queue(), [sample_review("")])
        with pytest.raises(TrackerUnavailable):
            tracker.read_reviews(_queue())


def _queue() -> str:
    return f"experts {uuid.uuid4().hex[:12]}"
