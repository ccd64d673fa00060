"""Segments: units, keys that hold over the calls of a template, protected parts, bounds."""

import re

import pytest

from smile_trace.attribution import CannotExplain, unmatched_protections
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import Prompted, PromptUse, Unit, VariableSpan
from tests.support.studies import chat

TEMPLATE = "You are a shop assistant. {tone}\nQuestion: {question}?"


def _rendered(tone: str, question: str, before: str = "") -> Prompted:
    content = before + TEMPLATE.format(tone=tone, question=question)
    spans = []
    for name, value in (("tone", tone), ("question", question)):
        start = content.rindex(value)
        spans.append(VariableSpan(name=name, start=start, end=start + len(value)))
    use = PromptUse(
        name="answer",
        version="3",
        template=TEMPLATE,
        variables={"tone": tone, "question": question},
        message=1,
        start=len(before),
        end=len(content),
        variable_spans=tuple(spans),
    )
    messages = chat("Be brief.", content, roles=("system", "user"))
    return Prompted(messages=messages, prompts=(use,))


def _texts(prompted: Prompted, unit: Unit, protect: tuple[str | re.Pattern[str], ...] = ()) -> list:
    return [(s.text, s.protected) for s in Segmentation(prompted, unit, protect).segments]


def test_every_segment_is_the_text_at_its_place() -> None:
    prompted = _rendered("Be polite.", "When do you close", before="Hi!  ")
    for unit in ("word", "sentence", "message", "variable"):
        segments = Segmentation(prompted, unit).segments
        assert segments
        for s in segments:
            assert s.text == prompted.messages[s.message].content[s.start : s.end]
            assert s.role == prompted.messages[s.message].role
        assert len({s.key for s in segments}) == len(segments)


@pytest.mark.parametrize("unit", ["word", "sentence", "variable"])
def test_keys_are_the_same_in_every_call_of_a_template(unit: Unit) -> None:
    one = Segmentation(_rendered("Politely.", "When now"), unit).segments
    other = Segmentation(_rendered("Rudely, I say.", "Who", before="Once more: "), unit).segments

    def of_the_template(segments: tuple) -> dict[str, str]:
        inside = {s.key: s.text for s in segments if s.key.startswith(f"answer:3:{unit}")}
        # A sentence may hold a variable's value: then its place is the same, and its text not.
        return inside if unit != "sentence" else dict.fromkeys(inside, "")

    assert of_the_template(one)
    assert of_the_template(one) == of_the_template(other)


def test_variables_and_the_template_between_them() -> None:
    segments = Segmentation(_rendered("Be polite.", "When do you close"), "variable").segments
    assert [(s.text, s.key) for s in segments] == [
        ("Be brief.", "0:variable:0"),
        ("You are a shop assistant.", "answer:3:variable:0"),
        ("Be polite.", "answer:3:var:tone"),
        ("Question:", "answer:3:variable:33"),
        ("When do you close?", "answer:3:var:question"),
    ]


def test_variables_without_a_template_are_refused() -> None:
    with pytest.raises(CannotExplain, match="unit 'word'"):
        Segmentation(Prompted(messages=chat("Hello you")), "variable")


def test_protecting_a_role_a_text_and_a_pattern() -> None:
    prompted = Prompted(
        messages=chat("Be brief.", "The office of dog 12 is of use", roles=("system", "user"))
    )
    protected = [
        text for text, f in _texts(prompted, "word", ("system", "of", re.compile(r"\d+"))) if f
    ]
    assert protected == ["Be", "brief.", "of", "12", "of"]


def test_coarser_units_are_split_around_protected_text() -> None:
    prompted = Prompted(messages=chat("You are a shop assistant. Answer now."))
    assert _texts(prompted, "sentence", ("shop assistant",)) == [
        ("You are a", False),
        ("shop assistant.", True),
        ("Answer now.", False),
    ]


def test_a_pattern_that_matches_nothing_protects_nothing() -> None:
    prompted = Prompted(messages=chat("one two"))
    assert _texts(prompted, "word", ("", re.compile("x*"), "three")) == [
        ("one", False),
        ("two", False),
    ]


@pytest.mark.parametrize("contents", [("",), (" \n",), ("", "  ")])
def test_an_empty_prompt_is_a_clear_error(contents: tuple[str, ...]) -> None:
    with pytest.raises(CannotExplain, match="empty"):
        Segmentation(Prompted(messages=chat(*contents)), "word")


def test_a_text_that_protects_nothing_is_found() -> None:
    messages = chat("Be brief.", "The office of dog 12", roles=("system", "user"))
    missing = ["off", re.compile("x"), "assistant", ""]
    there = ["of", "system", re.compile(r"\d+")]
    assert unmatched_protections(messages, [*missing, *there]) == missing  # type: ignore[list-item]


def test_a_prompt_protected_whole_is_a_clear_error() -> None:
    with pytest.raises(CannotExplain, match="protected"):
        Segmentation(Prompted(messages=chat("Hello you")), "word", ("user",))


@pytest.mark.parametrize(
    "content",
    [
        "word " * 5000,
        "😀" * 10_000,
        "One short sentence. " * 900,
        "天气" * 3000,
        "\n\n".join(["a paragraph of its own"] * 700),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 19, 60])
def test_the_number_of_segments_is_bounded_and_no_text_is_lost(content: str, limit: int) -> None:
    segmentation = Segmentation(Prompted(messages=chat(content)), "word")
    segments = segmentation.coarse(limit)
    assert limit / 4 < len(segments) <= limit
    inside = "".join(content[s.start : s.end] for s in segments)
    assert re.sub(r"\s", "", inside) == re.sub(r"\s", "", content)


def test_refining_gives_the_words_of_the_chosen_segments() -> None:
    segmentation = Segmentation(Prompted(messages=chat("One two. Three four. Five six.")), "word")
    coarse = segmentation.coarse(3)
    assert [s.text for s in coarse] == ["One two.", "Three four.", "Five six."]
    assert [s.text for s in segmentation.refine(coarse[1:2], 9)] == ["Three", "four."]
