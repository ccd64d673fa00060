"""Opik's annotation queues: what is unexpected waits there, and variants that people judge."""

import json
from collections.abc import Callable, Mapping

import pytest

from smile_trace.probes.review.tasks import tasks_of
from smile_trace.records import DocumentAttribution, Explanation, Trace, Verdict
from smile_trace.records.judgement import Reply, ReviewTask
from smile_trace.trackers import ExplainedCall, ForgottenCall, ForgottenTrace, Receipt, Rejected
from smile_trace.trackers.reviews import CHOICES
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault
from smile_trace_contracts.review import ReviewContract
from smile_trace_contracts.samples import sample_review
from smile_trace_opik import OpikTracker
from smile_trace_opik.reviews import JUDGEMENT, is_worth_a_look
from smile_trace_opik.spans import opik_trace_id
from tests.support.comet_samples import captured, explained, prompt_trace
from tests.support.fake_opik import FakeOpik
from tests.support.paths import DATA
from tests.support.sample_profiles import sample_profile
from tests.support.spooled import trace_id

NAME = "worth a look"


@pytest.fixture
def options() -> dict[str, str]:
    return {"review_queue": NAME}


def unexpected(trace: Trace) -> ExplainedCall:
    item = explained(trace, status="no_effect")
    return item.model_copy(update={"traced_as": opik_trace_id(trace)})


def with_documents(explanation: Explanation, verdict: Verdict) -> Explanation:
    document = DocumentAttribution(place=(0, 0, 3), measured="alone", verdict=verdict)
    return explanation.model_copy(update={"documents": (document,)})


def against(explanation: Explanation) -> Explanation:
    first, *others = explanation.segments
    negative = first.model_copy(
        update={"attribution": -0.3, "significant": True, "protected": False}
    )
    return explanation.model_copy(update={"segments": (negative, *others)})


@pytest.mark.parametrize(
    ("status", "changed", "wanted"),
    [
        ("reliable", lambda e: e, False),
        ("no_effect", lambda e: e, True),
        ("reliable", lambda e: with_documents(e, "excluded"), True),
        ("reliable", lambda e: with_documents(e, "open"), False),
        ("reliable", lambda e: with_documents(e, "supports"), False),
        ("partial", lambda e: with_documents(e, "excluded"), False),
        ("partial", against, True),
        ("inconclusive", against, False),
    ],
)
def test_what_is_worth_a_look(
    status: str, changed: Callable[[Explanation], Explanation], wanted: bool
) -> None:
    explanation = explained(prompt_trace(1), status=status).explanation
    assert is_worth_a_look(changed(explanation)) is wanted


def test_only_the_unexpected_is_queued_once(server: FakeOpik, tracker: OpikTracker) -> None:
    traces = [prompt_trace(1), prompt_trace(2)]
    tracker.deliver_traces(captured(*traces))
    expected = explained(traces[0]).model_copy(update={"traced_as": opik_trace_id(traces[0])})
    for _ in range(2):
        outcomes = tracker.deliver_explanations([expected, unexpected(traces[1])])
        assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    [queue] = server.queues.queues.values()
    assert (queue["name"], queue["project_id"]) == (NAME, "project of pr")
    assert queue["feedback_definition_names"] == [JUDGEMENT]
    assert list(server.queues.definitions) == [JUDGEMENT]
    assert server.queues.waiting == {queue["id"]: [opik_trace_id(traces[1])]}


def test_a_queue_that_a_person_made_is_taken(server: FakeOpik, tracker: OpikTracker) -> None:
    other = {"name": NAME.upper(), "project_id": "project of pr", "id": "another"}
    theirs = {"name": NAME, "project_id": "project of pr", "id": "theirs"}
    server.queues.queues = {one["id"]: one for one in (other, theirs)}
    server.queues.waiting = {"another": [], "theirs": []}
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([unexpected(trace)])
    assert server.queues.waiting == {"another": [], "theirs": [opik_trace_id(trace)]}


