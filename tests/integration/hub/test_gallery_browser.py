"""The gallery in a real browser, from the disk: it searches, and nothing in a prompt runs."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from smile_trace.hub import build
from smile_trace.records.entry import Entry
from tests.support.browser import WatchedPage
from tests.support.explained import explanation
from tests.support.hostile import storable_texts

pytestmark = pytest.mark.browser


def asked(prompt: str, word: str, model: str = "gpt-4o-mini", **fields: object) -> Entry:
    found = explanation([("user", prompt)], {word: 0.7}, answer=f"About {word}: yes.", **fields)  # type: ignore[arg-type]
    settings = found.settings.model_copy(update={"model": model})
    return Entry.of(found.model_copy(update={"settings": settings}))


def listed(page: Page) -> list[str]:
    return page.locator("#list li a").all_inner_texts()


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    entries = [
        asked("Is the harbour open in winter?", "harbour"),
        asked("Is the lantern red?", "lantern", model="smollm2"),
        asked("Does winter end?", "winter", status="partial"),
    ]
    build(tmp_path / "g", entries, title="Ours")
    return tmp_path / "g" / "index.html"


def test_words_facets_and_an_address_for_each_search(gallery: Path, browser: Browser) -> None:
    page = browser.new_page()
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.goto(gallery.as_uri())
    assert len(listed(page)) == 3
    page.fill("#q", "WINTER open")
    assert listed(page) == ["Is the harbour open in winter?"]
    page.fill("#q", "driver:winter")
    assert listed(page) == ["Does winter end?"]
    page.fill("#q", "")
    page.select_option("select[aria-label='Any model']", "smollm2")
    assert listed(page) == ["Is the lantern red?"]
    assert page.inner_text("#count") == "1 of 3"
    again = browser.new_page()
    again.goto(page.url)
    assert listed(again) == ["Is the lantern red?"]
    again.click("#list a")
    assert "How to reproduce it" in again.inner_text("main")
    assert all(url.startswith("file:") for url in asked_for)


def test_nothing_in_a_prompt_runs(tmp_path: Path, browser: Browser) -> None:
    entries = [
        Entry.of(
            explanation([("user", f"{text} word")], {"word": 0.7}, answer=text, summary=text),
            tags=(text[:80],),
            author=text,
        )
        for text in storable_texts().values()
    ]
    build(tmp_path / "g", entries, title="<script>alert(1)</script>")
    watched = WatchedPage(browser.new_page())
    watched.page.goto((tmp_path / "g" / "index.html").as_uri())
    while watched.page.locator("#more").is_visible():
        watched.page.click("#more")
    assert len(listed(watched.page)) == len({entry.id for entry in entries})
    for page in sorted((tmp_path / "g" / "e").iterdir())[:20]:
        watched.page.goto(page.as_uri())
    watched.check()
    assert [url for url in watched.asked if not url.startswith("file:")] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_screen(gallery: Path, browser: Browser, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 380, "height": 700}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(gallery.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 380
    page.click("#list a")
    assert page.evaluate("document.documentElement.scrollWidth") == 380
