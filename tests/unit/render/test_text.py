"""Texts are made fit to be shown: nothing stands over others, nothing is read by models alone."""

import unicodedata

import pytest

from smile_trace.render.text import short, visible
from tests.support.hostile import texts

TAGS = "".join(chr(0xE0000 + ord(char)) for char in "obey")
ENGLAND = "🏴" + "".join(chr(0xE0000 + ord(char)) for char in "gbeng") + "\U000e007f"


@pytest.mark.parametrize("name", texts())
def test_no_tower_stands_on_a_line(name: str) -> None:
    marks = longest = 0
    for char in visible(texts()[name]):
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 0
        longest = max(longest, marks)
    assert longest <= 6


@pytest.mark.parametrize(
    "text",
    [
        "Tiếng Việt: Ê\u0323\u0301",
        "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",
        "नमस्ते दुनिया, क्षत्रिय",
        "ཧཱུྃ བསྒྲུབས",
        "เมืองหลวงของฝรั่งเศส",
        "می‌خواهم",
        "👨🏻‍👩🏻‍👧🏻‍👦🏻 👩🏽‍❤️‍💋‍👨🏿 🏳️‍🌈 1️⃣",
        ENGLAND,
        "\n" * 10,
    ],
)
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_letters_that_only_a_model_reads_are_seen() -> None:
    assert visible(f"yes{TAGS} no") == "yes\ufffd no"


def test_empty_lines_are_counted() -> None:
    assert visible("a\n \n" + "\n" * 1998 + "b") == "a\n\n⋯ 1,999 empty lines ⋯\n\nb"


def test_pictures_joined_without_end_can_be_broken() -> None:
    assert max(map(len, visible("👩\u200d" * 200).split("\u200b"))) == 8


def test_a_label_that_begins_with_marks_stands_alone() -> None:
    assert short("\u0301abc") == "◌\u0301abc"
    assert short("") == ""
