"""Variants in Opik's annotation queues: sent once, read back by who judged, gone when forgotten."""

import pytest

from smile_trace.records.judgement import ReviewTask
from smile_trace.review import tasks_of
from smile_trace.trackers import ForgottenTrace, Receipt
from smile_trace.trackers.http import RequestRejected
from smile_trace_opik import OpikTracker
from tests.support.explained import HOSTILE
from tests.support.fake_opik import FakeOpik
from tests.support.sample_profiles import sample_profile
from tests.support.spooled import trace_id

QUEUE = "experts"


def counting() -> list[ReviewTask]:
    return [task for task in tasks_of(sample_profile(), trace_id(1)) if task.item.counts][:2]


def test_sent_twice_it_waits_once(server: FakeOpik, tracker: OpikTracker) -> None:
    first, second = counting()
    hostile = second.model_copy(update={"title": HOSTILE, "changed_answer": "a\0\ud800"})
    for _ in range(2):
        tracker.send_for_review(QUEUE, [first, hostile])
    [queue] = server.queues.queues.values()
    assert queue["feedback_definition_names"] == [
        "smile.same_meaning",
        "smile.worse",
        "smile.reason",
    ]
    assert set(server.queues.definitions) == set(queue["feedback_definition_names"])
    assert server.queues.waiting[queue["id"]] == list(server.traces)
    assert len(server.traces) == 2
    assert tracker.read_reviews(QUEUE) == []


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


def test_a_queue_that_is_not_there_is_said(tracker: OpikTracker) -> None:
    with pytest.raises(RequestRejected, match="no annotation queue 'nobody'"):
        tracker.read_reviews("nobody")


def test_what_is_forgotten_is_asked_about_no_more(server: FakeOpik, tracker: OpikTracker) -> None:
    tracker.send_for_review(QUEUE, counting())
    [outcome] = tracker.forget([ForgottenTrace(trace_id=trace_id(1), start_ns=1)])
    assert isinstance(outcome, Receipt)
    assert server.traces == {}
