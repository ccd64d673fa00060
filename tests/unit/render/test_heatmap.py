"""The heatmap model behind all pictures: colours, protected text, folds, parts, visible text."""

import io
import math
import re
import unicodedata
import xml.etree.ElementTree as ElementTree

import pytest
from rich.console import Console

from smile_trace import render
from smile_trace.records import Cost, DocumentAttribution, Explanation, Interaction, ProxyUse
from smile_trace.render.folding import fold
from smile_trace.render.heatmap_layout import heatmap
from smile_trace.render.phrases import document_sentence
from smile_trace.render.pieces import Fold, Piece, strength
from smile_trace.render.terminal import print_terminal
from smile_trace.render.text import short, signed, visible
from tests.support.explained import HOSTILE, explanation
from tests.support.hostile import texts


def pieces(explained: Explanation, message: int = 0) -> list[Piece | Fold]:
    return list(heatmap(explained).blocks[message].parts)


def text_of(parts: list[Piece | Fold]) -> str:
    return "".join(
        part.text if isinstance(part, Piece) else text_of(list(part.pieces)) for part in parts
    )


def test_words_are_coloured_by_sign_and_others_are_not() -> None:
    parts = pieces(explanation([("user", "Paris is not Rome")], {"Paris": 0.6, "not": -0.3}))
    assert [(p.text, p.kind) for p in parts if isinstance(p, Piece) and p.text != " "] == [
        ("Paris", "supports"), ("is", "excluded"), ("not", "opposes"), ("Rome", "excluded"),
    ]  # fmt: skip
    # The scale is absolute: the strength of a value does not depend on the others.
    for beside in ({}, {"strong": 0.9}):
        weak = pieces(explanation([("user", "weak strong")], {"weak": 0.05, **beside}))[0]
        assert isinstance(weak, Piece)
        assert weak.strength == strength(0.05) < 0.15


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (7.0, 1.0), (math.nan, 0.0)]
)
def test_strength_stays_on_the_scale(value: float, expected: float) -> None:
    assert strength(value) == expected


def test_all_text_is_shown_in_order() -> None:
    content = "a b a  b\n\n a, a!"
    assert text_of(pieces(explanation([("user", content)], {"a": 0.5}))) == content
    assert pieces(explanation([("user", "")], {})) == []
    explained = explanation([("user", "short")], {"short": 0.5})
    wrong = explained.segments[0].model_copy(update={"start": -3, "end": 900})
    assert text_of(pieces(explained.model_copy(update={"segments": (wrong,)}))) == "short"


