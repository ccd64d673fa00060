"""How long a browser takes to open and to search a gallery of planted explanations.

    python -m benchmarks.gallery.planted FOLDER            # 10,000; needs Chromium
    python -m benchmarks.gallery.planted FOLDER --count 500

Opened from the disk, without a server. `open` is from the address to the list that answers,
`search` the work of the page's own script for one letter, its layout included.
"""

import argparse
import random
import statistics
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from smile_trace.hub import Entry, build
from tests.support.browser import chromium_or_exit, launched
from tests.support.explained import explanation

MODELS = ("gpt-4o-mini", "claude-haiku-4-5", "gemma-3-270m", "smollm2-135m")
STATUSES = ("reliable", "partial", "no_effect", "inconclusive")
QUERIES = ("harbour", "driver:lantern", "winter quarry", "model:gemma winter", "zzz")
WORDS = 60
"""Words of a prompt."""


def planted(count: int) -> Iterator[Entry]:
    """Explanations of random prompts, the strongest word of which is their driver."""
    draw = random.Random(0)
    vocabulary = [_word(draw) for _ in range(20_000)] + ["harbour", "lantern", "winter", "quarry"]
    for number in range(count):
        words = draw.choices(vocabulary, k=WORDS)
        found = explanation(
            [("system", " ".join(words[:20])), ("user", " ".join(words[20:]))],
            {words[30]: 0.7},
            answer=" ".join(draw.choices(vocabulary, k=12)),
            status=draw.choice(STATUSES),
            at=f"2026-{1 + number % 12:02}-{1 + number % 28:02}T00:00:00+00:00",
        )
        settings = found.settings.model_copy(update={"model": draw.choice(MODELS)})
        yield Entry.of(found.model_copy(update={"settings": settings}), tags=(f"set {number % 7}",))


def measure(page: Page, address: str) -> tuple[float, list[float]]:
    """Seconds until the list answers, and per letter that is typed the milliseconds."""
    page.goto(address, wait_until="load")
    opened = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
    took: list[float] = []
    for query in QUERIES:
        for end in range(1, len(query) + 1):
            took.append(
                page.evaluate(
                    """text => {
                        const box = document.getElementById("q"), start = performance.now();
                        box.value = text;
                        box.dispatchEvent(new Event("input"));
                        document.body.offsetHeight;  // the layout is part of it
                        return performance.now() - start;
                    }""",
                    query[:end],
                )
            )
    return opened, took


def main() -> None:
    """Build it, where it is missing, and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery.planted")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    given = parser.parse_args()
    program = chromium_or_exit()
    index = given.folder / "index.html"
    if not index.exists():
        build(given.folder, planted(given.count), title="Planted explanations")
    with launched(program) as browser:
        opened, took = measure(browser.new_page(), index.resolve().as_uri())
    size = index.stat().st_size / 2**20
    print(f"index.html: {size:.1f} MB; open {opened:.2f} s")
    print(f"search: median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms, {len(took)}")


def _word(draw: random.Random) -> str:
    return "".join(draw.choice("aeiou" if k % 2 else "bdfgklmnprstv") for k in range(7))


if __name__ == "__main__":
    main()
