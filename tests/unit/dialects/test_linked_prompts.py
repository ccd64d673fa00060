"""Versions of MLflow's prompt registry are read as the prompts of the calls they were sent in."""

import json
from typing import Any

import pytest

from smile_trace.dialects import read_calls
from smile_trace.dialects.templates import filled_in
from smile_trace.records import Call, PromptUse, Span
from tests.instrumentors.applications.texts import TEMPLATE, WARRANTY
from tests.support.recorded_calls import calls_of

CONTENT = f"Context:\n{WARRANTY}\n\nQuestion: How long?"


def span(number: int, parent: int | None = None, **attributes: Any) -> Span:
    return Span(
        trace_id=32 * "a",
        span_id=f"{number:016x}",
        parent_id=None if parent is None else f"{parent:016x}",
        name=f"span {number}",
        start_ns=number,
        end_ns=100 - number,
        attributes={name.replace("_", "."): value for name, value in attributes.items()},
    )


def call_span(number: int, parent: int, *contents: str, **attributes: Any) -> Span:
    inputs = {"messages": [{"role": "user", "content": content} for content in contents]}
    return span(
        number,
        parent,
        mlflow_spanType='"CHAT_MODEL"',
        mlflow_spanInputs=json.dumps(inputs),
        mlflow_spanOutputs='"24 months."',
        **attributes,
    )


def linked(*prompts: tuple[str, str, str | None]) -> str:
    return json.dumps(
        [
            {"name": name, "version": version} | ({} if text is None else {"template": text})
            for name, version, text in prompts
        ]
    )


def only_use(calls: tuple[Call, ...]) -> PromptUse:
    [call] = calls
    [use] = call.prompts
    return use


def test_the_prompts_of_the_recorded_traces() -> None:
    """Loaded in a function around the call, a chat prompt, and linked to the whole trace later."""
    found = [call.prompts[0] for call in calls_of("mlflow-3.17.2.pulled")[-3:]]
    assert [(use.name, use.version) for use in found] == [
        ("warranty", "1"),
        ("support", "1"),
        ("warranty", "1"),
    ]
    for use in found:
        assert use.template == TEMPLATE
        assert use.variables["question"] == "How long is the warranty of my kettle?"
        assert WARRANTY in use.variables["context"]
        assert [one.name for one in use.variable_spans] == ["context", "question"]


def test_a_template_is_looked_for_in_every_message() -> None:
    outer = span(1, mlflow_linkedPrompts=linked(("warranty", "3", TEMPLATE)))
    use = only_use(read_calls([outer, call_span(2, 1, "Be kind.", CONTENT, "Thanks.")]))
    assert (use.name, use.version, use.message) == ("warranty", "3", 1)
    assert use.variables == {"context": WARRANTY, "question": "How long?"}
    places = {one.name: CONTENT[one.start : one.end] for one in use.variable_spans}
    assert places == use.variables


def test_a_prompt_that_was_not_sent_in_a_call_is_not_its_prompt() -> None:
    outer = span(1, mlflow_linkedPrompts=linked(("warranty", "3", TEMPLATE)))
    calls = read_calls([outer, call_span(2, 1, CONTENT), call_span(3, 1, "Something else.")])
    assert [[use.name for use in call.prompts] for call in calls] == [["warranty"], []]


def test_of_several_loaded_prompts_each_call_has_its_own() -> None:
    both = linked(("warranty", "3", TEMPLATE), ("greeting", "1", "Hello {name}!"))
    spans = [
        span(1, mlflow_linkedPrompts=both),
        call_span(2, 1, CONTENT),
        call_span(3, 1, "Hello Ann!"),
    ]
    assert [[use.name for use in call.prompts] for call in read_calls(spans)] == [
        ["warranty"],
        ["greeting"],
    ]


def test_a_helper_may_have_loaded_the_prompt() -> None:
    helper = span(2, 1, mlflow_linkedPrompts=linked(("warranty", "3", TEMPLATE)))
    use = only_use(read_calls([span(1), helper, call_span(3, 1, CONTENT)]))
    assert use.variables["question"] == "How long?"


def test_without_its_template_a_single_prompt_gives_name_and_version() -> None:
    """As they come from MLflow's export by OpenTelemetry; JSON of a JSON text, too."""
    for value in (named := linked(("warranty", "3", None)), json.dumps(named)):
        use = only_use(read_calls([span(1, mlflow_linkedPrompts=value), call_span(2, 1, CONTENT)]))
        assert (use.name, use.version, use.template) == ("warranty", "3", CONTENT)


def test_without_its_template_it_names_the_one_that_was_rendered_beside_the_call() -> None:
    rendered = span(2, 1, mlflow_spanInputs=json.dumps({"question": "How long?"}))
    rendered = rendered.model_copy(update={"name": "ChatPromptTemplate", "end_ns": 2})
    outer = span(1, mlflow_linkedPrompts=linked(("warranty", "3", None)))
    use = only_use(read_calls([outer, rendered, call_span(3, 1, CONTENT)]))
    assert (use.name, use.version) == ("warranty", "3")
    assert use.template == CONTENT.replace("How long?", "{question}")


def test_of_two_prompts_without_templates_neither_is_claimed() -> None:
    outer = span(1, mlflow_linkedPrompts=linked(("a", "1", None), ("b", "1", None)))
    [call] = read_calls([outer, call_span(2, 1, CONTENT)])
    assert not call.prompts


@pytest.mark.parametrize(
    "value",
    ["no JSON", "7", '["text", null, {"name": 7, "version": "1"}, {"name": "a"}]', "[" * 5000, 7],
)
def test_what_is_no_list_of_prompts_is_none(value: Any) -> None:
    [call] = read_calls([span(1, mlflow_linkedPrompts=value), call_span(2, 1, CONTENT)])
    assert not call.prompts
    assert call.messages[0].content == CONTENT


@pytest.mark.parametrize(
    ("template", "content", "values"),
    [
        ("{{ a }} and {b}.", "one and two.", {"a": "one", "b": "two"}),
        ("{a}", "everything", {"a": "everything"}),
        ("Say {a}", "Before. Say it", {"a": "it"}),
        ("Say {a}!", "Say it! Behind.", {"a": "it"}),
        ("{a} is {a}", "red is red", {"a": "red"}),
        ("[{a}]", "[]", {"a": ""}),
        ("{a} is {a}", "red is blue", None),
        ("{a}{b}", "both", None),
        ("{a} and {b}", "one and two and three", None),
        ("Say {a}!", "Tell me!", None),
        ("Say {a}, please {b}", "Say it", None),
    ],
)
def test_values_are_told_where_they_can_only_stand_in_one_way(
    template: str, content: str, values: dict[str, str] | None
) -> None:
    place = filled_in(template, content)
    if values is None:
        assert place is None
        return
    start, end, spans = place
    assert {one.name: content[one.start : one.end] for one in spans} == values
    assert template.split("{")[0] == content[start : spans[0].start]
    assert content[spans[-1].end : end] == template.rsplit("}")[-1]