def test_a_word_is_drawn_over_its_sentence() -> None:
    explained = explanation([("user", "One two. Three.")], {"two": 0.5})
    sentence = explained.segments[0].model_copy(
        update={
            "start": 0,
            "end": 8,
            "significant": True,
            "attribution": -0.4,
            "verdict": "against",
        }
    )
    layered = explained.model_copy(update={"segments": (*explained.segments, sentence)})
    assert [(p.text, p.kind) for p in pieces(layered) if isinstance(p, Piece)][:4] == [
        ("One", "excluded"),
        (" ", "opposes"),
        ("two", "supports"),
        (".", "excluded"),
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


@pytest.mark.parametrize(
    ("begin", "middle", "end"),
    [
        ("Answer in French. ", "Nothing of note happened here. " * 200, "Bonjour"),
        ("", "x" * 10_000, " Bonjour"),
    ],
)
def test_long_text_without_effect_is_folded_and_complete(begin: str, middle: str, end: str) -> None:
    content = begin + middle + end
    parts = pieces(explanation([("user", content)], {"French": 0.5, "Bonjour": 0.4}))
    [fold] = [part for part in parts if isinstance(part, Fold)]
    assert len(fold.label) < 60
    assert text_of(parts) == content
    shown = text_of([part for part in parts if isinstance(part, Piece)])
    assert len(shown) < 450
    assert shown.startswith(begin)
    assert shown.endswith(end)


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


def test_a_part_that_another_stands_in_for_was_measured() -> None:
    known = explanation([("user", "Paris is Paree, not Rome")], {"not": -0.3})
    first, second = (s for s in known.segments if s.text.startswith("Par"))
    pair = Interaction(
        kind="either", first=first.key, second=second.key, value=0.5, ci_low=0.4, ci_high=0.6
    )
    document = DocumentAttribution(
        source="a.md", place=first.places[0], measured="alone", attribution=0.0, verdict="open"
    )
    read = {**known.model_dump(), "interactions": [pair], "documents": [document]}
    paired = Explanation.model_validate(read)
    assert {s.text: s.verdict for s in paired.segments}["Paree"] == "open"
    parts = [p for p in pieces(paired) if isinstance(p, Piece)]
    hints = {p.text: (p.kind, p.hint) for p in parts}
    assert hints["Paris"][0] == "paired"
    assert hints["Paris"][1].endswith(": either this or “Paree” is enough")
    assert "Paris (either this or “Paree” is enough)" in render.to_markdown(paired)
    assert "<small>(either this or “Paris” is enough)</small>" in render.to_html(paired)
    printed = io.StringIO()
    print_terminal(paired, Console(file=printed, width=100))
    assert "Paris⁼ is Paree⁼" in printed.getvalue()
    assert ", 2 parts that others stand in for" in Fold(tuple(parts)).label
    piece, filler = (
        next(p for p in parts if p.kind == "paired"),
        Piece("of no use. " * 100, "plain"),
    )
    assert piece in list(fold([filler, piece, filler])), "it is not folded"
    for brief in (False, True):
        assert "Double underline: another part can" in heatmap(paired).key(brief=brief)
    sentence = document_sentence(document, paired, "")
    assert sentence.endswith(": either this or “Paree” is enough")
    drawn = [render.to_html(paired), render.to_markdown(paired), render.brief_svg(paired), sentence]
    assert "not measured well enough" not in "".join([*drawn, printed.getvalue()])


def test_protected_messages_are_marked() -> None:
    picture = heatmap(explanation(protected=["system"], status="inconclusive"))
    kinds = {p.kind for p in picture.blocks[0].parts if isinstance(p, Piece)}
    assert kinds == {"protected", "plain"}
    assert "protected" in picture.kinds
    assert picture.status_words == "inconclusive"


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


ANSWER = "It is Paris, of course."


PART = (6, 11)


def partly(answer=ANSWER, part=PART):
    return explanation(answer=answer).model_copy(update={"answer_part": part})


def test_the_part_is_a_piece_of_its_own():
    picture = heatmap(partly())
    assert [(p.text, p.kind) for p in picture.answer] == [
        ("It is ", "plain"), ("Paris", "explained"), (", of course.", "plain"),
    ]  # fmt: skip
    assert "Underlined: the part" in picture.key()
    assert "Underlined" not in heatmap(explanation()).key()
    assert [p.text for p in heatmap(partly(part=(0, len(ANSWER)))).answer] == [ANSWER]


def test_a_part_is_underlined_on_the_page_in_the_terminal_and_in_the_picture():
    assert re.search(r"It is <u [^>]*>Paris</u>, of course", render.to_html(partly()))
    assert "<u " not in render.to_html(explanation(answer=ANSWER))
    assert "<script>" not in render.to_html(partly(HOSTILE, (0, len(HOSTILE))))
    shown = io.StringIO()
    print_terminal(partly(), Console(file=shown, force_terminal=True, width=100))
    assert "It is \x1b[4mParis\x1b[0m, of course." in shown.getvalue()

    def lines(explained):
        root = ElementTree.fromstring(render.to_svg(explained))
        found = root.iter("{http://www.w3.org/2000/svg}line")
        return [line for line in found if line.get("class") == "rule" and line.get("y1") != "0"]

    [line] = lines(partly())
    assert line.get("stroke-width") == "2"
    assert float(line.get("x2")) - float(line.get("x1")) > 20
    assert lines(explanation(answer=ANSWER)) == []

    for svg in (render.to_svg(partly()), render.brief_svg(partly())):
        assert "Underlined:" in " ".join(ElementTree.fromstring(svg).itertext())


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


def test_what_people_cannot_read_is_shown_otherwise() -> None:
    assert visible(f"yes{TAGS} no") == "yes\ufffd no", "letters that only a model reads"
    assert visible("a\n \n" + "\n" * 1998 + "b") == "a\n\n⋯ 1,999 empty lines ⋯\n\nb"
    assert max(map(len, visible("👩\u200d" * 200).split("\u200b"))) == 8, "it can be broken"
    assert short("\u0301abc") == "◌\u0301abc", "a label that begins with marks stands alone"
    assert short("") == ""


def test_what_was_asked_adds_up() -> None:
    found = explanation()
    whole = found.perturbations[0].model_copy(update={"kind": "baseline", "text_hash": "1" * 64})
    rows = (whole, *found.perturbations)  # of which two levels share one
    told = {
        (2, 0): "2 calls, 1 of them with the whole prompt",
        (1, 1): "2 requests: 1 asked, 1 answered from the store, 1 of them with the whole prompt",
        (3, 0): "3 calls",
        (3, 1): "4 requests: 3 asked, 1 answered from the store",
    }
    for (asked, stored), said in told.items():
        cost = Cost(target_calls=asked, cached_calls=stored)
        told_by = heatmap(found.model_copy(update={"perturbations": rows, "cost": cost}))
        assert said in told_by.facts
