"""Jobs from their sampling to their explanation, and back."""

from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from smile_trace.errors import Reason, ReasonCode
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.model_states import Pause
from smile_trace.store.queries.calls import read_captured
from smile_trace.store.tables import Group
from tests.support.ledgers import reserve
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, QUESTIONS, plant
from tests.support.store_rows import GROUP, call_id, capture, decision, explanation, only

MODEL = {"kind": "endpoint", "base_url": "http://127.0.0.1:1"}


def paused(name: str) -> Pause:
    """A model that refuses its key."""
    code = ReasonCode.MODEL_UNAVAILABLE
    return Pause(
        name=name, reason="wrong key", reason_code=code, failures=2, since=2.0, not_before=9.0
    )


def test_each_call_is_decided_about_once(store: Store) -> None:
    capture(store, 1, 2)
    assert [call.id for _, call in store.sampling.undecided()] == [call_id(1), call_id(2)]
    store.sampling.decide([decision(1), decision(2, "skipped", reason="no")], {GROUP: 1}, now=5.0)
    assert store.sampling.undecided() == []
    assert store.sampling.chosen({GROUP, Group("function", "other")}) == {GROUP: 1}
    status = store.status()
    assert (status.captured, status.sampled, status.pending, status.skipped) == (2, 1, 1, 1)
    assert [(r.reason, r.count) for r in status.skipped_by_reason] == [("no", 1)]


def test_pooled_calls_are_told_apart_from_inconclusive_ones(store: Store) -> None:
    plant(store, "answer", "1", BEFORE, QUESTIONS[:3], effects=EFFECTS, pooled=True)
    plant(store, "answer", "2", AFTER, QUESTIONS[:2], effects=EFFECTS, pooled=False)
    status = store.status()
    assert (status.explained, status.pooled, status.inconclusive) == (5, 3, 2)
    read = read_captured(store.database, lambda model: None, since_ns=0, limit=9)
    assert Counter(one.status for one in read) == {"pooled": 3, "inconclusive": 2}


def test_people_come_first_then_the_oldest(store: Store) -> None:
    store.sampling.decide([decision(n) for n in (1, 2, 3)], {}, now=5.0)
    store.jobs.retry([decision(3)], now=6.0)
    due = store.jobs.due(now=10.0, limit=9)
    assert [job.call_id for job in due] == [call_id(3), call_id(1), call_id(2)]
    assert store.jobs.due(now=10.0, limit=9, without=["planted"]) == []
    assert len(store.jobs.due(now=10.0, limit=2)) == 2


def test_a_postponed_job_waits_and_goes_on_as_a_new_run(store: Store) -> None:
    store.sampling.decide([decision(1)], {}, now=5.0)
    job = only(store.jobs.due(now=5.0, limit=1))
    store.jobs.start(job, now=5.0)
    store.jobs.retry([decision(1)], now=6.0)  # which a running job is not
    assert store.jobs.get(job.id).state == "running"
    assert only(store.jobs.under_way([])).id == job.id
    store.jobs.postpone(job, Reason(ReasonCode.MODEL_UNAVAILABLE, "later"), until=20.0, now=6.0)
    assert store.jobs.due(now=19.0, limit=1) == []
    again = only(store.jobs.due(now=20.0, limit=1))
    assert (again.attempt, again.run, again.reason) == (1, 2, "later")
    assert again.budget_scope == job.budget_scope


def test_an_explanation_comes_back_as_it_was_and_is_kept_once(store: Store) -> None:
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=5.0)
    job = only(store.jobs.due(now=5.0, limit=1))
    store.jobs.explain(job, explanation(), now=6.0)
    store.jobs.explain(job, explanation("another"), now=7.0)  # the same run, repeated
    assert store.explanation(job.call_id) == explanation()
    assert store.jobs.get(job.id).state == "explained"
    status = store.status()
    assert (status.explained, status.reliable) == (1, 1)


