import pytest
from sqlalchemy import func, select, update

from smile_trace.dialects import traces as dialect_traces
from smile_trace.dialects.kinds.gen_ai import GenAI
from smile_trace.records import Call, Message, PromptUse, Span
from smile_trace.store import Store
from smile_trace.store.explanations import AT_ONCE, note_groups
from smile_trace.store.tables import Group, explanations, group_columns
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, QUESTIONS, plant
from tests.support.store_rows import capture, decision, explain


def call(name: str, version: str, number: int) -> Call:
    use = PromptUse(name=name, version=version, template="t", message=0, start=0, end=1)
    return Call(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        name="f",
        messages=(Message(role="user", content="t"),),
        start_ns=number,
        end_ns=number,
        prompts=(use,),
    )


def test_a_name_and_a_version_never_collide() -> None:
    one, other = call("x version 1", "2", 1), call("x", "1 version 2", 2)
    assert Group.of(one) != Group.of(other)
    assert str(Group.of(one)) == str(Group.of(other))


def explained(store: Store) -> list[set[str]]:
    """The explained calls of both versions."""
    with store.reading_prompts() as prompts:
        return [{row.call_id for row in prompts.explanations("a", one)} for one in ("1", "2")]


def noted(store: Store) -> dict[Group | None, int]:
    """How many explanations are of each group."""
    group = group_columns(explanations)
    with store.database.read() as connection:
        rows = connection.execute(select(*group, func.count().label("n")).group_by(*group))
        return {Group.from_row(row) if row.group_kind else None: row.n for row in rows}


def test_explanations_of_older_workers_are_found_beside_those_whose_group_is_noted(
    store: Store,
) -> None:
    questions = [*QUESTIONS] * (AT_ONCE // len(QUESTIONS) + 1)  # more than one transaction's
    for version, template in (("1", BEFORE), ("2", AFTER)):  # as by an older worker
        plant(store, "a", version, template, questions, effects=EFFECTS)
    found, many = explained(store), len(questions)
    assert (noted(store), [len(calls) for calls in found]) == ({None: 2 * many}, [many, many])
    note_groups(store.database, stopping=iter((False, True)).__next__)
    assert noted(store)[None] == 2 * many - AT_ONCE
    assert explained(store) == found
    note_groups(store.database)
    assert noted(store) == {Group("prompt", "a", one): many for one in ("1", "2")}
    assert explained(store) == found
    plant(store, "a", "1", BEFORE, QUESTIONS, effects=EFFECTS, seed=1)
    assert [len(calls) for calls in explained(store)] == [many + len(QUESTIONS), many]


class Renaming(GenAI):
    def read_call(self, span: Span) -> Call:
        return super().read_call(span).model_copy(update={"name": "renamed"})


def test_an_explanation_has_the_group_of_its_call_which_may_be_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    explain(store, 1)
    assert noted(store) == {Group("function", "chat planted"): 1}
    monkeypatch.setattr(dialect_traces, "dialect_of", lambda span: Renaming())
    store.traces.reread(0)
    assert noted(store) == {None: 1}
    note_groups(store.database)
    assert noted(store) == {Group("function", "renamed"): 1}


def test_an_explanation_without_its_call_is_left_alone(store: Store) -> None:
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    explain(store, 1)
    with store.database.write() as connection:
        nothing = dict.fromkeys(("group_kind", "group_name", "group_version"))
        connection.execute(update(explanations).values(call_id="gone:1", **nothing))
    note_groups(store.database)
    assert noted(store) == {None: 1}
