"""The review page in a real browser: by keyboard alone, with hostile texts, wide and narrow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from smile_trace.errors import SmileTraceError
from smile_trace.probes.review.server import ReviewServer
from smile_trace.probes.review.tasks import worth_a_minute
from smile_trace.records import Message
from smile_trace.records.judgement import Judgement, ReviewItem, ReviewTask
from smile_trace.store import Store
from tests.support.browser import WatchedPage
from tests.support.hostile import storable_texts
from tests.support.judged import with_profile
from tests.support.sample_profiles import BATTERIES, RETURNS

pytestmark = pytest.mark.browser


def task(name: str, text: str = "") -> ReviewTask:
    return ReviewTask(
        item=ReviewItem(id=name, probe="order", prompt=name, change=0.9, counts=True),
        title=f"Another order{text}",
        what=f"documents in the order 2, 1{text}",
        messages=(Message(role="user", content=f"one {text}"),),
        answer=f"good {text}",
        changed_messages=(Message(role="user", content=f"other {text}"),),
        changed_answer=f"{text} bad",
    )


@contextmanager
def served(server: ReviewServer) -> Iterator[ReviewServer]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def press(page: Page, keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_by_keyboard_from_the_store_and_back(store: Store, browser: Browser) -> None:
    with_profile(store)
    tasks = worth_a_minute(store, 2, reviewer="anna")
    assert len(tasks) == 2

    def keep(task: ReviewTask, judgement: Judgement) -> None:
        store.judgements.keep([(task.item, judgement)])

    page = browser.new_page()
    with served(ReviewServer(tasks, "anna", keep)) as server:
        page.goto(server.url)
        expect(page.locator("article:visible")).to_have_count(1)
        shown = page.locator("article:visible")
        expect(shown.locator("[data-part=answer]")).to_have_text(RETURNS)
        expect(shown.locator("[data-part=changed]")).to_have_text(BATTERIES)
        press(page, "yyn")
        expect(page.locator("#count")).to_have_text("2 of 2 · 1 judged")
        press(page, "kj")
        press(page, "nu1y")  # the first reply is corrected before the last is given
        press(page, "u")
        expect(page.locator("#told")).to_contain_text("That was the last one")
        first = {judgement.variant_id: judgement for _, judgement in store.judgements.read()}
        said = [first[task.item.id] for task in tasks]
        assert [(one.same_meaning, one.worse, one.reason) for one in said] == [
            ("yes", "yes", "no"),
            ("yes", "cannot_say", "cannot_say"),
        ]
        press(page, "k2n")
        expect(page.locator("#told")).to_contain_text("Saved")
        page.reload()
        assert page.locator("article[data-saved]").count() == 2
    again = {judgement.variant_id: judgement.worse for _, judgement in store.judgements.read()}
    assert again[tasks[0].item.id] == "no"
    assert not set(first) & {t.item.id for t in worth_a_minute(store, 50, reviewer="anna")}
    assert set(first) <= {t.item.id for t in worth_a_minute(store, 2, reviewer="bert")}


def test_what_cannot_be_saved_is_said_and_saved_when_answered_again(browser: Browser) -> None:
    failing = [True]

    def keep(*_: object) -> None:
        if failing.pop():
            raise SmileTraceError("the disk is full")
        failing.append(False)

    failing = [False, True]
    page = browser.new_page()
    with served(ReviewServer([task("v")], "anna", keep)) as server:
        page.goto(server.url)
        press(page, "yyy")
        expect(page.locator("#told")).to_contain_text("Not saved (the disk is full)")
        press(page, "y")
        expect(page.locator("#told")).to_contain_text("Saved")


def test_nothing_hostile_runs_and_nothing_is_wider_than_a_phone(
    browser: Browser, watched_page: WatchedPage
) -> None:
    tasks = [task(str(k), text) for k, text in enumerate(storable_texts().values())]
    page = watched_page.page
    page.set_viewport_size({"width": 380, "height": 800})
    with served(ReviewServer(tasks, "<b>anna</b>", lambda *_: None)) as server:
        page.goto(server.url)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            press(page, "j" * len(tasks) if scheme == "light" else "k" * len(tasks))
            assert page.evaluate("document.documentElement.scrollWidth") <= 380
        press(page, "yny")
        expect(page.locator("#count")).to_contain_text("1 judged")
        watched_page.check()
        assert {url.split("/")[2] for url in watched_page.asked} == {server.hosts[0]}