def test_a_call_counts_as_explained_while_its_path_waits_and_if_that_fails(store: Store) -> None:
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=5.0)
    job = only(store.jobs.due(now=5.0, limit=1))
    store.jobs.start(job, now=5.0)
    store.jobs.explain(job, explanation(), now=6.0, ends=False)
    store.jobs.postpone(job, Reason(ReasonCode.DAILY_CAP, "the path waits"), until=9.0, now=7.0)
    status = store.status()
    assert (status.explained, status.pending, status.sampled) == (1, 0, 1)
    assert [(r.reason, r.count) for r in status.pending_by_reason] == [("the path waits", 1)]
    store.jobs.fail(job.id, Reason(ReasonCode.CALL_REMOVED, "it is gone"), now=9.0)
    assert store.jobs.get(job.id).state == "explained"
    assert store.status().failed == 0


def test_the_newest_explanation_is_the_one_that_counts(store: Store) -> None:
    store.sampling.decide([decision(1)], {}, now=5.0)
    job = only(store.jobs.due(now=5.0, limit=1))
    store.jobs.explain(job, explanation(), now=6.0)
    store.jobs.retry([decision(1)], now=7.0)
    again = only(store.jobs.due(now=7.0, limit=1))
    assert again.attempt == 2
    assert again.budget_scope != job.budget_scope
    store.jobs.explain(again, explanation("newer", "inconclusive"), now=8.0)
    kept = store.explanation(job.call_id)
    assert kept is not None
    assert kept.summary == "newer"
    status = store.status()
    assert (status.explained, status.reliable, status.inconclusive) == (1, 0, 1)


def test_a_retry_under_other_settings_replaces_what_had_not_ended_well(store: Store) -> None:
    store.sampling.decide([decision(1)], {}, now=5.0)
    store.jobs.fail(
        only(store.jobs.due(now=5.0, limit=1)).id,
        Reason(ReasonCode.CANNOT_EXPLAIN, "broken"),
        now=6.0,
    )
    assert store.jobs.failed() == [call_id(1)]
    store.jobs.retry([decision(1, settings_hash="other")], now=7.0)
    assert only(store.jobs.due(now=7.0, limit=5)).settings_hash == "other"
    assert store.status().sampled == 1


def test_a_call_explained_again_under_other_settings_counts_once(store: Store) -> None:
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=5.0)
    store.jobs.explain(only(store.jobs.due(now=5.0, limit=1)), explanation(), now=6.0)
    store.jobs.retry([decision(1, settings_hash="other")], now=7.0)
    status = store.status()
    assert (status.sampled, status.pending, status.explained) == (1, 1, 0)
    store.jobs.explain(only(store.jobs.due(now=7.0, limit=1)), explanation(), now=8.0)
    status = store.status()
    assert (status.sampled, status.pending, status.explained) == (1, 0, 1)


def test_crashes_count_until_a_round_is_done(store: Store) -> None:
    store.sampling.decide([decision(1), decision(2)], {}, now=5.0)
    job = store.jobs.due(now=5.0, limit=1)[0]
    store.jobs.start(job, now=5.0)
    store.jobs.note_crashes(now=6.0)
    store.jobs.note_crashes(now=6.0)
    assert store.jobs.get(job.id).crashes == 2
    store.jobs.progressed(job.id, now=7.0)
    assert store.jobs.get(job.id).crashes == 0
    assert store.jobs.due(now=5.0, limit=1)[0].crashes == 0


def test_reasons_are_counted(store: Store) -> None:
    store.sampling.decide([decision(n) for n in range(1, 6)], {}, now=5.0)
    jobs = store.jobs.due(now=5.0, limit=5)
    for job in jobs[:3]:
        store.jobs.fail(job.id, Reason(ReasonCode.CANNOT_EXPLAIN, "key refused"), now=6.0)
    store.jobs.fail(
        jobs[3].id, Reason(ReasonCode.CANNOT_EXPLAIN, "'; DROP TABLE jobs; --"), now=6.0
    )
    status = store.status()
    assert [(r.reason, r.count) for r in status.failed_by_reason] == [
        ("key refused", 3),
        ("'; DROP TABLE jobs; --", 1),
    ]
    assert (status.failed, status.pending) == (4, 1)


