"""The answer change by text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.attribution.estimation import distances
from smile_trace.attribution.estimation.answer_change import TextChange
from smile_trace.attribution.word_vectors import embed_words


def _change(answer: str, response: str) -> float:
    return TextChange(answer, embed_words).changes([response])[0]


@pytest.mark.parametrize(
    ("answer", "response"),
    [
        ("Paris, France.", "paris, France"),
        ("", ""),
        ("!!!", "!!!"),
        ("我喜欢北京。", "我喜欢北京。"),
        ("😀", " 😀"),
    ],
)
def test_the_same_answer_has_not_changed(answer: str, response: str) -> None:
    assert _change(answer, response) == 0.0


@pytest.mark.parametrize(
    ("answer", "response"),
    [
        ("Paris, France.", ""),
        ("Paris, France.", " \n"),
        ("", "something"),
        ("The refund was approved.", "Penguins swim quickly"),
        ("pelican", "unknown"),
        ("yes", "no"),
        ("7", "9"),
        ("北京", "苹果"),
    ],
)
def test_an_empty_or_unrelated_answer_is_a_full_change(answer: str, response: str) -> None:
    assert _change(answer, response) >= 0.95


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
