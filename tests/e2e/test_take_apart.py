"""The page of prompts that a reader takes apart: what it shows is what the model said."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tools.take_apart.answers import Answered, Stored, made, read
from tools.take_apart.page import PAGE, page
from tools.take_apart.prompts import EXAMPLES, Example

STORED = read()


def answer(stored: Stored, *removed: int) -> str:
    number = stored.given[sum(1 << part for part in removed)]
    assert number is not None
    return stored.answers[number]


def test_the_page_is_made_of_what_is_stored() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make house`"
    assert PAGE.stat().st_size <= 300_000


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_what_is_stored_is_what_is_made_of_the_answers_today(example: Example) -> None:
    stored = STORED[example.name]
    again = made(example, Answered(example, stored, None))
    of_run = {"explanation": again.explanation}  # it has a time and an identity of its own
    assert again == stored.model_copy(update=of_run), "run `python -m tools.take_apart`"
    assert again.explanation.segments == stored.explanation.segments
    assert again.explanation.summary == stored.explanation.summary


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 380), ("dark", 1280)])
def test_parts_are_clicked_away_and_the_stored_answer_is_read(
    browser: Browser, scheme: str, width: int
) -> None:
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: asked.append(str(error)))
    tab.goto(PAGE.as_uri())
    for name, stored in STORED.items():
        section = tab.locator(f"[data-example={name}]")
        parts, now = section.locator("[data-part]"), section.locator(".now")
        expect(section.locator(".whole")).to_have_text(answer(stored))
        for k in range(len(stored.parts)):
            parts.nth(k).click()
            expect(now).to_have_text(answer(stored, k))
            parts.nth(k).click()
        expect(now).to_have_text("Click a part away.")
        section.locator("summary").click()
    hours = tab.locator("[data-example=hours]")
    hours.locator("[data-part]").first.focus()
    for key in ("ArrowRight", "ArrowRight", " ", "Shift+ArrowRight"):
        tab.keyboard.press(key)
    expect(hours.locator(".now")).to_have_text(answer(STORED["hours"], 2, 3))
    expect(hours.locator(".moved")).to_contain_text("Answer change ")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
    tab.keyboard.press("Escape")
    expect(hours.locator("[aria-checked=false]")).to_have_count(0)
    assert asked == [PAGE.as_uri()], "it loads nothing else, and nothing goes wrong"
    context.close()
