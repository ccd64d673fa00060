"""An agent's final answers are compared, not the steps towards them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace.comparison import compare
from smile_trace.comparison.call_parts import CallPart
from smile_trace.comparison.evidence import collect
from smile_trace.comparison.report import what_mattered
from smile_trace.records import Call, Explanation, PromptUse, Span
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.arrivals import ArrivedSpan, SpoolFile
from smile_trace.suggesting.material import read_material
from tests.support.spooled import call_span, context_span, span_id
from tests.support.store_rows import decision, explanation

FOUND = "order 4711 arrives on Friday"


def call(number: int, span: int, name: str, prompt: str, answer: str, **said: Any) -> Span:
    said[semconv.NAME] = name
    made = call_span(number, span=span, parent=span_id(9), prompt=prompt, answer=answer, **said)
    return made.model_copy(update={"start_ns": made.start_ns + span, "end_ns": made.end_ns + span})


def agent(number: int, step: str) -> list[Span]:
    """A trace of an agent: a title, a step of that name, and the answer that uses it."""
    return [
        context_span(number),
        call(number, 1, "agent", "A title for: when does it arrive?", "An order's arrival"),
        call(number, 2, step, "When does it arrive?", FOUND),
        call(number, 3, "agent", f"When does it arrive? Found: {FOUND}", "On Friday, probably."),
    ]


@pytest.fixture
def explained(tmp_path: Path) -> Iterator[Store]:
    """Two agents, one of which gives its steps a name, and a batch; everything is explained."""
    batch = [call(3, n, "batch", f"Question {n}?", f"The answer is {n}.") for n in range(1, 5)]
    spans = [*agent(1, "agent"), *agent(2, "plan"), context_span(3), *batch]
    arrived = [ArrivedSpan(span, span.model_dump_json()) for span in spans]
    with Store.open(Settings(home=tmp_path)) as store:
        store.traces.add(SpoolFile("a", 1, 1, 1.0), arrived)
        store.traces.complete(gone=(), silent_before=0.0)
        calls = [f"{span.trace_id}:{span.span_id}" for span in spans if span.span_id != span_id(9)]
        store.jobs.retry([decision(1, call_id=call_id) for call_id in calls], now=5.0)
        for job in store.jobs.due(now=5.0, limit=100):
            store.jobs.explain(job, explanation(), now=6.0)
        yield store


@pytest.mark.parametrize(
    ("name", "count"), [("agent", 2), ("plan", 1), ("batch", 4), (None, 2 + 1 + 4)]
)
def test_steps_are_compared_only_where_they_are_named(
    explained: Store, name: str | None, count: int
) -> None:
    assert what_mattered(explained, name).explained == count


def test_a_tools_table_is_no_copy_of_its_prompts(explained: Store, monkeypatch: Any) -> None:
    """That of a tool which several functions call says more than each of theirs."""

    def parts(call: Call, _: Explanation) -> list[CallPart]:
        tools = ["shared", *(["own"] if call.name == "batch" else [])]
        return [CallPart("tool_result", name, "supports", group=name) for name in tools]

    monkeypatch.setattr("smile_trace.comparison.report.call_parts", parts)
    tools = [group for group in what_mattered(explained).groups if group.kind == "tool"]
    assert [(group.name, group.explained) for group in tools] == [("shared", 2 + 1 + 4)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Store]:
    """The prompt of a step and of the answer that uses it, both explained."""
    spans = [context_span(1)]
    for number, (text, answer) in enumerate((("Where?", FOUND), (f"Found: {FOUND}", "Friday.")), 1):
        place = {"message": 0, "start": 0, "end": len(text), "variables": {"text": text}}
        use = PromptUse(name="shop", version="1", template="{text}", **place)
        used = {semconv.PROMPTS: json.dumps([use.model_dump()])}
        spans.append(call(1, number, "agent", text, answer, **used))
    arrived = [ArrivedSpan(span, span.model_dump_json()) for span in spans]
    with Store.open(Settings(home=tmp_path)) as store:
        store.traces.add(SpoolFile("a", 1, 1, 1.0), arrived)
        store.traces.complete(gone=(), silent_before=0.0)
        for number in (1, 2):
            call_id = f"{spans[number].trace_id}:{span_id(number)}"
            store.jobs.retry([decision(1, call_id=call_id)], now=5.0)
            [job] = store.jobs.due(now=5.0, limit=1)
            store.jobs.explain(job, explanation(), now=6.0)
        yield store


def test_a_version_is_compared_by_its_answers(shop: Store, tmp_path: Path) -> None:
    found = collect(shop, "shop", "1", None, most_calls=10, seed=0)
    suggested_from = read_material(shop, Settings(home=tmp_path), "shop", None, seed=0)
    assert [one.answer for one in found.traffic] == ["Friday."]
    assert found.sampled_of == 1
    assert "an explanation of steps towards an answer" in found.dropped
    assert len(suggested_from.traffic) == 2, "an instruction may act in a step alone"


@pytest.mark.usefixtures("shop")
def test_an_edit_that_changes_a_step_alone_is_no_harmless_one(tmp_path: Path) -> None:
    def model(prompt: str) -> str:
        return "Ask the carrier." if prompt == "Where? Be quick." else "Friday."

    (edited := tmp_path / "edited.txt").write_text("{text} Be quick.")
    found = compare("shop", file=edited, model=model, settings=Settings(home=tmp_path))
    [answers] = [change.answers for change in found.changes]
    assert answers is not None
    assert (answers.changed, answers.inputs) == (1, 2)
