"""Words and sentences of many languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.attribution.segmentation import boundaries


def _words(text: str) -> list[str]:
    return [text[a:b] for a, b in boundaries.words(text)]


def _sentences(text: str) -> list[str]:
    return [text[a:b] for a, b in boundaries.sentences(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Monday, Tuesday, Wednesday,", ["Monday,", "Tuesday,", "Wednesday,"]),
        ("Don't stop (really).", ["Don't", "stop", "(really)."]),
        ("pay $5.00 to x@y.com", ["pay", "$5.00", "to", "x@y.com"]),
        ("well-known http://a.b/c?d=e", ["well-known", "http://a.b/c?d=e"]),
        ("| a | b |\n- item", ["| a |", "b |", "- item"]),
        ("我喜欢北京的天气。今天很好！", ["我", "喜欢", "北京", "的", "天气。", "今天", "很好！"]),
        ("東京に住む", ["東京", "に", "住む"]),
        ("ฉันรักประเทศไทย", ["ฉัน", "รัก", "ประเทศไทย"]),
        ("👨‍👩‍👧‍👦😀 ok", ["👨‍👩‍👧‍👦", "😀", "ok"]),
        ("שלום עולם, מה", ["שלום", "עולם,", "מה"]),
        ("!!! ...", ["!!!", "..."]),
        ("a\x00b", ["a\x00", "b"]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert _words(text) == words


def test_sentences_end_at_marks_and_line_breaks() -> None:
    text = "It is 3.14. See a?b=c! Is it?\nYes\n\n# Head\n我喜欢。今天很好！"
    assert _sentences(text) == [
        "It is 3.14.",
        "See a?b=c!",
        "Is it?",
        "Yes",
        "# Head",
        "我喜欢。",
        "今天很好！",
    ]


def test_a_lone_surrogate_is_a_character_like_any_other() -> None:
    assert _words("a \ud800 b") == ["a", "\ud800", "b"]


@given(st.text(max_size=60))
def test_pieces_are_in_order_do_not_overlap_and_lose_no_letter(text: str) -> None:
    for pieces in (boundaries.words(text), boundaries.sentences(text)):
        edges = [edge for piece in pieces for edge in piece]
        assert edges == sorted(edges)
        assert all(a < b for a, b in pieces)
        outside = set(range(len(text))) - {k for a, b in pieces for k in range(a, b)}
        assert not any(text[k].isalnum() for k in outside)
