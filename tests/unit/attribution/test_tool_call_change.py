"""How far other calls of tools are from the logged ones."""

import json

import pytest

from smile_trace.attribution import AnswerSpanNotFound, find_answer_span
from smile_trace.attribution.answer_distance.tool_call_change import ToolCallChange
from smile_trace.attribution.estimation.text_comparison import scorable, text_comparison
from smile_trace.records import ToolCall
from smile_trace.records.tool_calls import Called, read_tool_calls, tool_calls_text

LOGGED = {"number": 4711, "note": "please send it to the new address", "how": {"fast": True}}


def calls(*named: tuple[str, object]) -> str:
    return tool_calls_text(ToolCall(name=name, arguments=arguments) for name, arguments in named)


def change(response: str, part: str | None = None, answer: str = calls(("get", LOGGED))) -> float:
    span = None if part is None else find_answer_span(answer, part)
    [found] = text_comparison(answer, None, "words", span).changes([response])
    return round(found, 3)


def test_a_call_as_text_and_back() -> None:
    text = calls(("get", '{"number": 1}'), ("go", "no json"), ("stop", None))
    assert read_tool_calls(text) == (
        Called("get", {"number": 1}),
        Called("go", "no json"),
        Called("stop", {}),
    )
    assert read_tool_calls('{"tool_calls": []}') is None
    assert read_tool_calls("It arrives.") is None
    assert not scorable(text)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (calls(("get", {"number": 4711.0, "how": {"fast": True}, "note": LOGGED["note"]})), 0.0),
        (calls(("get", json.dumps({**LOGGED, "number": "4711"}))), 0.0),
        (calls(("cancel", LOGGED)), 1.0),
        ("Which order is it?", 1.0),
        ("", 1.0),
        (calls(("get", {**LOGGED, "number": 4712})), 0.8),
        (calls(("get", {**LOGGED, "more": 1})), 0.775),
        (calls(("get", {})), 1.0),
        (calls(("get", LOGGED), ("get", LOGGED)), 0.5),
        (calls(("get", "{not json")), 1.0),
    ],
)  # fmt: skip
def test_a_changed_call(response: str, expected: float) -> None:
    assert change(response) == expected


def test_a_text_that_says_the_same_is_near() -> None:
    near = change(calls(("get", {**LOGGED, "note": "please send it to the new address!"})))
    far = change(calls(("get", {**LOGGED, "note": "do not send it anywhere at all"})))
    assert near < 0.1 < far


def test_the_order_of_parallel_calls_does_not_count() -> None:
    both = calls(("a", {"x": 1}), ("a", {"x": 2}), ("b", {}))
    assert change(calls(("b", {}), ("a", {"x": 2}), ("a", {"x": 1})), answer=both) == 0.0
    assert change(calls(("a", {"x": 2}), ("b", {})), answer=both) == pytest.approx(1 / 3, abs=1e-3)


def test_a_part() -> None:
    other = calls(("get", {**LOGGED, "number": 1}))
    assert change(other, "tool") == 0.0
    assert change(calls(("cancel", LOGGED)), "tool") == 1.0
    assert change(other, "$.number") == 1.0
    assert change(other, "$.how.fast") == 0.0
    assert change("No.", "$.number") == 1.0
    answer = calls(("get", LOGGED))
    assert answer[slice(*find_answer_span(answer, "tool"))] == "get"
    assert answer[slice(*find_answer_span(answer, "$.number"))] == "4711"
    assert answer[slice(*find_answer_span(answer, "4711"))] == "4711"
    with pytest.raises(AnswerSpanNotFound, match=r"\$.number"):
        find_answer_span(answer, "$.nobody")


def test_between_two_responses() -> None:
    compared = ToolCallChange(calls(("get", LOGGED)))
    assert compared.between("a", "b") == 0.0
    assert compared.between("a", calls(("get", {}))) == 1.0
    assert compared.between(calls(("get", {"x": 1})), calls(("get", {"x": 1}))) == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        '{"tool_calls": [{"name": "get", "arguments": {}, "id": 1}]}',
        '{"tool_calls": [{"arguments": {"a": 1}, "name": "get"}]}',
        '{"tool_calls": [{"name": 5, "arguments": {}}]}',
        '{"tool_calls": [{"name": "get", "arguments": {}}], "more": 1}',
        '{"tool_calls": ["get"]}',
        '{"tool_calls": [7]}',
    ],
)
def test_a_text_that_only_looks_like_calls_is_a_text(answer: str) -> None:
    assert read_tool_calls(answer) is None
    with pytest.raises(AnswerSpanNotFound):
        find_answer_span(answer, "$.nobody")


def test_an_argument_whose_name_is_no_word() -> None:
    answer = calls(("get", {"first name": "Ann"}))
    assert answer[slice(*find_answer_span(answer, '$["first name"]'))] == "Ann"
    with pytest.raises(AnswerSpanNotFound, match=r'\$\["first name"\]'):
        find_answer_span(answer, "$.last")


@pytest.mark.parametrize("depth", range(56, 70))
def test_a_part_of_arguments_that_are_nested_deeply(depth: int) -> None:
    answer = calls(("get", {"a": json.loads("[" * depth + "1" + "]" * depth)}))
    if read_tool_calls(answer) is not None:
        assert find_answer_span(answer, "$.a")
