"""A part of the answer: found in it, held by its tokens, and explained by itself."""

import pytest

from smile_trace.attribution import AnswerSpanNotFound, find_answer_span
from smile_trace.attribution.answer_span import tokens_inside
from smile_trace.attribution.estimation.answer_change import TextChange
from smile_trace.attribution.word_vectors import embed_words
from smile_trace.records import Message, Response
from tests.support.studies import run

ANSWER = "Anna paints boats. Bernd bakes bread. Anna sleeps."
PROMPT = "say what Anna does and what Bernd does today please"


def whole(messages: tuple[Message, ...]) -> str:
    """Two sentences, each of which depends on a name."""
    text = messages[0].content
    anna = "Anna paints boats." if "Anna" in text else "Nobody is there."
    return f"{anna} {'Bernd bakes bread.' if 'Bernd' in text else 'Rain fell on the moor.'}"


def test_the_span_of_a_part() -> None:
    assert find_answer_span(ANSWER, "Bernd bakes bread.") == (19, 37)
    assert find_answer_span(ANSWER, "Anna") == (0, 4)  # the first of two
    assert find_answer_span("one\n  two (three)", " one two (three) ") == (0, 17)


@pytest.mark.parametrize("part", ["", " \n", "Clara", "bernd bakes", "boats. bread"])
def test_a_part_that_is_not_in_the_answer_is_an_error(part: str) -> None:
    with pytest.raises(AnswerSpanNotFound, match="part"):
        find_answer_span(ANSWER, part)


@pytest.mark.parametrize(
    ("tokens", "answer", "part", "inside"),
    [
        (["Par", "is", ",", " France"], "Paris, France", "Paris", [0, 1]),
        ([" Par", "is", ",", " France"], "Paris, France", "France", [3]),  # a space was put before
        ([" Par", "is"], " Paris", "is", [1]),
        (["a ", "\ufffd", "\ufffd", "", " b"], "a 🙂 b", "🙂", [1, 2, 3]),
        (["a ", "\ufffd", "\ufffd"], "a 🙂", "a", [0]),
        (["x", "y"], "Paris", "is", []),  # another answer's tokens
        ([], "Paris", "is", []),
    ],
)
def test_the_tokens_of_a_part(tokens: list[str], answer: str, part: str, inside: list[int]) -> None:
    assert tokens_inside(tokens, answer, find_answer_span(answer, part)) == inside


@pytest.mark.parametrize("name", ["Anna", "Bernd"])
def test_each_sentence_depends_on_its_own_word(name: str) -> None:
    answer = "Anna paints boats. Bernd bakes bread."
    part = find_answer_span(
        answer, "Anna paints boats." if name == "Anna" else "Bernd bakes bread."
    )
    explanation = run(PROMPT, whole, answer=answer, part=part).explanation
    assert explanation.part == part
    first, *others = explanation.ranked
    assert first.text == name
    assert first.attribution > 0.7
    assert all(abs(segment.attribution) < 0.1 for segment in others)
    assert f"of the answer depends on “{name}”" in explanation.summary


def test_the_probability_of_a_part() -> None:
    tokens = ("Anna", " paints", ".", " Bernd", " bakes", ".")

    def scored(messages: tuple[Message, ...]) -> Response:
        text = messages[0].content
        anna, bernd = (0.0 if name in text else -9.0 for name in ("Anna", "Bernd"))
        logprobs = (anna, anna, 0.0, bernd, bernd, 0.0)
        return Response(text="Anna paints. Bernd bakes.", tokens=tokens, logprobs=logprobs)

    answer = "Anna paints. Bernd bakes."
    for name, said in (("Anna", "Anna paints"), ("Bernd", "Bernd bakes")):
        part = find_answer_span(answer, said)
        asked = run(PROMPT, scored, answer=answer, part=part, signal="probability")
        first, second, *_ = asked.explanation.ranked
        assert first.text == name
        assert first.attribution > 0.9
        assert abs(second.attribution) < 0.05


def test_the_stretch_that_says_most_of_the_part_counts() -> None:
    answer = "The refund is approved. It takes three days."
    change = TextChange(
        answer, embed_words, part=find_answer_span(answer, "The refund is approved.")
    )
    same, longer, denied, gone, empty = change.changes(
        [
            "The refund is approved.",
            "Good morning! We are glad to say: the refund is approved. It takes a month.",
            "Good morning! We are sad to say: the refund is not approved.",
            "It takes three days.",
            "",
        ]
    )
    assert same == longer == 0.0
    assert 0.4 < denied < 1.0
    assert gone > 0.6
    assert empty == 1.0


def test_a_part_late_in_a_long_answer() -> None:
    answer = "so " * 2000 + "the code is PELICAN."
    change = TextChange(answer, embed_words, part=find_answer_span(answer, "the code is PELICAN."))
    same, other = change.changes([answer, "so " * 2000])
    assert same == 0.0
    assert other > 0.9


def test_the_noise_floor_is_that_of_the_part() -> None:
    answer = "Paris. Some talk."
    change = TextChange(answer, embed_words, part=find_answer_span(answer, "Paris."))
    assert change.between("Paris. Yes, lovely weather.", "Of course: Paris.") == 0.0
    assert change.between("Paris. Well.", "Rome. Well.") > 0.3
