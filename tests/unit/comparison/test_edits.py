"""The edits between two templates, and templates with some of them."""

import random

import pytest

from smile_trace.comparison.edits import find_edits, with_edits

PIECES = (
    "Be brief.", "Be kind and good to all.", "Use {lang}.", "{q}", " ", "\n", "\n\n", "一二三四。",
    "Never lie, never cheat, never steal.", "Never lie, never steal.", "-", "!!", "Answer:",
)  # fmt: skip


def _read(before: str, after: str) -> list[tuple[str, str, str]]:
    return [(e.kind, e.before.strip(), e.after.strip()) for e in find_edits(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ("Say hello to {name} now", "Say goodbye to {name} now", [("edited", "hello", "goodbye")]),
        (
            "Be brief and kind to all who ask, and answer in German.",
            "Be rude and long to all who ask, and answer in French.",
            [("edited", "brief and kind", "rude and long"), ("edited", "German.", "French.")],
        ),
        ("Be brief.\nBe kind.\n", "Be brief.\n", [("removed", "Be kind.", "")]),
        ("Be brief.", "Be brief.\nBe kind.", [("added", "", "Be kind.")]),
        ("Ask {name}.\nThanks.", "Ask {city}.\nThanks.", [("edited", "{name}.", "{city}.")]),
        ("One is first.\nTwo.\nThree.", "Two.\nThree.\nOne is first.", None),
        ("Two.\nThree.", "Two.\n\nThree.", [("edited", "", "")]),
        ("Two.", "Two.", []),
    ],
)
def test_edits_are_phrases(before: str, after: str, edits: list[tuple[str, str, str]]) -> None:
    found = _read(before, after)
    if edits is None:
        assert [kind for kind, _, _ in found] == ["moved"]
    else:
        assert found == edits


def test_all_edits_give_the_new_template_and_none_the_old_one() -> None:
    generator = random.Random(3)
    for _ in range(500):
        before, after = (
            "".join(
                generator.choice(PIECES) + generator.choice(["\n", " ", ""])
                for _ in range(generator.randint(0, 7))
            )
            for _ in range(2)
        )
        edits = find_edits(before, after)
        assert with_edits(before, after, edits) == after
        assert with_edits(before, after, []) == before
        assert bool(edits) == (before != after)


def test_some_edits() -> None:
    before = "Be brief.\nUse English.\nAnswer: {q}"
    after = "Be kind.\nUse English.\nNever lie.\nAnswer: {q}"
    first, second = find_edits(before, after)
    assert with_edits(before, after, [first]) == "Be kind.\nUse English.\nAnswer: {q}"
    assert with_edits(before, after, [second]) == "Be brief.\nUse English.\nNever lie.\nAnswer: {q}"


def test_a_very_long_sentence_is_one_edit() -> None:
    before = "alpha beta " * 1500
    after = before.replace("alpha", "gamma", 3)
    [edit] = find_edits(before, after)
    assert (edit.before, edit.after) == (before.rstrip(), after.rstrip())
    assert with_edits(before, after, [edit]) == after
    assert find_edits(before, before) == []
