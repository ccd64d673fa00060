"""The fields of a JSON answer that change without a driver, and a part that is a field."""

import json
from collections.abc import Sequence

import pytest

import smile_trace
from benchmarks.statistics.records import ask, observe, planted
from smile_trace.attribution.answer_span import AnswerSpanNotFound, find_answer_span
from smile_trace.attribution.estimation.text_comparison import text_comparison
from smile_trace.records import FieldChange, Message, ToolCall
from smile_trace.records.tool_calls import tool_calls_text
from smile_trace.render.heatmap_layout import heatmap
from tests.support.studies import run

RECORD = {"city": "Berlin", "food": "soup", "year": 1990}
ANSWER = json.dumps(RECORD)
PROMPT = "Ann lives in Berlin and eats soup."


def _says(prompt: str) -> str:
    return json.dumps(
        {
            **RECORD,
            "city": "Berlin" if "Berlin" in prompt else "Rome",
            "food": "soup" if "soup" in prompt else "bread",
        }
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_word_and_its_field_are_named(seed: int) -> None:
    record = planted(seed)
    seen = observe(record, ask(record, noise=0.0, seed=seed))
    assert (seen.first, seen.named, seen.only) == (True, True, True)


@pytest.mark.slow
def test_the_word_and_its_field_are_named_in_19_of_20() -> None:
    records = [(seed, planted(seed)) for seed in range(20)]
    seen = [observe(record, ask(record, noise=0.0, seed=seed)) for seed, record in records]
    assert sum(one.named and one.only for one in seen) >= 19


def test_each_driver_has_its_own_field() -> None:
    found = run(PROMPT, lambda messages: _says(messages[0].content)).explanation
    assert {(change.key, change.path) for change in found.fields} == {
        ("0:word:3", "$.city"),
        ("0:word:6", "$.food"),
    }
    assert "without “Berlin” the field `city` changes" in found.summary
    assert "without “soup” the field `food` changes" in found.summary
    assert [(p.text, p.kind, p.hint) for p in heatmap(found).answer if p.kind == "moved"] == [
        ("Berlin", "moved", "changes without “Berlin”"),
        ("soup", "moved", "changes without “soup”"),
    ]
    assert "Underlined in the answer" in heatmap(found).key()
    assert '<u title="changes without “Berlin”">Berlin</u>' in found.to_html()


def test_the_fields_of_a_call_of_a_tool_are_the_tool_and_its_arguments() -> None:
    def called(messages: Sequence[Message]) -> str:
        said = messages[0].content
        name = "get_order" if "arrive" in said else "cancel_order"
        number = 4711 if "4711" in said else 1
        return tool_calls_text([ToolCall(name=name, arguments={"number": number})])

    found = run("Does 4711 arrive today ?", called).explanation
    assert "without “arrive” the tool called changes" in found.summary
    assert "without “4711” the argument `number` changes" in found.summary


def test_the_tool_of_an_answer_that_calls_none() -> None:
    with pytest.raises(AnswerSpanNotFound, match="the answer calls no tool"):
        find_answer_span("It arrives on Friday.", "tool")


def test_nothing_is_said_of_other_answers() -> None:
    found = run(PROMPT, lambda messages: "Berlin" if "Berlin" in messages[0].content else "Rome")
    assert found.explanation.fields == ()


def test_a_field_is_compared_with_the_field_of_a_response() -> None:
    answer = json.dumps({"city": "Berlin", "from": "Rome"})
    span = find_answer_span(answer, "$.city")
    assert answer[slice(*span)] == "Berlin"
    comparison = text_comparison(answer, None, part=span)
    moved = json.dumps({"city": "Rome", "from": "Berlin"})
    same = json.dumps({"from": "Oslo", "city": "Berlin"})
    assert comparison.changes([same, moved, "Berlin", "{}"]) == pytest.approx(
        [0.0, comparison.changes([moved])[0], 1.0, 1.0]
    )
    assert comparison.changes([moved])[0] > 0.5
    assert comparison.between(same, answer) == 0.0
    assert comparison.between("nothing", moved) == 1.0


def test_a_field_that_the_answer_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(AnswerSpanNotFound, match=r"no field \$\.town: its fields are \$\.city"):
        find_answer_span(ANSWER, "$.town")
    with pytest.raises(AnswerSpanNotFound, match="it is no JSON"):
        find_answer_span("Berlin", "$.city")
    assert find_answer_span("It is $.5", "$.5") == (6, 9)


def test_explain_takes_a_path_as_part() -> None:
    found = smile_trace.explain(PROMPT, model=_says, answer=ANSWER, part="$.city")
    assert found.part == (10, 16)
    assert found.settings.part == "$.city"
    [driver] = found.drivers
    assert driver.text == "Berlin"
    assert found.fields == ()


def test_a_path_names_fields_in_json() -> None:
    change = FieldChange(key="0:word:3", path="$.city", share=1.0)
    assert FieldChange.model_validate_json(change.model_dump_json()) == change
