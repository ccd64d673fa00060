"""Texts that begin alike, in a line each."""

import pytest

from smile_trace._text.apart import clipped, last_line, parting

GREASE = "Question: How often is the clapper of {} regreased, and with what?"
LINES = [GREASE.format("Margery"), "Question: What does Dunstan weigh?", GREASE.format("Dunstan")]


def test_a_line_parts_from_the_one_that_is_most_like_it() -> None:
    found = [line[start:] for line, start in zip(LINES, parting(LINES), strict=True)]
    assert [text.split()[0] for text in found] == ["Margery", "What", "Dunstan"]
    assert parting(["the same", "the same"]) == [0, 0]


@pytest.mark.parametrize(
    ("longest", "shown"),
    [
        (80, LINES[0]),
        (50, "…the clapper of Margery regreased, and with what?"),
        (30, "…Margery regreased, and with …"),
        (12, "…Margery re…"),
    ],
)
def test_a_line_is_shortened_to_where_it_differs(longest: int, shown: str) -> None:
    assert clipped(LINES[0], parting(LINES)[0], longest) == shown


def test_a_difference_at_the_beginning_leaves_the_beginning() -> None:
    assert clipped("Margery " * 9, 0, 20) == "Margery Margery Mar…"


def test_the_question_is_the_last_line_with_text() -> None:
    assert last_line("Documents:\n[1] Catalogue\n\nQuestion: Why?\n \n") == "Question: Why?"
    assert last_line("") == ""
