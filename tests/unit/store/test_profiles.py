"""What is kept beside explanations: profiles, and what people judged of them."""

import pytest

from smile_trace.records import Call
from smile_trace.records.judgement import ReviewItem
from smile_trace.settings import Retention
from smile_trace.store import Store
from smile_trace.store.jobs import Job
from smile_trace.store.retention import DAY, apply_retention, remove_traces
from tests.support.judged import judgement, with_profile
from tests.support.sample_profiles import sample_profile
from tests.support.spooled import trace_id
from tests.support.store_rows import (
    call_id,
    capture,
    decision,
    deliver,
    explanation,
    explanations,
    only,
    traces,
)


def profiled(store: Store, number: int, *, period: str = "2026-11-27", now: float = 6.0) -> Job:
    """The job that explained the call, and kept its profile."""
    store.sampling.decide([decision(number)], {}, now=5.0)
    store.jobs.retry([decision(number)], now=5.0)
    job, call = only(store.jobs.due(now=5.0, limit=1)), called(store, number)
    assert not store.profiles.is_there(job, period)
    for moment in (now, now + 1):
        store.profiles.keep(job, call, sample_profile(), period=period, now=moment)
    assert store.profiles.is_there(job, period)
    store.jobs.explain(job, explanation(), now=5.0)
    return job


def called(store: Store, number: int) -> Call:
    call = store.traces.call(call_id(number))
    assert call is not None
    return call


def test_a_profile_is_kept_once_with_every_variant(store: Store) -> None:
    capture(store, 1, 2)
    profiled(store, 1)
    profile = sample_profile()
    assert store.profiles.get(call_id(1)) == profile
    assert store.profiles.get(call_id(2)) is None
    [one] = store.profiles.read()
    assert (one.call_id, one.trace_id, one.period, one.created_at) == (
        call_id(1),
        trace_id(1),
        "2026-11-27",
        6.0,
    )
    assert one.profile == profile
    assert sum(len(result.variants) for result in profile.results.values()) == sum(
        result.calls for result in profile.results.values()
    )


def test_the_newest_of_each_call_and_period_is_read(store: Store) -> None:
    capture(store, 1, 2)
    profiled(store, 1, period="2026-11-26")
    profiled(store, 1, period="2026-11-27", now=7.0)
    profiled(store, 2, now=8.0)
    profiled(store, 2, now=9.0)
    found = list(store.profiles.read())
    assert [(one.call_id, one.period, one.created_at) for one in found] == [
        (call_id(1), "2026-11-26", 6.0),
        (call_id(1), "2026-11-27", 7.0),
        (call_id(2), "2026-11-27", 9.0),
    ]
    prompt = called(store, 1).name
    assert [one.prompt for one in store.profiles.read(name=prompt, since=7.0)] == [prompt] * 2
    assert list(store.profiles.read(name="another")) == []


def test_it_goes_with_its_trace_and_does_not_come_back(store: Store) -> None:
    capture(store, 1, 2)
    job, call = profiled(store, 1), called(store, 1)
    profiled(store, 2)
    store.forgetting.erase([trace_id(1)], now=5.0)
    store.profiles.keep(job, call, sample_profile(), period="2026-11-27", now=9.0)
    assert [one.call_id for one in store.profiles.read()] == [call_id(2)]


def test_retention_keeps_what_is_young_and_removes_what_is_old(store: Store) -> None:
    capture(store, 1)
    profiled(store, 1, now=3 * DAY)
    deliver(store, *traces(store))
    deliver(store, *explanations(store))
    keep = Retention(days=2, megabytes=None)
    apply_retention(store.database, keep, clock=lambda: 4 * DAY)
    assert store.profiles.get(call_id(1)) is not None, "the trace is older, its profile is not"
    apply_retention(store.database, keep, clock=lambda: 6 * DAY)
    assert store.profiles.get(call_id(1)) is None


def item(name: str, number: int = 1) -> ReviewItem:
    return ReviewItem(
        id=name, probe="order", prompt="p", change=0.75, counts=True, trace_id=trace_id(number)
    )


def test_the_last_of_each_person_is_kept(store: Store) -> None:
    one, other = item("one"), item("other")
    said = [
        (one, judgement(one, "anna", "no")),
        (one, judgement(one, "bert")),
        (other, judgement(other, "anna", "cannot_say")),
    ]
    store.judgements.keep(said)
    store.judgements.keep([(one, judgement(one, "anna", "yes"))])
    assert store.judgements.read() == [(one, judgement(one, "anna")), *said[1:]]


def test_a_judgement_belongs_to_its_variant(store: Store) -> None:
    with pytest.raises(ValueError, match="other"):
        store.judgements.keep([(item("one"), judgement(item("other"), "anna"))])


def test_it_goes_when_its_trace_is_forgotten_and_does_not_come_back(store: Store) -> None:
    gone, stays = item("one", 1), item("two", 2)
    both = [(gone, judgement(gone, "anna")), (stays, judgement(stays, "anna"))]
    store.judgements.keep(both)
    store.forgetting.erase([trace_id(1)], now=5.0)
    store.judgements.keep(both)
    assert store.judgements.read() == both[1:]


def test_a_judge_of_the_same_name_is_kept_apart_and_forgotten_too(store: Store) -> None:
    one = item("one")
    store.judgements.keep([(one, judgement(one, "demo"))])
    store.judge_judgements.keep([(one, judgement(one, "demo", "no"))])
    assert [said.worse for _, said in store.judgements.read()] == ["yes"]
    assert [said.worse for _, said in store.judge_judgements.read()] == ["no"]
    store.forgetting.erase([trace_id(1)], now=5.0)
    assert store.judgements.read() == store.judge_judgements.read() == []


def test_it_outlives_what_retention_removes(store: Store) -> None:
    with_profile(store)
    one = item("one")
    store.judgements.keep([(one, judgement(one, "anna"))])
    with store.database.write() as connection:
        remove_traces(connection, [trace_id(1)])
    assert list(store.profiles.read()) == []
    assert len(store.judgements.read()) == 1
