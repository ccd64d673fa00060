"""The documentation site, built strictly and opened from its folder in a real browser."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.support.paths import ROOT
from tests.support.shared_server import alone, run_folder

SITE = ROOT / ".site" / "html"
KINDS = (
    "index.html",  # the README
    "docs/tutorial.html",
    "docs/take-apart/index.html",  # HTML in the repository
    "gallery/index.html",  # built by `smile-trace hub build`
    "docs/how-to/index.html",  # lists of links
    "docs/mlflow.html",  # pictures
    "docs/settings.html",  # long tables
    "docs/dialects.html",  # wide ones
    "docs/reference/testing.html",
    "examples/openai_agent.py.html",  # a source file
)
"""A page of each kind."""

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def site(pytestconfig: pytest.Config) -> Path:
    """The site as `make docs` builds it, by the first process of a run: a warning fails."""
    built = run_folder(pytestconfig) / "site is built"
    with alone(built.with_suffix(".lock")):
        if not built.exists():
            command = [sys.executable, "-m", "tools.site"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True)
            assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
            built.touch()
    return SITE


@pytest.fixture(params=[("light", 380), ("dark", 1280)], ids=["telephone", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that notes what it asks of the network, and what goes wrong."""
    scheme, width = request.param
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if r.url.startswith("http") else None)
    page.on("pageerror", lambda error: asked.append(str(error)))
    yield page
    context.close()
    assert not asked


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_as_wide_as_the_screen_and_accessible(site: Path, page: Page, kind: str) -> None:
    page.goto((site / kind).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_search_works_in_the_folder(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("proxy")
    page.get_by_text("A proxy: a cheaper model for most calls").click()
    page.wait_for_url(re.compile(r"/docs/proxy\.html"))


def test_the_tutorial_is_one_click_away(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="tutorial", exact=True).click()
    assert page.locator("h1").inner_text().startswith("Tutorial")


class _Links(HTMLParser):
    """What a page links to and loads, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        else:
            self.loads |= {given[name] for name in ("href", "src", "srcset") if name in given}


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = {path: _Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    wrong = []
    for path, found in pages.items():
        if path.name == "404.html":  # its links are from the root of a server
            continue
        wrong += [f"{path}: loads {url}" for url in found.loads if urlsplit(url).netloc]
        for link in found.links | found.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            known = target not in pages or not anchor or anchor in pages[target].anchors
            if not target.exists() or not known:
                wrong.append(f"{path}: {link}")
    assert not wrong
