"""The picture of a comparison in docs/comparison.md, from simulated calls.

    python -m benchmarks.comparison.page

Needs Chromium for Playwright.
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import pages
from smile_trace.comparison import compare
from smile_trace.store import Store
from tests.support.browser import chromium_or_exit, launched
from tests.support.planted_prompts import plant, settings_in

PICTURE = pages.DOCS / "images" / "comparison.png"

OLD = (
    "You are the assistant of a shoe shop.\nBe friendly and brief.\nNever mention competitors.\n"
    "Use the customer's language.\nIf you do not know, say so.\n"
    "Example: Q: Do you ship abroad? A: Yes, to all of Europe.\nQuestion: {question}\nAnswer:"
)
NEW = (
    "You are the assistant of a shoe shop.\nBe friendly and answer at length, with all details.\n"
    "Use the customer's language.\nNever mention competitors.\n"
    "Example: Q: Can I return shoes? A: Yes, within 30 days.\nDo not use emoji.\n"
    "Question: {question}\nAnswer:"
)
EFFECTS = {
    "You are the assistant of a shoe shop.": 0.3,
    "Be friendly and brief.": 0.25,
    "Be friendly and answer at length, with all details.": 0.4,
    "Use the customer's language.": 0.1,
    "{question}": 0.6,
}
QUESTIONS = [{"question": f"Is size {k % 20 + 30} of model {k} in stock?"} for k in range(300)]


def model() -> Callable[[str], str]:
    """A model that answers at length when told to, with some noise of its own."""
    asked = 0

    def answer(prompt: str) -> str:
        nonlocal asked
        asked += 1
        [size] = re.findall(r"Is size (\d+)", prompt)
        short = f"Yes, size {size} is in stock." if asked % 3 else f"Yes, we have size {size}."
        if "at length" not in prompt:
            return short
        return short + " It is made of leather, comes in black and brown, and ships tomorrow."

    return answer


def main() -> None:
    """Simulate the calls, compare the versions and photograph the page."""
    program = chromium_or_exit()
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_in(Path(folder))
        with Store.open(settings) as store:
            for version, template in (("2", OLD), ("3", NEW)):
                plant(
                    store,
                    "answer",
                    version,
                    template,
                    QUESTIONS,
                    effects=EFFECTS,
                    parameters={"temperature": 0.7},
                )
        found = compare("answer", budget=400, model=model(), settings=settings)
        with launched(program) as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 1500}, color_scheme="light")
            page.set_content(found.to_html())
            page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
