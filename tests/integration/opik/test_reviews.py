"""Variants in Opik's annotation queues: the contract suite, and what is Opik's alone."""

from collections.abc import Mapping

import pytest

from smile_trace.records.judgement import Reply, ReviewTask
from smile_trace.review import tasks_of
from smile_trace.testing.fake_http_server import Answer, FakeHttpServer, Fault
from smile_trace.testing.review_contract import ReviewContract
from smile_trace.testing.samples import sample_review
from smile_trace.trackers import ForgottenTrace, Receipt
from smile_trace.trackers.reviewed import CHOICES
from smile_trace_opik import OpikTracker
from tests.support.fake_opik import FakeOpik
from tests.support.sample_profiles import sample_profile
from tests.support.spooled import trace_id

QUEUE = "experts"


def counting() -> list[ReviewTask]:
    return [task for task in tasks_of(sample_profile(), trace_id(1)) if task.item.counts][:2]


def shown(server: FakeOpik, queue: str) -> list[tuple[str, str]]:
    """The traces in a queue, and the variants that they show."""
    [held] = [one for one, made in server.queues.queues.items() if made["name"] == queue]
    waiting = [one for one in server.queues.waiting[held] if one in server.traces]
    return [(one, server.traces[one]["metadata"]["smile_variant"]) for one in waiting]


class TestOpikReviews(ReviewContract):
    @pytest.fixture
    def server(self, server: FakeOpik) -> FakeOpik:
        return server

    @pytest.fixture
    def tracker(self, tracker: OpikTracker) -> OpikTracker:
        return tracker

    def waiting(self, server: FakeHttpServer, queue: str) -> list[str]:
        assert isinstance(server, FakeOpik)
        return [variant for _, variant in shown(server, queue)]

    def judge(
        self, server: FakeHttpServer, queue: str, variant: str, replies: Mapping[str, Reply]
    ) -> str:
        assert isinstance(server, FakeOpik)
        choices = {reply: choice for choice, reply in CHOICES.items()}
        [trace_id] = [one for one, of in shown(server, queue) if of == variant]
        said = {f"smile.{name}": choices[reply] for name, reply in replies.items()}
        server.judge(trace_id, "anna", **said)
        return "anna"


def test_the_queue_asks_three_questions(server: FakeOpik, tracker: OpikTracker) -> None:
    tracker.send_for_review(QUEUE, counting())
    [queue] = server.queues.queues.values()
    assert queue["feedback_definition_names"] == [
        "smile.same_meaning",
        "smile.worse",
        "smile.reason",
    ]
    assert set(server.queues.definitions) == set(queue["feedback_definition_names"])


def test_what_each_person_said_is_read(server: FakeOpik, tracker: OpikTracker) -> None:
    tasks = counting()
    tracker.send_for_review(QUEUE, tasks)
    one, other = server.traces
    server.judge(one, "anna", **{"smile.same_meaning": "yes", "smile.worse": "no"})
    server.judge(one, "bert", **{"smile.worse": "yes", "another": "yes"})
    server.judge(other, "anna", another="yes")
    said = {judgement.reviewer: judgement for judgement in tracker.read_reviews(QUEUE)}
    assert {judgement.variant_id for judgement in said.values()} == {tasks[0].item.id}
    assert [(one.same_meaning, one.worse, one.reason) for one in said.values()] == [
        ("yes", "no", "cannot_say"),
        ("cannot_say", "yes", "cannot_say"),
    ]


def test_a_server_that_does_not_filter_loses_no_other_trace(
    server: FakeOpik, tracker: OpikTracker
) -> None:
    forgotten, stays = sample_review(trace_id(1)), sample_review(trace_id(2))
    tracker.send_for_review(QUEUE, [forgotten, stays])
    every = list(server.traces.values())
    everything = Answer(200, {"content": every, "total": len(every)})
    server.faults = [Fault("answer", everything, method="GET", path="private/traces", times=None)]
    [outcome] = tracker.forget([ForgottenTrace(trace_id=trace_id(1), start_ns=1)])
    assert isinstance(outcome, Receipt)
    assert [variant for _, variant in shown(server, QUEUE)] == [stays.item.id]