@pytest.mark.parametrize("takes_effect", [False, True])
def test_a_queue_whose_answer_was_lost_is_made_once(
    server: FakeOpik, tracker: OpikTracker, takes_effect: bool
) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    for path in ("feedback-definitions", "annotation-queues"):
        server.faults = [Fault("answer", path=path, method="POST", takes_effect=takes_effect)]
        with pytest.raises(Exception, match="try again"):
            tracker.deliver_explanations([unexpected(trace)])
    server.faults = []
    assert isinstance(tracker.deliver_explanations([unexpected(trace)])[0], Receipt)
    assert list(server.queues.waiting.values()) == [[opik_trace_id(trace)]]


def test_a_queue_that_was_deleted_is_made_again(server: FakeOpik, tracker: OpikTracker) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([unexpected(trace)])
    server.queues.queues.clear()
    server.queues.waiting.clear()
    [outcome] = tracker.deliver_explanations([unexpected(trace)])
    assert isinstance(outcome, Receipt)
    assert list(server.queues.waiting.values()) == [[opik_trace_id(trace)]]


def test_what_is_forgotten_waits_in_no_queue(server: FakeOpik, tracker: OpikTracker) -> None:
    trace = prompt_trace(1)
    item = ForgottenTrace(
        trace_id=trace.trace_id, start_ns=trace.calls[0].start_ns, traced_as=opik_trace_id(trace)
    )
    assert isinstance(tracker.forget([item])[0], Receipt), "there is no queue yet"
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([unexpected(trace)])
    assert isinstance(tracker.forget([item])[0], Receipt)
    assert list(server.queues.waiting.values()) == [[]]


def test_of_an_applications_own_trace_nothing_waits_either(
    server: FakeOpik, tracker: OpikTracker
) -> None:
    """It stays in Opik, in another project than ours."""
    trace_id = opik_trace_id(prompt_trace(1))
    server.traces[trace_id] = {"id": trace_id, "project_name": "theirs"}
    external = {"opik.trace_id": trace_id, "opik.span_id": trace_id, "opik.project": "theirs"}
    item = unexpected(prompt_trace(1))
    call = item.call.model_copy(update={"external_trace": external})
    tracker.deliver_explanations([item.model_copy(update={"call": call})])
    assert list(server.queues.waiting.values()) == [[trace_id]]
    told = ForgottenCall(id=call.id, start_ns=call.start_ns, external_trace=external)
    gone = ForgottenTrace(trace_id=call.trace_id, start_ns=call.start_ns, calls=(told,))
    assert isinstance(tracker.forget([gone])[0], Rejected)
    assert list(server.queues.waiting.values()) == [[]]


def test_what_a_batch_shares_is_looked_for_once(server: FakeOpik, tracker: OpikTracker) -> None:
    calls = tuple(
        ForgottenCall(id=f"a:{name}", start_ns=1, prompts=((name, "1"),)) for name in ("x", "y")
    )
    items = [ForgottenTrace(trace_id=f"{n:032x}", start_ns=1, calls=calls) for n in (1, 2, 3)]
    assert all(isinstance(outcome, Receipt) for outcome in tracker.forget(items))
    asked = [request.path.partition("/private/")[2] for request in server.requests]
    assert asked.count("datasets/retrieve") == 2
    assert asked.count("annotation-queues") == 1


def test_a_prompt_whose_comparison_stays_is_tried_for_each_trace(
    server: FakeOpik, tracker: OpikTracker
) -> None:
    calls = (ForgottenCall(id="a:b", start_ns=1, prompts=(("x", "1"),)),)
    items = [ForgottenTrace(trace_id=f"{n:032x}", start_ns=1, calls=calls) for n in (1, 2)]
    server.faults = [Fault("answer", answer=Answer(422), path="datasets/retrieve")]
    first, second = tracker.forget(items)
    assert isinstance(first, Rejected)
    assert isinstance(second, Receipt)


def test_requests_are_those_of_the_sdk(server: FakeOpik, tracker: OpikTracker) -> None:
    """Of opik 2.2.122, recorded."""
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([unexpected(trace)])
    recorded = json.loads((DATA / "comet_wire" / "opik_experiments.json").read_text())
    for ending in ("annotation-queues", "items/add"):
        [theirs] = [r["body"] for r in recorded if r["path"].endswith(ending)]
        [*_, ours] = [
            r.body for r in server.requests if r.path.endswith(ending) and r.method == "POST"
        ]
        assert set(ours) <= set(theirs)


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
