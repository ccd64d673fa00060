"""The answer change by text, by calls of tools and refusals, and by the answer's probability."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.attribution import AnswerSpanNotFound, find_answer_span
from smile_trace.attribution.answer_change import distances
from smile_trace.attribution.answer_change.response_scores import (
    COUNTED_TOKENS,
    log_probability,
    mean_probability,
    share_lost,
)
from smile_trace.attribution.answer_change.text_comparison import (
    ToolCallChange,
    scorable,
    text_comparison,
)
from smile_trace.attribution.answer_change.word_losses import TextChange
from smile_trace.attribution.word_vectors import embed_words
from smile_trace.records import ToolCall
from smile_trace.records.formats.answers import (
    Called,
    read_refusal,
    read_tool_calls,
    refusal_text,
    tool_calls_text,
)


def _change(answer: str, response: str) -> float:
    return TextChange(answer, embed_words).changes([response])[0]


@pytest.mark.parametrize(
    ("answer", "response", "changed"),
    [
        ("Paris, France.", "paris, France", False),
        ("", "", False),
        ("!!!", "!!!", False),
        ("我喜欢北京。", "我喜欢北京。", False),
        ("😀", " 😀", False),
        ("Paris, France.", "", True),
        ("Paris, France.", " \n", True),
        ("", "something", True),
        ("The refund was approved.", "Penguins swim quickly", True),
        ("pelican", "unknown", True),
        ("yes", "no", True),
        ("7", "9", True),
        ("北京", "苹果", True),
    ],
)
def test_the_same_and_an_unrelated_answer(answer: str, response: str, changed: bool) -> None:
    found = _change(answer, response)
    assert found >= 0.95 if changed else found == 0.0


@pytest.mark.parametrize(
    ("answer", "nearer", "farther"),
    [
        ("The capital is Paris.", "Paris is the capital city.", "The capital is London."),
        ("It opens at 9.", "It opens at 9 o'clock.", "It opens at 7."),
        ("Yes, you may return it.", "Yes, you may bring it back.", "No, you may return it."),
        ("The refund was approved.", "The refund was accepted.", "The refund was not approved."),
        ("Ask Anna Petrov.", "Please ask Anna Petrov.", "Ask Maria Petrov."),
        ("negative", "negative.", "positive"),
    ],
)
def test_numbers_negations_names_and_yes_weigh_more(answer: str, nearer: str, farther: str) -> None:
    assert _change(answer, nearer) + 0.05 < _change(answer, farther)


@given(st.text(max_size=30), st.text(max_size=30))
def test_changes_stay_between_zero_and_one(answer: str, response: str) -> None:
    assert 0.0 <= _change(answer, response) <= 1.0


def test_a_change_does_not_depend_on_the_other_responses() -> None:
    responses = ["London", "", "Paris", "a city in France", "London"]
    together = TextChange("Paris, France", embed_words).changes(responses)
    assert together == [_change("Paris, France", response) for response in responses]


def test_each_word_is_embedded_once() -> None:
    looked_up: list[str] = []

    def embed(texts: object) -> np.ndarray:
        looked_up.extend(texts)  # type: ignore[arg-type]
        return embed_words(texts)  # type: ignore[arg-type]

    change = TextChange("red fish", embed)
    change.changes(["blue fish", "red bird"])
    change.changes(["blue fish", "blue bird and fish"])
    assert sorted(looked_up) == ["and", "bird", "blue", "fish", "red"]


def test_a_long_answer_takes_bounded_time() -> None:
    long = "many words are here " * 5000
    assert _change(long, long + " indeed") < 0.05


def test_a_given_distance_is_used() -> None:
    change = TextChange("Paris, France", embed_words, distances.word_movers)
    same, other, empty = change.changes(["paris france", "green apples", ""])
    assert (same, empty) == (0.0, 1.0)
    assert 0.3 < other < 0.7  # (1 − cosine) / 2 of unrelated words is about one half
    assert TextChange("a", embed_words, lambda x, y: 7.0).changes(["b"]) == [1.0]


RECIPE = "Mix the two powders, and keep them dry."


CALL = '{"tool_calls": [{"name": "look_up", "arguments": {"what": "powder"}}]}'


REFUSED = refusal_text("I cannot help with that.")


@given(st.text())
def test_any_words_of_a_refusal_are_read_back(said: str) -> None:
    assert read_refusal(refusal_text(said)) == said


@pytest.mark.parametrize(
    "text", ["I cannot help with that.", '{"refusal": 1}', '{"refusal": "no", "x": 1}', "{", ""]
)
def test_nothing_else_is_a_refusal(text: str) -> None:
    assert read_refusal(text) is None


@pytest.mark.parametrize("distance", ["content", "words", "wasserstein"])
@pytest.mark.parametrize("answer", [RECIPE, CALL])
def test_a_refusal_in_place_of_an_answer(answer: str, distance: str) -> None:
    comparison = text_comparison(answer, None, distance)
    assert comparison.changes([REFUSED, answer, refusal_text("")]) == [1.0, 0.0, 1.0]
    assert comparison.between(REFUSED, refusal_text("Sorry, no.")) == 0.0
    assert comparison.between(REFUSED, answer) == 1.0


def test_an_answer_in_place_of_a_refusal() -> None:
    comparison = text_comparison(REFUSED, None)
    assert comparison.changes([RECIPE, refusal_text("Never."), ""]) == [1.0, 0.0, 1.0]
    assert comparison.between(RECIPE, "Something else entirely.") == 0.0
    assert not scorable(REFUSED)


LOGGED = {"number": 4711, "note": "please send it to the new address", "how": {"fast": True}}


def _calls(*named: tuple[str, object]) -> str:
    return tool_calls_text(ToolCall(name=name, arguments=arguments) for name, arguments in named)


def _moved(response: str, part: str | None = None, answer: str = _calls(("get", LOGGED))) -> float:
    span = None if part is None else find_answer_span(answer, part)
    [found] = text_comparison(answer, None, "words", span).changes([response])
    return round(found, 3)


def test_a_call_as_text_and_back() -> None:
    text = _calls(("get", '{"number": 1}'), ("go", "no json"), ("stop", None))
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
        (_calls(("get", {"number": 4711.0, "how": {"fast": True}, "note": LOGGED["note"]})), 0.0),
        (_calls(("get", json.dumps({**LOGGED, "number": "4711"}))), 0.0),
        (_calls(("cancel", LOGGED)), 1.0),
        ("Which order is it?", 1.0),
        ("", 1.0),
        (_calls(("get", {**LOGGED, "number": 4712})), 0.8),
        (_calls(("get", {**LOGGED, "more": 1})), 0.775),
        (_calls(("get", {})), 1.0),
        (_calls(("get", LOGGED), ("get", LOGGED)), 0.5),
        (_calls(("get", "{not json")), 1.0),
    ],
)  # fmt: skip
def test_a_changed_call(response: str, expected: float) -> None:
    assert _moved(response) == expected


def test_a_text_that_says_the_same_is_near() -> None:
    near = _moved(_calls(("get", {**LOGGED, "note": "please send it to the new address!"})))
    far = _moved(_calls(("get", {**LOGGED, "note": "do not send it anywhere at all"})))
    assert near < 0.1 < far


def test_the_order_of_parallel_calls_does_not_count() -> None:
    both = _calls(("a", {"x": 1}), ("a", {"x": 2}), ("b", {}))
    assert _moved(_calls(("b", {}), ("a", {"x": 2}), ("a", {"x": 1})), answer=both) == 0.0
    assert _moved(_calls(("a", {"x": 2}), ("b", {})), answer=both) == pytest.approx(1 / 3, abs=1e-3)


def test_a_part_of_a_call() -> None:
    other = _calls(("get", {**LOGGED, "number": 1}))
    assert _moved(other, "tool") == 0.0
    assert _moved(_calls(("cancel", LOGGED)), "tool") == 1.0
    assert _moved(other, "$.number") == 1.0
    assert _moved(other, "$.how.fast") == 0.0
    assert _moved("No.", "$.number") == 1.0
    answer = _calls(("get", LOGGED))
    assert answer[slice(*find_answer_span(answer, "tool"))] == "get"
    assert answer[slice(*find_answer_span(answer, "$.number"))] == "4711"
    assert answer[slice(*find_answer_span(answer, "4711"))] == "4711"
    with pytest.raises(AnswerSpanNotFound, match=r"\$.number"):
        find_answer_span(answer, "$.nobody")


def test_between_two_responses() -> None:
    compared = ToolCallChange(_calls(("get", LOGGED)))
    assert compared.between("a", "b") == 0.0
    assert compared.between("a", _calls(("get", {}))) == 1.0
    assert compared.between(_calls(("get", {"x": 1})), _calls(("get", {"x": 1}))) == 0.0


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
    answer = _calls(("get", {"first name": "Ann"}))
    assert answer[slice(*find_answer_span(answer, '$["first name"]'))] == "Ann"
    with pytest.raises(AnswerSpanNotFound, match=r'\$\["first name"\]'):
        find_answer_span(answer, "$.last")


@pytest.mark.parametrize("depth", range(56, 70))
def test_a_part_of_arguments_that_are_nested_deeply(depth: int) -> None:
    answer = _calls(("get", {"a": json.loads("[" * depth + "1" + "]" * depth)}))
    if read_tool_calls(answer) is not None:
        assert find_answer_span(answer, "$.a")


def test_the_share_of_a_probability_that_is_lost() -> None:
    assert share_lost(math.log(0.2), math.log(0.8), 1) == pytest.approx(0.75)
    assert share_lost(math.log(0.9), math.log(0.6), 1) == pytest.approx(-0.5)
    now, before = [math.log(p) for p in (0.8, 0.1)], [math.log(p) for p in (0.8, 0.4)]
    lost = share_lost(log_probability(now), log_probability(before), 2)
    assert lost == pytest.approx(1 - math.sqrt(0.08 / 0.32))  # of the geometric means
    assert share_lost(-40.0, -8.0, 500) == share_lost(-40.0, -8.0, COUNTED_TOKENS)
    assert share_lost(-5000.0, -1000.0, 500) == 1.0
    assert share_lost(-1000.0, -5000.0, 500) > -2  # likelier: no overflow
    assert share_lost(-3.0, -3.0, 0) == 0.0


def test_an_impossible_token_is_a_number() -> None:
    assert log_probability([-math.inf, -1.0]) == -51.0
    assert log_probability([0.1]) == 0.0  # a server's rounding
    assert log_probability([]) == 0.0
    assert mean_probability([math.log(0.5), math.log(0.1)]) == pytest.approx(0.3)
    assert mean_probability([-math.inf]) == 0.0
    assert mean_probability([]) == 1.0
