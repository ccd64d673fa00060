"""HTML, Markdown and terminal: everything is text, and says the same."""

import io
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser
from rich.console import Console

from smile_trace.render import print_terminal, scores_to_markdown, show, to_html, to_markdown
from smile_trace.render.markdown import escape
from tests.support.explained import HOSTILE, explanation


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


@pytest.fixture
def hostile_page() -> str:
    explained = explanation(
        [(HOSTILE, HOSTILE)], {"alert": 0.5}, answer=HOSTILE, summary=HOSTILE, status="inconclusive"
    )
    return to_html(explained, title=HOSTILE)


def test_hostile_text_is_text_in_html(hostile_page: str) -> None:
    page = Reader(hostile_page)
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


def test_tooltips_show_value_and_interval() -> None:
    page = to_html(explanation())
    assert 'title="+0.71 [+0.63, +0.78], p = 0.002: supports the answer"' in page
    assert 'title="−0.02 [−0.10, +0.05], p = 0.6: made no measurable difference"' in page


def test_a_fragment_is_one_element() -> None:
    fragment = to_html(explanation(), fragment=True).strip()
    assert fragment.startswith('<div class="smile-trace">')
    assert fragment.endswith("</div>")
    assert explanation()._repr_html_().strip() == fragment


def test_the_page_shows_the_status_and_its_reason() -> None:
    text = Reader(to_html(explanation(status="inconclusive"))).text
    assert "Inconclusive at this budget" in text
    assert "inconclusive" not in text
    assert "held-out R² 0.82 (0.72 to 0.92)" in text
    assert "40 calls · 1,840 tokens · $0.0012" in text


def test_without_segments_there_is_a_page() -> None:
    bare = explanation([("user", "")], {}, answer="", r2=None, status="no_effect")
    assert "(empty)" in Reader(to_html(bare)).text
    assert "No segment" in to_markdown(bare)


def test_markdown_holds_a_table_in_which_nothing_is_markup() -> None:
    explained = explanation([("user", "a|b `c` <b>*d* [e](http://x.y)")], {"|": 0.5, "`": -0.4})
    table = scores_to_markdown(explained).splitlines()
    assert table[0] == "| |segment|attribution|90 % interval|p|"
    assert table[2] == "|▲|\\||+0.50|+0.42 … +0.57|0.002|"
    assert table[3].startswith("|▼|\\` (the first)|−0.40|")


def test_escape_leaves_one_line_without_markup() -> None:
    escaped = escape(HOSTILE)
    assert "\n" not in escaped
    assert "<" not in escaped
    assert "\\[x\\](javascript:alert(1)) \\!\\[p\\](http\\://127.0.0.1:9/p.png)" in escaped


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain (text), 50 % - it's so.", "plain (text), 50 % - it's so."),
        ("- no list", "\\- no list"),
        ("12. no list", "12\\. no list"),
        ("# no title", "\\# no title"),
        ("www.no-link.com me@no.link", "www\\.no-link.com me\\@no.link"),
        ("a_b_c *d* `e` ~f~ $g$", "a\\_b\\_c \\*d\\* \\`e\\` \\~f\\~ \\$g\\$"),
        ("&lt; <!-- x -->", "&amp;lt; &lt;\\!-- x --&gt;"),
    ],
)
def test_escape_changes_nothing_else(text: str, escaped: str) -> None:
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


def test_signs_show_without_colour() -> None:
    shown = terminal(explanation())
    assert "France⁺" in shown
    assert "Lyon⁻" in shown
    assert "⁺ supports the answer · ⁻ works against it" in shown
    assert "+0.71" in shown


def test_colour_in_a_colour_terminal() -> None:
    assert "\x1b[1;37;48;2;" in terminal(
        explanation(), force_terminal=True, color_system="truecolor"
    )


def test_show_prints_outside_a_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    show(explanation())
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


def test_repeated_words_are_numbered() -> None:
    explained = explanation([("user", "of the city of")], {"of": 0.5, "city": 0.4})
    printed = io.StringIO()
    print_terminal(explained, Console(file=printed, width=80))
    for page in (
        Reader(to_html(explained)).text,
        scores_to_markdown(explained),
        printed.getvalue(),
    ):
        assert "of (the first)" in page
        assert "of (the second)" in page
        assert "city (" not in page


def test_messages_and_variables_are_not_numbered() -> None:
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
