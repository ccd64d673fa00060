"""What people are asked about, what comes of it, and the cases it leaves."""

import pytest
from rich.console import Console

import smile_trace
from smile_trace.records.judgement import ReviewTask
from smile_trace.render.profile import print_profile
from smile_trace.review import confirmed_cases, results, stored_tasks, tasks_of, worth_a_minute
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.judged import judgement, with_profile
from tests.support.sample_profiles import (
    BATTERIES,
    QUESTION,
    RETURNS,
    first_document,
    sample_profile,
)
from tests.support.spooled import trace_id


def moved(store: Store) -> ReviewTask:
    """A variant of another order whose answer counted."""
    return next(task for task in stored_tasks(store).values() if task.item.counts)


def test_every_variant_is_a_task_but_those_whose_change_is_no_failure() -> None:
    profile = sample_profile()
    found = list(tasks_of(profile))
    assert {task.item.probe for task in found} == {
        name for name, result in profile.results.items() if result.calls and name != "grounding"
    }
    assert len({task.item.id for task in found}) == len(found)
    assert len({task.item.prompt for task in found}) == 1


def test_nobody_is_asked_about_the_same_answer_or_twice(store: Store) -> None:
    with_profile(store)
    tasks = worth_a_minute(store, 50, reviewer="anna")
    assert tasks
    assert all(task.changed_answer != RETURNS for task in tasks)
    store.judgements.keep([(tasks[0].item, judgement(tasks[0].item, "anna"))])
    assert tasks[0] not in worth_a_minute(store, 50, reviewer="anna")
    assert tasks[0] in worth_a_minute(store, 1, reviewer="bert"), "a second opinion comes first"
    assert tasks[0] not in worth_a_minute(store, 50), "anybody's is enough for a queue"
    assert worth_a_minute(store, 50, name="another") == []


def test_what_is_confirmed_is_told_and_becomes_a_case(store: Store, settings: Settings) -> None:
    with_profile(store)
    task = moved(store)
    assert results(store, settings).confirmations == {}
    store.judgements.keep([(task.item, judgement(task.item, "anna"))])
    found = results(store, settings)
    assert found.confirmations["order"].confirmed == 1
    assert not found.confirmations["order"].counts
    assert [one.alpha for one in found.reliability] == [None] * 3
    [case] = confirmed_cases(store)
    assert case.expectations == {"expected_response": RETURNS}
    assert case.tags["smile_trace.failed_answer"] == BATTERIES
    assert case.inputs["messages"][0]["content"] == task.changed_messages[0].content
    store.judgements.keep([(task.item, judgement(task.item, "bert", same="no"))])
    assert list(confirmed_cases(store)) == [], "they are divided"


def test_a_case_goes_with_what_is_forgotten(store: Store, settings: Settings) -> None:
    with_profile(store)
    task = moved(store)
    store.judgements.keep([(task.item, judgement(task.item, "anna"))])
    store.forgetting.erase([trace_id(1)], now=9.0)
    assert list(confirmed_cases(store)) == []
    assert results(store, settings).confirmations == {}


def test_a_profile_says_how_often_people_agreed_and_warns_where_nobody_did(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))

    def shown() -> str:
        found = smile_trace.profile(QUESTION, model=first_document, answer=RETURNS, budget=60)
        assert found.results["grounding"].confirmation is None
        console = Console(record=True, width=200)
        print_profile(found, console)
        text = console.export_text()
        told = [line for line in text.splitlines() if line.startswith("Another order: ")]
        assert told[-1].removeprefix("Another order: ").rstrip(".") in found.to_html()
        return told[-1]

    assert "no person has judged it" in shown()
    with_profile(store)
    store.judgements.keep([(task.item, judgement(task.item, "anna")) for task in [moved(store)]])
    assert "people confirmed 1 of 1 variant of 1 prompt (27 to 100 %)" in shown()
