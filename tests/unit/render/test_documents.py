"""HTML, Markdown and terminal: everything is text, and says the same."""

import io
import re
import sys
from html import unescape
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from playwright.sync_api import Browser
from rich.console import Console

import smile_trace
from smile_trace._guards.presentable import unpunctuated
from smile_trace.records import (
    DocumentAttribution,
    Explanation,
    FidelityStatus,
    Message,
    SegmentAttribution,
    Unit,
)
from smile_trace.records.profile import Profile
from smile_trace.render import (
    STATUS_WORDS,
    driver_text,
    print_profile,
    print_terminal,
    profile_to_frame,
    scores_to_markdown,
    show,
    to_html,
    to_markdown,
)
from smile_trace.render.html import MOST_ENTRIES, Entry, index_to_html
from smile_trace.render.markdown import align_tables, escape
from smile_trace.render.text import difference, noun, value_of
from tests.support.explained import HOSTILE, explanation
from tests.support.planted import PlantedModel


class Reader(HTMLParser):
    """Tags, attribute names and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self._inside_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self._inside_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._inside_style = False

    def handle_data(self, data: str) -> None:
        if not self._inside_style:
            self.text += data


def test_hostile_text_is_text_in_html() -> None:
    explained = explanation(
        [(HOSTILE, HOSTILE)], {"alert": 0.5}, answer=HOSTILE, summary=HOSTILE, status="inconclusive"
    )
    page = Reader(to_html(explained, title=HOSTILE))
    assert not page.tags & {"script", "img", "iframe", "a", "link", "object", "svg"}
    assert not {name for name in page.attributes if name.startswith("on") or name == "src"}
    assert page.text.count("<script>alert('smile-alarm')</script>") >= 4


def test_html_is_self_contained() -> None:
    page = to_html(explanation())
    assert page.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in page
    assert "http://" not in page
    assert "https://" not in page
    assert "prefers-color-scheme: dark" in page
    assert 'title="+0.71 [+0.65, +0.76], p = 0.002: supports the answer"' in page
    assert 'title="−0.02 [−0.08, +0.03], p = 0.6: made no measurable difference"' in page
    fragment = to_html(explanation(), fragment=True).strip()
    assert fragment.startswith('<div class="smile-trace">')
    assert fragment.endswith("</div>")
    assert explanation()._repr_html_().strip() == fragment


def test_the_page_shows_the_status_and_its_reason() -> None:
    text = Reader(to_html(explanation(status="inconclusive"))).text
    assert "Inconclusive" in text
    assert "inconclusive" not in text
    assert "held-out R² 0.82 (0.72 to 0.92)" in text
    assert "40 calls · 1,840 tokens · $0.0012" in text
    assert {s: s.replace("_", " ") for s in get_args(FidelityStatus)} == STATUS_WORDS


def test_without_segments_there_is_a_page() -> None:
    bare = explanation([("user", "")], {}, answer="", r2=None, status="no_effect")
    assert "(empty)" in Reader(to_html(bare)).text
    assert "No part" in to_markdown(bare)


def test_markdown_holds_a_table_in_which_nothing_is_markup() -> None:
    explained = explanation([("user", "a|b `c` <b>*d* [e](http://x.y)")], {"|": 0.5, "`": -0.4})
    table = scores_to_markdown(explained).splitlines()
    assert table[0] == "| |part|attribution|90 % interval|p|"
    assert table[2] == "|▲|\\||+0.50|+0.44 … +0.55|0.002|"
    assert table[3].startswith("|▼|\\` (the first)|−0.40|")


MARKUP = ["](", "![", "[x]: ", "http://", "<b>", "<!--", "&amp;", "`a`", "__", "***", "1. ", "- "]


@given(st.lists(st.sampled_from([*"ab1 _*`[]()<>!&|~#-+=:.$@^\\/\n", *MARKUP])).map("".join))
def test_what_is_escaped_is_shown_as_it_was(text: str) -> None:
    shown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(escape(text))
    without = re.sub(r"</?(p|code)>", "", shown).replace("`", "").strip()
    assert unescape(without) == " ".join(text.split()).replace("`", "").strip()
    assert not re.search(r"<(?!/?(p|code)>)", shown)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (
            "plain (text), 50 % [44 to 47 %] - it's so!",
            "plain (text), 50 % [44 to 47 %] - it's so!",
        ),
        ("the field `day` of get_order", "the field `day` of get_order"),
        ("12. no list", "12\\. no list"),
        ("www.no-link.com me@no.link", "www\\.no-link.com me\\@no.link"),
        ("_b_ *d* ~f~ $g$", "\\_b\\_ \\*d\\* \\~f\\~ \\$g\\$"),
        ("&lt; A & B <!-- x -->", "&amp;lt; A & B &lt;!-- x -->"),
    ],
)
def test_only_what_is_markup_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def terminal(explained: object, **options: object) -> str:
    out = io.StringIO()
    print_terminal(explained, Console(file=out, width=100, **options))  # type: ignore[arg-type]
    return out.getvalue()


def test_no_control_character_reaches_the_terminal() -> None:
    explained = explanation([("user", HOSTILE)], {"alert": 0.5}, answer=HOSTILE, summary=HOSTILE)
    shown = terminal(explained)
    assert not {c for c in shown if ord(c) < 32 or 0x7F <= ord(c) < 0xA0} - {"\n"}
    assert "␛[31mred" in shown
    assert "[x](javascript:alert(1))" in shown.replace("\n", "").replace("  ", "")


def test_signs_show_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    shown = terminal(explanation())
    for said in ("France⁺", "Lyon⁻", "⁺ supports the answer · ⁻ works against it", "+0.71"):
        assert said in shown
    coloured = terminal(explanation(), force_terminal=True, color_system="truecolor")
    assert "\x1b[1;37;48;2;" in coloured
    show(explanation())  # outside of a notebook
    assert "France⁺" in capsys.readouterr().out


def test_show_displays_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """IPython is not a dependency, so its two functions are faked."""
    shown: list[str] = []
    shell = SimpleNamespace(kernel=object())
    display = SimpleNamespace(HTML=lambda html: html, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    show(explanation())
    assert shown == [to_html(explanation(), fragment=True)]


def test_repeated_words_are_numbered_but_no_messages_and_variables() -> None:
    explained = explanation([("user", "of the city of")], {"of": 0.5, "city": 0.4})
    page = Reader(to_html(explained)).text
    for shown in (page, scores_to_markdown(explained), terminal(explained)):
        assert "of (the first)" in shown
        assert "of (the second)" in shown
        assert "city (" not in shown
    explained = explanation([("user", "Hi"), ("user", "Hi")], {"Hi": 0.5})
    assert "Hi (the second)" in scores_to_markdown(explained)
    for unit, key in (("message", "0:message"), ("variable", "0:var:greeting")):
        named = {"unit": unit, "key": key}
        segments = tuple(s.model_copy(update=named) for s in explained.segments)
        table = scores_to_markdown(explained.model_copy(update={"segments": segments}))
        assert table.count("|▲|Hi|") == 2


def test_the_table_of_scores_fits_a_phone(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 420, "height": 800})
    page.set_content(to_html(explanation()).replace("<details", "<details open"))
    rows = page.locator("tbody tr")
    heights = {rows.nth(k).bounding_box()["height"] for k in range(rows.count())}  # type: ignore[index]
    assert max(heights) < 40  # every word on one line
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    page.close()


def test_columns_have_one_width() -> None:
    table = "one\n\n| |part|value|\n|-|-|-:|\n|▲|France?|+0.7|\n|·|a|−0.02|\n\ntwo"
    assert align_tables(table) == (
        "one\n\n| |part   |value|\n|-|-------|----:|\n|▲|France?|+0.7 |\n|·|a      |−0.02|\n\ntwo"
    )


def test_escaped_marks_stay_in_their_cells() -> None:
    cells = [escape(text) for text in ("|", "\\", "a\\|b", "\\\\|")]
    table = "\n".join(["|part|", "|-|", *(f"|{cell}|" for cell in cells)])
    aligned = align_tables(table).split("\n")
    assert {len(line) for line in aligned} == {max(map(len, cells)) + 2}
    assert [line[1:-1].rstrip() for line in aligned[2:]] == cells


BODY = "Goods can be returned within 30 days, unworn and with their tags."


def test_the_strongest_supporter_is_named() -> None:
    assert driver_text(explanation()) == "France"
    assert driver_text(explanation(scores={"Lyon": -0.9})) == "(none)"
    assert driver_text(explanation(scores={}, status="no_effect")) == "(none)"


def test_it_has_the_name_that_the_summary_gives_it() -> None:
    explained = explanation([("user", "Where is Rome")], {"Rome": 0.9})
    [word] = explained.drivers
    asked = word.model_copy(update={"text": "“Rome”?"})
    assert driver_text(explained.model_copy(update={"segments": (asked,)})) == "Rome"


def refined(
    text: str, unit: Unit, effects: dict[str, float]
) -> tuple[Explanation, SegmentAttribution]:
    """An explanation of a passage and of the words in it, and the passage."""
    explained = explanation([("user", text)], effects)
    whole = SegmentAttribution(
        text=text, message=0, role="user", start=0, end=len(text), unit=unit, key="p",
        attribution=0.6, ci_low=0.5, ci_high=0.7, significant=True,
    )  # fmt: skip
    inside = tuple(s.model_copy(update={"parent": 0}) for s in explained.segments)
    return explained.model_copy(update={"coarser": (whole,), "segments": inside}), whole


def test_a_passage_that_was_refined_is_named_by_its_title() -> None:
    text = f"[2] Returns\n{BODY}"
    found, whole = refined(text, "document", {"30": 0.7})
    assert driver_text(found) == "[2] Returns"
    none = whole.model_copy(update={"significant": False})
    assert driver_text(found.model_copy(update={"coarser": (none,)})) == "30"


@pytest.mark.parametrize(
    ("text", "answer", "column"),
    [
        ("Good morning, mirror on the wall of our hallway.", "No.", "morning mirror wall hallway"),
        ("Always tell the price in euros, please, to all.", "75 euros.", "Always tell price euros"),
        (
            "Please never promise anybody a refund of the money.",
            "No.",
            "never promise anybody refund",
        ),
        ("How much is it for the three of us?", "60 euros.", None),
        ("请用德语回答所有的问题，谢谢您的帮助，我们非常感谢您的耐心等待和支持。", "x", None),
    ],
)
def test_a_long_sentence_is_named_by_its_telling_words(
    text: str, answer: str, column: str | None
) -> None:
    explained = explanation([("user", text)], {})
    whole = explained.segments[0].model_copy(
        update={"text": text, "end": len(text), "unit": "sentence", "significant": True,
                "attribution": 0.5}
    )  # fmt: skip
    found = explained.model_copy(update={"answer": answer, "segments": (whole,)})
    assert driver_text(found) == (column or unpunctuated(text))


def test_a_part_measured_as_a_whole_is_not_named_by_words_alone() -> None:
    text = "Be kind to everybody.\nNever promise anybody a refund."
    explained = explanation([("system", text)], {})
    whole = explained.segments[0].model_copy(
        update={"text": text, "end": len(text), "unit": "message", "significant": True,
                "attribution": 0.5, "verdict": "supports"}
    )  # fmt: skip
    found = explained.model_copy(update={"segments": (whole,)})
    assert driver_text(found).startswith("system message: ")
    page = to_html(found).replace("\u00a0", " ")
    assert "▸message +0.50 as a whole" in page
    assert '<span class="supports' not in page, "no line of it is underlined"
    assert "data-value=" not in page.partition("</style>")[2]
    assert "▸message +0.50 as a whole Be kind" in terminal(found).replace("\u00a0", " ")
    assert "refund.◂" in terminal(found)
    assert "outlined" not in Reader(to_html(found)).text, "there are no parts inside of it"
    section = whole.model_copy(update={"unit": "section", "parent": 0, "key": "piece"})
    around = whole.model_copy(update={"verdict": "open", "significant": False})
    inside = found.model_copy(update={"segments": (section,), "coarser": (around,)})
    assert "▸section +0.50 as a whole Be kind" in terminal(inside)


def test_the_finest_certain_part_is_named_and_nothing_uncertain() -> None:
    text = "Good morning, mirror on the wall of our hallway."
    found, whole = refined(text, "sentence", {"mirror": 0.7, "wall": 0.4})
    assert driver_text(found) == "mirror"
    unsure = tuple(s.model_copy(update={"significant": False}) for s in found.segments)
    sentence = found.model_copy(update={"segments": unsure})
    assert driver_text(sentence) == "morning mirror wall hallway"
    again = unsure[0].model_copy(update={"parent": 1})
    measured = found.segments[0].model_copy(update={"attribution": 0.9})
    both = found.model_copy(
        update={"coarser": (whole, measured), "segments": (again, *found.segments[1:])}
    )
    assert driver_text(both) == "mirror", "what is open on the finest level is not named"
    document = DocumentAttribution(source="hall.md", place=(0, 0, len(text)), measured="in_pieces")
    assert driver_text(found.model_copy(update={"documents": (document,)})) == "hall.md"


def test_those_as_strong_are_named_beside_it_as_far_as_there_is_room() -> None:
    text = "When is breakfast, when does the sauna open, and what about dogs?"
    found, _ = refined(text, "sentence", {"breakfast": 0.31, "sauna": 0.28, "dogs": 0.1})
    assert driver_text(found) == "breakfast, sauna"
    for changed in (
        {"ci_low": 0.27, "ci_high": 0.29},  # the interval tells it from the other
        {"significant": False},
        {"text": "sauna" * 12},
    ):
        parts = tuple(
            s.model_copy(update=changed if s.text == "sauna" else {}) for s in found.segments
        )
        assert driver_text(found.model_copy(update={"segments": parts})) == "breakfast", changed


def test_the_strongest_part_comes_first_wherever_it_stands() -> None:
    text = "Name the phone. Name the credit."
    found, whole = refined(text, "message", {"phone": 0.21, "credit": 0.2})
    size = len(found.messages)
    more = Message(role="user", content="The lamp is late.")
    late = whole.model_copy(
        update={"text": "late", "message": size, "unit": "word", "key": "d", "attribution": 0.33}
    )
    for place in ("late", "phone, credit"):
        shown = found.model_copy(
            update={"messages": (*found.messages, more), "segments": (*found.segments, late)}
        )
        assert driver_text(shown) == place
        late = late.model_copy(update={"attribution": 0.1, "ci_low": 0.05, "ci_high": 0.15})


@pytest.mark.parametrize(
    ("text", "kind"), [('"item": "wool rug"', "field"), ('"item"', "word"), ("item:", "word")]
)
def test_a_member_of_json_is_a_field(text: str, kind: str) -> None:
    [word, *_] = explanation([("user", "x")], {}).segments
    assert noun(word.model_copy(update={"text": text})) == kind


@pytest.mark.parametrize(
    ("text", "unit", "whole"),
    [
        ("Rules:\n1. Look up the order.\n2. Be brief.", "section", True),
        ("Be brief. Be kind.", "span", True),
        ("规则。请简短。", "section", True),
        ("10. Never quote 3.5 prices.", "section", False),
        ("Is it e.g. here?", "sentence", False),
    ],
)
def test_a_value_of_several_sentences_says_that_it_is_of_the_whole(
    text: str, unit: Unit, whole: bool
) -> None:
    [word, *_] = explanation([("user", "x")], {}).segments
    part = word.model_copy(update={"text": text, "unit": unit, "attribution": 0.13})
    assert value_of(part) == ("+0.13 as a whole" if whole else "+0.13")


def test_it_fits_into_a_column() -> None:
    explained = explanation([("user", BODY * 3)], {})
    whole = explained.segments[0].model_copy(
        update={"text": f"{BODY}\n" * 3 + "\0", "unit": "span", "significant": True,
                "attribution": 0.5}
    )  # fmt: skip
    found = driver_text(explained.model_copy(update={"segments": (whole,)}))
    assert found == "returned within 30 … unworn"


def test_a_list_of_explanations() -> None:
    fields = ("prompt", "version", "function", "model", "driver", "status", "answer", "summary")
    entry = Entry(**dict.fromkeys(fields, HOSTILE), page=HOSTILE)
    page = index_to_html(HOSTILE, [entry])
    page.encode()  # no lone surrogate
    assert "<script" not in page
    page = index_to_html("a day", [Entry(status="reliable", driver="x")] * (MOST_ENTRIES + 3))
    assert page.count("<article>") == MOST_ENTRIES
    assert "and 3 more" in page


SCRIPT = "<script>alert(1)</script>\x1b[31m \u202e"


@pytest.fixture(scope="module")
def profile() -> Profile:
    """Of a model whose answer, which is hostile, changes with a greeting."""
    return smile_trace.profile(
        f"What is the price of it? {SCRIPT}",
        model=PlantedModel(
            lambda prompt: "No idea." if prompt.count("\n\n") else f"12 euros {SCRIPT}",
            deterministic=False,
        ),
        answer=f"12 euros {SCRIPT}",
        budget=60,
    )


def test_a_profile_escapes_what_others_wrote(profile: Profile) -> None:
    page = profile.to_html()
    assert not {"\x1b", "\u202e"} & set(page)
    assert "<script>" not in page
    assert "<ins>" in page
    assert page.startswith("<!doctype html>")
    assert profile._repr_html_().startswith('<div class="smile-profile">')


def test_a_profile_shows_every_probe_and_the_worst_variant(profile: Profile) -> None:
    out = io.StringIO()
    print_profile(profile, Console(file=out, width=80))
    text = out.getvalue()
    assert "\x1b" not in text
    assert "changes it" in text
    assert "Filler added: " in text
    assert "A planted instruction: not asked. It needs a document" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    frame = profile_to_frame(profile)
    assert list(frame["name"]) == list(profile.results)
    assert frame.set_index("name").loc["length", "status"] == "found"


def test_only_what_differs_is_shown_with_a_little_around_it() -> None:

    long = "word " * 100
    one, other = (Message(role="user", content=f"{long}{end} {long}") for end in ("red", "blue"))
    pieces = difference([one], [other])
    assert [(p.kind, p.text) for p in pieces if p.kind != "same"] == [
        ("removed", "red"),
        ("added", "blue"),
    ]
    assert sum(len(p.text) for p in pieces) < 400
