"""A refusal is a value of its own: as far as can be from any answer, and like any refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.attribution.estimation.text_comparison import scorable, text_comparison
from smile_trace.records.refusals import read_refusal, refusal_text

ANSWER = "Mix the two powders, and keep them dry."
CALL = '{"tool_calls": [{"name": "look_up", "arguments": {"what": "powder"}}]}'
REFUSED = refusal_text("I cannot help with that.")


@given(st.text())
def test_any_words_are_read_back(said: str) -> None:
    assert read_refusal(refusal_text(said)) == said


@pytest.mark.parametrize(
    "text", ["I cannot help with that.", '{"refusal": 1}', '{"refusal": "no", "x": 1}', "{", ""]
)
def test_nothing_else_is_one(text: str) -> None:
    assert read_refusal(text) is None


@pytest.mark.parametrize("distance", ["layers", "words", "wasserstein"])
@pytest.mark.parametrize("answer", [ANSWER, CALL])
def test_a_refusal_in_place_of_an_answer(answer: str, distance: str) -> None:
    comparison = text_comparison(answer, None, distance)
    assert comparison.changes([REFUSED, answer, refusal_text("")]) == [1.0, 0.0, 1.0]
    assert comparison.between(REFUSED, refusal_text("Sorry, no.")) == 0.0
    assert comparison.between(REFUSED, answer) == 1.0


def test_an_answer_in_place_of_a_refusal() -> None:
    comparison = text_comparison(REFUSED, None)
    assert comparison.changes([ANSWER, refusal_text("Never."), ""]) == [1.0, 0.0, 1.0]
    assert comparison.between(ANSWER, "Something else entirely.") == 0.0
    assert not scorable(REFUSED)
