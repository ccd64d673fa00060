"""The page in a real browser, also with many calls."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_trace.comparison import compare
from smile_trace.probes.prompt_profile import profile_of_prompt
from smile_trace.records.comparison import Comparison, Example
from smile_trace.store import Store
from tests.support.browser import WatchedPage
from tests.support.explained import HOSTILE
from tests.support.page_layout import check_width
from tests.support.planted_profiles import plant_profiles
from tests.support.planted_prompts import plant, settings_in

STORED = HOSTILE.replace("\ud800", "")  # which JSON cannot hold
TEMPLATE = (
    "You are the assistant of a shop.\n<script>alert('smile-alarm')</script> stays text.\n"
    'Use the customer\'s language.\nBe brief & "kind".\nQuestion: {question}\nAnswer:'
)


def _comparison(folder: Path, calls: int, template: str = TEMPLATE, **how: Any) -> Comparison:
    with Store.open(settings_in(folder)) as store:
        questions = [{"question": f"{k} {STORED if k % 50 == 0 else ''}"} for k in range(calls)]
        effects = {"{question}": 0.6, "Use the customer's language.": 0.3}
        plant(store, "<b>answer</b>", "1", template, questions, effects=effects, **how)
        edited = template.replace("brief", "long and polite")
        plant(store, "<b>answer</b>", "2", edited, questions, effects={}, **how)
    comparison = compare("<b>answer</b>", budget=0, settings=settings_in(folder))
    example = Example(variables={"question": HOSTILE}, before=HOSTILE, after="", distance=0.9)
    change = comparison.changes[0].model_copy(update={"examples": (example, example)})
    return comparison.model_copy(update={"changes": (change,)})


@pytest.mark.browser
def test_the_page_by_keyboard_in_the_dark_and_with_hostile_text(
    watched_page: WatchedPage, tmp_path: Path
) -> None:
    page, file = watched_page.page, tmp_path / "page.html"
    comparison = _comparison(tmp_path, 60)
    file.write_text(comparison.to_html(), encoding="utf-8")
    page.emulate_media(color_scheme="light")
    page.goto(file.as_uri())
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(20, 23, 28)")
    assert page.get_by_text("<script>alert('smile-alarm')</script>").count() > 0
    assert page.locator("script").count() == 0
    assert page.get_by_role("heading", level=1).inner_text() == "<b>answer</b>: 1 → 2"

    second = page.locator("details.example").nth(1)
    assert second.get_attribute("open") is None
    reached = False
    for _ in range(60):
        page.keyboard.press("Tab")
        reached = page.evaluate(
            "document.activeElement === document.querySelectorAll('details.example > summary')[1]"
        )
        if reached:
            break
    assert reached
    page.keyboard.press("Enter")
    assert second.get_attribute("open") is not None
    assert watched_page.alarms == []

    page.emulate_media(media="print", color_scheme="dark")
    page.reload()
    assert page.locator("details.example").nth(1).locator(".answer").first.is_visible()


@pytest.mark.browser
def test_no_line_ends_between_a_badge_and_what_was_edited(
    watched_page: WatchedPage, tmp_path: Path
) -> None:
    page = watched_page.page
    template = "{question} You are the assistant of a shop. Be brief."
    page.set_content(_comparison(tmp_path, 12, template, unit="word").to_html())
    phrases = page.locator(".mark + .phrase")
    assert phrases.all_inner_texts() == ["Be brief.", "Be long and polite."]
    for width in range(300, 420, 20):
        page.set_viewport_size({"width": width, "height": 900})
        begins = "all => all.map(phrase => phrase.getClientRects()[0].width)"
        assert min(phrases.evaluate_all(begins)) > 5, "an empty frame ends the line before"


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_of_5000_calls_opens_in_two_seconds(
    watched_page: WatchedPage, tmp_path: Path
) -> None:
    comparison = _comparison(tmp_path, 5000)
    assert comparison.versions[0].explained == 5000
    file = tmp_path / "page.html"
    file.write_text(comparison.to_html(), encoding="utf-8")
    watched_page.page.goto(file.as_uri())
    timing = watched_page.page.evaluate(
        "performance.getEntriesByType('navigation')[0].loadEventEnd"
    )
    assert 0 < timing < 2000


def test_a_fragment_brings_its_own_styles_and_no_page(tmp_path: Path) -> None:
    fragment = _comparison(tmp_path, 20)._repr_html_()
    assert fragment.lstrip().startswith('<div class="smile-comparison">')
    assert "<html" not in fragment


def test_the_terminal_shows_no_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _comparison(tmp_path, 20).show()
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "Use the customer" in shown
    assert np.all([ord(c) >= 32 or c == "\n" for c in shown])


@pytest.mark.browser
def test_no_word_of_a_profile_s_table_is_broken_on_a_telephone(
    watched_page: WatchedPage, tmp_path: Path
) -> None:
    page, file, settings = watched_page.page, tmp_path / "page.html", settings_in(tmp_path)
    with Store.open(settings) as store:
        for version in ("1", "2"):
            plant(store, "answer", version, TEMPLATE, [{"question": f"{k}"} for k in range(20)])
            plant_profiles(store, "answer", version, 0)
    profile = profile_of_prompt("answer", since=0.0, settings=settings)
    file.write_text(profile.to_html(), encoding="utf-8")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(file.as_uri())
    lines = """heads => heads.map(head => {
      const range = document.createRange();
      range.selectNodeContents(head);
      return [head.innerText, new Set([...range.getClientRects()].map(r => r.top)).size];
    })"""
    found = page.locator("th[scope=row]").evaluate_all(lines)
    assert {title for title, _ in found} == {"Asked again", "Another order"}
    assert all(count <= len(title.split()) for title, count in found)
    check_width(page)
