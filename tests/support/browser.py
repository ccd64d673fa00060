"""A headless Chromium. Tests are skipped where there is none, unless it is required."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

REQUIRED = "SMILE_TRACE_REQUIRE_BROWSER"
"""Set to 1 where a missing Chromium is a failure."""

PATIENCE = 240_000
"""Milliseconds: what loads in a second takes minutes on a busy machine."""


def chromium() -> str | None:
    """The program: that of CHROMIUM, else the usual one, or one on the path; else None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    usual = "/usr/bin/chromium"
    return usual if Path(usual).exists() else shutil.which("chromium")


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """A browser of its own, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def chromium_or_exit() -> str:
    """The program.

    Raises:
        SystemExit: there is none.
    """
    program = chromium()
    if program is None:
        raise SystemExit("Chromium is needed: apt-get install chromium")
    return program


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser for one test: playwright holds an event loop while it is open, and another
    test's coroutine could not run beside it.
    """
    path = chromium()
    if path is None:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail("no Chromium: install it, or set CHROMIUM to its path")
        pytest.skip("no Chromium on this machine")
    with launched(path) as browser:
        yield browser


class WatchedPage:
    """A page that remembers every sign of a script that ran where only text should be.

    Hostile text in a test calls `alert`, logs `smile-alarm`, sets
    `window.smileAlarm`, or asks the host `hostile.invalid`.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.alarms: list[str] = []
        page.on("dialog", lambda dialog: (self.alarms.append(dialog.message), dialog.dismiss()))  # type: ignore[call-overload]
        page.on("console", self._listen)
        page.on("request", self._note)
        page.on("popup", lambda popup: self.alarms.append(f"a window was opened: {popup.url}"))
        self.asked: list[str] = []

    def _listen(self, message: object) -> None:
        # Not `in`: a page may complain about an address that it was given.
        if str(getattr(message, "text", "")).strip() == "smile-alarm":
            self.alarms.append(str(getattr(message, "text", "")))

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)
        host = urlsplit(request.url).hostname or ""
        if host.endswith("hostile.invalid"):
            self.alarms.append(f"asked {request.url}")

    def check(self) -> None:
        """See that no script ran, in no frame, and that nobody was asked for anything.

        Raises:
            AssertionError: one did.
        """
        ran = [f.url for f in self.page.frames if f.evaluate("'smileAlarm' in window")]
        assert not ran
        assert not self.alarms


@pytest.fixture
def watched_page(browser: Browser) -> Iterator[WatchedPage]:
    """A fresh page, 1500 by 950 pixels."""
    page = browser.new_page(viewport={"width": 1500, "height": 950})
    page.set_default_timeout(PATIENCE)
    yield WatchedPage(page)
    page.close()
