"""Judgements in the store: the last one of each person counts, and they go when forgotten."""

import pytest

from smile_trace.records.judgement import ReviewItem
from smile_trace.store import Store
from smile_trace.store.retention import remove_traces
from tests.support.judged import judgement, with_profile
from tests.support.spooled import trace_id


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
