"""The page on which a request is changed by hand, in a real browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from smile_trace.comparison.call_again import CallAgain
from smile_trace.comparison.look import LookPage
from smile_trace.comparison.replay_call import logged_call
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.browser import WatchedPage
from tests.support.desk import ANSWER, PROMPT, Desk, with_call
from tests.support.hostile import storable_texts
from tests.support.spooled import trace_id

pytestmark = pytest.mark.browser
OLD, NEW, QUESTION = "assembly cost 79 euros", "costs 29 euros", "What does assembly cost"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path))


@contextmanager
def served(settings: Settings, desk: Desk, cap: int = 20) -> Iterator[LookPage]:
    with Store.look(settings) as store:
        call = logged_call(trace_id(1), store, settings)
        with LookPage(CallAgain(store, settings, call, cap, who=desk, beside=desk)) as look:
            threading.Thread(target=look.serve_forever, daemon=True).start()
            yield look
            look.shutdown()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_by_keyboard_alone_among_two_hundred_parts(browser: Browser) -> None:
    sentences = [f"Article {k} is assembled in {k} minutes." for k in range(198)]
    desk, page = Desk(), browser.new_page()
    with served(with_call(" ".join([*sentences, PROMPT]), ANSWER), desk) as look:
        page.goto(look.url)
        expect(page.locator("[data-part]")).to_have_count(201)
        press(page, "Tab", "End", "ArrowLeft", " ")
        expect(page.locator("[aria-checked=false]")).to_contain_text(NEW)
        expect(page.locator("#told")).to_contain_text("No answer is stored yet.")
        press(page, "Tab", "Enter")
        expect(page.locator("#answers ins")).to_have_text("79")
        expect(page.locator("#logged del")).to_have_text("29")
        page.keyboard.press("Shift+Tab")
        press(page, "Escape", "ArrowLeft", "Enter")
        page.keyboard.type("All is free of charge.")
        press(page, "Enter", "Shift+ArrowRight")
        expect(page.locator(".changed")).to_have_text("All is free of charge.")
        expect(page.locator("#told")).to_contain_text("No answer is stored yet.")
        assert len(desk.asked) == 1
        press(page, "Tab", "Enter")
        expect(page.locator("#left")).to_have_text("18")
    assert "All is free of charge. In 2025 it" in desk.asked[-1].messages[0].content
    assert OLD not in desk.asked[-1].messages[0].content


def test_by_mouse_up_to_the_cap(browser: Browser) -> None:
    desk, page = Desk(), browser.new_page()
    with served(with_call(PROMPT, ANSWER), desk, cap=11) as look:
        page.goto(look.url)
        part = page.locator("[data-part]")
        part.filter(has_text=NEW).click()
        page.locator("#luck", has_text="10 calls").click()
        expect(page.locator("#verdict")).to_contain_text("5 of 5 answers differ")
        expect(page.locator("#verdict")).to_contain_text("(luck alone: probability 0.0079)")
        expect(page.locator("#answers .text").nth(1)).to_contain_text("3 × ")
        part.filter(has_text=OLD).dblclick()
        page.locator("textarea").fill("It was 9 euros.")
        part.filter(has_text=QUESTION).click()  # leaves the words, and removes this part, too
        page.locator("#ask", has_text="1 call").click()
        expect(page.locator("#cap")).to_have_text("0 of 11 calls left")
        part.filter(has_text=QUESTION).click()
        expect(page.locator("#told")).to_contain_text("no call is left")
        expect(page.locator("#ask")).to_be_disabled()
        page.evaluate("send(1)")  # a page that does not obey
        expect(page.locator("#told.bad")).to_contain_text("11 calls")
        page.locator("#undo").click()
        expect(page.locator("#told")).to_have_text("Nothing is changed yet.")
        part.filter(has_text=NEW).click()
        expect(page.locator("#verdict")).to_contain_text("5 of 5"), "what is stored shows at once"
    assert len(desk.asked) == 11


def test_nothing_hostile_runs_and_nothing_is_wider_than_a_phone(watched_page: WatchedPage) -> None:
    page, texts = watched_page.page, list(storable_texts().values())
    page.set_viewport_size({"width": 420, "height": 800})
    desk = Desk()
    desk.says = "\n".join(texts)
    with served(with_call("\n\n".join([*texts, PROMPT]), "\n".join(texts)), desk) as look:
        page.goto(look.url)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.locator("[data-part]").nth(3).press("Enter")
            page.keyboard.type(f"<img src=x onerror=alert(1)> {scheme}")
            press(page, "Enter", "ArrowRight", " ")
            page.locator("#ask", has_text="1 call").click()
            expect(page.locator("#answers .text")).to_have_count(2)
            assert page.evaluate("document.documentElement.scrollWidth") <= 420
            assert page.evaluate(
                "[...document.querySelectorAll('section')].every(s => s.scrollWidth <= 420)"
            )
        watched_page.check()
        assert {url.split("/")[2] for url in watched_page.asked} == {look.hosts[0]}


def test_only_parts_that_are_shown_are_taken() -> None:
    with served(with_call(PROMPT, ANSWER), Desk()) as look:
        for body in (b'{"without": [7]}', b'{"replaced": {"-1": "x"}}'):
            with pytest.raises(KeyError):
                look.take(body)
        for body in (b"[", b'{"count": 99}', b'{"replaced": {"0": "\\ud800"}, "count": 1}'):
            with pytest.raises(ValueError, match="validation error"):
                look.take(body)
