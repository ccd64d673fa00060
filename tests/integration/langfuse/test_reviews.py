"""Variants in Langfuse's annotation queues: the contract suite, and what is Langfuse's alone."""

from collections.abc import Mapping

import pytest

from smile_trace.records.judgement import Reply
from smile_trace.trackers import ForgottenCall, ForgottenTrace, Receipt, Rejected
from smile_trace.trackers.reviews import CHOICES
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault
from smile_trace_contracts.review import ReviewContract
from smile_trace_contracts.samples import sample_review
from smile_trace_langfuse import LangfuseTracker
from tests.support.fake_langfuse_writes import FakeLangfuseWrites

QUEUE = "experts"
TRACE = "ab" * 16


def queue_id(server: FakeLangfuseWrites, name: str = QUEUE) -> str:
    [found] = [one for one, queue in server.queues.queues.items() if queue["name"] == name]
    return found


def shown(server: FakeLangfuseWrites, queue: str) -> list[tuple[str, str]]:
    """The traces in a queue, and the variants that they show."""
    objects = [item["objectId"] for item in server.queues.items[queue].values()]
    variants = {o["traceId"]: o["metadata"]["smile_variant"] for o in server.observations.values()}
    return [(one, variants[one].removeprefix("id ")) for one in objects]


class TestLangfuseReviews(ReviewContract):
    @pytest.fixture
    def server(self, server: FakeLangfuseWrites) -> FakeLangfuseWrites:
        return server

    @pytest.fixture
    def tracker(self, tracker: LangfuseTracker) -> LangfuseTracker:
        return tracker

    def waiting(self, server: FakeHttpServer, queue: str) -> list[str]:
        assert isinstance(server, FakeLangfuseWrites)
        return [variant for _, variant in shown(server, queue_id(server, queue))]

    def judge(
        self, server: FakeHttpServer, queue: str, variant: str, replies: Mapping[str, Reply]
    ) -> str:
        assert isinstance(server, FakeLangfuseWrites)
        held = queue_id(server, queue)
        choices = {reply: choice for choice, reply in CHOICES.items()}
        [trace_id] = [one for one, of in shown(server, held) if of == variant]
        said = {f"smile.{name}": choices[reply] for name, reply in replies.items()}
        server.judge(held, trace_id, "clx-anna", **said)
        return "clx-anna"