def test_a_paused_models_calls_wait_for_what_it_said_last(store: Store) -> None:
    capture(store, 1, 2, 3)
    store.sampling.decide([decision(1), decision(2), decision(3, model="other")], {}, now=1.0)
    for job in store.jobs.due(now=2.0, limit=3):
        store.jobs.postpone(
            job, Reason(ReasonCode.MODEL_UNAVAILABLE, "it is down"), until=3.0, now=2.0
        )
    store.pauses.put(paused("planted"))
    said = [(one.reason, one.count) for one in store.status().pending_by_reason]
    assert said == [("wrong key", 2), ("it is down", 1)]


def test_each_paused_model_counts_its_own_calls(store: Store) -> None:
    capture(store, 1, 2, 3, 4)
    of = {1: "planted", 2: "planted", 3: "other", 4: "well"}
    store.sampling.decide([decision(n, model=model) for n, model in of.items()], {}, now=1.0)
    for name in ("planted", "other", "unasked"):
        store.pauses.put(paused(name))
    [running] = store.jobs.due(now=2.0, limit=1)
    store.jobs.start(running, now=2.0)
    counts = {one.name: one.waiting for one in store.status().paused_models}
    assert counts == {"planted": 1, "other": 1, "unasked": 0}


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        ({"budget": {"calls_per_day": 2}}, "budget.calls_per_day"),
        ({"models": {"planted": MODEL | {"calls_per_day": 2}}}, '[models."planted"]'),
    ],
)
def test_what_a_used_up_cap_holds_back_is_said(
    settings: Settings, caps: dict[str, Any], said: str
) -> None:
    """Also of jobs that were never begun, since nothing is begun that a cap would stop."""
    with closing(Store.open(Settings(home=settings.home, store=settings.store, **caps))) as store:
        capture(store, 1, 2)
        store.sampling.decide([decision(1), decision(2)], {}, now=1.0)
        assert store.status().pending_by_reason == ()
        reserve(store.ledger, model="planted", calls=2, usd=0.0)
        [waiting] = store.status().pending_by_reason
        listed = list(read_captured(store.database, store.ledger.refusal, since_ns=0, limit=9))
    assert (waiting.code, waiting.count) == (ReasonCode.DAILY_CAP, 2)
    assert [one.reason for one in listed] == [waiting.reason] * 2
    assert said in waiting.reason


@pytest.mark.parametrize(
    ("cap", "told"),
    [
        ("the cap of 2 calls per day is used up", 3),
        ("the cap of 2 calls per day for the model 'planted' is used up", 2),
    ],
)
def test_all_wait_for_the_cap_that_one_met_though_it_was_raised_since(
    store: Store, cap: str, told: int
) -> None:
    """The worker holds to the caps with which it began."""
    capture(store, 1, 2, 3)
    decided = [decision(1), decision(2), decision(3, model="other")]
    store.sampling.decide(decided, {}, now=1.0)
    [first] = [job for job in store.jobs.unfinished() if job.call_id == call_id(1)]
    store.jobs.postpone(first, Reason(ReasonCode.DAILY_CAP, cap), until=9.0, now=2.0)
    listed = read_captured(store.database, store.ledger.refusal, since_ns=0, limit=9)
    assert [one.reason for one in listed] == [cap] * told + [None] * (3 - told)
    [waiting] = store.status().pending_by_reason
    assert (waiting.reason, waiting.count) == (cap, told)
    store.jobs.wake()  # as a worker that starts does, with the caps of now
    assert store.status().pending_by_reason == ()
    assert len(store.jobs.due(now=3.0, limit=9)) == 3
