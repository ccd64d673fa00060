"""The page of a path in a browser, on a desk and on a telephone."""

from pathlib import Path

import pytest

from smile_trace_contracts.samples import HOSTILE
from tests.support.browser import WatchedPage
from tests.support.page_layout import WIDTHS, check_width, leaking_texts
from tests.support.sample_paths import sample_path

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "name", ["get_order", HOSTILE, "W" * 300], ids=["plain", "hostile", "long"]
)
def test_nothing_stands_out_of_the_page(name, browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(sample_path(f"{name} Friday", name).to_html(), encoding="utf-8")
    for width in WIDTHS:
        page = browser.new_page(viewport={"width": width, "height": 800})
        watched = WatchedPage(page)
        page.goto(file.as_uri())
        check_width(page)
        assert leaking_texts(page, ".smile-path li, .smile-path > p") == []
        legend = page.locator(".legend").first.bounding_box()
        assert legend["height"] < 90, "the words of the scale are broken into letters"
        page.locator(".path a").nth(1).click()
        assert page.url.endswith("#smile-step-2")
        assert watched.alarms == []
        page.close()