def test_the_queue_asks_three_questions_which_are_made_once(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    for queue in (QUEUE, "others"):
        tracker.send_for_review(queue, [sample_review(TRACE)])
    asked = {tuple(queue["scoreConfigIds"]) for queue in server.queues.queues.values()}
    assert asked == {tuple(server.queues.configs)}
    names = [config["name"] for config in server.queues.configs.values()]
    assert names == ["smile.same_meaning", "smile.worse", "smile.reason"]
    first = next(iter(server.queues.configs.values()))
    assert first["description"].startswith("Does the variant mean the same?")
    assert [one["label"] for one in first["categories"]] == ["yes", "no", "cannot say"]


def test_a_config_that_asks_something_else_is_not_taken(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    theirs = {"name": "smile.worse", "isArchived": False, "categories": [{"label": "bad"}]}
    labels = [{"label": choice} for choice in CHOICES]
    archived = {"name": "smile.reason", "isArchived": True, "categories": labels}
    made = {"theirs": theirs, "archived": archived}
    server.queues.configs = {name: {"id": name, **config} for name, config in made.items()}
    tracker.send_for_review(QUEUE, [sample_review(TRACE)])
    [queue] = server.queues.queues.values()
    assert not {"theirs", "archived"} & {*queue["scoreConfigIds"]}


def test_a_queue_that_a_person_made_is_taken(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    server.queues.queues["theirs"] = {"id": "theirs", "name": QUEUE, "scoreConfigIds": ["x"]}
    server.queues.items["theirs"] = {}
    tracker.send_for_review(QUEUE, [sample_review(TRACE)])
    assert [len(items) for items in server.queues.items.values()] == [1]
    assert server.queues.configs == {}


def test_a_queue_that_is_made_meanwhile_is_taken(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    tracker.send_for_review(QUEUE, [sample_review(TRACE)])
    none_yet = Answer(200, {"data": [], "meta": {"totalPages": 0}})
    server.faults = [Fault("answer", none_yet, path="annotation-queues", method="GET")]
    tracker.send_for_review(QUEUE, [sample_review(TRACE)])
    assert len(shown(server, queue_id(server))) == 2


def test_lists_are_read_to_their_end(server: FakeLangfuseWrites, tracker: LangfuseTracker) -> None:
    """101 of each are more than Langfuse gives at once."""
    tasks = [sample_review(TRACE) for _ in range(101)]
    tracker.send_for_review(QUEUE, tasks)
    held = queue_id(server)
    for trace_id, _ in shown(server, held):
        server.judge(held, trace_id, "clx-anna", **{"smile.worse": "yes"})
    said = tracker.read_reviews(QUEUE)
    assert {one.variant_id for one in said} == {task.item.id for task in tasks}
    before = len(server.requests)
    tracker.send_for_review(QUEUE, tasks)
    assert [request.method for request in server.requests[before:]] == ["GET"] * 3


def test_whoever_replies_last_is_the_author(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    """Langfuse keeps one score of a trace and a config; what was read before stays in the store."""
    tracker.send_for_review(QUEUE, [sample_review(TRACE)])
    held = queue_id(server)
    [(trace_id, _)] = shown(server, held)
    for author, choice in (("clx-anna", "yes"), ("clx-bert", "no")):
        server.judge(held, trace_id, author, **{"smile.worse": choice})
    [said] = tracker.read_reviews(QUEUE)
    assert (said.reviewer, said.worse) == ("clx-bert", "no")


def test_scores_of_programs_and_of_other_queues_are_no_judgements(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    tracker.send_for_review(QUEUE, [sample_review(TRACE)])
    [(trace_id, _)] = shown(server, queue_id(server))
    score = {"traceId": trace_id, "name": "smile.worse", "value": "yes", "dataType": "CATEGORICAL"}
    server.scores = {
        "by a program": {**score, "queueId": queue_id(server)},
        "elsewhere": {**score, "source": "ANNOTATION", "queueId": "another"},
    }
    assert tracker.read_reviews(QUEUE) == []


def test_variants_of_a_trace_that_was_read_from_langfuse_go_too(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    """The trace itself stays; nothing of what people were asked about it does."""
    tracker.send_for_review(QUEUE, [sample_review(TRACE)])
    call = ForgottenCall(
        id=f"{TRACE}:{'cd' * 8}", start_ns=1, external_trace={"langfuse.trace_id": TRACE}
    )
    [outcome] = tracker.forget([ForgottenTrace(trace_id=TRACE, start_ns=1, calls=(call,))])
    assert isinstance(outcome, Rejected)
    assert server.spans == {}
    assert server.queues.items[queue_id(server)] == {}


def test_a_server_that_does_not_filter_loses_no_other_trace(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    forgotten, stays = sample_review(TRACE), sample_review("cd" * 16)
    tracker.send_for_review(QUEUE, [forgotten, stays])
    everything = Answer(200, {"data": list(server.observations.values()), "meta": {}})
    server.faults = [Fault("answer", everything, path="v2/observations")]
    [outcome] = tracker.forget([ForgottenTrace(trace_id=TRACE, start_ns=1)])
    assert isinstance(outcome, Receipt)
    assert [variant for _, variant in shown(server, queue_id(server))] == [stays.item.id]


def test_forgetting_works_where_observations_cannot_be_listed(
    server: FakeLangfuseWrites, tracker: LangfuseTracker
) -> None:
    """As on a self-hosted Langfuse 3, to which no variant can have been sent."""
    server.faults = [Fault("answer", Answer(404, {}), path="v2/observations", times=None)]
    [outcome] = tracker.forget([ForgottenTrace(trace_id=TRACE, start_ns=1)])
    assert isinstance(outcome, Receipt)
