"""Citations beside what was measured of them: in words, as tables, on the page."""

import pytest
from playwright.sync_api import Browser
from rich.console import Console

from smile_trace.records import CitedDocument
from smile_trace.records.citation import in_sentence
from smile_trace.render import to_html, to_markdown
from smile_trace.render.citations import citation_rows
from smile_trace.render.phrases import document_sentence
from smile_trace.render.terminal import print_terminal
from smile_trace.render.text import short
from smile_trace.trackers import ExplainedCall
from smile_trace.trackers.presentation import CITATIONS, present
from tests.support.cited import ALL, ANSWER, OPEN, UNCITED, UNKNOWN, UNUSED, USED, explained
from tests.support.explained import HOSTILE, captured


@pytest.mark.parametrize(
    ("citations", "said"),
    [
        ([], ""),
        ([USED], "The citation names a document that the sentence depends on."),
        ([OPEN, OPEN], "Both citations remain open."),
        (
            [UNKNOWN],
            "The citation names no document of the request (“[9]” for “It is green [2][9].”).",
        ),
        (
            [USED, USED, OPEN, UNCITED, UNCITED],
            "Of three citations two name a document that the sentence depends on and one remains "
            "open; “Wardrobes are put together.” depends on “fitters.md” without citing it, and so "
            "does one more.",
        ),
    ],
)
def test_a_sentence_of_the_summary(citations: list[CitedDocument], said: str) -> None:
    assert in_sentence(citations, ANSWER) == said


def test_the_sentence_names_a_citation_that_is_not_used() -> None:
    said = in_sentence([USED, UNUSED], ANSWER)
    assert "one names a document that makes no measurable difference to the sentence (“" in said
    assert said.endswith("for “It is green [2][9].”).")


def test_tables_have_what_is_not_used_first_and_escape_names() -> None:
    found = explained()
    assert [row.found for row in citation_rows(found)] == [
        "cited, not used",
        "cited, not used",
        "used, not cited",
        "open",
        "cited and used",
    ]
    assert citation_rows(found)[1].document == "[9]: not in the request"
    assert "|Wardrobes are put together.|fitters.md|+0.90 [+0.89, +0.91]|used, not cited|" in (
        to_markdown(found)
    )
    for text in (to_markdown(found), to_html(found)):
        assert "<script" not in text
        assert "<img" not in text
    console = Console(record=True, width=80, force_terminal=False)
    print_terminal(found, console)
    lines = console.export_text().splitlines()
    assert any(line.split()[-5:-2] == ["fitters.md", "+0.90", "used,"] for line in lines)
    assert "\x1b]" not in "".join(lines)


def test_a_document_says_which_sentences_cite_it() -> None:
    found, document = explained(), UNUSED.document
    assert document is not None
    said = document_sentence(document, found, "")
    assert said.endswith("it made no measurable difference; “It is green [2][9].”: cited, not used")


@pytest.mark.parametrize(
    ("citations", "label", "share"),
    [
        (ALL, "1 of 3 used, 1 open", 1 / 3),
        ((USED, UNCITED), "1 of 1 used", 1.0),
        ((OPEN,), "1 open", None),
    ],
)
def test_a_score_counts_what_is_used_of_what_is_settled(
    citations: tuple[CitedDocument, ...], label: str, share: float | None
) -> None:
    trace, call = captured(found := explained(*citations))
    shown = present(
        ExplainedCall(trace=trace, call=call, explanation=found, traced_as=trace.trace_id)
    )
    [score] = [score for score in shown.scores if score.name == CITATIONS]
    assert (score.label, score.reason) == (label, short(in_sentence(citations, ANSWER), 1000))
    assert score.value == (None if share is None else pytest.approx(share, abs=1e-4))
    assert shown.view is not None
    assert shown.view.attributes[CITATIONS] == label


@pytest.mark.parametrize("width", [360, 900])
def test_the_page_holds_the_table(browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_content(to_html(explained()))
    cells = page.locator(".cited td:nth-child(2)")
    assert cells.nth(0).inner_text().startswith(HOSTILE[:5])
    assert cells.nth(2).inner_text() == "fitters.md"
    assert all(box["width"] > 60 for one in cells.all() if (box := one.bounding_box()))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
