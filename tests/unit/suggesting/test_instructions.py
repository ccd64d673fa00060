"""The instructions of a template, and the template without some of them."""

import pytest

from smile_trace.suggesting.instructions import instructions, without


def texts(template: str) -> list[str]:
    return [one.text.strip() for one in instructions(template)]


def test_labels_and_sentences_around_a_variable_are_no_instructions() -> None:
    assert texts(
        "You are kind.\nRules:\n- Be brief.\n- Answer in {language}.\nBe exact. {question}\nAnswer:"
    ) == ["You are kind.", "- Be brief.", "Be exact."]


@pytest.mark.parametrize(
    ("template", "removed", "left"),
    [
        ("Be brief.\nBe kind.\n{q}", "Be brief.", "Be kind.\n{q}"),
        ("Be brief. Be kind. {q}", "Be kind.", "Be brief. {q}"),
        ("Be brief. Be kind. {q}", "Be brief.", "Be kind. {q}"),
        ("{q}\nBe brief.", "Be brief.", "{q}"),
        ("- Be brief.\n- Be kind.\n{q}", "Be brief.", "- Be kind.\n{q}"),
        ("1. Be brief.\n2. Be kind.\n{q}", "Be kind.", "1. Be brief.\n{q}"),
        ("Be brief.", "Be brief.", ""),
    ],
)
def test_nothing_is_left_of_what_is_removed(template: str, removed: str, left: str) -> None:
    [one] = [one for one in instructions(template) if one.text.strip().endswith(removed)]
    assert without(template, [one]) == left
