"""The heatmap model behind all pictures: colours, protected text, folds."""

import math

import pytest

from smile_trace.records import Explanation, ProxyUse
from smile_trace.render.heatmap_layout import Fold, Piece, heatmap, strength
from smile_trace.render.text import signed, visible
from tests.support.explained import HOSTILE, explanation


def pieces(explained: Explanation, message: int = 0) -> list[Piece | Fold]:
    return list(heatmap(explained).blocks[message].parts)


def text_of(parts: list[Piece | Fold]) -> str:
    return "".join(
        part.text if isinstance(part, Piece) else text_of(list(part.pieces)) for part in parts
    )


def test_words_are_coloured_by_sign_and_noise_is_not() -> None:
    parts = pieces(explanation([("user", "Paris is not Rome")], {"Paris": 0.6, "not": -0.3}))
    assert [(p.text, p.kind) for p in parts if isinstance(p, Piece)] == [
        ("Paris", "supports"),
        (" ", "plain"),
        ("is", "noise"),
        (" ", "plain"),
        ("not", "opposes"),
        (" ", "plain"),
        ("Rome", "noise"),
    ]


def test_the_scale_is_absolute() -> None:
    """The strength of a value does not depend on the others, so that noise alone stays pale."""
    alone = pieces(explanation([("user", "weak word")], {"weak": 0.05}))[0]
    beside = pieces(explanation([("user", "weak strong")], {"weak": 0.05, "strong": 0.9}))[0]
    assert isinstance(alone, Piece)
    assert isinstance(beside, Piece)
    assert alone.strength == beside.strength < 0.15


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (7.0, 1.0), (math.nan, 0.0)]
)
def test_strength_stays_on_the_scale(value: float, expected: float) -> None:
    assert strength(value) == expected


def test_all_text_is_shown_in_order() -> None:
    content = "a b a  b\n\n a, a!"
    assert text_of(pieces(explanation([("user", content)], {"a": 0.5}))) == content


def test_a_word_is_drawn_over_its_sentence() -> None:
    explained = explanation([("user", "One two. Three.")], {"two": 0.5})
    sentence = explained.segments[0].model_copy(
        update={"start": 0, "end": 8, "significant": True, "attribution": -0.4}
    )
    layered = explained.model_copy(update={"segments": (*explained.segments, sentence)})
    assert [(p.text, p.kind) for p in pieces(layered) if isinstance(p, Piece)][:4] == [
        ("One", "noise"),
        (" ", "opposes"),
        ("two", "supports"),
        (".", "noise"),
    ]


def test_a_segment_in_several_messages_is_coloured_in_all_of_them() -> None:
    messages = [("user", "sea?"), ("assistant", "blue"), ("user", "Now the sky?")]
    plain = explanation(messages, {"sea": 0.6})
    pair = plain.segments[0].model_copy(update={"end": 4, "also": ((1, 0, 4),)})
    explained = plain.model_copy(update={"segments": (pair,)})
    for message, text in enumerate(["sea?", "blue"]):
        [piece] = pieces(explained, message)
        assert isinstance(piece, Piece)
        assert (piece.text, piece.kind) == (text, "supports")
    assert [p.kind for p in pieces(explained, 2) if isinstance(p, Piece)] == ["plain"]


def test_protected_messages_are_marked() -> None:
    picture = heatmap(explanation(protected=["system"]))
    assert {p.kind for p in picture.blocks[0].parts if isinstance(p, Piece)} == {
        "protected",
        "plain",
    }
    assert "protected" in picture.kinds


def test_long_text_without_effect_is_folded_and_complete() -> None:
    content = "Answer in French. " + "Nothing of note happened here. " * 200 + "Bonjour"
    parts = pieces(explanation([("user", content)], {"French": 0.5, "Bonjour": 0.4}))
    folds = [part for part in parts if isinstance(part, Fold)]
    assert len(folds) == 1
    assert len(folds[0].label) < 60
    assert text_of(parts) == content
    shown = text_of([part for part in parts if isinstance(part, Piece)])
    assert len(shown) < 450
    assert shown.startswith("Answer in French.")
    assert shown.endswith("Bonjour")


def test_one_long_word_is_folded_too() -> None:
    content = "x" * 10_000 + " key"
    parts = pieces(explanation([("user", content)], {"key": 0.5}))
    assert text_of(parts) == content
    assert sum(len(p.text) for p in parts if isinstance(p, Piece)) < 450


def test_segments_beyond_the_text_are_clipped() -> None:
    explained = explanation([("user", "short")], {"short": 0.5})
    wrong = explained.segments[0].model_copy(update={"start": -3, "end": 900})
    assert text_of(pieces(explained.model_copy(update={"segments": (wrong,)}))) == "short"


def test_an_empty_message_has_a_block() -> None:
    assert pieces(explanation([("user", "")], {})) == []


def test_no_control_character_is_left() -> None:
    shown = visible(HOSTILE)
    assert "\x00" not in shown
    assert "␀" in shown
    assert "␛[31m" in shown
    assert not {c for c in shown if ord(c) < 32} - {"\n"}
    assert not set("\x7f\x9b\u202e\u2066\ud800\ufffe") & set(shown)
    assert visible("a\r\nb\rc\td") == "a\nb␍c\td"
    assert visible("مرحبا 你好 👩‍👩‍👧‍👦") == "مرحبا 你好 👩‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("value", "text"), [(0.623, "+0.62"), (-0.08, "−0.08"), (0.001, "0.00"), (-0.001, "0.00")]
)
def test_signed_numbers(value: float, text: str) -> None:
    assert signed(value) == text


def test_status_reads_inconclusive_to_people() -> None:
    assert heatmap(explanation(status="inconclusive")).status_words == "inconclusive at this budget"


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (
            ProxyUse(name="small", signal="probability", trust=0.01, agreement=0.675),
            "proxy small scored this answer, trust 0.01 of 1, agreement 0.68 (0.50 is chance)",
        ),
        (
            ProxyUse(name="small", signal="text", trust=0.98),
            "proxy small gave answers of its own, trust 0.98 of 1",
        ),
        (
            ProxyUse(name="small", dropped="it gave no answer to the unperturbed prompt"),
            "proxy small not used: it gave no answer to the unperturbed prompt",
        ),
    ],
)
def test_the_use_of_a_proxy_is_stated(use: ProxyUse, said: str) -> None:
    plain = explanation([("user", "a b")], {"a": 0.5})
    assert said in heatmap(plain.model_copy(update={"proxy": use})).facts
