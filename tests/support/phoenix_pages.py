"""Phoenix's pages, as a person clicks through them; a receipt's address opens each."""

import contextlib
import time

from playwright.sync_api import BrowserContext, Locator, Page, Response
from playwright.sync_api import Error as PlaywrightError

from tests.support.browser import PATIENCE

_PICTURE = 'img[src^="data:image/svg+xml"]'


def prefer(context: BrowserContext, *, dark: bool) -> None:
    """Set Phoenix's own switch: without it, its pages are dark."""
    theme = "dark" if dark else "light"
    context.add_init_script(f"localStorage.setItem('arize-phoenix-theme', '{theme}')")


def open_explanation(page: Page, url: str) -> Locator:
    """Open an explanation's address; gives its picture once drawn."""
    page.goto(url, timeout=PATIENCE)
    picture = page.locator(_PICTURE).first
    picture.wait_for(timeout=PATIENCE)
    _settle(page)
    return picture


def enlarge(page: Page, picture: Locator) -> Locator:
    """Open the picture in its full size, by the button that stands on it; gives it once grown."""
    before = picture.evaluate("image => image.width")
    large = page.get_by_role("dialog").locator(_PICTURE).first
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        picture.hover()
        picture.locator("xpath=ancestor::*[.//button][1]").get_by_role("button").first.click()
        large.wait_for(timeout=PATIENCE)
        # Looked for each time: the page may draw the dialog anew, and an element it left never
        # grows. On a busy machine it may be drawn before the picture has a size: opened again.
        for _ in range(50):
            if large.evaluate("image => image.width") > 2.5 * before:
                return large
            page.wait_for_timeout(200)
        assert time.monotonic() < deadline, f"still as small as before: {before} pixels"
        page.keyboard.press("Escape")
        large.wait_for(state="hidden", timeout=PATIENCE)


def open_review(page: Page, url: str) -> None:
    """Open a project, its newest variant, and the editor of annotations."""
    page.goto(url, timeout=PATIENCE)
    page.locator("tbody").get_by_role("link").first.click(timeout=PATIENCE)
    page.get_by_role("button", name="Annotate this span").click(timeout=PATIENCE)
    page.get_by_role("button", name="Close annotations").wait_for(timeout=PATIENCE)
    _settle(page)


def reply_in_review(page: Page, **replies: str) -> None:
    """Choose a reply to each question of the variant that is open: each is stored at once."""
    for question, reply in replies.items():
        page.get_by_role("button", name=f"Select an item smile_{question}").click(timeout=PATIENCE)
        with page.expect_response(_stores_an_annotation, timeout=PATIENCE) as waiting:
            page.get_by_role("option", name=reply, exact=True).click(timeout=PATIENCE)
        assert "errors" not in waiting.value.json()


def next_in_review(page: Page) -> None:
    """Go on to the next variant, which nobody has judged."""
    page.get_by_role("button", name="Next trace").click(timeout=PATIENCE)
    page.get_by_role("button", name="Select an item smile_reason").wait_for(timeout=PATIENCE)


def _stores_an_annotation(response: Response) -> bool:
    return "AnnotationMutation" in (response.request.post_data or "")


def _settle(page: Page) -> None:
    """Wait until nothing is being loaded."""
    with contextlib.suppress(PlaywrightError):  # it asks for news now and then
        page.wait_for_load_state("networkidle", timeout=10_000)
